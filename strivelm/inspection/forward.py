"""The forward pass as the papers write it, every number by its name; heads and MLPs can be switched off.

`GPT.forward` is the fast path and knows nothing of this. Nothing is folded, centred or rescaled here: what differs
from `forward` is rounding.

    x₀       = W_E[ids] + W_P[0 … T-1]                  the residual stream begins: token and position embeddings
    x₂ₗ₊₁    = x₂ₗ + attention(LayerNorm₁(x₂ₗ))         block l = 0 … L-1, first half
    x₂ₗ₊₂    = x₂ₗ₊₁ + MLP(LayerNorm₂(x₂ₗ₊₁))           block l, second half
    logits   = W_E LayerNorm_f(x at depth 2L)           the head shares the token embedding's matrix

    LayerNorm(x) = γ ⊙ (x - μ)/√(σ² + ε) + β            μ and σ² over the C channels, ε = 1e-5 (Ba et al. 2016)
    scores       = q·k / √d_head                        d_head = C/H, in each head (Vaswani et al. 2017)
    attention    = softmax(scores, -∞ where key > query)   no query sees a character that comes after it
    z            = attention v                          each head's weighted mean of the values
    attn_out     = Σₕ W_O,ₕ zₕ                          what the heads do adds up (Elhage et al. 2021); no bias
    MLP(x)       = W₂ GELU(W₁ x + b₁) + b₂              GELU(x) = x Φ(x), exactly (Hendrycks & Gimpel 2016)

LayerNorm before each half and a final one are GPT-2's (Radford et al. 2019). Dropout does nothing here, whatever mode
the model is in.

Shapes: B sequences of T characters, L blocks, C = n_embd, H heads, hd = d_head, V = vocab_size. Layers, heads,
positions and depths count from 0. A depth is a place in the residual stream: 0 after the embeddings, 2l+1 after block
l's attention, 2l+2 after block l's MLP, 2L before the final LayerNorm.
"""

import math
import operator
import reprlib
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch
import torch.nn.functional as F

from strivelm.model import GPT, Block
from strivelm.words import plural

Head = tuple[int, int] | str
"""(layer, head), or the same as text: "layer.head"."""
Text = str | Sequence[int] | torch.Tensor
"""Characters, or their ids (T,) or (1, T)."""
AT_ONCE = 1 << 22
"""How many attention weights are computed at once where nobody wants them all."""
Value = torch.Tensor | float
"""What stands in the place of an output that is switched off."""


def ids_of(model: GPT, text: Text) -> torch.Tensor:
    """The ids (1, T) of a text, on the model's device.

    Raises:
        ValueError: no characters, more than the context holds, an unknown one (UnknownCharacterError), or no ids.
        IndexError: an id is outside the vocabulary.
    """
    if isinstance(text, str):
        text = model.tokenizer.encode(text)
    try:
        ids = torch.as_tensor(text, device="cpu")
    except (TypeError, ValueError, RuntimeError):
        raise ValueError(f"the text is {reprlib.repr(text)}; expected a string, or ids") from None
    if not ids.numel():
        raise ValueError("the text is empty; at least one character is needed")
    if ids.dim() == 1:
        ids = ids[None]
    if ids.dim() != 2 or len(ids) != 1:
        raise ValueError(f"the ids have shape {tuple(ids.shape)}; expected (T,) or (1, T), one text at a time")
    if ids.shape[1] > model.block_size:
        raise ValueError(
            f"the text has {ids.shape[1]:,} characters, but this model's context is {model.block_size:,}; "
            f"pass {model.block_size:,} of them at most"
        )
    if ids.dtype in (torch.uint16, torch.uint32, torch.uint64):  # NumPy's; torch can't tell their least
        ids = ids.long()
    return model._checked("the text", ids).to(model.tok.weight.device)


def long_ids(model: GPT, text: Text, least: int = 1) -> torch.Tensor:
    """The ids (N,) of a text of any length, on the CPU; checked, and with the errors of, `ids_of`.

    Raises ValueError also where there are fewer than `least`.
    """
    ids, T = model.tokenizer.encode(text) if isinstance(text, str) else text, model.block_size
    ids = torch.cat([ids_of(model, ids[at : at + T])[0].cpu() for at in range(0, max(1, len(ids)), T)])
    if len(ids) < least:
        raise ValueError(
            f"the text has {plural(len(ids), 'character')}; at least {least} are needed to have one to predict"
        )
    return ids


def chars_of(model: GPT, ids: torch.Tensor) -> tuple[str, ...]:
    """The characters of ids (T,); of a model without a vocabulary, the ids as text."""
    return tuple(map(str, ids.tolist()) if model.config.chars is None else model.tokenizer.decode(ids))


# -- the pass ----------------------------------------------------------------------------------------------------------


