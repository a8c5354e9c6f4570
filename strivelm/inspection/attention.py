"""What a head does: where it looks, compared with uniform attention.

Where a head looks, on a text. A[i, j] is the weight that query i gives to key j; a query sees the keys j ≤ i. Each
score is the mean, over the queries that have such a key, of the weight on

    previous character   j = i-1
    first position       j = 0
    self                 j = i
    same character       all earlier places of the query's own character, together
    d back               j = i-d, in `offsets`; 0 is self, 1 the previous character

Query 0 sees itself alone, whatever the head is, and never counts. Mean distance is Σⱼ A[i, j] (i-j); the entropy of a
row, Σⱼ -A[i, j] ln A[i, j], is divided by ln(i+1), its most: 0 looks at one key, 1 at all alike. Uniform attention
gives each of the i+1 keys 1/(i+1); its values are computed by the same code, on the same text.

A verdict names the pattern of a head. A score s, whose value under uniform attention is u, has the strength

    (s - u)/(1 - u)      0 as uniform attention, 1 when all the weight is there

and the strongest pattern names the head if its strength is at least STANDS_OUT, one half (Clark et al. 2019, "What
Does BERT Look At?", name heads by where more than half of their attention goes); otherwise the verdict is "none". For
induction (`strivelm.inspection.circuits`), u is the control where that is higher.
"""

import itertools
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated

import torch

from strivelm.inspection.circuits import copying, induction
from strivelm.inspection.forward import Text
from strivelm.inspection.results import MAX_BYTES, Result, check_memory, exact
from strivelm.inspection.trace import Trace, bytes_needed, trace
from strivelm.model import GPT
from strivelm.tokenizer import plural

STANDS_OUT = 0.5
"""The strength from which on a pattern names a head."""
AT_ONCE = 1 << 22
"""How many weights are measured at once."""
FEW = 8
"""A pattern that fewer queries of the text could show names no head."""
WORDS = {
    "previous_character": "previous character",
    "first_position": "first position",
    "itself": "self",
    "same_character": "same character",
}
"""The patterns' verdicts; besides, "2 back", "3 back", … and "induction"."""


# -- where heads look on a text ----------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Patterns(Result):
    """Where each head looks on a text; tensors are on the CPU, in float64. A score without any query is nan."""

    verdict: Annotated[tuple[tuple[str, ...], ...], "layer", "head"]
    """(L, H) The pattern that stands out, or "none"."""
    strength: Annotated[torch.Tensor, "layer", "head"]
    """(L, H) That of the strongest pattern, named or not; nan where the text is too short for any."""
    previous_character: Annotated[torch.Tensor, "layer", "head"]
    """(L, H) Mean weight on the character before."""
    first_position: Annotated[torch.Tensor, "layer", "head"]
    """(L, H) Mean weight on position 0."""
    itself: Annotated[torch.Tensor, "layer", "head"]
    """(L, H) Mean weight on the query's own position."""
    same_character: Annotated[torch.Tensor, "layer", "head"]
    """(L, H) Mean weight on earlier places of the query's character."""
    mean_distance: Annotated[torch.Tensor, "layer", "head"]
    """(L, H) How many characters back the weight lies, on average."""
    entropy: Annotated[torch.Tensor, "layer", "head"]
    """(L, H) How spread the weight is: 0 on one key, 1 on all alike."""
    offsets: Annotated[torch.Tensor, "layer", "head", "offset"]
    """(L, H, T) Mean weight at each distance, over the queries that have a key there."""
    uniform_offsets: Annotated[torch.Tensor, "offset"]
    """(T,) What uniform attention gives at each distance."""
    uniform: dict[str, float]
    """What uniform attention gives, for each of the other scores by its name."""
    queries: dict[str, int]
    """How many queries each pattern could be seen at, by its name."""
    notes: tuple[str, ...]
    """What a reader should know, in sentences."""

    def named_score(self, layer: int, head: int) -> tuple[float, float] | None:
        """The score of a head's verdict and that of uniform attention; None for the verdict "none"."""
        word = self.verdict[layer][head]
        if word == "none":
            return None
        if word.endswith(" back"):
            back = int(word.split()[0])
            return self.offsets[layer, head, back].item(), self.uniform_offsets[back].item()
        name = next((name for name, said in WORDS.items() if said == word), word)  # "induction" is its own name
        return getattr(self, name)[layer, head].item(), self.uniform[name]


def patterns(attention: torch.Tensor, ids: torch.Tensor) -> Patterns:
    """Where each head looks, of attention (L, H, T, T) as a `Trace` records it and the characters' ids (T,).

    Raises:
        ValueError: the shapes do not fit, or there is but one character.
    """
    return Patterns(**_judged(attention, ids))


