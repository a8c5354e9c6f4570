"""Two models in the Embeddings tab: maps, residuals and neighbours against SciPy and a count by hand."""

import base64
import json

import numpy as np
import pytest
from scipy.spatial import procrustes
from serving import open_random
from sklearn.decomposition import PCA
from sklearn.metrics.pairwise import cosine_similarity
from two_models import floats, ran

from strivelm.inspection import token_space
from strivelm.ui.tabs.embeddings import beside


def test_the_second_map_is_turned_onto_the_first(film, young):
    shown = json.loads(json.dumps(beside.beside(film, young), allow_nan=False))
    vectors = [token_space(one.model).vectors.numpy() for one in (film, young)]
    maps = [PCA(2).fit_transform(one) for one in vectors]
    coordinates = [floats(one).reshape(-1, 2) for one in shown["coordinates"]]
    assert shown["map_residual"] == pytest.approx(procrustes(*maps)[2], abs=1e-9)
    assert shown["residual"] == pytest.approx(procrustes(*vectors)[2], abs=1e-9)
    left = ((coordinates[0] - coordinates[1]) ** 2).sum() / (coordinates[0] ** 2).sum()
    assert left == pytest.approx(shown["map_residual"], abs=1e-5)
    assert shown["explained"] == pytest.approx([PCA(2).fit(one).explained_variance_ratio_.sum() for one in vectors])
    assert shown["map_residual"] < shown["map_chance"]


def test_neighbours_are_the_nearest_by_cosine(film, young):
    shown = beside.beside(film, young)
    near = [np.frombuffer(base64.b64decode(one), "<u2").reshape(-1, shown["k"]) for one in shown["near"]]
    shared = 0
    cosines = [cosine_similarity(token_space(one.model).vectors.numpy()) for one in (film, young)]
    for i in range(len(shown["chars"])):
        nearest = [[j for j in np.argsort(-table[i], kind="stable") if j != i][:5] for table in cosines]
        assert [row[i].tolist() for row in near] == nearest
        shared += len(set(nearest[0]) & set(nearest[1]))
    assert shown["shared"] == pytest.approx(shared / (5 * len(shown["chars"])))


def test_the_lines_compute_what_is_shown(film, young):
    shown = beside.beside(film, young)
    names = ran(shown["python"].replace("{char}", '"e"'))
    assert names["maps"].residual == pytest.approx(shown["map_residual"])
    assert np.allclose(names["maps"].turned.flatten(), floats(shown["coordinates"][1]), atol=1e-5)
    assert names["found"].shared == shown["shared"]


def test_a_model_beside_itself_lies_where_it_lies(film):
    shown = beside.beside(film, film)
    assert shown["coordinates"][0] == shown["coordinates"][1]
    assert (shown["residual"], shown["map_residual"], shown["shared"]) == (0, 0, 1)


def test_other_vocabularies_and_widths_are_compared_in_what_they_have_in_common(noise, stranger):
    shown = beside.beside(noise, stranger)
    assert set(shown["chars"]) == set("\n .eshiTt")
    notes = " ".join(shown["notes"])
    assert "16 and 24 numbers" in notes
    assert "Only stranger knows" in notes


def test_too_few_characters_in_common_is_a_sentence(noise):
    with pytest.raises(ValueError, match=r"noise and two have only 2 characters in common; at least 3"):
        beside.beside(noise, open_random("ab\u00e9", ref="two"))