def embed(model: GPT, ids: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Token embeddings (B, T, C) of ids (B, T), and position embeddings (T, C); their sum is the stream at depth 0."""
    return model.tok(ids), model.pos.weight[: ids.shape[1]]


def embedded(model: GPT, ids: torch.Tensor) -> torch.Tensor:
    """The residual stream (B, T, C) at depth 0 of ids (B, T), which may come from another device."""
    return torch.add(*embed(model, ids.long().to(model.tok.weight.device)))


def layer_norm(norm: torch.nn.LayerNorm, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Mean μ and scale 1/√(σ² + ε), each (B, T), and γ ⊙ (x - μ)·scale + β, (B, T, C), of a stream (B, T, C)."""
    mean, scale = x.mean(-1), (x.var(-1, correction=0) + norm.eps).rsqrt()
    return mean, scale, (x - mean[..., None]) * scale[..., None] * norm.weight + norm.bias


def attention_half(
    block: Block, x: torch.Tensor, off: Mapping[int, Value], tables: bool = True
) -> Iterator[tuple[str, torch.Tensor]]:
    """Yields (name, value) of a block's first half reading x (B, T, C); the last is what it adds to the stream.

    Args:
        off: heads of this block, each with what replaces its z (B, T, hd).
        tables: whether "scores" and "attention", (B, H, T, T) each, are made and yielded; z is the same without them.
    """
    B, T, C = x.shape
    mean, scale, normed = layer_norm(block.ln1, x)
    yield "ln1_mean", mean
    yield "ln1_scale", scale
    yield "ln1", normed
    q, k, v = block.qkv(normed).view(B, T, 3, block.h, block.hd).permute(2, 0, 3, 1, 4)  # each (B, H, T, hd)
    yield "q", q
    yield "k", k
    yield "v", v
    if tables:
        scores, attention = _attention(q, k)  # each (B, H, T, T)
        yield "scores", scores
        yield "attention", attention
        z = attention @ v  # (B, H, T, hd)
    else:
        few = max(1, AT_ONCE // (B * T * T)), max(1, AT_ONCE // (B * T))  # how many heads, and how many queries
        z = torch.empty_like(v)
        for some, keys, values, into in zip(*(part.split(few[0], 1) for part in (q, k, v, z)), strict=True):
            for first in range(0, T, few[1]):
                rows = slice(first, first + few[1])
                into[:, :, rows] = _attention(some[:, :, rows], keys, first)[1] @ values
    for head, value in off.items():
        z[:, head] = _in_place_of(z[:, head], value)
    yield "z", z
    yield "attn_out", block.proj(z.transpose(1, 2).reshape(B, T, C))


def _attention(q: torch.Tensor, k: torch.Tensor, first: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Scores and weights, each (B, H, R, T), of queries (B, H, R, hd) from place `first` on and keys (B, H, T, hd)."""
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    later = torch.ones(scores.shape[-2:], dtype=torch.bool, device=q.device).triu(1 + first)
    return scores, scores.masked_fill(later, -math.inf).softmax(-1)


def mlp_half(block: Block, x: torch.Tensor, off: Value | None) -> Iterator[tuple[str, torch.Tensor]]:
    """Yields (name, value) of a block's second half reading x (B, T, C); the last is what it adds to the stream.

    Args:
        off: what replaces the MLP's output (B, T, C); None leaves it.
    """
    up, _, down = block.ff
    mean, scale, normed = layer_norm(block.ln2, x)
    yield "ln2_mean", mean
    yield "ln2_scale", scale
    yield "ln2", normed
    neurons = up(normed)  # (B, T, 4C)
    yield "mlp_pre", neurons
    neurons = F.gelu(neurons)
    yield "mlp_post", neurons
    out = down(neurons)  # (B, T, C)
    yield "mlp_out", out if off is None else _in_place_of(out, off)


def read_out(model: GPT, x: torch.Tensor) -> Iterator[tuple[str, torch.Tensor]]:
    """Yields (name, value) of the final LayerNorm and the head reading x (B, T, C); the last is logits (B, T, V)."""
    mean, scale, normed = layer_norm(model.lnf, x)
    yield "lnf_mean", mean
    yield "lnf_scale", scale
    yield "lnf", normed
    yield "logits", model.head(normed)


def head_outputs(block: Block, z: torch.Tensor) -> torch.Tensor:
    """What each head adds to the residual stream, W_O,ₕ zₕ: z (B, H, T, hd) to (B, H, T, C)."""
    return z @ block.proj.weight.view(-1, block.h, block.hd).permute(1, 2, 0)  # (H, hd, C)


def head_output(block: Block, z: torch.Tensor, head: int) -> torch.Tensor:
    """What one head adds to the residual stream: its z (B, T, hd) to (B, T, C)."""
    return z @ block.proj.weight[:, head * block.hd : (head + 1) * block.hd].T


# -- switching off -----------------------------------------------------------------------------------------------------


Part = TypeVar("Part")


@dataclass(frozen=True, eq=False)
class Off:
    """Heads and MLPs that are switched off; `switch_off` makes it."""

    heads: Mapping[tuple[int, int], Value] = field(default_factory=dict)
    """(layer, head) to what replaces its output z: a number, or a tensor that broadcasts to (B, T, hd)."""
    mlps: Mapping[int, Value] = field(default_factory=dict)
    """Layer to what replaces its MLP's output: a number, or a tensor that broadcasts to (B, T, C)."""


NOTHING = Off()


def switch_off(
    model: GPT,
    heads_off: Iterable[Head] | Mapping[Head, Value] = (),
    mlps_off: Iterable[int] | Mapping[int, Value] = (),
) -> Off:
    """What a pass leaves out, checked against the model's sizes.

    Args:
        heads_off: heads, as (layer, head) or "layer.head". In a list, each one's output z becomes 0 (zero ablation);
            in a mapping, the value given, such as its mean (mean ablation).
        mlps_off: layers whose MLP's output, its bias included, becomes 0; in a mapping, the value given.

    Raises:
        ValueError: no such head or layer in this model.
    """
    return Off(
        {_head(model, head): value for head, value in _replaced(heads_off)},
        {_layer(model, layer): value for layer, value in _replaced(mlps_off)},
    )


def _replaced(off: Iterable[Part] | Mapping[Part, Value]) -> Iterable[tuple[Part, Value]]:
    """Each part with what stands in the place of its output: 0 where nobody says."""
    return off.items() if isinstance(off, Mapping) else ((part, 0.0) for part in off)


def _head(model: GPT, head: Head) -> tuple[int, int]:
    try:
        layer, number = map(int, head.split(".")) if isinstance(head, str) else map(operator.index, head)
    except (TypeError, ValueError):
        raise ValueError(f"{head!r} is no head; expected a list of pairs such as [(0, 1)], or ['0.1']") from None
    H, L = model.config.n_head, model.config.n_layer
    if not (0 <= layer < L and 0 <= number < H):
        raise ValueError(f"there is no head {layer}.{number}; this model's are 0.0 to {L - 1}.{H - 1}")
    return layer, number


def _layer(model: GPT, layer: int) -> int:
    L = model.config.n_layer
    try:
        number = operator.index(layer)
    except TypeError:
        raise ValueError(f"{layer!r} is no layer; expected a list of layers such as [0, 1]") from None
    if not 0 <= number < L:
        raise ValueError(f"there is no MLP {number}; this model's are 0 to {L - 1}")
    return number


def _in_place_of(output: torch.Tensor, value: Value) -> torch.Tensor:
    value = torch.as_tensor(value, dtype=output.dtype, device=output.device)
    try:
        return value.broadcast_to(output.shape)
    except RuntimeError:
        raise ValueError(
            f"what stands in the place of an output has shape {tuple(value.shape)}; "
            f"expected one that broadcasts to {tuple(output.shape)}"
        ) from None


# -- one pass ----------------------------------------------------------------------------------------------------------


TABLES = frozenset({"scores", "attention"})
"""What a pass computes that is (B, H, T, T), and far larger than all the rest."""


def forward_pass(
    model: GPT, x: torch.Tensor, depth: int = 0, off: Off = NOTHING, names: Collection[str] = TABLES
) -> Iterator[tuple[str, Any, torch.Tensor]]:
    """Yields (name, index, value) of all that the model computes from the residual stream x (B, T, C) at a depth.

    In the order of the pass, up to "logits" (B, T, V); the names are those of `Trace`, the index is the layer, or the
    depth of "residual", or None. Each value is the reader's to keep or to drop, but not to change. A pass can go on
    from any depth where the stream is known, so what comes before a switched-off head need not be computed again.

    Args:
        names: what the reader wants; where none of TABLES is among it, these are neither made nor yielded.
    """
    tables = not TABLES.isdisjoint(names)
    for at in range(depth, 2 * len(model.blocks)):
        layer = at // 2
        block, added = model.blocks[layer], x  # the last value of a half is what it adds
        if at % 2 == 0:
            heads = {head: value for (i, head), value in off.heads.items() if i == layer}
            half = attention_half(block, x, heads, tables)
        else:
            half = mlp_half(block, x, off.mlps.get(layer))
        for name, added in half:
            yield name, layer, added
        x = x + added
        yield "residual", at + 1, x
    for name, value in read_out(model, x):
        yield name, None, value


def last_of(steps: Iterator[tuple]) -> torch.Tensor:
    """The value of a pass's last step: of a `forward_pass`, the logits (B, T, V)."""
    return deque(steps, maxlen=1).pop()[-1]


def depth_names(n_layer: int) -> tuple[str, ...]:
    """What to call the 2L+1 depths: "embeddings", "0 attention", "0 MLP", "1 attention" …"""
    return ("embeddings", *(f"{layer} {half}" for layer in range(n_layer) for half in ("attention", "MLP")))
