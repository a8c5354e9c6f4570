"""What a model is on disk: strict reading, and writing that never harms what was there."""

import codecs
import json
import os
import pickle

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.utils._python_dispatch import TorchDispatchMode

from strivelm import GPT, CheckpointError

# -- there and back ----------------------------------------------------------------------------------------------------


def test_what_is_saved_comes_back_bit_by_bit_and_ready_to_speak_and_learn(model, folder):
    state = torch.get_rng_state()
    back = GPT.from_pretrained(folder)
    assert torch.equal(torch.get_rng_state(), state)
    assert back.config == model.config
    assert not back.training
    assert back.head.weight is back.tok.weight
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), back.parameters(), strict=True))
    assert back.generate("abc", seed=1) == model.generate("abc", seed=1)
    back(torch.tensor([[1, 2]]), torch.tensor([[2, 3]]))[1].backward()
    assert back.tok.weight.grad is not None


@pytest.mark.skipif(os.name != "posix", reason="elsewhere every name is a text")
def test_a_folder_whose_name_is_no_text_is_written_and_read(model, tmp_path):
    folder = tmp_path / os.fsdecode(b"m\xff")
    model.save_pretrained(folder)
    assert torch.equal(GPT.from_pretrained(folder).tok.weight, model.tok.weight)


def test_double_precision_stays(make_model, tmp_path):
    make_model().double().save_pretrained(tmp_path)
    assert GPT.from_pretrained(tmp_path).tok.weight.dtype == torch.float64


def test_a_model_without_a_vocabulary_has_no_tokenizer_file(make_model, tmp_path):
    make_model(chars=None, vocab_size=7).save_pretrained(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "README.md",
        "config.json",
        "generation_config.json",
        "model.safetensors",
    ]
    assert GPT.from_pretrained(tmp_path).config.chars is None


def test_the_card_says_what_the_model_is_and_is_never_overwritten(model, folder):
    card = (folder / "README.md").read_text()
    assert "library_name: strivelm" in card
    assert f"2 layers, 2 heads,\n32 wide, context 16, {model.num_parameters():,} parameters" in card
    assert "More Information Needed" not in card
    (folder / "README.md").write_text("edited by hand")
    model.save_pretrained(folder)
    assert (folder / "README.md").read_text() == "edited by hand"


# -- strict reading ----------------------------------------------------------------------------------------------------


def refused(folder, words):
    with pytest.raises(CheckpointError, match=words) as caught:
        GPT.from_pretrained(folder)
    assert len(str(caught.value)) < 600
    return str(caught.value)


def edit_config(folder, **changes):
    path = folder / "config.json"
    config = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({key: value for key, value in config.items() if value != "left out"}))


def edit_weights(folder, change):
    path = folder / "model.safetensors"
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path)


