"""Which heads of two models look at the same characters of a text.

The measure is the overlap of two attention maps A and B (T, T) on one text, whose rows are shares of attention:

    overlap = mean over queries of Σ_key min(A, B) = 1 - mean over queries of ½ Σ_key |A - B|

the share of their attention that two heads give to the same characters: 1 if the maps are equal, 0 if they have no key
in common. It is 1 minus the total variation distance of the rows. The first query, which sees only itself, is left out.

Under a causal mask no two heads have an overlap of 0, and the most similar of many heads is similar for being the best
of many. So beside it stand what a head of the other model drawn at random has, and what uniform attention has, which is
about what an untrained head does.
"""

from dataclasses import dataclass
from typing import Annotated

import torch

from strivelm.inspection.attention import uniform_attention
from strivelm.inspection.forward import Text, chars_of
from strivelm.inspection.results import MAX_BYTES, Result, check_memory, exact
from strivelm.inspection.trace import Trace, trace
from strivelm.model import GPT

AT_ONCE = 1 << 21
"""How many weights of all maps are compared at a time."""


@dataclass(frozen=True, eq=False)
class HeadSimilarity(Result):
    """The overlap of each head of one model with each of another, on one text; in float64."""

    chars: Annotated[tuple[str, ...], "position"]
    """(T,) The text."""
    overlap: Annotated[torch.Tensor, "layer", "head", "other_layer", "other_head"]
    """(L, H, M, K) The share of their attention that a head of the first and one of the second give to the same
    characters."""
    best: Annotated[torch.Tensor, "layer", "head"]
    """(L, H) The largest overlap that a head of the first has with any of the second."""
    best_layer: Annotated[torch.Tensor, "layer", "head"]
    """(L, H) The layer of that head of the second; of equals the first."""
    best_head: Annotated[torch.Tensor, "layer", "head"]
    """(L, H) Its number there."""
    average: Annotated[torch.Tensor, "layer", "head"]
    """(L, H) The overlap with a head of the second drawn at random: the mean over all of them."""
    uniform: Annotated[torch.Tensor, "layer", "head"]
    """(L, H) The overlap with uniform attention."""
    other_uniform: Annotated[torch.Tensor, "other_layer", "other_head"]
    """(M, K) The same of the second's heads."""
    chance: float
    """The overlap of two heads drawn at random, one of each model: the mean over all pairs."""

    def most_similar(self, layer: int, head: int, k: int = 3) -> list[tuple[str, float]]:
        """The k heads of the second, as "layer.head", most similar to one of the first, with their overlaps."""
        table = self.overlap[layer, head]
        order = table.flatten().sort(descending=True, stable=True).indices[:k].tolist()
        places = [divmod(i, table.shape[1]) for i in order]
        return [(f"{other}.{number}", table[other, number].item()) for other, number in places]


def head_similarity(
    one: GPT, other: GPT, text: Text | Trace, same: Text | Trace | None = None, max_bytes: int = MAX_BYTES
) -> HeadSimilarity:
    """The overlap of every head of one model with every head of another on a text.

    Args:
        text: characters that both know, at most as many as both contexts hold, or its trace by `one` with attention.
        same: the same text for the other: its ids there, or its trace by `other`; None for `text`.
        max_bytes: the memory beyond which a request is refused.

    Raises:
        ValueError: as `trace` does; one character only; or texts of different lengths.
        AttributeError: a trace did not keep the attention.
    """
    same = text if same is None else same
    first, second = (
        given if isinstance(given, Trace) else trace(model, given, keep={"attention"}, max_bytes=max_bytes)
        for model, given in ((one, text), (other, same))
    )
    T = len(first.ids)
    if len(second.ids) != T:
        raise ValueError(f"the texts have {T:,} and {len(second.ids):,} characters; expected the same text")
    if T < 2:
        raise ValueError("the text has one character, which can only look at itself; at least 2 are needed")
    maps, others = first.attention, second.attention
    (L, H), (M, K) = maps.shape[:2], others.shape[:2]
    need = (L * H + M * K) * T * (T + 1) // 2 * maps.element_size() + 8 * L * H * M * K + 32 * AT_ONCE
    check_memory(f"comparing {L * H:,} with {M * K:,} heads", need, max_bytes, "Take a shorter text")
    table = _overlap(maps.flatten(0, 1), others.flatten(0, 1))  # (LH, MK)
    (best, which), even = table.max(1), uniform_attention(T)[None]
    return HeadSimilarity(
        chars=chars_of(one, first.ids),
        overlap=table.view(L, H, M, K),
        best=best.view(L, H),
        best_layer=(which // K).view(L, H),
        best_head=(which % K).view(L, H),
        average=table.mean(1).view(L, H),
        uniform=_overlap(maps.flatten(0, 1), even)[:, 0].view(L, H),
        other_uniform=_overlap(others.flatten(0, 1), even)[:, 0].view(M, K),
        chance=table.mean().item(),
    )


def _overlap(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """The overlaps (N, M) of maps (N, T, T) with maps (M, T, T)."""
    T = one.shape[-1]
    rows, columns = torch.tril_indices(T, T)
    apart = torch.zeros(len(one), len(other), dtype=torch.float64)
    for some in torch.arange(len(rows)).split(max(1, AT_ONCE // (len(one) + len(other)))):
        a, b = (exact(maps[:, rows[some], columns[some]]) for maps in (one, other))
        apart += torch.cdist(a, b, p=1)
    return 1 - apart / (2 * (T - 1))