def _judged(
    attention: torch.Tensor, ids: torch.Tensor, others: Sequence[tuple[str, torch.Tensor, torch.Tensor]] = ()
) -> dict:
    """The fields of `Patterns`; others are further (verdict, score (L, H), chance (L, H)) that may name a head."""
    T = len(ids)
    if attention.dim() != 4 or attention.shape[-2:] != (T, T):
        raise ValueError(f"the attention has shape {tuple(attention.shape)}; expected (L, H, {T}, {T}) for {T} ids")
    if T < 2:
        raise ValueError("the text has one character, which can only look at itself; at least 2 are needed")
    targets = _targets(ids)
    scores, uniform = _scores(attention, targets), _scores(_uniform(T)[None, None], targets)
    queries = {name: int(wanted.any(-1).sum()) for name, wanted in targets.items()}
    enough = [name for name in WORDS if queries[name] >= FEW]
    verdict, strength = _verdicts(
        [(WORDS[name], scores[name], uniform[name]) for name in enough]
        + [(f"{d} back", scores["offsets"][..., d], uniform["offsets"][..., d]) for d in range(2, T - FEW + 1)]
        + list(others),
        (attention.shape[0], attention.shape[1]),
    )
    return scores | {
        "verdict": verdict,
        "strength": strength,
        "uniform_offsets": uniform.pop("offsets")[0, 0],
        "uniform": {name: value.item() for name, value in uniform.items()},
        "queries": queries,
        "notes": tuple(
            f'Only {plural(queries[name], "character")} of this text could show a "{WORDS[name]}" head; '
            f"a verdict needs {FEW}."
            for name in WORDS
            if name not in enough
        ),
    }


def _targets(ids: torch.Tensor) -> dict[str, torch.Tensor]:
    """For each pattern, which keys it means: (T, T), true at [query, key]. Query 0 is in none."""
    ids, place = ids.cpu(), torch.arange(len(ids))
    back = place[:, None] - place
    later = place[:, None] > 0
    return {
        "previous_character": back == 1,
        "first_position": (place == 0) & later,
        "itself": (back == 0) & later,
        "same_character": (ids[:, None] == ids) & (back > 0),
    }


