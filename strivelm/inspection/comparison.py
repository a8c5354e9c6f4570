"""Two models on one text: which expected it more, where their heads look alike, whether their embeddings agree.

    difference   surprisal of the second less that of the first = ln(p_first / p_second), in nats: above 0 where the
                 first expected the character more. The sum over a text is the logarithm of how much likelier the first
                 found all of it.
    error        of the mean difference: s/√n, with s the deviation between the n characters' differences. Both models
                 read the same characters, so what is hard for both cancels out. Neighbouring differences are taken as
                 independent; as they go together somewhat, the true error is a little larger.
    divergence   KL(first ‖ second) = Σ p ln(p/q) in nats, of what the two expect at a place, whatever comes
                 (`strivelm.inspection.results.kl`): the difference that the first itself expects there. Over the
                 characters that both know, the probabilities of these scaled to sum to 1. Never below 0, and 0 only
                 where both expect the same.
    heads        `strivelm.inspection.head_similarity`
    embeddings   `strivelm.inspection.procrustes` of the vectors of the characters that both know; and how many of a
                 character's nearest neighbours among these (cosine) both models have, beside k/(N - 1), which is what
                 neighbours drawn at random have in common

The models may differ in size, context and vocabulary. Each reads the text in windows of its own context, as
`strivelm.inspection.surprisal` does. All is in float64; a model beside itself gives 0 everywhere, to the bit.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
import torch.nn.functional as F

from strivelm.inspection.embeddings import token_space
from strivelm.inspection.forward import Text, chars_of, long_ids
from strivelm.inspection.head_similarity import HeadSimilarity, head_similarity
from strivelm.inspection.procrustes import DRAWS, Procrustes, procrustes
from strivelm.inspection.results import MAX_BYTES, Result, check_memory, kl
from strivelm.inspection.surprisal import in_windows, mean_and_error, usual_stride
from strivelm.inspection.vectors import Space, nearest
from strivelm.model import GPT
from strivelm.tokenizer import UnknownCharacterError, display
from strivelm.words import plural

NAMES = ("the first model", "the second model")
ABOUT = ("predictions", "heads", "embeddings")
"""What of two models is compared."""
NAMED = 5
"""How many characters a sentence names."""
FEWEST = 3
"""How many characters two models have to know in common for their embeddings to be compared."""


# -- what they expect --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class PredictionComparison(Result):
    """What two models expected of each character of a text. The first has nan: nothing came before it."""

    chars: Annotated[tuple[str, ...], "position"]
    """(T,) The text."""
    surprisal: Annotated[torch.Tensor, "model", "position"]
    """(2, T) -ln of the probability that each gave to the character, in nats."""
    difference: Annotated[torch.Tensor, "position"]
    """(T,) Surprisal of the second less that of the first: above 0 where the first expected the character more."""
    total: float
    """The sum of the differences."""
    mean: float
    """Their mean, nats per character."""
    error: float
    """Its standard error; nan for a single difference."""
    wins: tuple[int, int]
    """How many characters the first, and how many the second, expected more than the other."""
    kl: Annotated[torch.Tensor, "position"]
    """(T,) KL(first ‖ second) of what they expected there, in nats, over the characters that both know."""
    kl_reverse: Annotated[torch.Tensor, "position"]
    """(T,) KL(second ‖ first)."""
    mean_kl: float
    """The mean of `kl`."""
    mean_kl_reverse: float
    """The mean of `kl_reverse`."""
    common: tuple[str, ...]
    """The characters that both know, in the order of the first model's vocabulary."""
    common_share: Annotated[torch.Tensor, "model", "position"]
    """(2, T) The probability that each gave to these together: 1 where it knows no others."""

    @property
    def surprisals(self) -> tuple[float, float]:
        """Each model's mean surprisal, nats per character."""
        one, other = self.surprisal[:, 1:].mean(1).tolist()
        return one, other


