"""N-gram tables, whose losses are the ladder that a network's loss is compared with.

An n-gram table predicts a character from the n - 1 before it, by how often it came after them in the training text,
with additive smoothing (Lidstone): (count + α) / (count of the context + α V).

`NGrams` keeps all counts, compactly enough for a model's folder (tiny Shakespeare's up to 5-grams: 0.93 MB), and gives
each character's surprisal; `ladder` gives the tables' mean surprisals over validation text.
"""

import math
import reprlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from safetensors import SafetensorError, deserialize
from safetensors.numpy import save

if TYPE_CHECKING:
    import torch

    Ids = Sequence[int] | np.ndarray | torch.Tensor

SMOOTHING = {"unigram": (1, 1.0), "bigram": (2, 1.0), "trigram": (3, 0.1), "4-gram": (4, 0.1), "5-gram": (5, 0.01)}
"""Each table's n and its α."""
MAX_CHARACTERS = 5_000_000
"""How many characters of a text are read at most: they take a few seconds and some hundred megabytes."""
LONGEST = max(n for n, _ in SMOOTHING.values())
"""The longest runs of characters that are counted."""
MAX_FILE_BYTES = 10_000_000
"""The size limit of a file of n-grams, in bytes; the unigrams of all of Unicode fit."""
FILE_TYPES = {"U8": np.dtype("<u1"), "U16": np.dtype("<u2"), "U32": np.dtype("<u4")}


def ladder(train: "Ids", validation: "Ids", vocab_size: int) -> dict[str, float]:
    """Nats per character of validation text, for uniform guessing and for each n-gram table that the texts are long
    enough for.

    A table of n-grams predicts every validation character that has n - 1 others before it. Of texts beyond
    MAX_CHARACTERS the beginnings are read.
    """
    if not len(train):
        return {"uniform": math.log(vocab_size)}
    return _means(count_ngrams(train, vocab_size, max_bytes=sys.maxsize), validation)


def ladder_of(tables: "NGrams", train: "Ids", validation: "Ids") -> dict[str, float]:
    """What `ladder` gives, computed from existing counts of the training text if they are complete, which is faster."""
    whole = tables.longest == min(LONGEST, len(train))
    return _means(tables, validation) if whole else ladder(train, validation, tables.vocab_size)


def _means(tables: "NGrams", validation: "Ids") -> dict[str, float]:
    losses = tables.surprisal(validation[:MAX_CHARACTERS])
    means = {name: float(losses[name][n - 1 :].mean()) for name, n in tables.orders if len(validation) >= n}
    return {"uniform": math.log(tables.vocab_size)} | means


