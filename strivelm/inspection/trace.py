"""One forward pass, recorded. What is computed, and by which formulas, is told in `strivelm.inspection.forward`."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated

import torch

from strivelm.inspection.forward import (
    AT_ONCE,
    TABLES,
    Head,
    Text,
    Value,
    chars_of,
    embed,
    forward_pass,
    head_outputs,
    ids_of,
    switch_off,
)
from strivelm.inspection.results import MAX_BYTES, Result, axes_of, check_memory
from strivelm.model import GPT


@dataclass(frozen=True, eq=False, repr=False, init=False)
class Trace(Result):
    """What one forward pass computed, on the model's device and in its precision.

    A field that was not kept raises an AttributeError that says so. Where something was switched off, its output is
    what stood in its place, and everything after it is what followed from that.
    """

    ids: Annotated[torch.Tensor, "position"]
    """(T,) The characters' ids."""
    chars: Annotated[tuple[str, ...], "position"]
    """(T,) The characters; of a model without a vocabulary, their ids as text."""
    heads_off: tuple[tuple[int, int], ...]
    """The heads that were switched off, as (layer, head)."""
    mlps_off: tuple[int, ...]
    """The layers whose MLP was switched off."""
    token_embedding: Annotated[torch.Tensor, "position", "channel"]
    """(T, C) Each character's row of W_E."""
    position_embedding: Annotated[torch.Tensor, "position", "channel"]
    """(T, C) Each position's row of W_P."""
    residual: Annotated[torch.Tensor, "depth", "position", "channel"]
    """(2L+1, T, C) The residual stream: the sum of the embeddings, then after each half of each block."""
    ln1_mean: Annotated[torch.Tensor, "layer", "position"]
    """(L, T) μ of what the first LayerNorm reads, which is residual[2l]."""
    ln1_scale: Annotated[torch.Tensor, "layer", "position"]
    """(L, T) 1/√(σ² + ε) of the same."""
    ln1: Annotated[torch.Tensor, "layer", "position", "channel"]
    """(L, T, C) What the first LayerNorm gives, with γ and β: q, k and v are made of it."""
    q: Annotated[torch.Tensor, "layer", "head", "position", "dimension"]
    """(L, H, T, hd) Queries."""
    k: Annotated[torch.Tensor, "layer", "head", "position", "dimension"]
    """(L, H, T, hd) Keys."""
    v: Annotated[torch.Tensor, "layer", "head", "position", "dimension"]
    """(L, H, T, hd) Values."""
    scores: Annotated[torch.Tensor, "layer", "head", "query", "key"]
    """(L, H, T, T) q·k/√d_head before the mask, so also of keys that the query does not see."""
    attention: Annotated[torch.Tensor, "layer", "head", "query", "key"]
    """(L, H, T, T) The weights: a query's sum to 1, and are exactly 0 for keys that come after it."""
    z: Annotated[torch.Tensor, "layer", "head", "position", "dimension"]
    """(L, H, T, hd) Each head's output: the values, weighted by the attention."""
    head_out: Annotated[torch.Tensor, "layer", "head", "position", "channel"]
    """(L, H, T, C) What each head adds to the residual stream; a layer's heads sum to attn_out."""
    attn_out: Annotated[torch.Tensor, "layer", "position", "channel"]
    """(L, T, C) What attention adds to the residual stream."""
    ln2_mean: Annotated[torch.Tensor, "layer", "position"]
    """(L, T) μ of what the second LayerNorm reads, which is residual[2l + 1]."""
    ln2_scale: Annotated[torch.Tensor, "layer", "position"]
    """(L, T) 1/√(σ² + ε) of the same."""
    ln2: Annotated[torch.Tensor, "layer", "position", "channel"]
    """(L, T, C) What the second LayerNorm gives, with γ and β: the MLP reads it."""
    mlp_pre: Annotated[torch.Tensor, "layer", "position", "neuron"]
    """(L, T, 4C) The MLP's neurons before GELU."""
    mlp_post: Annotated[torch.Tensor, "layer", "position", "neuron"]
    """(L, T, 4C) The MLP's neurons after GELU: their activations."""
    mlp_out: Annotated[torch.Tensor, "layer", "position", "channel"]
    """(L, T, C) What the MLP adds to the residual stream, its bias included."""
    lnf_mean: Annotated[torch.Tensor, "position"]
    """(T,) μ of what the final LayerNorm reads, which is residual[2L]."""
    lnf_scale: Annotated[torch.Tensor, "position"]
    """(T,) 1/√(σ² + ε) of the same."""
    lnf: Annotated[torch.Tensor, "position", "channel"]
    """(T, C) What the final LayerNorm gives, with γ and β: the head reads it."""
    logits: Annotated[torch.Tensor, "position", "char"]
    """(T, V) The score of each character to come next."""
    probabilities: Annotated[torch.Tensor, "position", "char"]
    """(T, V) Their softmax."""

    def __init__(self, **fields):
        vars(self).update(fields)  # what is not kept is missing rather than None

    def __getattr__(self, name: str):
        if name in RECORDED:
            raise AttributeError(
                f"this trace kept {', '.join(self.kept) or 'nothing'}; trace again and add {name!r} to keep"
            )
        raise AttributeError(f"a Trace has no {name!r}; it has ids, chars, heads_off, mlps_off, {', '.join(RECORDED)}")

    def __repr__(self) -> str:
        return f"<Trace of {len(self.chars)} characters: {', '.join(self.kept)}>"

    @property
    def kept(self) -> tuple[str, ...]:
        """The recorded fields that this trace has, in the order of the pass."""
        return tuple(name for name in RECORDED if name in vars(self))

    def to_bertviz(self) -> dict:
        """The arguments of bertviz's views: `bertviz.head_view(**trace.to_bertviz())`.

        attention: of each layer a tensor (1, H, T, T). tokens: the characters; those that would not be seen, such as
        blanks and line breaks, as their signs (␣, ⏎).

        Raises AttributeError where the trace did not keep the attention.
        """
        tokens = [SIGNS.get(char, char) for char in self.chars]
        return {"attention": [layer[None].float().cpu() for layer in self.attention], "tokens": tokens}


