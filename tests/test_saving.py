"""Writing a model folder: whole or not at all, never in place of another one, and never another model."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.nn as nn

from strivelm import GPT, CheckpointError
from strivelm.checkpoint import write_atomically, write_together


def no_space(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("where", ["fsync", "replace"])
@pytest.mark.parametrize("writes", [0, 1, 3])
def test_a_full_disk_leaves_the_old_model_as_it_was(model, make_model, folder, monkeypatch, where, writes):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    other, real, left = make_model(n_layer=3, seed=9), getattr(os, where), [writes if where == "fsync" else 0]

    def fails_after_a_while(*args):
        left[0] -= 1
        return real(*args) if left[0] >= 0 else no_space()

    monkeypatch.setattr(os, where, fails_after_a_while)
    with pytest.raises(OSError, match=r"could not write .*: No space left on device; what was there .* is unharmed"):
        other.save_pretrained(folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before  # and no half-written file beside
    monkeypatch.undo()
    assert GPT.from_pretrained(folder).config == model.config
    other.save_pretrained(folder)
    assert GPT.from_pretrained(folder).config.n_layer == 3


def test_a_process_that_is_killed_while_it_writes_leaves_the_old_model(model, folder):
    script = f"""
import os, signal
from strivelm import GPT
model = GPT.from_pretrained({str(folder)!r})
model.lnf.weight.data.zero_()
written, real = [], os.fsync
os.fsync = lambda handle: os.kill(os.getpid(), signal.SIGKILL) if len(written) == 3 else written.append(real(handle))
model.save_pretrained({str(folder)!r})
"""
    assert subprocess.run([sys.executable, "-c", script], cwd=Path(__file__).parents[1], check=False).returncode == -9
    assert torch.equal(GPT.from_pretrained(folder).lnf.weight, model.lnf.weight)


@pytest.mark.parametrize(
    ("value", "dtype", "words"),
    [
        (float("nan"), None, "blocks.1.qkv.weight holds NaN or infinite numbers in torch.float32; nothing was saved"),
        (float("-inf"), None, "blocks.1.qkv.weight holds NaN or infinite numbers"),
        (1e6, torch.float16, "blocks.1.qkv.weight holds NaN or infinite numbers in torch.float16; nothing was saved"),
    ],
)
def test_a_damaged_model_is_not_saved(model, folder, tmp_path, value, dtype, words):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with torch.no_grad():
        model.blocks[1].qkv.weight[0, 0] = value
    for place in (folder, tmp_path / "new"):
        with pytest.raises(CheckpointError, match=words):
            model.save_pretrained(place, dtype=dtype)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert not (tmp_path / "new").exists()


def lora(linear):
    """A linear map with a low-rank adapter beside it, as PEFT puts one in a model."""
    wrapped = torch.nn.Module()
    wrapped.base_layer, wrapped.lora_A = linear, torch.nn.Linear(linear.in_features, 2, bias=False)
    return wrapped


def taught(module):
    """A model's part with another activation, which has no weights."""
    module[1] = torch.nn.GELU(approximate="tanh")


def fresh(model):
    """The model's head as it is after a round through the meta device: no longer the embedding's matrix."""
    model.to("meta").to_empty(device="cpu")
    model.load_state_dict({name: torch.ones_like(value) for name, value in model.state_dict().items()})
    model.head.weight.data.fill_(2.0)


CHANGED = {
    "untied": (lambda m: setattr(m.head, "weight", nn.Parameter(torch.randn(25, 32))), "head.weight differs from tok."),
    "replaced": (lambda m: setattr(m, "head", nn.Linear(32, 7, bias=False)), r"out_features=7.* as head, in place of"),
    "with a bias": (lambda m: setattr(m.blocks[1], "qkv", nn.Linear(32, 96)), "beyond this .*: blocks.1.qkv.bias"),
    "head with a bias": (
        lambda m: setattr(m, "head", nn.Linear(32, 25)),
        "weights beyond this architecture: head.bias",
    ),
    "a block more": (lambda m: m.blocks.append(type(m.blocks[0])(32, 2)), r"beyond this .*: blocks\.2\..* and 6 more"),
    "a block less": (lambda m: m.blocks.__delitem__(1), r"lacks blocks\.1\..* and 6 more"),
    "adapters": (lambda m: setattr(m.blocks[0], "qkv", lora(m.blocks[0].qkv)), "blocks.0.qkv.base_layer.weight"),
    "a part more": (lambda m: setattr(m, "extra", nn.Identity()), "parts beyond this architecture: extra"),
    "another GELU": (lambda m: taught(m.blocks[0].ff), r"GELU\(approximate='tanh'\) as blocks\.0\.ff\.1, in place of"),
    "other heads": (lambda m: setattr(m.blocks[0], "h", 4), r"h=4.* as blocks\.0, in place of Block\(h=2"),
    "another epsilon": (lambda m: setattr(m.lnf, "eps", 1e-6), "eps=1e-06.* as lnf, in place of"),
    "a longer context": (lambda m: setattr(m, "pos", nn.Embedding(32, 32)), r"Embedding\(32, 32\) as pos, in place of"),
    "larger weights": (
        lambda m: setattr(m.lnf, "weight", nn.Parameter(torch.ones(64))),
        r"lnf.weight of shape \(64,\), where its configuration says \(32,\)",
    ),
    "through meta": (fresh, "head.weight differs from tok.weight"),
    "on meta": (lambda m: m.to("meta"), "has no values yet"),
}


