"""One token that is no character, so unlikely that nothing else changes.

Many tools insist on an end, padding or unknown token. A character can't be one: whatever is special is left out of
what pipelines write. So the vocabulary gets one more row. What the final LayerNorm gives is γ·n + β, where n sums to
zero. The row c/γ has with it the logit Σ (c/γ)(γ·n + β) = c·Σ(β/γ), whatever n is; c is chosen so that it is -1000.
exp(-1000) is 0, in float64 as well: no probability changes.

As input the token is noise: let no tool put it in front of a text.
"""

import math

import torch

from strivelm.files import CheckpointError

LOGIT = -1000.0
"""What the end token's logit is to be."""
HIGHEST = -200.0
"""What it may be at most, wherever rounding takes it: beside any logit above -90 its exponential is 0 in float32."""


def end_row(gain: torch.Tensor, shift: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """(C,) The embedding row of the end token, as the dtype stores it, for a final LayerNorm of γ and β (C,).

    Raises CheckpointError where no row can do it: Σ(β/γ) is near zero, a γ is, or the dtype is too coarse.
    """
    row, highest = _row(gain, shift, dtype)
    if not highest <= HIGHEST:  # nor NaN
        total, least = (shift.double() / gain.double()).sum(), gain.abs().min()
        half = dtype in (torch.float16, torch.bfloat16) and _row(gain, shift, torch.float32)[1] <= HIGHEST
        raise CheckpointError(
            f"this model can't have an end token in {str(dtype).removeprefix('torch.')}: the token's logit is a "
            f"multiple of the final LayerNorm's Σ(β/γ), and that is {total:.2g} (the smallest |γ| is {least:.2g}), "
            f"too near zero to bring it to {LOGIT:.0f}; "
            + ("store it in float32 (--dtype float32)" if half else "train the model on, which moves that sum")
        )
    return row


def _row(gain: torch.Tensor, shift: torch.Tensor, dtype: torch.dtype) -> tuple[torch.Tensor, float]:
    """The row, and the most that its logit can be."""
    gain, shift = gain.double(), shift.double()
    row = (LOGIT / (shift / gain).sum() / gain).to(dtype)
    return row, highest_logit(row, gain, shift)


def highest_logit(row: torch.Tensor, gain: torch.Tensor, shift: torch.Tensor) -> float:
    """The most that the row's logit can be after a LayerNorm of this γ and β, whatever that reads.

    Σ row(γ·n + β), where n sums to zero and Σn² is at most C: Σ row·β + |d|√C by Cauchy and Schwarz, with d the part of
    row·γ that differs from its mean.
    """
    row, gain, shift = row.double(), gain.double(), shift.double()
    product = row * gain
    return float((row * shift).sum() + (product - product.mean()).norm() * math.sqrt(len(row)))
