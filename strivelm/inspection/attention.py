"""What a head does: where it looks, compared with uniform attention.

Where a head looks, on a text. A[i, j] is the weight that query i gives to key j; a query sees the keys j ≤ i. Each
score is the mean, over the queries that have such a key, of the weight on

    previous character   j = i-1
    first position       j = 0
    self                 j = i
    same character       all earlier places of the query's own character, together
    d back               j = i-d, in `offsets`; 0 is self, 1 the previous character
    inside this word     the earlier characters of the query's word, together
    separators           all spaces, line breaks and punctuation that it sees, together
    word beginnings      the first characters of all words that it sees, together; line beginnings alike
    speaker names        the names before a colon that a line begins with, together

`strivelm.inspection.text_parts` says what words, separators, lines and names are. The last four leave key 0 out, which
has a score of its own. Query 0 sees itself alone, whatever the head is, and never counts. Mean distance is
Σⱼ A[i, j] (i-j); the entropy of a row, Σⱼ -A[i, j] ln A[i, j], is divided by ln(i+1), its most: 0 looks at one key, 1
at all alike. Uniform attention gives each of the i+1 keys 1/(i+1); its values are computed by the same code, on the
same text.

A verdict names the pattern of a head. A score s, whose value under uniform attention is u, has the strength

    (s - u)/(1 - u)      0 as uniform attention, 1 when all the weight is there

and the strongest pattern names the head if its strength is at least STANDS_OUT, one half (Clark et al. 2019, "What
Does BERT Look At?", name heads by where more than half of their attention goes); otherwise the verdict is "none". For
induction (`strivelm.inspection.circuits`), u is the control where that is higher. Patterns of many
keys hold those of narrower ones: a head that looks one back mostly looks inside of the word, too. So the patterns of
`PARTS` name a head only where none of the others does, and of these the `BROADEST` come last.
"""

import itertools
import math
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated

import torch

from strivelm.inspection.circuits import copying, induction
from strivelm.inspection.forward import Text
from strivelm.inspection.results import MAX_BYTES, Result, check_memory, exact
from strivelm.inspection.text_parts import part_targets
from strivelm.inspection.trace import Trace, bytes_needed, trace
from strivelm.model import GPT

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
PARTS = {
    "this_word": "inside this word",
    "line_beginnings": "line beginnings",
    "speaker_names": "speaker names",
    "separators": "separators",
    "word_beginnings": "word beginnings",
}
"""The verdicts of patterns that are made of parts of a text."""
BROADEST = ("separators", "word_beginnings")
"""Those of them that may hold the keys of the others."""


# -- where heads look on a text ----------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Patterns(Result):
    """Where each head looks on a text; tensors are on the CPU, in float64. A score without any query is nan."""

    verdict: Annotated[tuple[tuple[str, ...], ...], "layer", "head"]
    """(L, H) The pattern that stands out, or "none"."""
    closest: Annotated[tuple[tuple[str, ...], ...], "layer", "head"]
    """(L, H) The same, or the strongest pattern where none stands out; "none" where the text is too short for any."""
    strength: Annotated[torch.Tensor, "layer", "head"]
    """(L, H) The strength of that pattern; nan where the text is too short for any."""
    previous_character: Annotated[torch.Tensor, "layer", "head"]
    """(L, H) Mean weight on the character before."""
    first_position: Annotated[torch.Tensor, "layer", "head"]
    """(L, H) Mean weight on position 0."""
    itself: Annotated[torch.Tensor, "layer", "head"]
    """(L, H) Mean weight on the query's own position."""
    same_character: Annotated[torch.Tensor, "layer", "head"]
    """(L, H) Mean weight on earlier places of the query's character."""
    this_word: Annotated[torch.Tensor, "layer", "head"]
    """(L, H) Mean weight on earlier characters of the query's word."""
    separators: Annotated[torch.Tensor, "layer", "head"]
    """(L, H) Mean weight on spaces, line breaks and punctuation."""
    word_beginnings: Annotated[torch.Tensor, "layer", "head"]
    """(L, H) Mean weight on first characters of words."""
    line_beginnings: Annotated[torch.Tensor, "layer", "head"]
    """(L, H) Mean weight on first characters of lines."""
    speaker_names: Annotated[torch.Tensor, "layer", "head"]
    """(L, H) Mean weight on speakers' names."""
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
        return self._score_of(self.verdict[layer][head], layer, head)

    def closest_score(self, layer: int, head: int) -> tuple[float, float] | None:
        """The same of the pattern that is closest; None where the text is too short for any."""
        return self._score_of(self.closest[layer][head], layer, head)

    def _score_of(self, word: str, layer: int, head: int) -> tuple[float, float] | None:
        if word == "none":
            return None
        if word.endswith(" back"):
            back = int(word.split()[0])
            return self.offsets[layer, head, back].item(), self.uniform_offsets[back].item()
        # "induction" is its own name
        name = next((name for name, said in (WORDS | PARTS).items() if said == word), word)
        return getattr(self, name)[layer, head].item(), self.uniform[name]


