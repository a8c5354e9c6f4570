"""The memory that computations share: each takes its part before it begins, and waits while others have it."""

import ctypes
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from strivelm.ui.core.deadline import Left, Visit

TRIMMED = 50_000_000
"""After a computation of so many bytes, freed memory is given back to the machine."""
LOOK_AGAIN = 0.1
"""Seconds after which one that waits looks whether its visitor is still there."""


class MemoryShare:
    """So many bytes, taken in the order in which they are asked for. Safe for several threads."""

    def __init__(self, size: int):
        self.size, self.taken = size, 0
        self._waiting, self._changed = deque(), threading.Condition()

    @contextmanager
    def take(self, size: int, seconds: float, visit: Visit) -> Iterator[None]:
        """A block that has so many bytes.

        Raises ValueError, a sentence, if others have them for so many seconds, and Left if the visitor leaves.
        """
        size, until, ticket = min(size, self.size), time.monotonic() + seconds, object()
        if size:
            with self._changed:
                self._waiting.append(ticket)
                try:
                    while self._waiting[0] is not ticket or self.taken + size > self.size:
                        if visit.ended:
                            raise Left
                        if time.monotonic() > until:
                            raise ValueError("The page is busy: others look at large models. Try again in a moment.")
                        self._changed.wait(LOOK_AGAIN)
                    self.taken += size
                finally:
                    self._waiting.remove(ticket)
                    self._changed.notify_all()
        try:
            yield
        finally:
            if size:
                with self._changed:
                    self.taken -= size
                    self._changed.notify_all()
            if size > TRIMMED:
                give_back()


def give_back() -> None:
    """Gives freed memory back to the machine, where the C library can (glibc keeps it otherwise)."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
