"""What a model's loss becomes without a whole kind of part: positions, attention, all heads but one, MLPs.

Zero ablation (`strivelm.inspection.ablation`) of many parts at once: their output becomes 0. Without positions every
place gets the zero vector in place of its row of W_P. None of these models was ever trained that way, so what is
measured is how much this model leans on the part, not how well one trained without it would do.
"""

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Annotated

import torch
import torch.nn.functional as F

from strivelm.inspection.forward import NOTHING, Off, Text, chars_of, embed, forward_pass, ids_of, last_of, switch_off
from strivelm.inspection.results import Result, exact
from strivelm.model import GPT

COMPONENTS = ("no_positions", "no_attention", "one_head", "no_mlps")
"""The kinds of parts, as the fields of `ComponentLosses` call what is left without them."""


@dataclass(frozen=True, eq=False)
class ComponentLosses(Result):
    """A text's loss with all parts, and without each kind of them; nats per character, from the second one on. What
    was not asked for is nan."""

    chars: Annotated[tuple[str, ...], "position"]
    """(T,) The text."""
    whole: float
    """With all parts."""
    no_positions: float
    """With 0 in the place of every position embedding."""
    no_attention: float
    """With every head of every layer switched off."""
    one_head: Annotated[tuple[float, ...], "head"]
    """(H,) With only head h left in every layer."""
    no_mlps: float
    """With every MLP switched off."""


@torch.no_grad()
def component_losses(model: GPT, text: Text, which: Collection[str] = COMPONENTS) -> ComponentLosses:
    """The losses of a text of 2 to T characters, without each kind of part that is asked for.

    Raises ValueError as `trace` does, for a single character, of which nothing is predicted, and for another kind.
    """
    if unknown := set(which) - set(COMPONENTS):
        raise ValueError(f"which holds {', '.join(map(repr, sorted(unknown)))}; choose from {', '.join(COMPONENTS)}")
    ids = ids_of(model, text)
    if ids.shape[1] < 2:
        raise ValueError("the text has 1 character; at least 2 are needed to have one to predict")
    L, H = model.config.n_layer, model.config.n_head
    tokens, places = embed(model, ids)
    x = tokens + places

    def loss(kind: str, x: torch.Tensor, off: Off = NOTHING) -> float:
        if kind not in which and kind != "whole":
            return math.nan
        logits = exact(last_of(forward_pass(model, x, off=off, names=())))[0, :-1]
        return F.cross_entropy(logits, ids[0, 1:].cpu()).item()

    def all_heads_but(*kept: int) -> Off:
        return switch_off(model, [(layer, head) for layer in range(L) for head in range(H) if head not in kept])

    return ComponentLosses(
        chars=chars_of(model, ids[0]),
        whole=loss("whole", x),
        no_positions=loss("no_positions", tokens),
        no_attention=loss("no_attention", x, all_heads_but()),
        one_head=tuple(loss("one_head", x, all_heads_but(head)) for head in range(H)),
        no_mlps=loss("no_mlps", x, switch_off(model, (), range(L))),
    )
