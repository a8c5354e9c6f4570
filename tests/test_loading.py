"""One way to open a model, and clear words where there is none."""

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from strivelm import GPT, CheckpointError, load_model, open_model
from strivelm.hub import download
from strivelm.loading import BUNDLED, PUBLIC, check_numbers, parse_ref

ROOT = Path(__file__).parents[1]
NO_MODEL = (
    r"is no model: expected 'bundled', 'film', 'film@step-N', "
    r"(a folder that exists \(.*\), )?'owner/name' or 'owner/name@revision'$"
)


@pytest.mark.parametrize(
    ("ref", "place"),
    [
        ("bundled", (str(BUNDLED), None)),
        ("owner/name", ("owner/name", None)),
        ("owner/name@step-500", ("owner/name", "step-500")),
        ("owner/name@refs/pr/1", ("owner/name", "refs/pr/1")),
        ("owner/name@v1.2+cpu", ("owner/name", "v1.2+cpu")),
        ("owner/name@" + "0123456789abcdef" * 2 + "01234567", ("owner/name", "0123456789abcdef" * 2 + "01234567")),
        ("owner/na.me_2-b", ("owner/na.me_2-b", None)),
    ],
)
def test_a_reference_is_a_place_and_a_revision(ref, place):
    assert parse_ref(ref) == place


def test_a_folder_comes_first_but_not_for_strangers(tmp_path, monkeypatch):
    (tmp_path / "owner" / "name@v2").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert parse_ref("owner/name@v2") == ("owner/name@v2", None)
    assert parse_ref("owner/name@v2", public=True) == ("owner/name", "v2")
    assert parse_ref(tmp_path) == (str(tmp_path), None)
    with pytest.raises(CheckpointError, match=r"is no model: expected 'bundled', 'film', 'film@step-N', 'owner/name'"):
        parse_ref(tmp_path, public=True)


@pytest.mark.parametrize(
    "ref",
    [
        "",
        "gpt2",
        "@",
        "owner/name@",
        "@main",
        "a/b/c",
        "./runs/mine",
        "../mine",
        "/no/such/folder",
        "owner/na me",
        "owner/name\n",
        "owner/\0",
        "-owner/--name",
        "owner/name@../main",
        "owner/name@a//b",
        "owner/name@.hidden",
        "owner/name@a b",
        "owner/name@main.lock",
        "owner/name@" + "x" * 201,
        "a" * 5000,
        None,
        7,
    ],
)
def test_what_can_be_no_model_is_refused_without_asking_the_hub(ref, monkeypatch):
    monkeypatch.setattr(download, "fetch", lambda *_, **__: pytest.fail("the Hub was asked"))
    for limits in ({}, {"limits": PUBLIC}):
        with pytest.raises(CheckpointError, match=NO_MODEL):
            load_model(ref, **limits)


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("https://huggingface.co/owner/name", "owner/name"),
        ("https://huggingface.co/owner/name/", "owner/name"),
        ("http://localhost:8080/owner/name?x=1#y", "owner/name"),
        ("https://huggingface.co/owner/name/tree/step-500", "owner/name@step-500"),
        ("https://huggingface.co/owner/name/blob/main/config.json", "owner/name@main"),
        ("hf://owner/name", "owner/name"),
    ],
)
def test_of_an_address_the_name_is_told(address, name, monkeypatch):
    monkeypatch.setattr(download, "fetch", lambda *_, **__: pytest.fail("the Hub was asked"))
    for limits in ({}, {"limits": PUBLIC}):
        with pytest.raises(CheckpointError, match=f"is an address; the model's name is '{name}'$"):
            load_model(address, **limits)
    plain, _, revision = name.partition("@")
    with pytest.raises(
        CheckpointError, match=f"the model's name is '{plain}'" + f", revision='{revision}'" * bool(revision)
    ):
        GPT.from_pretrained(address)


