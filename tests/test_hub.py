"""One way to open a model, and clear words where there is none."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from huggingface_hub.errors import LocalEntryNotFoundError

from strivelm import CheckpointError, checkpoint, load_model, open_model
from strivelm.hub import BUNDLED, parse_ref

NO_MODEL = r"is no model: expected 'bundled', a folder that exists, 'owner/name' or 'owner/name@revision'$"


@pytest.mark.parametrize(
    ("ref", "place"),
    [
        ("bundled", (str(BUNDLED), None)),
        ("owner/name", ("owner/name", None)),
        ("owner/name@step-500", ("owner/name", "step-500")),
        ("owner/name@refs/pr/1", ("owner/name", "refs/pr/1")),
        ("owner/na.me_2-b", ("owner/na.me_2-b", None)),
    ],
)
def test_a_reference_is_a_place_and_a_revision(ref, place):
    assert parse_ref(ref) == place


def test_a_folder_comes_first(tmp_path, monkeypatch):
    (tmp_path / "owner" / "name@v2").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert parse_ref("owner/name@v2") == ("owner/name@v2", None)
    assert parse_ref(tmp_path) == (str(tmp_path), None)


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
        "https://huggingface.co/owner/name",
        "owner/na me",
        "owner/name\n",
        "owner/\0",
        "-owner/--name",
        "a" * 5000,
        None,
        7,
    ],
)
def test_what_can_be_no_model_is_refused_without_asking_the_hub(ref, monkeypatch):
    monkeypatch.setattr(checkpoint, "snapshot_download", lambda *_, **__: pytest.fail("the Hub was asked"))
    with pytest.raises(CheckpointError, match=NO_MODEL):
        load_model(ref)


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


@pytest.mark.parametrize("best", [None, 3, [], {}, {"validation": None}, {"validation": "low"}])
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
        checkpoint.folder_of(folder, revision="main")


@pytest.mark.skipif(not BUNDLED.is_dir(), reason="the bundled model is not there yet")
def test_the_bundled_model_speaks():
    opened = open_model()
    assert opened.ref == "bundled"
    assert opened.model.block_size >= 128
    assert sum(path.stat().st_size for path in BUNDLED.rglob("*") if path.is_file()) <= 10_000_000
    written = load_model("bundled").generate("The ", max_new_tokens=20, seed=1)
    assert written.startswith("The ")
    assert len(written) == 24


def test_only_the_files_of_a_model_folder_are_fetched_and_never_a_pickle(folder, monkeypatch):
    asked = {}

    def download(repo, **how):
        asked.update(how, repo=repo)
        return str(folder)

    monkeypatch.setattr(checkpoint, "snapshot_download", download)
    load_model("owner/name@step-500", token=False)
    assert asked.pop("allow_patterns") == [
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
        "training.json",
        "README.md",
    ]
    assert asked == {"repo": "owner/name", "revision": "step-500", "token": False}


def test_a_missing_entry_says_both_what_is_not_there_and_why(monkeypatch):
    def download(*_, **__):
        raise LocalEntryNotFoundError("offline") from OSError("no route to host")

    monkeypatch.setattr(checkpoint, "snapshot_download", download)
    words = "no folder 'runs/mine', the Hub can't be reached, and no such repo is in the cache: no route to host"
    with pytest.raises(CheckpointError, match=words):
        load_model("runs/mine")


def test_an_unreachable_hub_is_one_clear_error(tmp_path):
    """The real client, which reads its address once, at import: so in a process of its own."""
    script = """
from strivelm import CheckpointError, load_model
try:
    load_model("owner/name@step-500")
except CheckpointError as error:
    print(error)
"""
    environment = os.environ | {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path), "no_proxy": "*"}
    environment.pop("HF_HUB_OFFLINE", None)
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=Path(__file__).parents[1],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    (line,) = done.stdout.splitlines()
    assert line.startswith(
        "there is no folder 'owner/name', the Hub can't be reached, and no such repo is in the cache"
    )
    assert "refused" in line
