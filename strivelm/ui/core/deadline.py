"""A time limit for work in this thread, on a CPU as well.

A single matrix product can't be interrupted, but between two lines of Python an exception can be raised in a thread
(`PyThreadState_SetAsyncExc`): work that exceeds its time ends at its next line, and the next request can run.
"""

import ctypes
import heapq
import itertools
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class OverTime(Exception):  # noqa: N818  (the name says what happened)
    """Work took longer than its time limit."""


class Left(Exception):  # noqa: N818
    """The visitor who wanted the work has left."""


class Visit:
    """What a visitor waits for; when the visitor leaves, the work that `deadline` watches for it ends at its next line.

    Safe for several threads.
    """

    def __init__(self):
        self._lock, self._stop, self.ended = threading.Lock(), None, False

    def leave(self) -> None:
        """Ends the work that is done for this visit now, and any further."""
        with self._lock:
            self.ended, stop = True, self._stop
        if stop:
            stop(Left)

    def watch(self, stop: "Callable[[type[Exception]], None] | None") -> None:
        """Says what ends the work that begins now; None when it has ended. Raises Left if the visitor has left."""
        with self._lock:
            self._stop = stop
            if stop and self.ended:
                raise Left


class _Watch:
    """One thread that ends work at its time, for all threads that work."""

    def __init__(self):
        self.changed, self.ends, self.numbers, self.thread = threading.Condition(), [], itertools.count(), None

    def add(self, seconds: float, stop: Callable[[type[Exception]], None]) -> None:
        """Has `stop` called after so many seconds."""
        with self.changed:
            heapq.heappush(self.ends, (time.monotonic() + seconds, next(self.numbers), stop))
            if self.thread is None or not self.thread.is_alive():  # a fork has no threads but its own
                self.thread = threading.Thread(target=self._run, daemon=True, name="deadlines")
                self.thread.start()
            self.changed.notify()

    def _run(self):
        while True:
            with self.changed:
                while not self.ends or self.ends[0][0] > time.monotonic():
                    self.changed.wait(self.ends[0][0] - time.monotonic() if self.ends else None)
                *_, stop = heapq.heappop(self.ends)
            stop(OverTime)


_watch = _Watch()
if hasattr(os, "register_at_fork"):  # of a fork's threads there is one, so a lock that another held is never released
    os.register_at_fork(after_in_child=_watch.__init__)


@contextmanager
def deadline(seconds: float, visit: Visit | None = None) -> Iterator[None]:
    """Raises OverTime inside the block after `seconds`, and Left when the visitor has left."""
    thread, lock = threading.get_ident(), threading.Lock()
    running, stopped = True, False

    def stop(why: type[Exception]):
        nonlocal stopped
        with lock:
            if running and not stopped:
                stopped = True
                _raise_in(thread, why)

    try:
        with lock:  # nothing is raised before the work has begun
            if visit:
                visit.watch(stop)
            _watch.add(max(seconds, 0.0), stop)
        yield
    finally:
        with lock:
            running = False
        if visit:
            visit.watch(None)
        if stopped:
            _raise_in(thread, None)  # an exception that was set but not raised yet must not hit later code


def _raise_in(thread: int, error: type[BaseException] | None) -> None:
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(error) if error else None)