@pytest.mark.parametrize("address", ["https://huggingface.co/spaces/owner/name", "https://huggingface.co", "file:///x"])
def test_an_address_of_no_model_is_none(address):
    with pytest.raises(CheckpointError, match=NO_MODEL):
        load_model(address)


# -- numbers that say nothing ------------------------------------------------------------------------------------------


def test_a_trained_and_an_untrained_model_pass_the_trial(make_model):
    torch.manual_seed(0)
    check_numbers(make_model(), "x")
    check_numbers(GPT(5, 3, 2, 1, 8, chars="abcde").eval(), "x")
    check_numbers(make_model(chars="a", block_size=1), "x")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda m: m.blocks[1].ff[0].weight.data.fill_(1e30), r"blocks.1.ff.0.weight holds 1.0e\+30; no trained"),
        (lambda m: [p.data.mul_(1e9) for p in m.parameters()], r"damaged: layer 0 makes .* of ordinary characters"),
        (lambda m: [p.data.zero_() for p in m.parameters()], "its character embeddings are all zero"),
        (lambda m: m.tok.weight.data.fill_(0.5), "its character embeddings are all the same for all characters"),
    ],
)
def test_finite_weights_of_which_nothing_can_be_said_are_refused(make_model, tmp_path, change, words):
    model = make_model()
    change(model)
    model.save_pretrained(tmp_path / "wild")
    with pytest.raises(CheckpointError, match=words):
        open_model(tmp_path / "wild")


def test_a_folder_is_opened_with_the_record_of_its_training(model, folder, random_ids):
    assert open_model(folder).training == {}
    assert open_model(folder).validation_loss is None
    (folder / "training.json").write_text(json.dumps({"best": {"step": 50, "validation": 2.5}}))
    opened = open_model(str(folder))
    assert opened.ref == str(folder)
    assert opened.validation_loss == 2.5
    assert opened.training["best"]["step"] == 50
    for found in (opened.model, load_model(folder)):
        assert torch.equal(found(random_ids(model, 1, 16))[0], model(random_ids(model, 1, 16))[0])
        assert not found.training


@pytest.mark.parametrize("best", [None, 3, [], {}, *({"validation": odd} for odd in (None, "low", True, math.inf))])
def test_an_unknown_validation_loss_is_none(folder, best):
    (folder / "training.json").write_text(json.dumps({"best": best}))
    assert open_model(folder).validation_loss is None


@pytest.mark.parametrize(("content", "words"), [("[1]", "training.json holds a list"), ("{", "is not readable JSON")])
def test_a_damaged_record_is_said(folder, content, words):
    (folder / "training.json").write_text(content)
    with pytest.raises(CheckpointError, match=words):
        open_model(folder)


def test_an_empty_folder_is_no_model_folder(tmp_path):
    with pytest.raises(CheckpointError, match=r"holds no config\.json; is it a model folder\?"):
        load_model(tmp_path)


def test_a_folder_has_no_revision(folder):
    with pytest.raises(CheckpointError, match="is a folder, and a folder has no revision 'main'; leave it out"):
        download.folder_of(folder, revision="main")


@pytest.mark.skipif(not BUNDLED.is_dir(), reason="the bundled model is not there yet")
def test_the_bundled_model_speaks():
    opened = open_model()
    assert opened.ref == "bundled"
    assert opened.model.block_size >= 128
    assert sum(path.stat().st_size for path in BUNDLED.rglob("*") if path.is_file()) <= 11_000_000
    written = load_model("bundled").generate("The ", max_new_tokens=20, seed=1)
    assert written.startswith("The ")
    assert len(written) == 24


def test_opening_does_not_bring_torchs_compiler():
    """torch's normal_ on the meta device imports it, which takes over a second (findings/)."""
    script = """
import sys, torch
from strivelm import open_model
before = torch.get_rng_state()
text = open_model("film").model.generate("To be", 20, seed=1)
assert torch.equal(torch.get_rng_state(), before)
print(len(text), "torch._dynamo" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["25", "False"]
