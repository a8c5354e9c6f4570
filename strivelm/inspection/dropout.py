"""How dropout changes a vector while a model is trained (Srivastava et al. 2014, in its inverted form).

A fraction p of the entries, drawn anew at every step, becomes 0; the others are multiplied by 1/(1-p), so that each
entry keeps its mean: (1-p) · x/(1-p) + p · 0 = x. After training nothing is dropped and nothing is scaled.
"""

from dataclasses import dataclass
from typing import Annotated

import torch

from strivelm.inspection.results import Result, exact


@dataclass(frozen=True, eq=False)
class Dropped(Result):
    """A vector before and after dropout."""

    p: float
    """The fraction that is dropped on average."""
    before: Annotated[torch.Tensor, "channel"]
    """(C,) The vector."""
    kept: Annotated[torch.Tensor, "channel"]
    """(C,) Whether each entry was kept."""
    after: Annotated[torch.Tensor, "channel"]
    """(C,) 0 where it was not, the rest times 1/(1-p)."""
    scale: float
    """1/(1-p)."""
    zeroed: float
    """The share that was dropped this time."""


def dropped(vector: torch.Tensor, p: float, seed: int = 0) -> Dropped:
    """What dropout makes of a vector (C,); one seed, one choice. Torch's random state is left alone.

    Raises ValueError where p is not from 0 to below 1.
    """
    if not 0 <= p < 1:
        raise ValueError(f"p is {p!r}; expected a fraction from 0 to below 1")
    before = exact(vector)
    kept = torch.rand(before.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) >= p
    after = torch.where(kept, before / (1 - p), 0.0)
    return Dropped(p, before, kept, after, 1 / (1 - p), 1 - kept.double().mean().item())
