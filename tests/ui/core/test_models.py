"""The models that are open in a process: opened once, named by reference, closed when there are too many."""

import json
import os
import shutil
import threading
import time
import warnings
from pathlib import Path

import pytest

from strivelm import CheckpointError, OpenModel, loading
from strivelm.ui import limits
from strivelm.ui.components import picker
from strivelm.ui.core import models
from strivelm.ui.core.models import Models, facts_of, size_of


@pytest.fixture
def opened(monkeypatch, make_open):
    """A page's models over one of its own, and what was opened besides: any owner/name is a model of random weights."""
    asked = []

    def open_model(ref, device, *, limits, progress, admit):
        asked.append(ref)
        time.sleep(0.05)
        progress and progress(1, 2)
        model = make_open().model
        admit(model.num_parameters())
        return OpenModel(ref, model, {})

    monkeypatch.setattr(models, "open_model", open_model)
    return Models(make_open(ref="own"), ("choir/one", "own")), asked


def test_the_own_model_is_there_and_listed_first(opened):
    found, asked = opened
    assert found.get("own") is found.get(" own ")
    assert found.offered == ("own", "bundled", "film", "choir/one")
    assert asked == []


def test_a_model_is_opened_once_and_says_how_far_it_is(opened):
    found, asked = opened
    heard = []
    assert found.facts("choir/one", lambda *bytes: heard.append(bytes)).name == "choir/one"
    assert found.get("choir/one") is found.get("choir/one")
    assert (asked, heard) == (["choir/one"], [(1, 2)])


def test_visitors_who_ask_at_once_open_it_once(opened):
    found, asked = opened
    threads = [threading.Thread(target=found.get, args=("choir/one",)) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert asked == ["choir/one"]


def test_what_was_not_used_for_long_is_closed_but_never_the_own(opened, monkeypatch):
    found, asked = opened
    monkeypatch.setattr(limits, "OPEN_BYTES", 2 * size_of(found.get("own")))
    for ref in ("a/a", "b/b", "a/a", "c/c", "own"):  # b is the one that was used least recently
        found.get(ref)
    found.get("a/a")
    assert asked == ["a/a", "b/b", "c/c"]
    found.get("b/b")
    assert asked == ["a/a", "b/b", "c/c", "b/b"]


def test_a_model_waits_until_others_are_no_longer_looked_at(opened, monkeypatch):
    found, asked = opened
    looked_at = found.get("a/a")
    monkeypatch.setattr(limits, "IN_USE_BYTES", 2 * size_of(looked_at))
    found.get("b/b")  # nobody looks at it any more
    kept = [looked_at, found.get("c/c")]
    assert asked == ["a/a", "b/b", "c/c"]
    release = threading.Timer(0.5, kept.clear)
    release.start()
    del looked_at
    begun = time.monotonic()
    found.get("d/d")
    assert time.monotonic() - begun > 0.4


def test_a_model_that_waits_too_long_is_refused_in_a_sentence(opened, monkeypatch):
    found, _ = opened
    looked_at = found.get("a/a")
    monkeypatch.setattr(limits, "IN_USE_BYTES", size_of(looked_at))
    monkeypatch.setattr(limits, "LOOK_SECONDS", 0.2)
    with pytest.raises(ValueError, match=r"can't be opened: others look at large models.*try again"):
        found.get("b/b")
    del looked_at
    assert found.get("b/b").ref == "b/b"


@pytest.mark.parametrize(
    "ref", [None, "", "  ", 3, [], "nobody", "a/b/c", "../own", "/etc", "a/b@..", "bundled@step-1"]
)
def test_what_names_no_model_is_a_sentence(make_open, ref):
    with pytest.raises(ValueError, match=r"^The model (is|can't be opened: ).*(expected|holds no|is no).*\.$"):
        Models(make_open()).get(ref)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (CheckpointError("x/y is damaged."), "The model can't be opened: x/y is damaged."),
        (ValueError("chars is odd"), "The model can't be opened: chars is odd."),
        (MemoryError(), "it does not fit in this page's memory"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: not enough memory: 9 bytes"), "does not fit in this page's"),
        (RuntimeError("/secret/place"), r"went wrong on this page's side \(RuntimeError\); try again later\.$"),
        (PermissionError(13, "Permission denied", "/secret/place"), r"on this page's side \(PermissionError\)"),
        (KeyError("/secret/place"), r"on this page's side \(KeyError\)"),
    ],
    ids=["checkpoint", "value", "memory", "torch's memory", "runtime", "os", "key"],
)
def test_whatever_goes_wrong_while_a_model_is_opened_is_a_sentence_and_told_in_the_picker(
    make_open, monkeypatch, error, words
):
    def fails(*_, **__):
        raise error

    monkeypatch.setattr(models, "open_model", fails)
    found = Models(make_open(ref="own"))
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        with pytest.raises(ValueError, match=words) as caught:
            found.get("x/y")
    assert "/secret/place" not in str(caught.value)
    assert ("/secret/place" in str(error)) == any("/secret/place" in str(warning.message) for warning in told)
    assert found._opening == {}, "a name that no model has is not kept"
    *_, last = picker.switch(found, "x/y", "own")
    assert json.loads(last[2])["kind"] == "error"
    assert json.loads(last[2])["text"].endswith("own stays open.")