def _scores(attention: torch.Tensor, targets: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Every score of `Patterns`, (L, H) each, and the offsets (L, H, T)."""
    T = attention.shape[-1]
    place = torch.arange(T)
    back = place[:, None] - place
    seen = (back >= 0) & (place[:, None] > 0)
    layers = []
    for some in attention.flatten(0, 1).split(max(1, AT_ONCE // T**2)):  # float64 takes room
        weights = exact(some)  # (h, T, T)
        found = {name: (weights * wanted).sum((-2, -1)) / wanted.any(-1).sum() for name, wanted in targets.items()}
        found["mean_distance"] = (weights * back).sum((-2, -1)) / (T - 1)
        found["entropy"] = (torch.special.entr(weights).sum(-1)[:, 1:] / (place[1:] + 1).double().log()).mean(-1)
        by_distance = weights.new_zeros(len(weights), T).index_add_(1, back[seen], weights[:, seen])
        found["offsets"] = by_distance / (T - place.clamp(min=1))
        layers.append(found)
    return {name: torch.cat([found[name] for found in layers]).unflatten(0, attention.shape[:2]) for name in layers[0]}


def _uniform(T: int) -> torch.Tensor:
    """Uniform attention over the keys that a query sees: (T, T)."""
    visible = torch.ones(T, T, dtype=torch.float64).tril()
    return visible / visible.sum(-1, keepdim=True)


def _verdicts(
    candidates: Sequence[tuple[str, torch.Tensor, torch.Tensor]], shape: tuple[int, int]
) -> tuple[tuple[tuple[str, ...], ...], torch.Tensor]:
    """The name of each head's strongest pattern, if that stands out, and its strength (L, H)."""
    strengths = [torch.full(shape, -torch.inf, dtype=torch.float64)]
    for _, score, chance in candidates:  # where chance is 1 but for rounding, nothing can stand out
        strengths.append(((score - chance) / (1 - chance)).masked_fill((chance > 1 - 1e-6) | score.isnan(), -torch.inf))
    strength, which = torch.stack(strengths).max(0)
    words = ["none", *(word for word, _, _ in candidates)]
    rows = zip(strength.tolist(), which.tolist(), strict=True)
    verdict = tuple(tuple(words[w] if s >= STANDS_OUT else "none" for s, w in zip(*r, strict=True)) for r in rows)
    return verdict, strength.masked_fill(strength.isinf(), torch.nan)


# -- all at once -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Heads(Patterns):
    """What each head does: where it looks on a text, whether it finds repetitions, whether it copies."""

    induction: Annotated[torch.Tensor, "layer", "head"]
    """(L, H) `Induction.score`; `uniform["induction"]` is what uniform attention gives."""
    induction_control: Annotated[torch.Tensor, "layer", "head"]
    """(L, H) `Induction.control`."""
    copying: Annotated[torch.Tensor, "layer", "head"]
    """(L, H) `Copying.score`; chance is 0.5."""
    copies: Annotated[tuple[tuple[str, ...], ...], "layer", "head"]
    """(L, H) `Copying.verdict`."""
    copying_chance: Annotated[torch.Tensor, "layer"]
    """(L,) `Copying.chance`."""
    chars: Annotated[tuple[str, ...], "position"]
    """(T,) The text on which it was measured where heads look."""


def heads(model: GPT, text: Text | Trace | None = None, most: int | None = None, max_bytes: int = MAX_BYTES) -> Heads:
    """What every head does, in numbers beside those of chance, and in a word.

    Args:
        text: what the heads' patterns are measured on, or its trace by this model that has attention. A whole context
            says most. None: a context's worth that the model writes itself, from seed 0.
        most: of a longer context the model writes so many characters.
        max_bytes: the memory beyond which the trace is refused.

    Raises:
        ValueError: as `trace` does; or one character only.
        AttributeError: the trace did not keep the attention.
    """
    if text is None:
        start = 0 if model.config.chars is None else model.tokenizer.encode(model.tokenizer.start)[0]
        T = model.block_size if most is None else min(most, model.block_size)
        need = bytes_needed(model, T, {"attention"})  # before it is written, which may take minutes
        check_memory(f"the attention of {T:,} characters", need, max_bytes, "Pass a shorter text, or a smaller `most`")
        text = model.generate([start], T - 1, temperature=1.0, top_k=0, seed=0)
    recorded = text if isinstance(text, Trace) else trace(model, text, keep={"attention"}, max_bytes=max_bytes)
    repeats, copies = induction(model), copying(model)
    chance = repeats.control.clamp(min=repeats.uniform)
    fields = _judged(recorded.attention, recorded.ids, [("induction", repeats.score, chance)])
    fields["uniform"]["induction"] = repeats.uniform
    fields["notes"] += repeats.notes
    return Heads(
        **fields,
        induction=repeats.score,
        induction_control=repeats.control,
        copying=copies.score,
        copies=copies.verdict,
        copying_chance=copies.chance,
        chars=recorded.chars,
    )


# -- rollout -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Rollout(Result):
    """Where the information at each place comes from, if attention were all that moved it; CPU, float64."""

    weights: Annotated[torch.Tensor, "layer", "query", "key"]
    """(L, T, T) After each layer, how much of position `query` comes from the character at `key`; rows sum to 1."""
    uniform: Annotated[torch.Tensor, "layer", "query", "key"]
    """(L, T, T) The same if every head of every layer were uniform."""


def rollout(attention: torch.Tensor, last: bool = False) -> Rollout:
    """Attention rollout (Abnar & Zuidema 2020, "Quantifying Attention Flow in Transformers") of attention (L, H, T, T).

    A' = (A + I)/2 with A the mean of a layer's heads and I for the residual stream; the product A'ₗ … A'₁ A'₀ follows
    all paths. It was defined for encoders, where every character sees all. Under a causal mask every path leads back,
    so weight gathers at the first characters whatever the heads do: read it beside `uniform`. It knows neither values
    nor MLPs.

    Args:
        last: whether what the last layer comes to is all that is wanted: (1, T, T) in place of (L, T, T).
    """
    uniform = _uniform(attention.shape[-1])
    return Rollout(_rolled((_mean(layer) for layer in attention), last), _rolled((uniform for _ in attention), last))


def _mean(layer: torch.Tensor) -> torch.Tensor:
    """The mean (T, T) of a layer's heads (H, T, T), in float64."""
    few = max(1, AT_ONCE // layer.shape[-1] ** 2)
    return torch.stack([exact(some).sum(0) for some in layer.split(few)]).sum(0) / len(layer)


def _rolled(means: Iterable[torch.Tensor], last: bool) -> torch.Tensor:
    steps = ((mean + torch.eye(len(mean), dtype=mean.dtype)) / 2 for mean in means)
    rolled = itertools.accumulate(steps, lambda before, step: step @ before)
    return torch.stack(list(deque(rolled, maxlen=1) if last else rolled))
