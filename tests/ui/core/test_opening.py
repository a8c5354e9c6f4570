"""Opening a model for a visitor: whatever goes wrong ends in a sentence, and nothing stays behind."""

import json
import os
import warnings
from pathlib import Path

import pytest

from strivelm import CheckpointError, OpenModel
from strivelm.ui.components import picker
from strivelm.ui.core import models
from strivelm.ui.core.models import Models, facts_of


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