def test_nothing_that_opening_raises_leaves_the_picker_waiting(make_open, monkeypatch):
    found = Models(make_open(ref="own"))
    monkeypatch.setattr(found, "facts", lambda *_: 1 / 0)
    *_, last = picker.switch(found, "x/y", "own")
    assert json.loads(last[2])["text"] == ("The model can't be opened (ZeroDivisionError). own stays open.")


def test_a_name_that_utf_8_can_not_say_is_shown_by_its_code(make_open, tmp_path):
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/m\xff"))
    make_open().model.save_pretrained(folder)
    assert facts_of(OpenModel(str(folder), make_open().model, {})).name == "m\\udcff"


def test_a_folder_on_the_machine_is_nobodys_business(make_open, tmp_path):
    folder = tmp_path / "owner" / "secret"
    make_open().model.save_pretrained(folder)
    found = Models(make_open())
    with pytest.raises(ValueError, match="is no model"):
        found.get(str(folder))
    shown = facts_of(OpenModel(str(folder), make_open().model, {})).name
    assert shown == "secret"
    assert Models(OpenModel(str(folder), make_open().model, {})).get("secret")  # under that name it is the page's own


def test_snapshots_of_the_film_are_models_too(make_open):
    facts = Models(make_open()).facts("film@step-55")
    assert (facts.name, facts.step, facts.layers) == ("film@step-55", 55, 2)
    assert dict(facts.ladder)["bigram"] == pytest.approx(2.482, abs=1e-3)


def test_a_name_that_is_longer_than_any_is_a_sentence_and_leaves_nothing_behind(make_open):
    found = Models(make_open())
    for ref in ("x" * 100_000, "nobody", "a/b/c"):
        with pytest.raises(ValueError, match=r"has 100,000 characters|is no model") as caught:
            found.get(ref)
        assert len(str(caught.value)) < 300
    assert not found._opening


def test_every_open_model_has_a_number_of_its_own(opened):
    found, _ = opened
    first = [found.number(ref) for ref in ("own", "choir/one", "choir/two", "own")]
    assert first[0] == first[3]
    assert len(set(first)) == 3
    found._open.clear()
    assert found.number("choir/one") not in first


def test_a_model_that_is_damaged_is_said_to_be(make_open, monkeypatch, tmp_path):
    folder = tmp_path / "film"
    shutil.copytree(models.COME_ALONG["film"], folder, ignore=shutil.ignore_patterns("snapshots"))
    (folder / "model.safetensors").write_bytes(b"\0" * 100)
    monkeypatch.setitem(loading.COME_ALONG, "film", folder)
    monkeypatch.setattr(loading, "ASSETS", tmp_path)
    with pytest.raises(ValueError, match=r"model\.safetensors"):
        Models(make_open()).get("film")