SIGNS = {" ": "␣", "\n": "⏎", "\t": "⇥"}
"""How characters are shown that would not be seen."""
RECORDED = {name: axes for name, axes in axes_of(Trace).items() if name not in ("ids", "chars")}
"""The names that `keep` takes, in the order of the pass, each with its axes."""


@torch.no_grad()
def trace(
    model: GPT,
    text: Text,
    heads_off: Iterable[Head] | Mapping[Head, Value] = (),
    mlps_off: Iterable[int] | Mapping[int, Value] = (),
    keep: Iterable[str] | None = None,
    max_bytes: int = MAX_BYTES,
) -> Trace:
    """One forward pass over a text, recorded. The model's mode, its gradients and random streams are left alone.

    Args:
        text: characters, or ids (T,) or (1, T); at most the model's context.
        heads_off, mlps_off: what is switched off, see `strivelm.inspection.forward.switch_off`.
        keep: names of `Trace`'s fields, such as {"attention", "logits"}; None keeps all of them.
        max_bytes: the memory beyond which a request is refused.

    Raises:
        ValueError: no or too many characters, an unknown one (UnknownCharacterError), no such head, layer or field,
            or more memory needed than max_bytes.
        IndexError: an id is outside the vocabulary.
    """
    keep, off, ids = _names(keep), switch_off(model, heads_off, mlps_off), ids_of(model, text)
    T = ids.shape[1]
    check_memory(
        f"a trace of {T:,} characters that keeps {', '.join(keep) or 'nothing'}",
        bytes_needed(model, T, keep),
        max_bytes,
        "Trace a shorter text, or keep less, such as keep={'attention', 'logits'}",
    )
    token, position = embed(model, ids)
    sizes = _sizes(model, T)
    kept = {name: token.new_empty([sizes[axis] for axis in RECORDED[name]]) for name in keep}

    def record(name: str, index: int | None, value: torch.Tensor) -> None:
        if name in kept:
            kept[name][... if index is None else index] = value

    record("token_embedding", None, token[0])
    record("position_embedding", None, position)
    record("residual", 0, token[0] + position)
    for name, index, value in forward_pass(model, token + position, off=off, names=keep):
        record(name, index, value[0])
        if name == "z" and "head_out" in kept:
            record("head_out", index, head_outputs(model.blocks[index], value)[0])
        if name == "logits":
            record("probabilities", None, value[0].softmax(-1))
    ids = ids[0].clone()  # a record, whatever becomes of a tensor that was passed in
    chars = chars_of(model, ids)
    return Trace(ids=ids, chars=chars, heads_off=tuple(off.heads), mlps_off=tuple(off.mlps), **kept)


def bytes_needed(model: GPT, length: int, keep: Iterable[str] | None = None) -> int:
    """The most memory, in bytes, that a trace of so many characters takes: what it keeps, and all of one block.

    It is a bound: the pass itself holds half a block at a time.
    """
    keep, sizes = _names(keep), _sizes(model, length)
    tables = not TABLES.isdisjoint(keep)
    passing = [name for name in RECORDED if (name != "head_out" or name in keep) and (tables or name not in TABLES)]
    weights = model.config.n_head * length * length
    more = weights if tables else 3 * min(weights, max(AT_ONCE, length))  # masked; else scores, masked and weights
    numbers = _numbers(keep, sizes) + _numbers(passing, sizes | {"layer": 1, "depth": 1}) + more
    return numbers * model.tok.weight.element_size()


def _numbers(names: Iterable[str], sizes: dict[str, int]) -> int:
    return sum(math.prod(sizes[axis] for axis in RECORDED[name]) for name in names)


def _sizes(model: GPT, T: int) -> dict[str, int]:
    """How long each axis is."""
    L, H, C, V = model.config.n_layer, model.config.n_head, model.config.n_embd, model.config.vocab_size
    places = {"position": T, "query": T, "key": T, "layer": L, "depth": 2 * L + 1, "head": H}
    return places | {"dimension": C // H, "channel": C, "neuron": 4 * C, "char": V}


def _names(keep: Iterable[str] | None) -> tuple[str, ...]:
    """What is kept, in the order of the pass."""
    wanted = set(RECORDED if keep is None else [keep] if isinstance(keep, str) else keep)
    if unknown := wanted - RECORDED.keys():
        raise ValueError(f"keep holds {', '.join(map(repr, sorted(unknown)))}; choose from {', '.join(RECORDED)}")
    return tuple(name for name in RECORDED if name in wanted)
