"""Two models in the Attention tab: maps and overlaps are inspection's, and the lines compute what is shown."""

import base64
import json

import numpy as np
import pytest
from two_models import floats, ran

from strivelm import inspection
from strivelm.ui.tabs.attention import beside

TEXT = "The mouse said nothing."


def weights(text, heads, T):
    """The maps (heads, T, T) that `codec.weights` wrote."""
    rows, columns = np.tril_indices(T)
    found = np.zeros((heads, T, T))
    found[:, rows, columns] = (np.frombuffer(base64.b64decode(text), "u1").reshape(heads, -1) / 255) ** 2
    return found


def test_maps_and_overlaps_are_inspections(film, bundled):
    shown = json.loads(json.dumps(beside.beside(film, bundled, TEXT), allow_nan=False))
    config = bundled.model.config
    assert shown["sizes"] == [[2, 2], [config.n_layer, config.n_head]]
    found = inspection.head_similarity(film.model, bundled.model, TEXT)
    N, M = 4, config.n_layer * config.n_head
    table = found.overlap.reshape(N, M).numpy()
    assert np.allclose(floats(shown["overlap"]).reshape(N, M), table)
    assert np.allclose(floats(shown["average"][0]), table.mean(1))
    assert np.allclose(floats(shown["average"][1]), table.mean(0))
    assert np.allclose(floats(shown["uniform"][0]), found.uniform.flatten())
    assert np.allclose(floats(shown["uniform"][1]), found.other_uniform.flatten())
    assert shown["chance"] == found.chance
    by_chance = np.maximum(table.mean(1), found.uniform.flatten().numpy())
    assert shown["first"] == int((table.max(1) - by_chance).argmax())
    for maps, model in zip(shown["maps"], (film.model, bundled.model), strict=True):
        expected = inspection.trace(model, TEXT).attention.flatten(0, 1).numpy()
        error = np.sqrt(expected) / 255 + 1 / 510**2 + 1e-7
        assert (np.abs(weights(maps, len(expected), len(TEXT)) - expected) <= error).all()


@pytest.mark.parametrize("chosen", ["print(found.most_similar(0, 1, k=6))", "print(found.overlap[:, :, 0, 1])"])
def test_the_lines_compute_what_is_shown(film, young, chosen):
    shown = beside.beside(film, young, TEXT)
    names = ran(shown["python"].replace("{chosen}", chosen))
    assert np.allclose(floats(shown["overlap"]), names["found"].overlap.flatten())


def test_a_head_beside_itself_overlaps_wholly(film):
    shown = beside.beside(film, film, TEXT)
    assert np.diag(floats(shown["overlap"]).reshape(4, 4)).tolist() == [1, 1, 1, 1]


def test_of_a_longer_text_the_end_is_read_that_both_see(noise, stranger):
    shown = beside.beside(noise, stranger, "This is the set, is it")
    assert shown["text"] == "s the set is it"[-12:]
    assert "compared on the last 12 characters" in shown["notes"][-1]


def test_one_character_is_too_few(noise, stranger):
    with pytest.raises(ValueError, match="can only look at itself"):
        beside.beside(noise, stranger, "e")
