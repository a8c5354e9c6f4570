"""Whether a number changed at one stroke while a model was trained, between two neighbouring snapshots."""

from collections.abc import Sequence

import torch

MOST_OF_IT = 0.5
"""The share of the whole range that a change between neighbours has to exceed."""


def phase_change(values: Sequence[float] | torch.Tensor, least: float) -> int | None:
    """The snapshot after which a number changed at one stroke; None where it came about little by little.

    It is the largest change between neighbouring snapshots, up or down, if that is more than half of the whole range
    from the smallest to the largest value, and at least `least`. A curve of two snapshots can't tell: there the one
    change is all of the range.

    Args:
        values: (S,) the number at each snapshot, the earliest first.
        least: the smallest change that counts, in the number's own unit.

    Raises ValueError where `least` is not positive: noise of any size would count.
    """
    if not least > 0:
        raise ValueError(f"least is {least!r}; expected a positive number, the smallest change that counts")
    numbers = torch.as_tensor(values, dtype=torch.float64)
    if len(numbers) < 3 or not torch.isfinite(numbers).all():
        return None
    changes = numbers.diff().abs()
    largest = int(changes.argmax())
    size, whole = changes[largest].item(), (numbers.max() - numbers.min()).item()
    return largest if size >= least and size > MOST_OF_IT * whole else None