@pytest.mark.parametrize("case", CHANGED)
def test_a_model_that_its_files_could_not_say_is_not_saved(model, folder, tmp_path, case):
    change, words = CHANGED[case]
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    change(model)
    for place in (folder, tmp_path / "new"):
        with pytest.raises(CheckpointError, match=words) as caught:
            model.save_pretrained(place)
        assert "nothing was saved" in str(caught.value)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert not (tmp_path / "new").exists()


def test_what_changes_no_number_is_saved(model, tmp_path, random_ids):
    ids = random_ids(model, 2, 16)
    wanted = model(ids)[0]
    model.blocks[0].drop.p = 0.5  # does nothing but in training
    model.head.weight = nn.Parameter(model.tok.weight.detach().clone())  # untied, and still equal
    model.lnf.register_forward_hook(lambda module, inputs, output: None)
    model.save_pretrained(tmp_path)
    assert torch.equal(GPT.from_pretrained(tmp_path)(ids)[0], wanted)


def test_a_model_that_was_on_meta_and_got_its_weights_back_is_saved(model, tmp_path, random_ids):
    state, ids = {name: value.clone() for name, value in model.state_dict().items()}, random_ids(model, 2, 16)
    wanted = model(ids)[0]
    model.to("meta").to_empty(device="cpu")
    assert model.head.weight is not model.tok.weight
    model.load_state_dict(state)
    model.save_pretrained(tmp_path)
    assert torch.equal(GPT.from_pretrained(tmp_path)(ids)[0], wanted)


def test_what_a_killed_process_left_half_written_goes_once_nobody_can_be_at_work_on_it(model, folder):
    old, new, theirs = (folder / f".config.json.{rest}" for rest in ("0123abcd", "4567abcd", "mine"))
    for path in (old, new, theirs):
        path.write_text("half")
        if path != new:
            os.utime(path, (1, 1))
    model.save_pretrained(folder)
    assert [path.exists() for path in (old, new, theirs)] == [False, True, True]


def test_files_are_written_whole(tmp_path):
    write_atomically(tmp_path / "a", b"one")
    write_together({tmp_path / "a": b"two", tmp_path / "b": b""})
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a": b"two", "b": b""}
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o644
    with pytest.raises(FileNotFoundError):
        write_atomically(tmp_path / "nowhere" / "a", b"")


def test_a_dtype_that_no_model_is_stored_in(model, folder):
    before = (folder / "model.safetensors").read_bytes()
    with pytest.raises(ValueError, match=r"dtype is torch.int8; expected one of float64, float32, float16, bfloat16"):
        model.save_pretrained(folder, dtype=torch.int8)
    assert (folder / "model.safetensors").read_bytes() == before


def test_a_folder_in_the_way_harms_nothing(make_model, folder):
    before = (folder / "config.json").read_bytes()
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors").mkdir()
    with pytest.raises(OSError, match=r"could not write .*model.safetensors: a folder of that name is in the way"):
        make_model(n_embd=16).save_pretrained(folder)
    assert (folder / "config.json").read_bytes() == before


def test_saving_another_model_takes_the_old_ones_record_and_vocabulary_along(make_model, folder):
    (folder / "training.json").write_text("{}")
    make_model(chars=None, vocab_size=7).save_pretrained(folder)
    names = {"README.md", "config.json", "generation_config.json", "model.safetensors"}
    assert {path.name for path in folder.iterdir()} == names


def test_a_rename_that_fails_after_another_one_says_so(make_model, folder, monkeypatch):
    replace, done = os.replace, []

    def second_fails(source, target):
        if done:
            raise OSError(errno.EACCES, "Permission denied")
        done.append(replace(source, target))

    monkeypatch.setattr(os, "replace", second_fails)
    with pytest.raises(OSError, match="Permission denied; other files beside it are new already"):
        make_model().save_pretrained(folder)
    assert not [path.name for path in folder.iterdir() if path.name.startswith(".")], "nothing half-written is left"
