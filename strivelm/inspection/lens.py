"""What the model would predict if it stopped early, and which of its parts raise a logit.

Logit lens (nostalgebraist 2020, "interpreting GPT: the logit lens"). The final LayerNorm and the head read the
residual stream at every depth, not only at the last:

    lens(d) = W_E LayerNorm_f(x at depth d)             lens(2L) are the model's logits

Early depths were never trained to be read so. That a character is missing there does not say that the model does not
know it yet: it may be written in directions that later blocks still turn (Belrose et al. 2023, "Eliciting Latent
Predictions from Transformers with the Tuned Lens").

Direct logit attribution (Elhage et al. 2021, "A Mathematical Framework for Transformer Circuits"). The stream that the
head reads is a sum: token embedding + position embedding + every head's output + every MLP's output. A logit would be
linear in it but for the final LayerNorm's scale s = 1/√(σ² + ε); with s held at the value that it had, each part p
contributes, to the logit of character c,

    s · (γ ⊙ W_E[c]) · (p - mean(p))

and β · W_E[c] is the final LayerNorm's own. The contributions sum to the logit. They are direct ones only: what a part
does by way of later heads and MLPs counts as theirs.
"""

import operator
from dataclasses import dataclass
from typing import Annotated, Any

import torch

from strivelm.inspection.forward import Text, chars_of, depth_names, read_out
from strivelm.inspection.results import MAX_BYTES, Result, check_memory, counted, exact, kl
from strivelm.inspection.trace import Trace, trace
from strivelm.model import GPT

# -- logit lens --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class LogitLens(Result):
    """The prediction at each depth of the residual stream, read as if it were the last; tensors are on the CPU."""

    depths: Annotated[tuple[str, ...], "depth"]
    """(2L+1,) What each depth is called."""
    chars: Annotated[tuple[str, ...], "position"]
    """(T,) The characters read."""
    logits: Annotated[torch.Tensor, "depth", "position", "char"]
    """(2L+1, T, V) The lens at each depth; the last are the model's logits, to the bit."""
    probabilities: Annotated[torch.Tensor, "depth", "position", "char"]
    """(2L+1, T, V) Their softmax."""
    top_ids: Annotated[torch.Tensor, "depth", "position", "rank"]
    """(2L+1, T, K) The ids of the most likely next characters, likeliest first; of equals the smaller id."""
    top_chars: Annotated[tuple[tuple[tuple[str, ...], ...], ...], "depth", "position", "rank"]
    """(2L+1, T, K) The same as characters."""
    top_probabilities: Annotated[torch.Tensor, "depth", "position", "rank"]
    """(2L+1, T, K) Their probabilities."""
    kl: Annotated[torch.Tensor, "depth", "position"]
    """(2L+1, T) KL(final ‖ depth) = Σ p_final ln(p_final / p_depth) in nats, in float64: how far it has still to go."""
    appears: Annotated[torch.Tensor, "position"]
    """(T,) The first depth whose likeliest character is the final one."""
    settles: Annotated[torch.Tensor, "position"]
    """(T,) The first depth from which on the likeliest character is the final one at every depth."""


@torch.no_grad()
def logit_lens(model: GPT, text: Text | Trace, top: int = 5, max_bytes: int = MAX_BYTES) -> LogitLens:
    """The residual stream after every half of a block, read by the final LayerNorm and the head.

    Args:
        text: what to read, or its trace by this model that has residual and logits.
        top: how many of the likeliest characters are listed; of a smaller vocabulary, all.
        max_bytes: the memory beyond which a request is refused.

    Raises:
        ValueError: as `trace` does; or top is below 1.
        AttributeError: the trace did not keep what is needed.
    """
    if top < 1:
        raise ValueError(f"top is {top!r}; expected how many characters to list, at least 1")
    recorded = text if isinstance(text, Trace) else trace(model, text, keep={"residual", "logits"}, max_bytes=max_bytes)
    depths = depth_names(model.config.n_layer)
    (T, V), size = recorded.logits.shape, recorded.logits.element_size()
    # At each depth: logits, probabilities, the sorted logits and their order; and what one depth's divergence takes.
    need = T * V * (len(depths) * (3 * size + 8) + 5 * 8)
    check_memory(f"a logit lens on {T:,} characters", need, max_bytes, "Read a shorter text")
    logits = torch.empty(len(depths), T, V, dtype=recorded.logits.dtype)
    logits[-1] = recorded.logits
    for depth, x in enumerate(recorded.residual[:-1]):
        logits[depth] = dict(read_out(model, x[None]))["logits"][0]
    probabilities = logits.softmax(-1)
    ids = logits.sort(dim=-1, descending=True, stable=True).indices[..., :top].clone()  # (2L+1, T, K)
    final_log_p = logits[-1].double().log_softmax(-1)
    final = ids[..., 0] == ids[-1, :, 0]  # (2L+1, T): is the likeliest character the final one
    return LogitLens(
        depths=depths,
        chars=recorded.chars,
        logits=logits,
        probabilities=probabilities,
        top_ids=ids,
        top_chars=tuple(tuple(chars_of(model, row) for row in rows) for rows in ids),
        top_probabilities=probabilities.gather(-1, ids),
        kl=torch.stack([kl(final_log_p, early.double().log_softmax(-1)) for early in logits]),
        appears=final.int().argmax(0),
        settles=len(depths) - final.flip(0).cumprod(0).sum(0),
    )


