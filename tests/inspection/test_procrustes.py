"""Points turned onto points, against SciPy's Procrustes analysis."""

import math

import numpy as np
import pytest
import torch
from scipy.linalg import orthogonal_procrustes
from scipy.spatial import procrustes as scipy_procrustes

from strivelm.inspection.procrustes import procrustes


def points(n, c, seed):
    return torch.randn(n, c, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def padded(x, width):
    return np.pad(x.numpy(), ((0, 0), (0, width - x.shape[1])))


@pytest.mark.parametrize(("n", "c", "d"), [(9, 2, 2), (30, 3, 5), (30, 5, 3), (8, 20, 20), (40, 6, 6)])
def test_it_is_scipys_with_zeros_for_missing_dimensions(n, c, d):
    x, y = points(n, c, 1), points(n, d, 2)
    found, width = procrustes(x, y), max(c, d)
    _, turned, disparity = scipy_procrustes(padded(x, width), padded(y, width))
    assert found.residual == pytest.approx(disparity, abs=1e-12)
    centred = padded(x, width) - padded(x, width).mean(0)
    mine, theirs = found.turned.numpy() - padded(x, width).mean(0), turned * np.linalg.norm(centred)
    # Where x does not extend directions are free: what counts is how the points lie to those of x, and to each other.
    np.testing.assert_allclose(mine @ centred.T, theirs @ centred.T, atol=1e-9)
    np.testing.assert_allclose(mine @ mine.T, theirs @ theirs.T, atol=1e-9)
    residual = ((padded(x, width) - found.turned.numpy()) ** 2).sum() / (centred**2).sum()
    assert found.residual == pytest.approx(residual, abs=1e-12)
    np.testing.assert_allclose(found.rotation @ found.rotation.T, np.eye(width), atol=1e-12)


def test_the_rotation_is_scipys():
    x, y = points(30, 4, 3), points(30, 4, 4)
    there, here = x - x.mean(0), y - y.mean(0)
    rotation, _ = orthogonal_procrustes(here.numpy(), there.numpy())
    np.testing.assert_allclose(procrustes(x, y).rotation, rotation, atol=1e-9)


def test_what_is_turned_mirrored_scaled_and_moved_comes_back():
    x = points(20, 4, 5)
    turn, _ = torch.linalg.qr(points(4, 4, 6))
    mirror = torch.diag(torch.tensor([1.0, -1.0, 1.0, 1.0], dtype=torch.float64))
    found = procrustes(x, 3 * x @ turn @ mirror + 7)
    assert found.residual == pytest.approx(0, abs=1e-12)
    assert found.scale == pytest.approx(1 / 3)
    torch.testing.assert_close(found.turned, x)
    assert found.chance > 0.3


@pytest.mark.parametrize(("n", "c"), [(6, 3), (5, 64)])
def test_points_beside_themselves_are_not_turned_to_the_bit(n, c):
    x = points(n, c, 7)
    found = procrustes(x, x.clone())
    assert found.residual == 0
    assert found.scale == 1
    assert torch.equal(found.turned, x)
    assert torch.equal(found.rotation, torch.eye(c, dtype=torch.float64))


@pytest.mark.parametrize(("n", "c"), [(12, 3), (7, 30)])
def test_chance_is_the_mean_residual_of_random_pairings(n, c):
    x, y = points(n, c, 8), points(n, c, 9)
    stream = torch.Generator().manual_seed(4)
    draws = [scipy_procrustes(x.numpy(), y[torch.randperm(n, generator=stream)].numpy())[2] for _ in range(6)]
    assert procrustes(x, y, draws=6, seed=4).chance == pytest.approx(np.mean(draws), abs=1e-12)
    assert math.isnan(procrustes(x, y, draws=0).chance)


def test_random_points_fit_each_other_where_there_are_more_dimensions_than_points():
    """Why the residual alone says nothing."""
    found = procrustes(points(8, 4000, 10), points(8, 4000, 11))
    assert found.residual < 0.01
    assert found.chance < 0.01


@pytest.mark.parametrize(
    ("x", "y", "words"),
    [
        (points(3, 2, 0), points(4, 2, 0), "a row in each"),
        (points(3, 2, 0)[0], points(3, 2, 0), "a row in each"),
        (torch.ones(3, 2), points(3, 2, 0), "in one place"),
        (points(3, 2, 0), torch.ones(3, 5), "in one place"),
    ],
)
def test_what_can_not_be_turned(x, y, words):
    with pytest.raises(ValueError, match=words):
        procrustes(x, y)
