"""The model's vectors of characters and positions: embeddings, the states computed from them, and bigrams.

The token embedding W_E has a row for each character, the position embedding W_P one for each place in the context; the
residual stream begins as their sum. The head multiplies by W_E again, so a character's row is also what calls for it
as the next one.

    analogy       A - a + b = ?     the character whose vector is likest (cosine) to x_A - x_a + x_b, each x of length 1
                  and the three given left out, as usual (Mikolov et al. 2013, "Linguistic Regularities in Continuous
                  Space Word Representations"). Leaving them out matters: the nearest of all is often b itself (Linzen
                  2016, "Issues in evaluating semantic spaces using word analogies"), so it is told beside.
    dimensions    of centred vectors whose covariance has the eigenvalues λ: the participation ratio (Σλ)² / Σλ², which
                  is D where D directions share the variance evenly, and how many of the largest hold 95 % of it
    bigrams       p(next | one character), three times: by the training text's counts, by the model reading that
                  character alone, and by the direct path softmax(W_E LayerNorm_f(W_E[c] + W_P[0])), which leaves out
                  every block (Elhage et al. 2021, "A Mathematical Framework for Transformer Circuits"; there without
                  LayerNorm and position). As the head shares W_E, that path calls for the character itself once more,
                  and the blocks have to undo it. KL(counts ‖ other) = Σ p ln(p/q) in nats is what guessing by q costs
                  beyond the best that one character can tell.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import torch

from strivelm.data.ngrams import NGrams
from strivelm.inspection.forward import Text, chars_of, depth_names, embedded, forward_pass, last_of, read_out
from strivelm.inspection.results import MAX_BYTES, Result, check_memory, exact, kl
from strivelm.inspection.trace import Trace, trace
from strivelm.inspection.vectors import Neighbours, Space, char_class, cosine, pca, ranked, unit
from strivelm.model import GPT

# -- spaces ------------------------------------------------------------------------------------------------------------


def token_space(model: GPT, of: Sequence[int] | None = None) -> Space:
    """The token embeddings: a point for each character, in the order of the vocabulary, or of the ids that are given.

    Raises IndexError for an id outside the vocabulary.
    """
    ids = _rows(model, of)
    return _space(model, "token embeddings", ids, model.tok.weight[ids.to(model.tok.weight.device)])


def state_space(model: GPT, text: Text | Trace, depth: int = -1) -> Space:
    """The residual stream at a depth: a point for each place of the text, named by the character read there.

    `by_character` makes one point for each character of it.

    Args:
        text: what to read, or its trace by this model that has residual.
        depth: from 0 (the embeddings) to 2L (what the final LayerNorm reads); negative ones count from the end.

    Raises:
        ValueError: as `trace` does.
        IndexError: no such depth.
        AttributeError: the trace did not keep residual.
    """
    names = depth_names(model.config.n_layer)
    if not -len(names) <= depth < len(names):
        raise IndexError(f"there is no depth {depth}; expected one from 0 (the embeddings) to {len(names) - 1}")
    recorded = text if isinstance(text, Trace) else trace(model, text, keep={"residual"})
    return _space(model, f"the residual stream after {names[depth]}", recorded.ids, recorded.residual[depth])


def _space(model: GPT, what: str, ids: torch.Tensor, vectors: torch.Tensor) -> Space:
    chars = chars_of(model, ids)
    known = model.config.chars is not None  # an id written as a digit is none
    return Space(what, chars, tuple(char_class(char) if known else "other" for char in chars), exact(vectors))


# -- analogies ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Analogy(Result):
    """What stands where A - a + b leads."""

    question: str
    """Such as "A - a + b"."""
    ranking: Neighbours
    """All characters but the three given, the likest first."""
    nearest_of_all: str
    """The likest when the three given are not left out."""


def analogy(space: Space, start: str, minus: str, plus: str) -> Analogy:
    """start - minus + plus = ?

    Raises ValueError where a character has no point in the space, or several.
    """
    given = [space.index(char) for char in (start, minus, plus)]
    one, less, more = unit(space.vectors[given])
    likeness = cosine((one - less + more)[None], space.vectors)[0]
    question = f"{start} - {minus} + {plus}"
    nearest = ranked(space, question, likeness, set()).chars[0]
    return Analogy(question, ranked(space, question, likeness, set(given)), nearest)


@dataclass(frozen=True, eq=False)
class CaseAnalogies(Result):
    """Whether the vector from a small letter to its capital is the same for all letters: A - a + b = B?"""

    pairs: Annotated[tuple[str, ...], "pair"]
    """The letters that the space has both small and capital, such as "Aa"."""
    questions: int
    """How many there are: each pair with each other, P (P - 1)."""
    right: Annotated[torch.Tensor, "pair", "asked"]
    """(P, P) Whether the first answer to A - a + b is B; row A, column B. The diagonal asks nothing and is False."""
    accuracy: float
    """The share of questions answered right the first time; nan where there is none."""
    chance: float
    """The same if one of the N - 3 characters that were not given were drawn at random."""
    without_offset: float
    """The same when b alone is asked for its likest character, A and a left out. Where this is as high, letters lie
    beside their other case, and the way from a to A explains nothing."""


def case_analogies(space: Space) -> CaseAnalogies:
    """A - a + b = B? for all letters that have both cases in the space."""
    pairs = [
        (big, char)
        for char in sorted(set(space.chars))
        if len(big := char.upper()) == 1 and big != char and big.lower() == char and big in space.chars
    ]
    big, small = (torch.tensor([space.index(pair[i]) for pair in pairs], dtype=torch.long) for i in (0, 1))
    units, P, N = unit(space.vectors), len(pairs), len(space.chars)
    near, offset = (x @ units.T for x in (units[small], units[big] - units[small]))  # (P, N); products add up
    right, right_by_nearness = torch.zeros(2, P, P, dtype=torch.bool)
    for row in range(P):
        for found, likeness in ((right, offset[row] + near), (right_by_nearness, near.clone())):
            likeness[:, [big[row], small[row]]] = -torch.inf
            likeness[torch.arange(P), small] = -torch.inf
            found[row] = (likeness.argmax(1) == big) & (torch.arange(P) != row)
    questions = P * (P - 1)
    accuracy, without_offset = (
        found.sum().item() / questions if questions else math.nan for found in (right, right_by_nearness)
    )
    return CaseAnalogies(
        pairs=tuple("".join(pair) for pair in pairs),
        questions=questions,
        right=right,
        accuracy=accuracy,
        chance=1 / (N - 3) if N > 3 else math.nan,
        without_offset=without_offset,
    )


# -- positions ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Positions(Result):
    """The position embeddings W_P, (T, C): how long, how alike, and in how many directions they differ."""

    norms: Annotated[torch.Tensor, "position"]
    """(T,) The length of each position's vector."""
    token_norm: float
    """The mean length of the token embeddings, to which they are added."""
    from_mean: Annotated[torch.Tensor, "position"]
    """(T,) How far each is from the mean of all: only that tells positions apart."""
    common: float
    """‖mean‖² / mean of ‖p‖²: the share of their squared length that is the same in all positions, from 0 to 1."""
    cosine: Annotated[torch.Tensor, "position", "other"]
    """(T, T) The cosine of any two."""
    by_distance: Annotated[torch.Tensor, "distance"]
    """(T,) Its mean over all pairs that are 0, 1, 2 … places apart."""
    path: Annotated[torch.Tensor, "position", "component"]
    """(T, K) Their first principal components, K at most 3, in the order of the text a path."""
    explained: Annotated[torch.Tensor, "component"]
    """(K,) The share of the variance that each explains."""
    participation: float
    """The participation ratio (Σλ)² / Σλ²: how many directions they use in effect; 0 where all are the same."""
    components_95: int
    """How many principal components hold 95 % of the variance; 0 where all are the same."""
    dimensions: int
    """How many there could be: min(T - 1, C)."""
    by_chance: float
    """The participation ratio that vectors of independent normal numbers have: 1 / (1/(T - 1) + 1/C), nearly."""
    used: float
    """participation / dimensions: the fraction in use, 1 where the variance is spread evenly over all of them."""


