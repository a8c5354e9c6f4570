"""A limit of time for work that runs in this thread, on a CPU as well.

Nobody can interrupt a single product of matrices, but between two lines of Python a thread can be told to stop
(`PyThreadState_SetAsyncExc`): so work that goes over its time ends at its next line, and its place is free again.
"""

import ctypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class OverTime(Exception):  # noqa: N818  (what happened, not an error of anybody's)
    """Work took longer than it may."""


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Ends what runs inside with OverTime after so many seconds."""
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
            _raise_in(thread, None)  # one that was sent and has not arrived must not strike what comes next


def _raise_in(thread: int, error: type[BaseException] | None) -> None:
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(error) if error else None)