# -- tables to keep ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class NGrams:
    """How often characters follow each other in a text. `count_ngrams` makes it, `from_bytes` reads it.

    The counts of shorter runs follow from those of the longest: every run of k characters is the beginning of a longer
    one, except at the text's end.
    """

    vocab_size: int
    """How many characters there are (V)."""
    grams: np.ndarray
    """(N, n) Each different run of n characters in the text, as ids, sorted."""
    counts: np.ndarray
    """(N,) How often each occurs."""
    tail: np.ndarray
    """(n - 1,) The text's last characters, at which no run of n begins."""

    @property
    def longest(self) -> int:
        """The n of the longest table."""
        return self.grams.shape[1]

    @property
    def characters(self) -> int:
        """How long the text was."""
        return int(self.counts.sum(dtype=np.int64)) + len(self.tail)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the tables: uniform, then those of SMOOTHING up to the longest."""
        return ("uniform", *(name for name, _ in self.orders))

    @property
    def orders(self) -> tuple[tuple[str, int], ...]:
        """The name of each n-gram table, with its n."""
        return tuple((name, n) for name, (n, _) in SMOOTHING.items() if n <= self.longest)

    def table(self, n: int) -> tuple[np.ndarray, np.ndarray]:
        """Each different run of n characters as ids (K, n), sorted, and how often it occurs (K,).

        Raises ValueError where n is not from 1 to `longest`.
        """
        if not 1 <= n <= self.longest:
            raise ValueError(f"there is no table of {n}-grams here; n goes from 1 to {self.longest}")
        counts = self._levels[n - 1][1]
        at, columns = np.arange(len(counts)), []
        for keys, _ in self._levels[n - 1 :: -1]:
            at, column = np.divmod(keys[at], self.vocab_size)
            columns.append(column)
        return np.stack(columns[::-1], axis=1), counts

    def surprisal(self, text: "Ids") -> dict[str, np.ndarray]:
        """-ln p of each character by each table, in nats: arrays (M,) in float64, nan for the first n - 1 characters.

        Args:
            text: ids (a list, array or tensor), shape (M,).

        Raises:
            ValueError: an id is outside the vocabulary.
        """
        ids = _checked(text, self.vocab_size)
        found = {"uniform": np.full(len(ids), math.log(self.vocab_size))}
        runs = np.zeros(len(ids) + 1, dtype=np.int64)  # the index of the run that begins at each place, -1 for none
        for n, (keys, counts) in enumerate(self._levels, 1):
            contexts = runs[: max(0, len(ids) - n + 1)]
            runs = _indices_of(keys, np.where(contexts < 0, -1, contexts * self.vocab_size + ids[n - 1 :]))
            followed = np.bincount(keys // self.vocab_size, counts)  # how often any character comes after each context
            seen_context, seen_gram = _counted(followed, contexts), _counted(counts, runs)
            for name, (order, alpha) in SMOOTHING.items():
                if order == n:
                    losses = -np.log((seen_gram + alpha) / (seen_context + alpha * self.vocab_size))
                    found[name] = np.concatenate([np.full(len(ids) - len(losses), np.nan), losses])
        return found

    @cached_property
    def _levels(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """For each n: keys, sorted, and counts. The run at place i of a level is the run of one character less at
        place keys[i] // V of the level before, and the character keys[i] % V."""
        levels = []
        runs, ends = np.zeros(len(self.grams), dtype=np.int64), np.zeros(len(self.tail) + 1, dtype=np.int64)
        for n in range(1, self.longest + 1):
            ends = ends[: len(self.tail) + 1 - n]
            codes = [runs * self.vocab_size + self.grams[:, n - 1], ends * self.vocab_size + self.tail[n - 1 :]]
            keys, numbers = np.unique(np.concatenate(codes), return_inverse=True)
            runs, ends = np.split(numbers, [len(runs)])
            counts = np.bincount(runs, self.counts, len(keys)) + np.bincount(ends, minlength=len(keys))
            levels.append((keys, counts.astype(np.int64)))
        return levels

    def to_bytes(self) -> bytes:
        """The file's content: a safetensors file of grams, counts and tail, each in the smallest type that holds it."""
        return save({"grams": self.grams, "counts": self.counts, "tail": self.tail})

    @classmethod
    def from_bytes(cls, content: bytes, vocab_size: int) -> "NGrams":
        """The n-grams in a file, whose content is checked, as it may come from anybody.

        Args:
            vocab_size: how many characters the model of this file knows.

        Raises:
            ValueError: too large, no safetensors file, or not what `to_bytes` writes for this vocabulary.
        """
        grams, counts, tail = _unpacked(content, vocab_size)
        _checked(np.concatenate([grams.ravel(), tail]), vocab_size, "the n-gram file's ids")
        if not counts.all() or counts.sum(dtype=np.int64) > MAX_CHARACTERS:
            raise ValueError(f"the n-gram file's counts must be at least 1 each and at most {MAX_CHARACTERS:,} in all")
        before, after = grams[:-1], grams[1:]
        differ = np.arange(len(after)), (before != after).argmax(axis=1)  # the first place where neighbours differ
        if not (before[differ] < after[differ]).all():
            raise ValueError("the n-gram file's grams are not sorted, or one occurs twice; it is damaged")
        return cls(vocab_size, grams, counts, tail)


