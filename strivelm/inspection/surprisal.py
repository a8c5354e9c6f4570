"""How much each character of a text surprised the model, and how much context lowers the surprisal.

The surprisal of a character is -ln p in nats, p being the probability that it had before it came; its mean over a text
is the loss. Beside it stands what n-gram tables of the training text say of the same character
(`strivelm.data.ngrams`).

A text longer than the model's context T is read in windows, each from position 0 on. With a stride s, window k reads
the T characters from k s on, and what an earlier window has not predicted yet is predicted by it:

    s = T              windows side by side: each character is predicted once, with 1 to T characters before it in view;
                       the mean is `strivelm.training.evaluation.evaluate`'s loss
    s = T - T//2 + 1   as the model writes (`strivelm.decoder.Decoder`): never fewer than T//2 in view after the
                       beginning, so a text that the model wrote has the surprisals that it was written with
    s = 1              always as much in view as there can be; T times the work
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated

import torch
import torch.nn.functional as F

from strivelm.data.corpus import batch
from strivelm.data.ngrams import NGrams
from strivelm.inspection.forward import Text, chars_of, embedded, forward_pass, last_of, long_ids
from strivelm.inspection.results import Result, exact
from strivelm.model import GPT

AT_ONCE = 1 << 24
"""How many numbers a batch of windows may make of scores and logits."""
A_STEP = 2048
"""After how many characters the loss by position is told again."""

# -- a text ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Surprisal(Result):
    """How much each character of a text surprised the model, and tables that only count. The first has nan: nothing
    came before it."""

    ids: Annotated[torch.Tensor, "position"]
    """(T,) The characters' ids."""
    chars: Annotated[tuple[str, ...], "position"]
    """(T,) The characters; of a model without a vocabulary, their ids as text."""
    model: Annotated[torch.Tensor, "position"]
    """(T,) -ln of the model's probability, in nats."""
    entropy: Annotated[torch.Tensor, "position"]
    """(T,) The surprisal that the model expected there, Σ -p ln p: near 0 where it was sure."""
    rank: Annotated[torch.Tensor, "position"]
    """(T,) How many characters the model found likelier, 0 for its first choice; -1 for the first character."""
    seen: Annotated[torch.Tensor, "position"]
    """(T,) How many characters before it the model had in view."""
    mean: float
    """The model's mean, nats per character."""
    table_names: Annotated[tuple[str, ...], "table"]
    """(K,) The n-gram tables, from uniform to the longest; empty where there are none."""
    tables: Annotated[torch.Tensor, "table", "position"]
    """(K, T) -ln of each table's probability; nan for the first n - 1 characters."""
    table_means: Annotated[torch.Tensor, "table"]
    """(K,) Each table's mean over the characters that it predicts; nan where the text is too short for it."""
    note: str
    """What is missing, in a sentence; "" where nothing is."""


def surprisal(model: GPT, text: Text, ngrams: NGrams | None = None, stride: int | None = None) -> Surprisal:
    """How much each character of a text, from the second on, surprised the model.

    Args:
        text: characters or ids of any length, at least two.
        ngrams: tables of the text that the model was trained on, of its vocabulary.
        stride: how far apart windows begin where the text is longer than the context, from 1 to T; None for as far as
            the model's own writing would have them.

    Raises:
        ValueError: fewer than two characters, an unknown one (UnknownCharacterError), no ids, tables of another
            vocabulary, or a stride that is too small or too large.
        IndexError: an id is outside the vocabulary.
    """
    T = model.block_size
    stride = usual_stride(T) if stride is None else stride
    if not 1 <= stride <= T:
        raise ValueError(f"stride is {stride!r}; expected a whole number from 1 to the context, {T}")
    if ngrams is not None and ngrams.vocab_size != model.vocab_size:
        raise ValueError(
            f"the n-gram tables know {ngrams.vocab_size:,} characters, the model {model.vocab_size:,}; take its own"
        )
    ids = long_ids(model, text, least=2)
    numbers = F.pad(in_windows(model, ids, stride, _numbers), (1, 0), value=math.nan)  # (4, T)
    tables = {} if ngrams is None else {name: torch.from_numpy(x) for name, x in ngrams.surprisal(ids).items()}
    losses = torch.stack(list(tables.values())) if tables else torch.zeros(0, len(ids), dtype=torch.float64)
    return Surprisal(
        ids=ids,
        chars=chars_of(model, ids),
        model=numbers[0],
        entropy=numbers[1],
        rank=numbers[2].nan_to_num(-1).long(),
        seen=numbers[3].nan_to_num(0).long(),
        mean=numbers[0, 1:].mean().item(),
        table_names=tuple(tables),
        tables=losses,
        table_means=losses.nanmean(1),
        note="" if tables else "There are no n-gram tables of the training text to compare the model with.",
    )


