"""Inside one layer, number by number: what happens to one character at one position.

    stream                                    x, what the layer reads; in layer 0 the sum of the two embedding rows
    first half     a = LayerNorm₁(x)          γ ⊙ (x - μ)/√(σ² + ε) + β over the channels; ε keeps a constant x from
                                              dividing by 0
                   scores = q·k / √d_head     one query against the keys up to its own place; d_head = C/H is the width
                                              of one head, not of the stream
                   attention = softmax        their weights: positive, with sum 1. What comes after the query is not
                                              among them: a query never sees the character that it is to predict
                   z = Σ attention · v        the head's weighted mean of the values; every head does so at once, W_O
                                              brings them back to the stream's width, and their sum is added to x
    second half    n = LayerNorm₂(x) W₁ + b₁  the MLP's 4C neurons, each alone; GELU(n) are their activations
                   Σ GELU(n)ᵢ W₂,ᵢ + b₂       neuron i adds its row of W₂, as much as it is active, to the stream

(Vaswani et al. 2017; Radford et al. 2019; a neuron's row as a memory that raises some next characters: Geva et al.
2021, "Transformer Feed-Forward Layers Are Key-Value Memories".) Dropout plays no part: in training it zeroes a fraction
p of what each half adds and scales the rest by 1/(1-p); afterwards it does nothing.
"""

import math
from dataclasses import dataclass
from typing import Annotated

import torch

from strivelm.inspection.forward import Text, chars_of, head_outputs, switch_off
from strivelm.inspection.results import MAX_BYTES, Result, counted, exact
from strivelm.inspection.trace import Trace, trace
from strivelm.model import GPT

NEEDED = (
    *("token_embedding", "position_embedding", "residual", "ln1", "q", "k", "v", "scores", "attention", "z"),
    *("attn_out", "ln2", "mlp_pre", "mlp_post", "mlp_out", "lnf_scale"),
)
"""What a trace must have kept to look inside a layer."""


@dataclass(frozen=True, eq=False)
class Normed(Result):
    """A LayerNorm at work: after = gain ⊙ (before - mean) / √(variance + epsilon) + bias."""

    before: Annotated[torch.Tensor, "channel"]
    """(C,) What it reads."""
    mean: float
    """μ of the channels."""
    variance: float
    """σ² of the channels, their mean squared distance from μ."""
    epsilon: float
    """ε, which keeps the root above 0."""
    normalised: Annotated[torch.Tensor, "channel"]
    """(C,) (before - mean) / √(variance + epsilon): mean 0 and, but for ε, variance 1."""
    gain: Annotated[torch.Tensor, "channel"]
    """(C,) γ, learnt."""
    bias: Annotated[torch.Tensor, "channel"]
    """(C,) β, learnt."""
    after: Annotated[torch.Tensor, "channel"]
    """(C,) What it gives."""


@dataclass(frozen=True, eq=False)
class Inside(Result):
    """What one layer does to one character at one position; tensors in float64 on the CPU.

    Of the H heads one is shown. Where a part was switched off in the trace, its output is what stood in its place.
    """

    layer: int
    """The layer."""
    head: int
    """The head that is shown."""
    position: int
    """The position."""
    char: str
    """The character read there."""
    token_embedding: Annotated[torch.Tensor, "channel"]
    """(C,) The character's row of W_E."""
    position_embedding: Annotated[torch.Tensor, "channel"]
    """(C,) The position's row of W_P."""
    embedding: Annotated[torch.Tensor, "channel"]
    """(C,) Their sum, with which the residual stream begins."""
    ln1: Normed
    """The first LayerNorm, of the stream as this layer reads it."""
    chars: Annotated[tuple[str, ...], "key"]
    """(P,) The characters that the query sees: from the first to its own, P = position + 1."""
    query: Annotated[torch.Tensor, "dimension"]
    """(hd,) The head's query of this character."""
    keys: Annotated[torch.Tensor, "key", "dimension"]
    """(P, hd) The head's key of each character."""
    divisor: float
    """√d_head, by which the products are divided."""
    scores: Annotated[torch.Tensor, "key"]
    """(P,) q·k / √d_head."""
    attention: Annotated[torch.Tensor, "key"]
    """(P,) Their softmax, with sum 1."""
    values: Annotated[torch.Tensor, "key", "dimension"]
    """(P, hd) The head's value of each character."""
    weighted: Annotated[torch.Tensor, "key", "dimension"]
    """(P, hd) attention · value."""
    z: Annotated[torch.Tensor, "dimension"]
    """(hd,) Their sum, the head's output."""
    head_out: Annotated[torch.Tensor, "channel"]
    """(C,) What the head adds to the stream."""
    attn_out: Annotated[torch.Tensor, "channel"]
    """(C,) What all heads add."""
    ln2: Normed
    """The second LayerNorm, of the stream after attention."""
    neurons: Annotated[torch.Tensor, "rank"]
    """(K,) The numbers of the MLP's most active neurons, the most active first."""
    pre: Annotated[torch.Tensor, "rank"]
    """(K,) What each comes to before GELU."""
    post: Annotated[torch.Tensor, "rank"]
    """(K,) After GELU: its activation."""
    written: Annotated[torch.Tensor, "rank"]
    """(K,) ‖activation · its row of W₂‖: how much it adds to the stream."""
    raised: Annotated[tuple[tuple[str, ...], ...], "rank", "choice"]
    """(K, R) The next characters whose logits it raises most."""
    raised_by: Annotated[torch.Tensor, "rank", "choice"]
    """(K, R) By how much, less the mean over all logits: its direct attribution (`strivelm.inspection.lens`)."""
    mlp_out: Annotated[torch.Tensor, "channel"]
    """(C,) What the MLP adds, its bias included."""
    after: Annotated[torch.Tensor, "channel"]
    """(C,) The stream as the layer leaves it."""
    norms: Annotated[torch.Tensor, "half"]
    """(3,) The stream's length before the layer, after attention, after the MLP."""
    added: Annotated[torch.Tensor, "part"]
    """(2,) The length of what attention adds, and the MLP."""


