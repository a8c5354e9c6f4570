"""How often the page hears of what is being written, and when writing ends."""

import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from strivelm.ui import limits

T = TypeVar("T")


def paced(steps: Iterable[T], count: int) -> Iterator[tuple[list[T], float, str]]:
    """Yields (new steps, seconds since the beginning, ended) about every `limits.CLOCK` seconds, and at the end.

    ended is "" until the end; then "complete" after `count` steps, or "time" where `limits.SECONDS` are over before.
    """
    new, done = [], 0
    began = shown = time.perf_counter()
    for step in steps:
        new.append(step)
        done += 1
        now = time.perf_counter()
        if now - began > limits.SECONDS:
            break
        if now - shown >= limits.CLOCK and done < count:
            yield new, round(now - began, 3), ""
            shown, new = time.perf_counter(), []
    yield new, round(time.perf_counter() - began, 3), "complete" if done == count else "time"