def positions(model: GPT, max_bytes: int = MAX_BYTES) -> Positions:
    """The geometry of the position embeddings. Raises ValueError where it needs more than max_bytes."""
    vectors = exact(model.pos.weight)  # (T, C)
    table = cosine(vectors, max_bytes=max_bytes)
    whole = pca(vectors, max(vectors.shape))
    T, share, dimensions = len(vectors), whole.explained, min(len(vectors) - 1, vectors.shape[1])
    varied = share.sum() > 0
    participation = (1 / (share**2).sum()).item() if varied else 0.0
    return Positions(
        norms=vectors.norm(dim=1),
        token_norm=exact(model.tok.weight).norm(dim=1).mean().item(),
        from_mean=(vectors - whole.mean).norm(dim=1),
        common=(whole.mean.square().sum() / vectors.square().sum(1).mean()).nan_to_num().item(),
        cosine=table,
        by_distance=torch.stack([table.diagonal(distance).mean() for distance in range(T)]),
        path=whole.coordinates[:, :3],
        explained=share[:3],
        participation=participation,
        components_95=int((share.cumsum(0) < 0.95 - 1e-12).sum()) + 1 if varied else 0,
        dimensions=dimensions,
        by_chance=1 / (1 / (T - 1) + 1 / vectors.shape[1]) if T > 1 else 0.0,
        used=participation / dimensions if dimensions else 0.0,
    )