@torch.no_grad()
def compare_predictions(
    a: GPT, b: GPT, text: Text, names: tuple[str, str] = NAMES, max_bytes: int = MAX_BYTES
) -> PredictionComparison:
    """What two models expected of each character of a text, of any length.

    Args, errors: as of `compare`.
    """
    ids = _ids(a, b, text, names, least=2)
    common, *places = _common(a, b, names)
    need = 8 * len(ids[0]) * (2 * (a.vocab_size + b.vocab_size) + 6 * len(common))
    check_memory(f"comparing what is expected at {len(ids[0]):,} places", need, max_bytes, "Read a shorter text")
    log_p = [_log_p(model, these) for model, these in zip((a, b), ids, strict=True)]  # (T - 1, V) each
    came = [table.gather(1, these[1:, None])[:, 0] for table, these in zip(log_p, ids, strict=True)]
    both = [table[:, place] for table, place in zip(log_p, places, strict=True)]
    share = torch.stack(
        [
            table.logsumexp(1).exp() if len(common) < whole.shape[1] else torch.ones(len(whole), dtype=torch.float64)
            for table, whole in zip(both, log_p, strict=True)
        ]
    )
    scaled = [table.log_softmax(1) for table in both]
    surprisal = -torch.stack(came)
    difference = surprisal[1] - surprisal[0]
    mean, error = mean_and_error(difference[:, None])
    divergence = torch.stack([kl(*scaled), kl(*reversed(scaled))])
    return PredictionComparison(
        chars=chars_of(a, ids[0]),
        surprisal=_after_first(surprisal),
        difference=_after_first(difference),
        total=difference.sum().item(),
        mean=mean.item(),
        error=error.item(),
        wins=(int((difference > 0).sum()), int((difference < 0).sum())),
        kl=_after_first(divergence[0]),
        kl_reverse=_after_first(divergence[1]),
        mean_kl=divergence[0].mean().item(),
        mean_kl_reverse=divergence[1].mean().item(),
        common=common,
        common_share=_after_first(share),
    )


def _log_p(model: GPT, ids: torch.Tensor) -> torch.Tensor:
    """ln p (T - 1, V) of every character at every place of ids (T,) from the second on."""
    return in_windows(model, ids, usual_stride(model.block_size), lambda log_p, _: log_p.movedim(-1, 0)).T.contiguous()


def _after_first(values: torch.Tensor) -> torch.Tensor:
    """The values (…, T - 1) with nan for the first character before them."""
    return F.pad(values, (1, 0), value=math.nan)


# -- what their embeddings have in common ------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class EmbeddingComparison(Result):
    """The token embeddings of two models, of the N characters that both know."""

    chars: Annotated[tuple[str, ...], "point"]
    """(N,) The characters."""
    procrustes: Procrustes
    """The second's vectors turned onto the first's, and what is left over."""
    neighbours: Annotated[tuple[tuple[tuple[str, ...], ...], ...], "model", "point", "rank"]
    """(2, N, k) Each character's nearest neighbours among these, in each model, the nearest first."""
    both: Annotated[tuple[tuple[str, ...], ...], "point"]
    """(N,) Those that are neighbours in both, in the first's order."""
    shared: float
    """The share of neighbours that both have, over all characters."""
    chance: float
    """The same if neighbours were drawn at random: k/(N - 1)."""
    k: int
    """How many neighbours."""


def compare_embeddings(
    a: GPT, b: GPT, k: int = 5, most: int | None = None, names: tuple[str, str] = NAMES, draws: int = DRAWS
) -> EmbeddingComparison:
    """What the token embeddings of two models have in common.

    Args:
        k: how many neighbours of each character are compared; all others where there are fewer.
        most: of more characters that both know, the first so many of `a`'s vocabulary; None for all.
        names: what sentences call the models.
        draws: how many random pairings the residual by chance is the mean of.

    Raises ValueError where they know fewer than `FEWEST` characters in common, or k is below 1.
    """
    common, first, second = _common(a, b, names, most)
    if len(common) < FEWEST:
        raise ValueError(
            f"{names[0]} and {names[1]} have only {plural(len(common), 'character')} in common; at least {FEWEST} are "
            "needed to compare their embeddings"
        )
    spaces = [token_space(a, first.tolist()), token_space(b, second.tolist())]
    found = tuple(_nearest_chars(space, common, k) for space in spaces)
    both = tuple(tuple(char for char in one if char in other) for one, other in zip(*found, strict=True))
    many = len(found[0][0])
    return EmbeddingComparison(
        chars=common,
        procrustes=procrustes(*(space.vectors for space in spaces), draws=draws),
        neighbours=found,
        both=both,
        shared=sum(map(len, both)) / (many * len(common)),
        chance=many / (len(common) - 1),
        k=many,
    )


def _nearest_chars(space: Space, common: Sequence[str], k: int) -> tuple[tuple[str, ...], ...]:
    points: list[list[int]] = nearest(space, k).points.tolist()
    return tuple(tuple(common[i] for i in row) for row in points)


# -- everything --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Comparison(Result):
    """Two models on one text."""

    predictions: PredictionComparison
    """What they expected of each character."""
    heads: HeadSimilarity | None
    """Where their heads look; None where that can't be compared."""
    embeddings: EmbeddingComparison | None
    """Their token embeddings; None where these can't be compared."""
    notes: tuple[str, ...]
    """Sentences on what is compared only in part or not at all, and why."""


