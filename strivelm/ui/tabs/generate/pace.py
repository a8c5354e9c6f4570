"""How often the page hears of what is being written, and when writing ends."""

import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing

from strivelm.generation import SamplingConfig, Step, generate
from strivelm.model import GPT
from strivelm.scheduler import Scheduler, scheduler_of, side_by_side
from strivelm.ui import limits

Rows = tuple[list[tuple[Step, ...]], float, str]
"""New steps, place by place, of each text that is written; seconds since the beginning; why the writing ended.

The reason is "" until the end; then "complete", or "time" where `limits.SECONDS` are over before.
"""

_turns = threading.BoundedSemaphore(limits.CONCURRENT)
"""Those who write with torch take turns of `limits.CLOCK` seconds: more at once would only hold each other up."""


def written(
    model: GPT,
    ids: Sequence[int],
    configs: Sequence[SamplingConfig],
    otherwise: Callable[[], Iterable[Sequence[Step]]],
    *,
    first: int = 0,
    forced: dict[int, int] | None = None,
    off: Sequence[Sequence[tuple[int, int]]] = (),
) -> Iterator[Rows]:
    """Yields what several settings write after ids, about every `limits.CLOCK` seconds.

    All visitors who write on one model are written together (`strivelm.scheduler`).

    Args:
        otherwise: gives the steps where that can't be, such as on a GPU.
        off: for each of configs, what is switched off, as in `strivelm.decoder.Decoder`.
    """
    count, scheduler = configs[0].max_new_tokens, scheduler_of(model, frozen=True)
    if scheduler is None:
        yield from paced(map(tuple, otherwise()), count)
        return
    parts = off or [()] * len(configs)
    writings = [
        scheduler.write(ids, config, first=first, forced=forced, off=some)
        for config, some in zip(configs, parts, strict=True)
    ]
    with closing(side_by_side(writings, limits.CLOCK)) as coming:
        yield from _arriving(coming, count, scheduler)


def written_by(models: Sequence[GPT], ids: Sequence[Sequence[int]], config: SamplingConfig) -> Iterator[Rows]:
    """Yields what several models write, each after its own ids, as `written` does; one stream of random numbers chooses
    the characters of all."""
    found = [scheduler_of(model, frozen=True) for model in models]
    schedulers = [one for one in found if one is not None]
    if len(schedulers) < len(models):
        steps = zip(*(generate(model, these, config) for model, these in zip(models, ids, strict=True)), strict=True)
        yield from paced(steps, config.max_new_tokens)
        return
    writings = [scheduler.write(these, config) for scheduler, these in zip(schedulers, ids, strict=True)]
    with closing(side_by_side(writings, limits.CLOCK)) as coming:
        yield from _arriving(coming, config.max_new_tokens, max(schedulers, key=len))


def _arriving(coming: Iterator[list[tuple[Step, ...]]], count: int, scheduler: Scheduler) -> Iterator[Rows]:
    """What is new at most 25 times a second, and less often where many write."""
    began, done, waiting, shown = time.perf_counter(), 0, [], -math.inf
    for rows in coming:
        waiting += rows
        done += len(rows)
        now, pause = time.perf_counter() - began, limits.clock(len(scheduler))
        if done >= count or (done and now > limits.SECONDS):
            break
        if waiting and now >= shown + pause:
            yield waiting, round(now, 3), ""
            shown, waiting = now, []
        time.sleep(max(0.0, shown + pause - (time.perf_counter() - began)))
    yield waiting, round(time.perf_counter() - began, 3), "complete" if done >= count else "time"


def paced(steps: Iterable[tuple[Step, ...]], count: int) -> Iterator[Rows]:
    """Yields what comes of steps that are computed as they are asked for."""
    steps, done, ended, began = iter(steps), 0, "", time.perf_counter()
    while not ended:
        new = []
        with _turns:
            shown = time.perf_counter()
            for step in steps:
                new.append(step)
                now = time.perf_counter()
                if now - shown >= limits.CLOCK or now - began > limits.SECONDS:
                    break
        done, now = done + len(new), time.perf_counter() - began
        if done >= count:
            ended = "complete"
        elif not new or now > limits.SECONDS:
            ended = "time"
        yield new, round(now, 3), ended