Score = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""Of ln p (B, length, V) and the ids (B, length) that came, numbers (K, B, length)."""


def in_windows(model: GPT, ids: torch.Tensor, stride: int, score: Score) -> torch.Tensor:
    """What a score gives for the predictions (K, T - 1) of ids (T,) from the second on, read in windows."""
    length = min(model.block_size, len(ids) - 1)
    starts = torch.arange(0, len(ids) - length, stride)
    parts = [_scored(model, ids, starts, length, score)]
    left = len(ids) - 1 - int(starts[-1]) - length  # what no whole window has predicted
    if left:
        last = int(starts[-1]) + stride
        parts.append(_scored(model, ids, torch.tensor([last]), len(ids) - 1 - last, score))
    news = [parts[0][:, 0], parts[0][:, 1:, length - stride :].flatten(1)]  # of each window what is new in it
    if left:
        news.append(parts[1][:, 0, -left:])
    return torch.cat(news, 1)


def _numbers(log_p: torch.Tensor, came: torch.Tensor) -> torch.Tensor:
    """Surprisal, entropy, rank and characters in view (4, B, length)."""
    own = log_p.gather(-1, came[..., None])
    in_view = torch.arange(1.0, came.shape[1] + 1).expand(len(came), -1)
    entropy = -torch.xlogy(log_p.exp(), log_p.exp()).sum(-1)
    return torch.stack([-own[..., 0], entropy, (log_p > own).sum(-1), in_view])


@torch.no_grad()
def _scored(model: GPT, ids: torch.Tensor, starts: torch.Tensor, length: int, score: Score) -> torch.Tensor:
    """What a score gives (K, W, length) for the predictions of windows that begin at starts (W,), in float64."""
    each = length * (model.vocab_size + model.config.n_head * length)
    found = []
    for some in starts.split(max(1, AT_ONCE // each)):
        inputs, targets = batch(ids, some, length)
        # (B, length, V)
        log_p = exact(last_of(forward_pass(model, embedded(model, inputs), names=()))).log_softmax(-1)
        found.append(score(log_p, targets))
    return torch.cat(found, 1)


def usual_stride(T: int) -> int:
    """How far apart windows begin where a model of context T writes."""
    return T - max(T // 2, 1) + 1


# -- how far back it looks ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class PositionLoss(Result):
    """The loss by how many characters the model had in view: how much context it really uses.

    Standard errors are over windows: s/√W, with s the deviation between them. They say how far the mean may be from
    that over all text of this kind, and are nan where there is one window.
    """

    seen: Annotated[torch.Tensor, "position"]
    """(T,) 1, 2 … T characters in view."""
    mean: Annotated[torch.Tensor, "position"]
    """(T,) Mean surprisal of the character that comes next, in nats."""
    error: Annotated[torch.Tensor, "position"]
    """(T,) Its standard error."""
    least: Annotated[torch.Tensor, "bin"]
    """(K,) Taken together in bins, 1, 2, 3-4, 5-8, 9-16 …: the fewest characters in view."""
    most: Annotated[torch.Tensor, "bin"]
    """(K,) The most."""
    bin_mean: Annotated[torch.Tensor, "bin"]
    """(K,) Mean surprisal."""
    bin_error: Annotated[torch.Tensor, "bin"]
    """(K,) Its standard error."""
    enough: int
    """The fewest characters in view beyond which more of them are not seen to help: where the first bin begins that is
    within two standard errors (of the difference, √(e² + e²)) of the last one. A longer text may show more."""
    loss: float
    """Mean surprisal over all windows read."""
    windows: int
    """How many have been read."""
    windows_in_all: int
    """How many there are to read."""


def loss_by_position(
    model: GPT, text: Text, most: int | None = None, stride: int | None = None, seed: int = 0
) -> Iterator[PositionLoss]:
    """Yields the loss at each position of the model's context after every few windows of a text.

    The windows come in random order: those read so far are a fair sample of all, and a reader can stop at any time.

    Args:
        text: characters or ids of any length, best validation text; at least two.
        most: of more windows than this, so many are read.
        stride: how far apart windows begin; None for side by side. With less than that, one text gives more windows
            and each position its own character in all of them, but neighbouring windows share what they read.
        seed: of the windows' order.

    Raises:
        ValueError: fewer than two characters, an unknown one (UnknownCharacterError), no ids, no windows or stride.
        IndexError: an id is outside the vocabulary.
    """
    for name, value in (("most", most), ("stride", stride)):
        if value is not None and value < 1:
            raise ValueError(f"{name} is {value!r}; expected a whole number from 1")
    ids = long_ids(model, text, least=2)
    length = min(model.block_size, len(ids) - 1)
    starts = torch.arange(0, len(ids) - length, stride or length)
    starts = starts[torch.randperm(len(starts), generator=torch.Generator().manual_seed(seed))[:most]]
    return _by_position(model, ids, starts, length)


def _by_position(model: GPT, ids: torch.Tensor, starts: torch.Tensor, length: int) -> Iterator[PositionLoss]:
    losses = torch.zeros(0, length, dtype=torch.float64)
    for some in starts.split(max(1, A_STEP // length)):
        losses = torch.cat([losses, _scored(model, ids, some, length, _numbers)[0]])
        yield _summary(losses, len(starts))


def _summary(losses: torch.Tensor, in_all: int) -> PositionLoss:
    """What the losses (W, T) of windows say."""
    W, T = losses.shape
    edges = [0, *(1 << k for k in range(T.bit_length()) if 1 << k < T), T]
    bins = torch.stack([losses[:, a:b].mean(1) for a, b in pairwise(edges)], 1)  # (W, K)
    (mean, error), (bin_mean, bin_error) = mean_and_error(losses), mean_and_error(bins)
    close = bin_mean - bin_mean[-1] <= 2 * (bin_error**2 + bin_error[-1] ** 2).sqrt().nan_to_num(0)
    return PositionLoss(
        seen=torch.arange(1, T + 1),
        mean=mean,
        error=error,
        least=torch.tensor(edges[:-1]) + 1,
        most=torch.tensor(edges[1:]),
        bin_mean=bin_mean,
        bin_error=bin_error,
        enough=edges[int(close.int().argmax())] + 1,
        loss=losses.mean().item(),
        windows=W,
        windows_in_all=in_all,
    )


def mean_and_error(values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The mean (K,) of values (W, K) over windows, and its standard error."""
    error = values.std(0) / math.sqrt(len(values)) if len(values) > 1 else torch.full_like(values[0], math.nan)
    return values.mean(0), error
