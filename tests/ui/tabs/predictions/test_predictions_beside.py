"""Two models in the Predictions tab: the numbers are inspection's, and the lines compute what is shown."""

import json

import numpy as np
import pytest
from two_models import floats, ran

from strivelm import inspection
from strivelm.ui.tabs.predictions import beside, payload

TEXT = "The mouse said nothing.\n"


def test_the_numbers_are_inspections(film, young):
    shown = json.loads(json.dumps(beside.beside(film, young, TEXT), allow_nan=False))
    found = inspection.compare_predictions(film.model, young.model, TEXT)
    assert (shown["names"], shown["text"], shown["notes"]) == (["film", "film@step-55"], TEXT, [])
    assert np.allclose(floats(shown["nats"]), found.surprisal.flatten(), equal_nan=True)
    for name in ("difference", "kl", "kl_reverse"):
        assert np.allclose(floats(shown[name]), getattr(found, name), equal_nan=True)
    for name in ("total", "mean", "error", "mean_kl", "mean_kl_reverse"):
        assert shown[name] == getattr(found, name)
    assert (shown["wins"], shown["means"]) == (list(found.wins), list(found.surprisals))
    assert found.mean > 2 * found.error  # the trained one expects its text more


def test_the_lines_compute_what_is_shown(film, young):
    shown = beside.beside(film, young, TEXT)
    names = ran(shown["python"])
    assert (names["found"].total, names["found"].error) == (shown["total"], shown["error"])
    lenses = ran(beside.both_lenses(film, young, TEXT)["python"])
    assert lenses["found"].chars == tuple(TEXT)


def test_a_model_beside_itself_shows_zero_everywhere(film):
    shown = beside.beside(film, film, TEXT)
    assert shown["names"] == ["film", "film again"]
    for name in ("difference", "kl", "kl_reverse"):
        assert not floats(shown[name])[1:].any()
    assert [shown[name] for name in ("total", "mean", "error", "mean_kl", "wins")] == [0, 0, 0, 0, [0, 0]]


def test_what_one_does_not_know_is_left_out_for_both_and_said(noise, stranger):
    shown = beside.beside(noise, stranger, "This is the text")
    assert shown["text"] == "This is the tet"
    notes = " ".join(shown["notes"])
    assert "stranger: This character is not in the model's vocabulary: 'x' at 14. It was left out." in notes
    assert "noise sees at most 32 characters at a time, stranger 12" in notes
    assert "Only stranger knows" in notes
    assert "heads" not in notes
    found = inspection.compare_predictions(noise.model, stranger.model, "This is the tet")
    assert np.allclose(floats(shown["kl"]), found.kl, equal_nan=True)


@pytest.mark.parametrize(
    ("text", "words"),
    [("A", "know no character of this text in common"), ("e", "One character"), ("x" * 2001, "2,001 characters")],
)
def test_what_can_not_be_compared_is_a_sentence(noise, stranger, text, words):
    with pytest.raises(ValueError, match=words):
        beside.beside(noise, stranger, text)


def test_each_lens_is_that_of_its_model(film, young):
    shown = beside.both_lenses(film, young, TEXT)
    assert shown["lenses"] == [payload.lens(film, TEXT), payload.lens(young, TEXT)]


def test_lenses_are_of_what_both_see(noise, stranger):
    shown = beside.both_lenses(noise, stranger, "This is the set, is it")
    assert len(shown["text"]) == 12
    assert shown["text"] == "s the set is it"[-12:]
    assert "the last 12 characters, as many as both see" in shown["notes"][-1]