@torch.no_grad()
def inside(
    model: GPT,
    text: Text | Trace,
    layer: int,
    position: int = -1,
    head: int = 0,
    neurons: int = 10,
    raised: int = 5,
    max_bytes: int = MAX_BYTES,
) -> Inside:
    """What a layer does to the character at a position.

    Args:
        text: what to read, or its trace by this model that has NEEDED.
        layer, head: which ones are shown, from 0.
        position: where; negative ones count from the end.
        neurons: how many of the most active neurons are listed.
        raised: how many of the characters that each of them raises.
        max_bytes: the memory beyond which a trace is refused.

    Raises:
        ValueError: as `trace` does; no such layer or head, or neurons or raised below 1.
        IndexError: no such position.
        AttributeError: the trace did not keep what is needed.
    """
    for name, value in (("neurons", neurons), ("raised", raised)):
        if value < 1:
            raise ValueError(f"{name} is {value!r}; expected how many to list, at least 1")
    ((layer, head),) = switch_off(model, [(layer, head)]).heads  # which checks them
    recorded = text if isinstance(text, Trace) else trace(model, text, keep=NEEDED, max_bytes=max_bytes)
    T, block = len(recorded.ids), model.blocks[layer]
    at = counted(position, T)
    seen = slice(at + 1)
    token, place = exact(recorded.token_embedding[at]), exact(recorded.position_embedding[at])
    stream = exact(recorded.residual[2 * layer : 2 * layer + 3, at])  # (3, C)
    attention, values = exact(recorded.attention[layer, head, at, seen]), exact(recorded.v[layer, head, seen])
    attn_out, mlp_out = exact(recorded.attn_out[layer, at]), exact(recorded.mlp_out[layer, at])
    return Inside(
        layer=layer,
        head=head,
        position=at,
        char=recorded.chars[at],
        token_embedding=token,
        position_embedding=place,
        embedding=token + place,
        ln1=_normed(block.ln1, stream[0], recorded.ln1[layer, at]),
        chars=recorded.chars[seen],
        query=exact(recorded.q[layer, head, at]),
        keys=exact(recorded.k[layer, head, seen]),
        divisor=math.sqrt(block.hd),
        scores=exact(recorded.scores[layer, head, at, seen]),
        attention=attention,
        values=values,
        weighted=attention[:, None] * values,
        z=exact(recorded.z[layer, head, at]),
        head_out=exact(head_outputs(block, recorded.z[layer, None, :, at, None])[0, head, 0]),
        attn_out=attn_out,
        ln2=_normed(block.ln2, stream[1], recorded.ln2[layer, at]),
        **_most_active(model, recorded, layer, at, neurons, raised),
        mlp_out=mlp_out,
        after=stream[2],
        norms=stream.norm(dim=1),
        added=torch.stack([attn_out, mlp_out]).norm(dim=1),
    )


def _normed(norm: torch.nn.LayerNorm, before: torch.Tensor, after: torch.Tensor) -> Normed:
    mean, variance = before.mean(), before.var(correction=0)
    return Normed(
        before=before,
        mean=mean.item(),
        variance=variance.item(),
        epsilon=norm.eps,
        normalised=(before - mean) / (variance + norm.eps).sqrt(),
        gain=exact(norm.weight),
        bias=exact(norm.bias),
        after=exact(after),
    )


def _most_active(model: GPT, recorded: Trace, layer: int, at: int, neurons: int, raised: int) -> dict:
    """The fields of `Inside` that tell of the MLP's most active neurons."""
    pre, post = exact(recorded.mlp_pre[layer, at]), exact(recorded.mlp_post[layer, at])
    most = post.sort(descending=True, stable=True).indices[:neurons]
    adds = post[most, None] * exact(model.blocks[layer].get_parameter("ff.2.weight")[:, most]).T  # (K, C)
    heard = exact(recorded.lnf_scale[at]) * exact(model.lnf.weight) * (adds - adds.mean(1, keepdim=True))
    effects = heard @ exact(model.head.weight).T  # (K, V)
    effects = effects - effects.mean(1, keepdim=True)
    by, ids = (part[:, :raised] for part in effects.sort(dim=1, descending=True, stable=True))
    return {
        "neurons": most,
        "pre": pre[most],
        "post": post[most],
        "written": adds.norm(dim=1),
        "raised": tuple(chars_of(model, row) for row in ids),
        "raised_by": by,
    }