def patterns(attention: torch.Tensor, ids: torch.Tensor, chars: Sequence[str] | None = None) -> Patterns:
    """Where each head looks, of attention (L, H, T, T) as a `Trace` records it and the characters' ids (T,).

    Args:
        chars: the T characters. Without them, as of a model without a vocabulary, the patterns of `PARTS`, which are
            made of words and lines, are nan.

    Raises:
        ValueError: the shapes do not fit, or there is but one character.
    """
    return Patterns(**_judged(attention, ids, chars))


def _judged(
    attention: torch.Tensor,
    ids: torch.Tensor,
    chars: Sequence[str] | None,
    others: Sequence[tuple[str, torch.Tensor, torch.Tensor]] = (),
) -> dict:
    """The fields of `Patterns`; others are further (verdict, score (L, H), chance (L, H)) that may name a head."""
    T = len(ids)
    if attention.dim() != 4 or attention.shape[-2:] != (T, T):
        raise ValueError(f"the attention has shape {tuple(attention.shape)}; expected (L, H, {T}, {T}) for {T} ids")
    if chars is not None and len(chars) != T:
        raise ValueError(f"there are {len(chars)} characters for {T} ids; give one for each")
    if T < 2:
        raise ValueError("the text has one character, which can only look at itself; at least 2 are needed")
    targets = _targets(ids) | _part_targets(T, chars)
    scores, uniform = _scores(attention, targets), _scores(uniform_attention(T)[None, None], targets)
    queries = {name: int(wanted.any(-1).sum()) for name, wanted in targets.items()}
    words = WORDS if chars is None else WORDS | PARTS

    def candidates(names: Iterable[str]) -> Candidates:
        return [(words[name], scores[name], uniform[name]) for name in names if queries[name] >= FEW]

    back = [(f"{d} back", scores["offsets"][..., d], uniform["offsets"][..., d]) for d in range(2, T - FEW + 1)]
    shape = (attention.shape[0], attention.shape[1])
    parts = [name for name in PARTS if name not in BROADEST]
    tiers = ([*candidates(WORDS), *back, *others], candidates(parts), candidates(BROADEST))
    verdict, closest, strength = _verdicts(tiers, shape)
    return scores | {
        "verdict": verdict,
        "closest": closest,
        "strength": strength,
        "uniform_offsets": uniform.pop("offsets")[0, 0],
        "uniform": {name: value.item() for name, value in uniform.items()},
        "queries": queries,
        "notes": _too_few({word: queries[name] for name, word in words.items() if queries[name] < FEW}),
    }


def _too_few(few: dict[str, int]) -> tuple[str, ...]:
    """A sentence on the patterns that too few characters of a text could show, by how many those are."""
    if not few:
        return ()
    said = ", ".join(f"{word} ({count})" for word, count in few.items())
    return (f"Too few characters of this text could show these patterns, {FEW} are needed: {said}.",)


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


def _part_targets(T: int, chars: Sequence[str] | None) -> dict[str, torch.Tensor]:
    """The same for the patterns of `PARTS`; of unknown characters no key is in any."""
    if chars is None:
        return dict.fromkeys(PARTS, torch.zeros(T, T, dtype=torch.bool))
    return part_targets(chars)


