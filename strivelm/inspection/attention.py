"""What a head does: where it looks, beside where uniform attention would look, and what it makes of what it sees.

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

Induction: "A B … A" is to be continued by "B". Characters repeat by chance in natural text, and stand at habitual
distances, so it is measured on n distinct random characters, twice (Olsson et al. 2022, "In-context Learning and
Induction Heads", prefix matching): the mean weight that a character of the second copy, at n … 2n-1, gives to the one
after its own earlier place, n-1 back. Uniform attention gives (1/(n+1) + … + 1/2n)/n: 0.0214 for n = 32. (The whole
diagonal n-1 back begins one query earlier, with a character that has no earlier place: 0.0217.) A head that always
looks n-1 back would score as well without knowing any character. The control shows it: the weight on the same keys
where the second copy is rotated, so that it is another character that is to be continued.

A verdict is a word that the numbers have earned. A score s that uniform attention gives u has the strength

    (s - u)/(1 - u)      0 as uniform attention, 1 when all the weight is there

and the strongest pattern names the head if its strength is at least STANDS_OUT, one half (Clark et al. 2019, "What
Does BERT Look At?", name heads by where more than half of their attention goes); otherwise the verdict is "none". For
induction, u is the control where that is higher.

Copying is what a head does with what it sees, wherever that is (Elhage et al. 2021, "A Mathematical Framework for
Transformer Circuits", OV circuit; Olsson et al. 2022 measure it, too, by the logits that a head raises). Looking at
character c rather than at an average one changes c's own logit, beside the mean of all logits, directly by

    (γ ⊙ W_E[c] - mean over characters) · W_O W_V (x_c - mean over characters)      times the final LayerNorm's scale

where x_c is what the head reads, the first LayerNorm's output, averaged over places of c in random characters, and γ
is the final LayerNorm's gain (its mean is taken out, too). The score is the share of characters that the head raises.
Chance is one half, as a matrix and its negative are equally likely; DRAWS random matrices in place of W_O and W_V show
how far chance strays from it, and a head copies, or suppresses, if none of them strays so far.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
import torch.nn.functional as F

from strivelm.inspection.results import Result, exact
from strivelm.inspection.trace import Trace, trace
from strivelm.inspection.walk import Text, embedded, walk
from strivelm.model import GPT, Block

STANDS_OUT = 0.5
"""The strength from which on a pattern names a head."""
FEW = 8
"""A pattern that fewer queries of the text could show names no head."""
WORDS = {
    "previous_character": "previous character",
    "first_position": "first position",
    "itself": "self",
    "same_character": "same character",
}
"""The patterns' verdicts; besides, "2 back", "3 back", … and "induction"."""
DISTINCT = 32
"""How many distinct random characters are read, where the vocabulary and the context allow it."""
SEQUENCES = 16
"""How many sequences of random characters are read."""
DRAWS = 200
"""How many random matrices show how much copying is chance."""


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
        attention.shape[:2],
    )
    return scores | {
        "verdict": verdict,
        "strength": strength,
        "uniform_offsets": uniform.pop("offsets")[0, 0],
        "uniform": {name: value.item() for name, value in uniform.items()},
        "queries": queries,
        "notes": tuple(
            f'Only {queries[name]} characters of this text could show a "{WORDS[name]}" head; a verdict needs {FEW}.'
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
    for layer in attention:  # one at a time, as float64 takes room
        weights = exact(layer)  # (H, T, T)
        found = {name: (weights * wanted).sum((-2, -1)) / wanted.any(-1).sum() for name, wanted in targets.items()}
        found["mean_distance"] = (weights * back).sum((-2, -1)) / (T - 1)
        found["entropy"] = (torch.special.entr(weights).sum(-1)[:, 1:] / (place[1:] + 1).double().log()).mean(-1)
        by_distance = weights.new_zeros(len(weights), T).index_add_(1, back[seen], weights[:, seen])
        found["offsets"] = by_distance / (T - place.clamp(min=1))
        layers.append(found)
    return {name: torch.stack([found[name] for found in layers]) for name in layers[0]}


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


# -- induction and copying, on random characters -----------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Induction(Result):
    """How well each head finds what came after the same character before, on random characters twice."""

    score: Annotated[torch.Tensor, "layer", "head"]
    """(L, H) Mean weight on the character after the earlier place of the query's own."""
    control: Annotated[torch.Tensor, "layer", "head"]
    """(L, H) The same where the second copy is rotated: what the distance alone is worth."""
    uniform: float
    """What uniform attention gives."""
    first_loss: float
    """Nats per character within the first copy, which nobody can guess: its second character to its last."""
    second_loss: float
    """The same of the second copy, all of which the first one tells."""
    distinct: int
    """n: how many distinct characters were read, twice."""
    notes: tuple[str, ...]
    """What a reader should know, in sentences."""


@torch.no_grad()
def induction(model: GPT, seed: int = 0) -> Induction:
    """The heads' prefix matching on SEQUENCES random sequences; nan for a model that can't read 3 characters twice."""
    config, notes = model.config, []
    if config.n_layer == 1:
        notes.append(
            "A model with one layer has no induction head: an earlier layer's head must first tell each character "
            "what came before it."
        )
    n = min(DISTINCT, config.vocab_size, config.block_size // 2)
    sizes = f"this model knows {config.vocab_size:,} characters and its context is {config.block_size:,}"
    if n < 3:  # with 2, the key in question would hold the query's own character where the copy is rotated
        notes.append(f"Induction can't be measured: {sizes}, but it takes 3 distinct characters, twice.")
        scores = torch.full((2, config.n_layer, config.n_head), torch.nan, dtype=torch.float64)
        return Induction(*scores, *[torch.nan] * 3, distinct=n, notes=tuple(notes))
    if n < DISTINCT:
        notes.append(f"Induction is measured on {n} distinct characters, twice, rather than {DISTINCT}: {sizes}.")
    stream = torch.Generator().manual_seed(seed)
    first = _random_characters(model, n, stream)
    turns = torch.randint(2, n, (SEQUENCES, 1), generator=stream).to(first.device)
    rotated = first.gather(1, (torch.arange(n, device=first.device) + turns) % n)
    ids = torch.cat([torch.cat([first, second], 1) for second in (first, rotated)])  # (2S, 2n)
    scores = []
    for name, _, value in walk(model, embedded(model, ids)):
        if name == "attention":
            weights = value[:, :, n:, 1 : n + 1].diagonal(dim1=-2, dim2=-1)  # (2S, H, n): from n+i to i+1
            scores.append(exact(weights).unflatten(0, (2, SEQUENCES)).mean((1, 3)))
    logits = value[:SEQUENCES, :-1]  # the walk's last; of the copies that are not rotated
    surprisals = exact(F.cross_entropy(logits.mT, ids[:SEQUENCES, 1:], reduction="none"))  # (S, 2n-1)
    losses = [surprisals[:, at : at + n - 1].mean().item() for at in (0, n)]
    uniform = sum(1 / seen for seen in range(n + 1, 2 * n + 1)) / n
    return Induction(*torch.stack(scores, 1), uniform, *losses, distinct=n, notes=tuple(notes))


def _random_characters(model: GPT, n: int, stream: torch.Generator) -> torch.Tensor:
    """SEQUENCES times n distinct ids in random order, (S, n), on the model's device."""
    drawn = [torch.randperm(model.vocab_size, generator=stream)[:n] for _ in range(SEQUENCES)]
    return torch.stack(drawn).to(model.tok.weight.device)


@dataclass(frozen=True, eq=False)
class Copying(Result):
    """Whether each head, by looking at a character, speaks for that character."""

    score: Annotated[torch.Tensor, "layer", "head"]
    """(L, H) The share of characters whose own logit the head raises when it looks at them; chance is 0.5."""
    chance: Annotated[torch.Tensor, "layer"]
    """(L,) How far from 0.5 the furthest of DRAWS random matrices comes."""
    verdict: Annotated[tuple[tuple[str, ...], ...], "layer", "head"]
    """(L, H) "copies" or "suppresses" where a head is further from 0.5 than that, or "neither"."""
    characters: int
    """How many characters of the vocabulary were looked at."""


@torch.no_grad()
def copying(model: GPT, seed: int = 0) -> Copying:
    """The share of characters that each head speaks for when it looks at them, and how much of it may be chance."""
    stream = torch.Generator().manual_seed(seed)
    ids = _random_characters(model, min(DISTINCT, model.vocab_size, model.block_size), stream)
    seen, which = ids.cpu().flatten().unique(return_inverse=True)
    reads = []  # of each layer: what its heads read at each character, less the mean, (n, C)
    for name, _, value in walk(model, embedded(model, ids)):
        if name == "ln1":
            sums = torch.zeros(len(seen), value.shape[-1], dtype=torch.float64)
            means = sums.index_add_(0, which, exact(value).flatten(0, 1)) / which.bincount()[:, None]
            reads.append(means - means.mean(0))
    speaks = exact(model.lnf.weight * model.head.weight)
    speaks = speaks - speaks.mean(-1, keepdim=True)  # the final LayerNorm takes out the mean
    speaks = (speaks - speaks.mean(0))[seen]  # (n, C)
    score = torch.stack([_raised(block, read, speaks) for block, read in zip(model.blocks, reads, strict=True)])
    chance = _chance(torch.stack(reads), speaks, model.blocks[0].hd, stream)
    verdict = tuple(
        tuple("copies" if s - 0.5 > most else "suppresses" if 0.5 - s > most else "neither" for s in row)
        for row, most in zip(score.tolist(), chance.tolist(), strict=True)
    )
    return Copying(score, chance, verdict, len(seen))


def _raised(block: Block, reads: torch.Tensor, speaks: torch.Tensor) -> torch.Tensor:
    """The share of characters whose own logit each head raises, (H,)."""
    values = (reads @ exact(block.qkv.weight[-reads.shape[1] :]).T).unflatten(1, (block.h, block.hd))
    asked = (speaks @ exact(block.proj.weight)).unflatten(1, (block.h, block.hd))  # (n, H, hd)
    return _share((values * asked).sum(-1))


def _chance(reads: torch.Tensor, speaks: torch.Tensor, hd: int, stream: torch.Generator) -> torch.Tensor:
    """How far from one half the share comes, at most, in DRAWS heads of random weights, (L,)."""
    furthest = torch.zeros(len(reads), dtype=torch.float64)
    for _ in range(DRAWS):
        read, write = torch.randn(2, reads.shape[-1], hd, generator=stream, dtype=torch.float64)
        share = _share((reads @ read * (speaks @ write)).sum(-1).T)
        furthest = furthest.maximum((share - 0.5).abs())
    return furthest


def _share(changes: torch.Tensor) -> torch.Tensor:
    """The share of the first axis that is above 0; what is 0 counts half."""
    return ((changes.sign() + 1) / 2).mean(0)


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


def heads(model: GPT, text: Text | Trace | None = None) -> Heads:
    """What every head does, in numbers beside those of chance, and in a word.

    Args:
        text: what the heads' patterns are measured on, or its trace by this model that has attention. A whole context
            says most. None: a context's worth that the model writes itself, from seed 0.

    Raises:
        ValueError: as `trace` does; or one character only.
        AttributeError: the trace did not keep the attention.
    """
    if text is None:
        start = 0 if model.config.chars is None else model.tokenizer.encode(model.tokenizer.start)[0]
        text = model.generate([start], model.block_size - 1, seed=0)
    recorded = text if isinstance(text, Trace) else trace(model, text, keep={"attention"})
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


def rollout(attention: torch.Tensor) -> Rollout:
    """Attention rollout (Abnar & Zuidema 2020, "Quantifying Attention Flow in Transformers") of attention (L, H, T, T).

    A' = (A + I)/2 with A the mean of a layer's heads and I for the residual stream; the product A'ₗ … A'₁ A'₀ follows
    all paths. It was defined for encoders, where every character sees all. Under a causal mask every path leads back,
    so weight gathers at the first characters whatever the heads do: read it beside `uniform`. It knows neither values
    nor MLPs.
    """
    T = attention.shape[-1]
    means = torch.stack([exact(layer).mean(0) for layer in attention])  # (L, T, T)
    return Rollout(_rolled(means), _rolled(_uniform(T).expand(len(means), T, T)))


def _rolled(means: torch.Tensor) -> torch.Tensor:
    steps = (means + torch.eye(means.shape[-1], dtype=means.dtype)) / 2
    return torch.stack(list(itertools.accumulate(steps, lambda before, step: step @ before)))