# -- direct logit attribution ------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class LogitAttribution(Result):
    """What each part of the model contributes, directly, to one logit, or to its lead over another; in logits."""

    position: int
    """The position whose next character is asked about."""
    id: int
    """The id of the character that is asked about."""
    char: str
    """The character."""
    against: str | None
    """What the logit is compared with: a character, "mean" for the mean of all logits, or None for the logit alone."""
    token_embedding: float
    """The part of this character's token embedding."""
    position_embedding: float
    """The part of this position's embedding."""
    heads: Annotated[torch.Tensor, "layer", "head"]
    """(L, H) Each head's part."""
    mlps: Annotated[torch.Tensor, "layer"]
    """(L,) Each MLP's part, its bias included."""
    bias: float
    """The part of the final LayerNorm's bias β, which is the same in every text."""
    scale: float
    """The final LayerNorm's scale 1/√(σ² + ε) at this position, by which all parts but the bias are multiplied."""
    total: float
    """The sum of all parts."""
    logit: float
    """What the model says: its logit, less that of `against`."""
    error: float
    """total - logit: rounding; were it more, the trace would not be this model's."""

    @property
    def parts(self) -> dict[str, float]:
        """Every part by its name, in the order of the pass; a head is "layer.head"."""
        named = {"token embedding": self.token_embedding, "position embedding": self.position_embedding}
        for layer, (heads, mlp) in enumerate(zip(self.heads.tolist(), self.mlps.tolist(), strict=True)):
            named |= {f"{layer}.{head}": value for head, value in enumerate(heads)} | {f"MLP {layer}": mlp}
        return named | {"final LayerNorm's bias": self.bias}


NEEDED = frozenset({"token_embedding", "position_embedding", "z", "mlp_out", "lnf_scale", "logits"})
"""What a trace has to keep of a text whose logits are to be taken apart."""


@torch.no_grad()
def direct_logit_attribution(
    model: GPT,
    text: Text | Trace,
    position: int = -1,
    char: str | int | None = None,
    against: str | int | None = None,
) -> LogitAttribution:
    """How much each part raises or lowers a character's logit.

    A lone logit means little: adding the same number to all of them changes no probability. Against another character,
    or against the mean, only differences remain; that between two logits is the logarithm of the ratio of the two
    probabilities.

    Args:
        text: what to read, or its trace by this model that has what is `NEEDED`.
        position: where; negative ones count from the end.
        char: a character or its id; None for the one that the model finds likeliest there.
        against: None, another character or its id, or "mean".

    Raises:
        ValueError: as `trace` does; or no single character, or an unknown one (UnknownCharacterError).
        IndexError: no such position or id.
        AttributeError: the trace did not keep what is needed.
    """
    recorded = text if isinstance(text, Trace) else trace(model, text, keep=NEEDED)
    at = counted(position, len(recorded.ids))
    logits, weights = exact(recorded.logits[at]), exact(model.head.weight)  # (V,), (V, C)
    asked = _id(model, int(logits.argmax()) if char is None else char)
    rival, less_logit, less_weights = _rival(model, against, logits, weights)
    direction, logit = weights[asked] - less_weights, logits[asked] - less_logit
    scale = exact(recorded.lnf_scale[at])
    reads = scale * exact(model.lnf.weight) * direction
    reads = reads - reads.mean()  # (C,): x·(p - mean(p)) = (x - mean(x))·p
    heads = [
        ((reads @ exact(block.proj.weight)).view(block.h, block.hd) * exact(z[:, at])).sum(-1)
        for block, z in zip(model.blocks, recorded.z, strict=True)
    ]
    found = {
        "token_embedding": exact(recorded.token_embedding[at]) @ reads,
        "position_embedding": exact(recorded.position_embedding[at]) @ reads,
        "heads": torch.stack(heads),
        "mlps": exact(recorded.mlp_out[:, at]) @ reads,
        "bias": exact(model.lnf.bias) @ direction,
    }
    total = sum((part.sum() for part in found.values()), torch.zeros((), dtype=torch.float64))
    numbers = {"scale": scale, "total": total, "logit": logit, "error": total - logit} | found
    values: dict[str, Any] = {name: value if value.dim() else value.item() for name, value in numbers.items()}
    return LogitAttribution(
        position=at,
        id=asked,
        char=_char(model, asked),
        against=rival,
        **values,
    )


def _rival(
    model: GPT, against: str | int | None, logits: torch.Tensor, weights: torch.Tensor
) -> tuple[str | None, torch.Tensor | float, torch.Tensor | float]:
    """What a logit is compared with: its name, its logit and the row of W_E (C,) that gave it."""
    if against is None:
        return None, 0.0, 0.0
    if isinstance(against, str) and against == "mean":
        return "mean", logits.mean(), weights.mean(0)
    other = _id(model, against)
    return _char(model, other), logits[other], weights[other]


def _id(model: GPT, char: str | int) -> int:
    if isinstance(char, str):
        if len(char) != 1:
            raise ValueError(f"{char!r} is not one character; expected one, or its id")
        return model.tokenizer.encode(char)[0]
    number = operator.index(char)
    if not 0 <= number < model.vocab_size:
        raise IndexError(f"there is no character with id {number}; expected one from 0 to {model.vocab_size - 1}")
    return number


def _char(model: GPT, number: int) -> str:
    return chars_of(model, torch.tensor([number]))[0]