def count_ngrams(train: "Ids", vocab_size: int, longest: int = LONGEST, max_bytes: int = MAX_FILE_BYTES) -> NGrams:
    """The counts of a text's runs of `longest` characters, or of fewer if the text or max_bytes is too small.

    Rare runs are kept, as the probabilities would change without them. Of a text beyond MAX_CHARACTERS the beginning
    is counted.

    Args:
        train: ids (a list, array or tensor), shape (N,).
        max_bytes: the size limit of the file; unigrams are kept in any case.

    Raises:
        ValueError: no characters, an id outside the vocabulary, or longest is not from 1 to 5.
    """
    if not 1 <= longest <= LONGEST:
        raise ValueError(f"longest is {longest!r}; expected a whole number from 1 to {LONGEST}")
    ids = _checked(train[:MAX_CHARACTERS], vocab_size)
    if not len(ids):
        raise ValueError("the text is empty; at least one character is needed to count")
    runs, kept = np.zeros(len(ids), dtype=np.int64), None
    for n in range(1, min(longest, len(ids)) + 1):
        codes = runs[: len(ids) - n + 1] * vocab_size + ids[n - 1 :]
        _, first, runs, counts = np.unique(codes, return_index=True, return_inverse=True, return_counts=True)
        counts = counts.astype(np.min_scalar_type(counts.max()))
        size = len(counts) * (n * _id_type(vocab_size).itemsize + counts.itemsize)
        if kept is not None and size > max_bytes - 1000:  # leaves space for the file's header
            break
        kept = n, first, counts
    assert kept is not None  # single characters always are
    n, first, counts = kept
    ids = ids.astype(_id_type(vocab_size))
    return NGrams(vocab_size, ids[first[:, None] + np.arange(n)], counts, ids[len(ids) - n + 1 :])


def _id_type(vocab_size: int) -> np.dtype:
    return np.min_scalar_type(vocab_size - 1)


def _checked(text: "Ids", vocab_size: int, what: str = "the text's ids") -> np.ndarray:
    ids = np.asarray(text).astype(np.int64)
    if len(ids) and not 0 <= ids.min() <= ids.max() < vocab_size:
        raise ValueError(f"{what} go from {ids.min()} to {ids.max()}; expected ids from 0 to {vocab_size - 1}")
    return ids


def _indices_of(keys: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The index of each wanted key among the sorted keys; -1 if it is not there."""
    at = np.searchsorted(keys, wanted).clip(max=len(keys) - 1)
    return np.where(keys[at] == wanted, at, -1)


def _counted(counts: np.ndarray, places: np.ndarray) -> np.ndarray:
    """The counts at these places; 0 at place -1, and beyond the last one."""
    return np.append(counts, 0)[np.where(places < len(counts), places, -1)]


def _unpacked(content: bytes, vocab_size: int) -> list[np.ndarray]:
    """Grams, counts and tail as a file holds them, their names, types and shapes checked, but not their values."""
    if len(content) > MAX_FILE_BYTES:
        raise ValueError(f"the n-gram file has {len(content):,} bytes; expected at most {MAX_FILE_BYTES:,}")
    try:
        tensors = dict(deserialize(content))
    except SafetensorError as error:
        raise ValueError(f"the n-gram file is no readable safetensors file: {error}") from None
    if tensors.keys() != {"grams", "counts", "tail"}:
        names = reprlib.repr(sorted(tensors))
        raise ValueError(f"the n-gram file holds {names}; expected counts, grams and tail")
    grams, counts, tail = (tensors[name] for name in ("grams", "counts", "tail"))
    shapes = [tuple(tensor["shape"]) for tensor in (grams, counts, tail)]
    N, n = shapes[0] if len(shapes[0]) == 2 else (0, 0)
    if not (N >= 1 and 1 <= n <= LONGEST and shapes[1:] == [(N,), (n - 1,)]):
        raise ValueError(
            f"the n-gram file's shapes are {reprlib.repr(shapes)}; expected (N, n), (N,) and (n - 1,) "
            f"with N at least 1 and n from 1 to {LONGEST}"
        )
    types = [tensor["dtype"] for tensor in (grams, tail, counts)]
    expected = next(name for name, dtype in FILE_TYPES.items() if dtype == _id_type(vocab_size))
    if types[:2] != [expected, expected] or types[2] not in FILE_TYPES:
        raise ValueError(
            f"the n-gram file's grams, tail and counts are {', '.join(types)}; expected {expected} for the ids of "
            f"{vocab_size:,} characters, and one of {', '.join(FILE_TYPES)} for counts"
        )
    return [
        np.frombuffer(tensor["data"], FILE_TYPES[tensor["dtype"]]).reshape(tensor["shape"])
        for tensor in (grams, counts, tail)
    ]