def compare(
    a: GPT, b: GPT, text: Text, k: int = 5, names: tuple[str, str] = NAMES, max_bytes: int = MAX_BYTES
) -> Comparison:
    """Two models on one text: what they expect of it, where their heads look, and how their embeddings lie.

    Args:
        text: at least two characters, all known to both; of any length. Ids only where both have one vocabulary.
        k: how many neighbours of each character are compared.
        names: what sentences call the models.
        max_bytes: the memory beyond which a request is refused.

    Raises:
        ValueError: fewer than two characters, one that a model does not know, ids where the vocabularies differ, no
            character that both know, or more memory needed than max_bytes.
        IndexError: an id is outside the vocabulary.
    """
    expected = compare_predictions(a, b, text, names, max_bytes)
    notes = list(notes_on(a, b, len(expected.chars), names))
    T = min(a.block_size, b.block_size)
    heads = embeddings = None
    if T >= 2:
        read = [ids[-T:] for ids in _ids(a, b, text, names, least=2)]
        heads = head_similarity(a, b, *read, max_bytes=max_bytes)
    try:
        embeddings = compare_embeddings(a, b, k, names=names)
    except ValueError as error:
        notes.append(f"{str(error)[:1].upper()}{str(error)[1:]}.")
    return Comparison(expected, heads, embeddings, tuple(notes))


def notes_on(
    a: GPT, b: GPT, length: int = 0, names: tuple[str, str] = NAMES, about: Sequence[str] = ABOUT
) -> tuple[str, ...]:
    """Sentences on what of two models can be compared only in part, or not at all, and why.

    Args:
        length: of the text.
        about: what is compared, of `ABOUT`.
    """
    common, *_ = _common(a, b, names)
    notes, T = [], min(a.block_size, b.block_size)
    for model, name in zip((a, b), names, strict=True):
        own = [char for char in _vocabulary(model) if char not in set(common)]
        if own and "predictions" in about:
            notes.append(
                f"Only {name} knows {_listed(own)}: what it expects of these has nothing to be compared with, so the "
                f"divergence is over the {plural(len(common), 'character')} that both know."
            )
        elif own and "embeddings" in about:
            notes.append(f"Only {name} knows {_listed(own)}: not compared.")
    if length > T and ("predictions" in about or "heads" in about):
        sees = f"{names[0]} sees at most {plural(a.block_size, 'character')} at a time, {names[1]} {b.block_size:,}."
        notes.append(f"The text has {plural(length, 'character')}, and {sees}")
        if "heads" in about:
            on = f"the last {T:,} characters" if T > 1 else "nothing: one character can only look at itself"
            notes[-1] += f" Their heads are compared on {on}."
    if a.config.n_embd != b.config.n_embd and "embeddings" in about:
        notes.append(
            f"The embeddings have {a.config.n_embd:,} and {b.config.n_embd:,} numbers; the shorter ones get zeros for "
            "the missing ones, which changes no distance."
        )
    return tuple(notes)


def _listed(chars: Sequence[str]) -> str:
    more = f" and {len(chars) - NAMED:,} more" if len(chars) > NAMED else ""
    return ", ".join(map(display, chars[:NAMED])) + more


def _vocabulary(model: GPT) -> Sequence[str]:
    """The characters that a model knows; of a model without a vocabulary, its ids as text."""
    return model.config.chars if model.config.chars is not None else chars_of(model, torch.arange(model.vocab_size))


def _common(
    a: GPT, b: GPT, names: tuple[str, str], most: int | None = None
) -> tuple[tuple[str, ...], torch.Tensor, torch.Tensor]:
    """The characters that both know, in a's order, and their ids in a and in b. Raises ValueError if there are none."""
    if (a.config.chars is None) != (b.config.chars is None):
        without = names[a.config.chars is not None]
        raise ValueError(f"{without} has no vocabulary, so it is not known which characters its ids mean")
    ids = {char: i for i, char in enumerate(_vocabulary(b))}
    found = [(char, i, ids[char]) for i, char in enumerate(_vocabulary(a)) if char in ids][:most]
    if not found:
        raise ValueError(f"{names[0]} and {names[1]} have no character in common")
    chars, first, second = zip(*found, strict=True)
    return chars, torch.tensor(first), torch.tensor(second)


def _ids(a: GPT, b: GPT, text: Text, names: tuple[str, str], least: int) -> list[torch.Tensor]:
    """The ids (T,) of a text in both models' vocabularies. Raises ValueError where a model does not know them all."""
    if not isinstance(text, str) and a.config.chars != b.config.chars:
        raise ValueError(f"ids mean other characters in {names[0]} than in {names[1]}; pass the text itself")
    found = []
    for model, name in zip((a, b), names, strict=True):
        try:
            found.append(long_ids(model, text, least))
        except UnknownCharacterError as error:
            raise ValueError(f"{name} can't read the text. {error}") from None
    return found
