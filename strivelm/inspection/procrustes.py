"""One set of points turned onto another, to see what of their shape they have in common.

Orthogonal Procrustes analysis (Schönemann 1966; Gower 1975). Points X (N, C) and Y (N, C), each row of Y belonging to
the row of X with its number, are centred; of all rotations and reflections R and all scales s,

    Y' = s (Y - mean(Y)) R + mean(X)         with ‖X - Y'‖ as small as it gets:  R = U Vᵀ of (Y - …)ᵀ (X - …) = U S Vᵀ
    residual = ‖X - Y'‖² / ‖X - mean(X)‖²    = 1 - (Σ S)² / (‖X - …‖² ‖Y - …‖²), the same from either side

0 says that one is the other turned, moved and scaled; 1, that no turning helps. It is what SciPy's
`scipy.spatial.procrustes` calls the disparity. Points of fewer dimensions get zeros for the missing ones, which changes
no distance and no angle, so nothing is lost.

Where there are about as many dimensions as points, a rotation can bring almost anything onto anything: in the extreme,
N points of equal length at right angles to each other fit every other such set. So a small residual alone says nothing.
`chance` is what the same points leave when it is drawn at random which belongs to which.
"""

from dataclasses import dataclass
from typing import Annotated

import torch
import torch.nn.functional as F

from strivelm.inspection.results import Result, exact

DRAWS = 20
"""How many random pairings the residual by chance is the mean of."""


@dataclass(frozen=True, eq=False)
class Procrustes(Result):
    """Points turned, moved and scaled onto others; C is the larger of the two numbers of dimensions."""

    residual: float
    """The share of the others' variance that is left over, from 0 to 1."""
    chance: float
    """The same where it is drawn at random which point belongs to which; nan where that was not asked for."""
    turned: Annotated[torch.Tensor, "point", "channel"]
    """(N, C) The points as they come to lie, in the others' coordinates."""
    rotation: Annotated[torch.Tensor, "from", "channel"]
    """(C, C) R, by which centred points are multiplied from the right; orthogonal."""
    scale: float
    """s."""


def procrustes(onto: torch.Tensor, points: torch.Tensor, draws: int = DRAWS, seed: int = 0) -> Procrustes:
    """The points (N, D) turned onto others (N, C), row by row; in float64.

    Args:
        draws: how many random pairings `chance` is the mean of; 0 for none.
        seed: of these.

    Raises ValueError where the numbers of points differ, or all points of one set lie in one place.
    """
    x, y = exact(onto), exact(points)
    if x.dim() != 2 or y.dim() != 2 or len(x) != len(y):
        raise ValueError(f"the shapes are {tuple(x.shape)} and {tuple(y.shape)}; expected a row in each for each point")
    width = max(x.shape[1], y.shape[1])
    x, y = F.pad(x, (0, width - x.shape[1])), F.pad(y, (0, width - y.shape[1]))
    mean = x.mean(0)
    there, here = x - mean, y - y.mean(0)
    if not (there.any() and here.any()):
        raise ValueError("all points of one set lie in one place, so that there is nothing to turn")
    variance, own = there.square().sum(), here.square().sum()
    if torch.equal(x, y):  # there is nothing to turn; computed, R and s would be off by rounding
        rotation, scale, residual = torch.eye(width, dtype=x.dtype), 1.0, 0.0
    else:
        u, s, v = torch.linalg.svd(here.T @ there)
        rotation, scale = u @ v, (s.sum() / own).item()
        residual = (1 - s.sum() ** 2 / (variance * own)).clamp(0, 1).item()
    turned = y if torch.equal(x, y) else scale * here @ rotation + mean
    return Procrustes(residual, _chance(there, here, draws, seed), turned, rotation, scale)


def _chance(there: torch.Tensor, here: torch.Tensor, draws: int, seed: int) -> float:
    """The mean residual of random pairings of centred points (N, C); nan without any."""
    if not draws:
        return float("nan")
    # Turned to as few dimensions as the points span, which changes no singular value of their product.
    there, here = (
        torch.linalg.qr(points.T).R.T if len(points) < points.shape[1] else points for points in (there, here)
    )
    stream = torch.Generator().manual_seed(seed)
    whole = there.square().sum() * here.square().sum()
    found = [
        1 - torch.linalg.matrix_norm(here[torch.randperm(len(here), generator=stream)].T @ there, "nuc") ** 2 / whole
        for _ in range(draws)
    ]
    return torch.stack(found).mean().clamp(0, 1).item()
