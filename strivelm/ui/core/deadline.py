"""A time limit for work in this thread, on a CPU as well.

A single matrix product can't be interrupted, but between two lines of Python an exception can be raised in a thread
(`PyThreadState_SetAsyncExc`): work that exceeds its time ends at its next line, and the next request can run.
"""

import ctypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class OverTime(Exception):  # noqa: N818  (the name says what happened)
    """Work took longer than its time limit."""


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Raises OverTime inside the block after `seconds`."""
    thread, lock = threading.get_ident(), threading.Lock()
    running, stopped = True, False

    def stop():
        nonlocal stopped
        with lock:
            if running:
                stopped = True
                _raise_in(thread, OverTime)

    timer = threading.Timer(max(seconds, 0.0), stop)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        with lock:
            running = False
        timer.cancel()
        if stopped:
            _raise_in(thread, None)  # an exception that was set but not raised yet must not hit later code


def _raise_in(thread: int, error: type[BaseException] | None) -> None:
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(error) if error else None)