def test_a_folder_without_a_config_is_no_model_folder(folder):
    (folder / "config.json").unlink()
    refused(folder, "saved holds no config.json; is it a model folder")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'{"n_layer": 2,', "config.json is not readable JSON: Expecting property name"),
        (b"", "config.json is not readable JSON"),
        (codecs.BOM_UTF16_LE + "{}".encode("utf-16-le"), "config.json is not readable JSON: .* save it as UTF-8"),
        (b"\xff\xfe\x00", "config.json is not readable JSON: .*codec can't decode"),
        (b"[" * 100_000, "config.json is not readable JSON"),
        (b"[1, 2]", "config.json holds a list; expected an object with keys and values"),
        (b'"gpt2"', "config.json holds a str; expected an object"),
        (b"{}", r"config.json lacks (\w+, ){4}\w+; this is not a StriveLM model"),
        (b" " * (33 << 20), "config.json has 34,603,008 bytes; expected at most 33,554,432"),
    ],
    ids=["broken", "empty", "utf-16", "bytes", "deep", "list", "string", "nothing", "huge"],
)
def test_a_config_that_is_none_is_refused(folder, content, words):
    (folder / "config.json").write_bytes(content)
    refused(folder, words)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"n_layer": "left out"}, "lacks n_layer; this is not a StriveLM model"),
        ({"n_layer": True}, "n_layer is True; expected a whole number from 1 to 512"),
        ({"n_layer": 2.0}, "n_layer is 2.0; expected a whole number"),
        ({"n_layer": "2"}, "n_layer is '2'; expected a whole number"),
        ({"n_layer": None}, "n_layer is None; expected a whole number"),
        ({"n_layer": -2}, "n_layer=-2 is out of bounds; expected a whole number from 1 to 512"),
        ({"block_size": 0}, "block_size=0 is out of bounds"),
        ({"n_embd": 10**30}, "n_embd=1,0.* is out of bounds"),
        ({"n_embd": 33}, "n_embd=33 is not divisible by n_head=2; pick n_embd=32 or n_head=1"),
        ({"dropout": 1.5}, "dropout is 1.5; expected a number from 0"),
        ({"dropout": "0"}, "dropout is '0'; expected a number"),
        ({"chars": "ab"}, "chars holds 2 characters, but vocab_size is 25"),
        ({"chars": ["a"] * 25}, "chars is a list; expected a string"),
        ({"chars": "a" * 25}, "chars holds 'a' twice; expected distinct characters"),
        ({"chars": "\ud800bcdefghijklmnopqrstuvwxy"}, "half of a surrogate pair"),
        (
            {"activation_function": "gelu_new"},
            "says activation_function='gelu_new', but this architecture has .*'gelu'",
        ),
        ({"layer_norm_epsilon": 1e-6}, "says layer_norm_epsilon=1e-06, but"),
        ({"n_positions": 99}, "says n_positions=99, but this architecture has n_positions=16"),
        ({"tie_word_embeddings": False}, "says tie_word_embeddings=False, but"),
        ({"scale_attn_by_inverse_layer_idx": True}, "says scale_attn_by_inverse_layer_idx=True, but"),
        ({"model_type": "llama"}, "says model_type='llama', but"),
        ({"pad_token_id": 0}, None),
    ],
)
def test_a_config_that_says_something_else_is_refused(folder, changes, words):
    edit_config(folder, **changes)
    if words is None:  # a key that doesn't change what the numbers mean
        assert GPT.from_pretrained(folder)
    else:
        assert refused(folder, words).startswith(str(folder / "config.json"))


def test_the_mark_that_some_editors_put_before_a_text_is_passed_over(model, folder):
    path = folder / "config.json"
    path.write_bytes(codecs.BOM_UTF8 + path.read_bytes())
    assert GPT.from_pretrained(folder).config == model.config


def test_only_our_keys_are_needed(model, folder):
    edit_config(
        folder, **dict.fromkeys(json.loads((folder / "config.json").read_text()), "left out") | vars(model.config)
    )
    assert GPT.from_pretrained(folder).config == model.config


def replaced(name, make):
    return lambda tensors: tensors.update({name: make(tensors[name])})


C_ATTN, WTE = "h.1.attn.c_attn", "wte.weight"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.pop("ln_f.bias"), "model.safetensors lacks ln_f.bias$"),
        (
            lambda t: [t.pop(name) for name in list(t) if name.startswith("h.1.")],
            r"lacks (h\.1\.\S+, ){3}h\.1\.\S+ and 8 more$",
        ),
        (
            lambda t: t.update({"h.0.attn.c_attn.scale": t[WTE].clone()}),
            "model.safetensors holds, beyond this architecture, h.0.attn.c_attn.scale$",
        ),
        (
            lambda t: t.update({"lm_head.weight": t[WTE] + 1e-3}),
            "lm_head.weight differs from wte.weight, but this architecture ties them$",
        ),
        (
            lambda t: t.update({"lm_head.weight": t[WTE][:-1].clone()}),
            r"lm_head.weight has shape \(24, 32\); config.json says \(25, 32\)",
        ),
        (
            lambda t: t.update({"lnf": t.pop("ln_f.weight")}),
            r"model.safetensors lacks ln_f.weight$",
        ),
        (
            lambda t: t.update({"transformer.wte.weight": t[WTE].clone()}),
            r"holds wte.weight twice, with and without 'transformer.'",
        ),
        (
            replaced(WTE, lambda w: torch.cat([w, w[:1]])),
            r"config.json says \(25, 32\); .*resize_token_embeddings\(25\)",
        ),
        (replaced(WTE, lambda w: w[:-1].clone()), r"wte.weight has shape \(24, 32\); config.json says \(25, 32\)"),
        (
            replaced(C_ATTN + ".weight", lambda w: w.t().contiguous()),
            r"c_attn.weight has shape \(96, 32\); config.json says \(32, 96\)",
        ),
        (replaced(WTE, lambda w: w.long()), "wte.weight is I64; expected one of F64, F32, F16, BF16"),
        (replaced(WTE, lambda w: w.bool()), "wte.weight is BOOL; expected one of"),
        (replaced(WTE, lambda w: w * torch.nan), "wte.weight holds NaN or infinite numbers; the model is damaged"),
        (replaced(WTE, lambda w: w / 0), "wte.weight holds NaN or infinite numbers; the model is damaged"),
        (replaced(C_ATTN + ".bias", lambda b: b + 1e-3), "c_attn.bias is not zero, but this architecture has no such"),
    ],
    ids=[
        *("missing", "missing layer", "extra", "other head", "cut head", "other name", "twice", "resized", "short"),
        *("turned", "int", "bool", "nan", "inf", "attention bias"),
    ],
)
def test_weights_that_are_not_those_of_the_config_are_refused(folder, change, words):
    edit_weights(folder, change)
    assert str(folder / "model.safetensors") in refused(folder, words)


