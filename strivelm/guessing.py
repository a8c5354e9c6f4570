"""Guesses at the next character (`guessing.c`), of which the decoder in C reads some beside each character it writes.

A right one saves a pass over the weights: this is speculative decoding (Leviathan et al. 2023) with counts for a draft,
and what is drawn decides which guesses were right. So what is written does not depend on them.
"""

import ctypes
import threading
import weakref
from collections.abc import Callable, Sequence

import numpy as np

from strivelm import native
from strivelm.data.ngrams import NGrams

ORDER = 4
"""The most characters that a guess follows from (`guessing.c`)."""
OFTEN = 2
"""How often a character has to come after others before it is guessed from the text that the model learnt from."""


class Guesses:
    """What mostly comes next after up to ORDER characters: in texts that were written, and in counted ones.

    For several threads at once. Raises `native.UnavailableError` where C can't serve.
    """

    def __init__(self):
        self._library = native.library()
        self._memory = native.Memory(self._library.strivelm_guesses_bytes(), "a table of guesses")
        self.address = self._memory.address

    def after(self, ids: Sequence[int]) -> int | None:
        """The id that is guessed to come after others; None where nothing like it was met."""
        last = (ctypes.c_int32 * len(ids))(*ids)
        found = self._library.strivelm_guess(self.address, ctypes.addressof(last) + ctypes.sizeof(last), len(ids))
        return None if found < 0 else found

    def teach(self, tables: NGrams) -> None:
        """Has what mostly comes next in a counted text guessed."""
        starts = tables.grams.astype(np.int32)  # sorted, so that equal beginnings stand together
        for order in range(1, min(ORDER, tables.longest - 1) + 1):
            first = _changes(starts[:, : order + 1])
            runs, times = starts[first], np.add.reduceat(tables.counts.astype(np.int64), first)
            often = times >= OFTEN
            runs, times = runs[often], np.minimum(times[often], 0xFFFF).astype(np.int32)
            by_times = np.lexsort((-times, *runs[:, :order].T[::-1]))
            runs, times = runs[by_times], times[by_times]
            best = _changes(runs[:, :order]) if len(runs) else []
            contexts, ids = np.ascontiguousarray(runs[best, :order]), np.ascontiguousarray(runs[best, order])
            times = np.ascontiguousarray(times[best])
            where = contexts.ctypes.data, ids.ctypes.data, times.ctypes.data
            self._library.strivelm_teach(self.address, len(ids), order, *where)


def _changes(rows: np.ndarray) -> np.ndarray:
    """The indices of the rows (N, n) that differ from the row before; the first is one."""
    return np.flatnonzero(np.append(True, (rows[1:] != rows[:-1]).any(axis=1)))


_lock = threading.Lock()
_tables: "weakref.WeakKeyDictionary[object, Callable[[], NGrams | None]]" = weakref.WeakKeyDictionary()
_guesses: "weakref.WeakKeyDictionary[object, Guesses]" = weakref.WeakKeyDictionary()


def counted(model, tables: Callable[[], NGrams | None]) -> None:
    """Says how often characters follow each other in the text that a model learnt from; asked when it first writes.

    tables may not hold the model. Where it raises, nothing is known.
    """
    with _lock:
        _tables[model] = tables


def guesses_of(model) -> Guesses:
    """The guesses for a model's texts, the same for all of them. Raises `native.UnavailableError`."""
    with _lock:
        if model not in _guesses:
            found = _guesses[model] = Guesses()
            try:
                known = _tables[model]() if model in _tables else None
            except Exception:  # a damaged file is said where its counts are shown; texts need none
                known = None
            if known is not None:
                found.teach(known)
        return _guesses[model]
