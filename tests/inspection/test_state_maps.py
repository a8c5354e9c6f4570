"""Maps of the states at all depths, against scikit-learn's and scipy's ways to make them."""

import itertools
import math

import numpy as np
import pytest
import torch
from samples import TEXT
from scipy.linalg import orthogonal_procrustes
from sklearn.decomposition import PCA

from strivelm.inspection.embeddings import state_space
from strivelm.inspection.state_maps import fitted, state_maps
from strivelm.inspection.trace import trace


def test_each_depth_is_its_own_principal_components_turned(model):
    found = state_maps(model, TEXT)
    assert found.names == ("embeddings", "0 attention", "0 MLP", "1 attention", "1 MLP")
    assert found.chars == tuple(TEXT)
    for depth in range(5):
        vectors = state_space(model, TEXT, depth).vectors.numpy()
        expected = PCA(3).fit(vectors)
        assert found.explained[depth].tolist() == pytest.approx(expected.explained_variance_ratio_)
        mine, theirs = found.coordinates[depth].numpy(), expected.transform(vectors)
        # The plane of the first two holds the same distances, however it is turned; the third is the same but its sign.
        for cut in (slice(0, 2), slice(2, 3)):
            distances = [((x[:, None, cut] - x[None, :, cut]) ** 2).sum(-1) for x in (mine, theirs)]
            np.testing.assert_allclose(*distances, atol=1e-9)


def test_each_depth_lies_as_near_to_the_one_before_as_it_can(model):
    coordinates = state_maps(model, TEXT).coordinates.numpy()
    for before, here in itertools.pairwise(coordinates):
        turn, _ = orthogonal_procrustes(here[:, :2], before[:, :2])
        np.testing.assert_allclose(turn, np.eye(2), atol=1e-7)  # nothing is left to turn
        assert (here[:, 2] * before[:, 2]).sum() >= 0


def test_a_turn_and_a_mirror_are_undone():
    points = torch.randn(30, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    turned = torch.stack([-points[:, 1], -points[:, 0], -points[:, 2]], dim=1)
    torch.testing.assert_close(fitted(turned, points), points)


def neighbours_by_hand(vectors, names):
    """The share of points whose likest other has their name."""
    x = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    likeness = x @ x.T - 9 * np.eye(len(x))
    return np.mean([names[i] == names[j] for i, j in enumerate(likeness.argmax(1))])


def test_whose_neighbours_are_alike_is_counted_at_each_depth(model):
    text = "a cafe\nhead a ca"
    recorded = trace(model, text)
    found = state_maps(model, recorded)
    for depth in range(5):
        vectors = state_space(model, recorded, depth).vectors.numpy()
        assert found.same_character[depth] == pytest.approx(neighbours_by_hand(vectors, text))
        assert found.same_class[depth] == pytest.approx(neighbours_by_hand(vectors, found.classes))
        assert found.same_next[depth] == pytest.approx(neighbours_by_hand(vectors[:-1], text[1:]))
    chance = np.mean([np.mean([a == b for j, b in enumerate(text) if i != j]) for i, a in enumerate(text)])
    assert found.chance_character == pytest.approx(chance)
    after = text[1:]
    chance = np.mean([np.mean([a == b for j, b in enumerate(after) if i != j]) for i, a in enumerate(after)])
    assert found.chance_next == pytest.approx(chance)


def test_one_place_has_no_neighbour_and_two_lie_on_a_line(model):
    one, two = state_maps(model, "a"), state_maps(model, "ab")
    assert one.coordinates.shape == (5, 1, 1)
    assert not one.coordinates.any()
    assert all(map(math.isnan, [*one.same_character.tolist(), *one.same_next.tolist(), one.chance_next]))
    assert two.coordinates.shape == (5, 2, 2)
    assert two.explained[:, 0].tolist() == pytest.approx([1] * 5)
    assert two.same_character.tolist() == [0] * 5
    with pytest.raises(ValueError, match="the text is empty"):
        state_maps(model, "")