def test_one_nan_among_many_numbers_is_found(folder):
    edit_weights(folder, lambda tensors: tensors["h.0.mlp.c_fc.weight"][5, 7].fill_(torch.nan))
    refused(folder, "h.0.mlp.c_fc.weight holds NaN")


class Trap:
    """Unpickled, it would run a command."""

    def __reduce__(self):
        return os.system, ("exit 99",)


def test_a_file_that_git_lfs_left_as_a_pointer_is_said_to_be_one(folder):
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 9\n"
    (folder / "model.safetensors").write_text(pointer)
    refused(folder, "model.safetensors is only a pointer of git-lfs; install git-lfs and fetch it again")


@pytest.mark.parametrize("kept", [0, 4, 100, 5000, -1])
def test_a_weights_file_that_is_cut_short_is_refused(folder, kept):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:kept])
    refused(folder, "model.safetensors is no readable safetensors file, or is cut short: ")


@pytest.mark.parametrize("content", [pickle.dumps(Trap()), b"not safetensors at all" * 100, b"\x00" * 64])
def test_a_weights_file_of_another_kind_is_refused(folder, content, monkeypatch):
    monkeypatch.setattr(pickle, "load", lambda *_: pytest.fail("a pickle was read"))
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("a pickle was read"))
    (folder / "model.safetensors").write_bytes(content)
    refused(folder, "model.safetensors is no readable safetensors file, or is cut short: ")


@pytest.mark.parametrize("name", ["pytorch_model.bin", "out.pt"])
def test_a_pickle_in_place_of_safetensors_is_named_and_never_read(folder, name, monkeypatch):
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("a pickle was read"))
    (folder / "model.safetensors").rename(folder / name)
    refused(folder, f"holds no model.safetensors; {name} is a pickle, which could run code and is never read here")


def test_a_folder_without_weights_is_refused(folder):
    (folder / "model.safetensors").unlink()
    refused(folder, "saved holds no model.safetensors$")


class LargestTensor(TorchDispatchMode):
    """Remembers how many numbers the largest tensor has that any operation makes."""

    numel = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **kwargs or {})
        if isinstance(out, torch.Tensor) and out.device.type != "meta":
            self.numel = max(self.numel, out.numel())
        return out


@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        (
            {"n_embd": 1 << 16, "n_layer": 512},
            r"these sizes make 26,\d+,\d+,\d+,\d+ parameters; at most 10,000,000,000",
        ),
        ({"n_embd": 1 << 10, "n_layer": 512}, "lacks h.10.attn.c_attn.bias"),
        ({"n_embd": 1 << 13}, r"wte.weight has shape \(25, 32\); config.json says \(25, 8192\)"),
        ({"block_size": 1 << 20, "n_positions": 1 << 20, "n_ctx": 1 << 20}, r"config.json says \(1048576, 32\)"),
    ],
)
def test_a_huge_config_is_refused_before_memory_is_taken(folder, sizes, words):
    edit_config(folder, **sizes)
    with LargestTensor() as seen:
        refused(folder, words)
    assert seen.numel < 100_000
    with LargestTensor() as seen:  # the measure works
        torch.empty(123_456)
    assert seen.numel == 123_456