# -- bigrams -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Bigrams(Result):
    """What comes after one character: as counted, as the model says, as its embedding alone says."""

    chars: Annotated[tuple[str, ...], "char"]
    """(V,) The vocabulary."""
    frequency: Annotated[torch.Tensor, "char"]
    """(V,) How often each character is followed by another in the training text, as a share of all such places."""
    counted: Annotated[torch.Tensor, "char", "next"]
    """(V, V) p(next | char) by the training text's counts, not smoothed; nan for a character that nothing follows."""
    model: Annotated[torch.Tensor, "char", "next"]
    """(V, V) The model's, when it reads this one character, at position 0."""
    direct: Annotated[torch.Tensor, "char", "next"]
    """(V, V) The direct path's: the sum of its embedding and that of position 0, the final LayerNorm, the head."""
    model_kl: Annotated[torch.Tensor, "char"]
    """(V,) KL(counted ‖ model) in nats; nan where nothing was counted."""
    direct_kl: Annotated[torch.Tensor, "char"]
    """(V,) KL(counted ‖ direct)."""
    unigram_kl: Annotated[torch.Tensor, "char"]
    """(V,) KL(counted ‖ p(next) by counts), for comparison: what not even looking at the character costs."""
    entropy: float
    """Of counted, its mean by frequency, in nats: what is left to guess when one character is known."""
    mean_model_kl: float
    """The mean of model_kl by frequency: nats per character that the model loses against the counts."""
    mean_direct_kl: float
    """The mean of direct_kl by frequency."""
    mean_unigram_kl: float
    """The mean of unigram_kl by frequency, which is the mutual information of neighbouring characters."""


@torch.no_grad()
def bigrams(model: GPT, ngrams: NGrams, of: Sequence[int] | None = None, max_bytes: int = MAX_BYTES) -> Bigrams:
    """The bigrams of the text that `ngrams` counted, beside the model's.

    Args:
        of: the ids whose rows are wanted, R instead of V of them; frequencies stay shares of all places, and means by
            frequency are over these. All where None.

    Raises:
        ValueError: the tables are of another vocabulary or have no bigrams, or more memory needed than max_bytes.
    """
    V, ids = model.vocab_size, _rows(model, of)
    if ngrams.vocab_size != V:
        raise ValueError(f"the n-gram tables know {ngrams.vocab_size:,} characters, the model {V:,}; take its own")
    check_memory(f"the bigrams of {len(ids):,} characters", 10 * 8 * len(ids) * V, max_bytes, "Take fewer of them")
    pairs, counts = ngrams.table(2)
    row = torch.full((V,), -1).index_put((ids,), torch.arange(len(ids)))[torch.from_numpy(pairs[:, 0])]
    wanted, nexts, counts = row >= 0, torch.from_numpy(pairs[:, 1]), torch.from_numpy(counts).double()
    table = torch.zeros(len(ids), V, dtype=torch.float64)
    table[row[wanted], nexts[wanted]] = counts[wanted]
    frequency, counted = table.sum(1) / counts.sum(), table / table.sum(1, keepdim=True)
    model_said, direct = after_one(model, of)
    unigram = (nexts.bincount(counts, V) / counts.sum()).log().expand(len(ids), V)
    kls = [kl(counted.log(), other) for other in (model_said, direct, unigram)]
    seen = frequency > 0
    entropy = -torch.xlogy(counted, counted).sum(1)
    means = [(frequency[seen] @ values[seen] / frequency[seen].sum()).item() for values in (entropy, *kls)]
    return Bigrams(
        chars_of(model, ids),
        frequency,
        counted,
        model_said.exp(),
        direct.exp(),
        *kls,
        entropy=means[0],
        mean_model_kl=means[1],
        mean_direct_kl=means[2],
        mean_unigram_kl=means[3],
    )


@torch.no_grad()
def after_one(model: GPT, of: Sequence[int] | None = None) -> tuple[torch.Tensor, torch.Tensor]:
    """ln p(next) (R, V) after one character at position 0, by the model and by the direct path; a row for each id."""
    rows = []
    for ids in _rows(model, of).to(model.tok.weight.device)[:, None].split(1024):
        x = embedded(model, ids)
        whole, direct = last_of(forward_pass(model, x, names=())), last_of(read_out(model, x))
        rows.append((exact(whole)[:, 0].log_softmax(-1), exact(direct)[:, 0].log_softmax(-1)))
    by_model, by_direct = (torch.cat(parts) for parts in zip(*rows, strict=True))
    return by_model, by_direct


def _rows(model: GPT, of: Sequence[int] | None) -> torch.Tensor:
    return torch.arange(model.vocab_size) if of is None else torch.as_tensor(of, dtype=torch.long)