def _scores(attention: torch.Tensor, targets: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Every score of `Patterns`, (L, H) each, and the offsets (L, H, T)."""
    T = attention.shape[-1]
    place = torch.arange(T)
    back = place[:, None] - place
    seen = (back >= 0) & (place[:, None] > 0)
    wants = {name: (wanted.flatten().double(), wanted.any(-1).sum()) for name, wanted in targets.items()}
    layers = []
    for some in attention.flatten(0, 1).split(max(1, AT_ONCE // T**2)):  # float64 takes room
        weights = exact(some)  # (h, T, T)
        found = {name: weights.flatten(1) @ wanted / count for name, (wanted, count) in wants.items()}
        found["mean_distance"] = (weights * back).sum((-2, -1)) / (T - 1)
        found["entropy"] = (torch.special.entr(weights).sum(-1)[:, 1:] / (place[1:] + 1).double().log()).mean(-1)
        by_distance = weights.new_zeros(len(weights), T).index_add_(1, back[seen], weights[:, seen])
        found["offsets"] = by_distance / (T - place.clamp(min=1))
        layers.append(found)
    return {name: torch.cat([found[name] for found in layers]).unflatten(0, attention.shape[:2]) for name in layers[0]}


def uniform_attention(T: int) -> torch.Tensor:
    """Uniform attention over the keys that a query sees: (T, T)."""
    visible = torch.ones(T, T, dtype=torch.float64).tril()
    return visible / visible.sum(-1, keepdim=True)


Candidates = Sequence[tuple[str, torch.Tensor, torch.Tensor]]
"""Patterns that may name a head: verdict, score (L, H), chance (L, H)."""
Names = tuple[tuple[str, ...], ...]


def _verdicts(tiers: Sequence[Candidates], shape: tuple[int, int]) -> tuple[Names, Names, torch.Tensor]:
    """The name of each head's strongest pattern if that stands out, its name anyway, and its strength (L, H).

    Of several tiers of patterns the first one counts in which one stands out.
    """
    words, strength, which = (
        [],
        torch.full(shape, -torch.inf, dtype=torch.float64),
        torch.zeros(shape, dtype=torch.long),
    )
    for tier in tiers:
        found, place = _strongest(tier, shape)
        better = (strength < STANDS_OUT) & (found > strength)
        strength = torch.where(better, found, strength)
        which = torch.where(better, place + len(words), which)
        words += [word for word, _, _ in tier]
    rows = [list(zip(*row, strict=True)) for row in zip(strength.tolist(), which.tolist(), strict=True)]
    closest = tuple(tuple("none" if s == -math.inf else words[w] for s, w in row) for row in rows)
    verdict = tuple(tuple(words[w] if s >= STANDS_OUT else "none" for s, w in row) for row in rows)
    return verdict, closest, strength.masked_fill(strength.isinf(), torch.nan)


def _strongest(candidates: Candidates, shape: tuple[int, int]) -> tuple[torch.Tensor, torch.Tensor]:
    """The strength of each head's strongest pattern (L, H), -inf where there is none, and which one it is."""
    if not candidates:
        return torch.full(shape, -torch.inf, dtype=torch.float64), torch.zeros(shape, dtype=torch.long)
    strengths = [
        # where chance is 1 but for rounding, nothing can stand out
        ((score - chance) / (1 - chance)).masked_fill((chance > 1 - 1e-6) | score.isnan(), -torch.inf).expand(shape)
        for _, score, chance in candidates
    ]
    return torch.stack(strengths).max(0)


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
    chars = None if model.config.chars is None else recorded.chars
    fields = _judged(recorded.attention, recorded.ids, chars, [("induction", repeats.score, chance)])
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
    uniform = uniform_attention(attention.shape[-1])
    return Rollout(_rolled((_mean(layer) for layer in attention), last), _rolled((uniform for _ in attention), last))


def _mean(layer: torch.Tensor) -> torch.Tensor:
    """The mean (T, T) of a layer's heads (H, T, T), in float64."""
    few = max(1, AT_ONCE // layer.shape[-1] ** 2)
    return torch.stack([exact(some).sum(0) for some in layer.split(few)]).sum(0) / len(layer)


def _rolled(means: Iterable[torch.Tensor], last: bool) -> torch.Tensor:
    steps = ((mean + torch.eye(len(mean), dtype=mean.dtype)) / 2 for mean in means)
    rolled = itertools.accumulate(steps, lambda before, step: step @ before)
    return torch.stack(list(deque(rolled, maxlen=1) if last else rolled))
