"""The line of the header in which a second model is chosen."""

import json

import pytest

from strivelm.ui.components import message
from strivelm.ui.components.beside import beside
from strivelm.ui.core.models import Models


def pieces(make_open, ref):
    """What is shown while a model is opened, and the outcome."""
    *opening, (summary, said, picked, outcome) = beside.brought(Models(make_open(ref="own")), ref)
    return opening, summary, said, picked, json.loads(outcome)


def test_a_second_model_is_shown_as_the_header_shows_the_first(make_open):
    opening, summary, said, picked, outcome = pieces(make_open, " film@step-55 ")
    assert json.loads(opening[0][1]) == {"kind": "note", "text": "Opening film@step-55…"}
    shown = json.loads(summary)
    assert shown["name"] == "film@step-55, step 55"
    assert "numbers" in shown["short"][0]
    assert (said, picked) == (message.NOTHING, "film@step-55")
    assert outcome == {"ref": "film@step-55", "ok": True}


def test_the_open_model_may_stand_beside_itself(make_open):
    *_, outcome = pieces(make_open, "own")
    assert outcome == {"ref": "own", "ok": True}


@pytest.mark.parametrize(("ref", "words"), [("film@step-99", "holds no snapshot"), ("x" * 400, "400 characters")])
def test_one_that_can_not_be_opened_is_a_sentence(make_open, ref, words):
    _, _, said, _, outcome = pieces(make_open, ref)
    assert json.loads(said)["kind"] == "error"
    assert words in json.loads(said)["text"]
    assert outcome == {"ref": ref, "ok": False}


@pytest.mark.parametrize("ref", ["", "  ", None])
def test_no_name_opens_nothing(make_open, ref):
    *_, said, _, outcome = pieces(make_open, ref)
    assert (said, outcome["ok"]) == (message.NOTHING, False)
