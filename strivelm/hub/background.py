"""Jobs for the Hub that are done beside a training: one thread, which a lost network neither stops nor hurries."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from huggingface_hub.utils import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

from strivelm.hub.client import UnreachableError

PAUSE = 30.0
"""Seconds until a job is tried again that failed for want of a network; doubled each time, up to the longest."""
LONGEST_PAUSE = 120.0


class Background:
    """A thread that does jobs one after the other, in the order in which they came.

    A job that raises UnreachableError is tried again later; any other error ends all work, as it would be the same the
    next time.

    Args:
        report: called, in the thread, with the first error of each kind.
    """

    def __init__(self, report: Callable[[Exception], None]):
        self._report = report
        self._jobs: dict[str, Callable[[], None]] = {}
        self._changed = threading.Condition()
        self._ending = self._abandoned = False
        self.refused = False
        """Whether an error ended all work."""
        self._thread = threading.Thread(target=self._work, name="strivelm-push", daemon=True)
        self._thread.start()

    def put(self, name: str, job: Callable[[], None]) -> None:
        """Has a job done, in place of one of that name which has not been done yet."""
        with self._changed:
            self._jobs.pop(name, None)
            self._jobs[name] = job
            self._changed.notify()

    def close(self, finish: bool = True) -> list[str]:
        """Ends the thread; the names of the jobs that are not done.

        Args:
            finish: whether all jobs are tried once more before; else only the one at work is waited for.

        A KeyboardInterrupt meanwhile is raised, and leaves the one at work to the thread, which does nothing after it.
        """
        left = self._end(keep=finish)
        try:
            self._thread.join()
        except KeyboardInterrupt:
            self.abandon()
            raise
        return list(self._jobs) if finish else left

    def abandon(self) -> list[str]:
        """Has the thread do nothing after the job at work, without waiting for it; the names of all that wait."""
        self._abandoned = True
        return self._end(keep=False)

    def _end(self, keep: bool) -> list[str]:
        with self._changed:
            self._ending, left = True, list(self._jobs)
            if not keep:
                self._jobs.clear()
            self._changed.notify()
            return left

    def _say(self, error: Exception) -> None:
        if not self._abandoned:
            self._report(error)

    def _work(self) -> None:
        pause, reported = PAUSE, False
        with _no_progress_bars():
            while (task := self._next()) is not None:
                name, job = task
                try:
                    job()
                except UnreachableError as error:
                    if not reported:
                        self._say(error)
                        reported = True
                    if not self._wait(pause):
                        return
                    pause = min(2 * pause, LONGEST_PAUSE)
                except Exception as error:  # whatever fails, the training is worth more
                    self.refused = True
                    self._say(error)
                    return
                else:
                    pause, reported = PAUSE, False
                    with self._changed:
                        if self._jobs.get(name) is job:
                            del self._jobs[name]

    def _next(self) -> tuple[str, Callable[[], None]] | None:
        """The next job, waited for; None at the end."""
        with self._changed:
            while not self._jobs:
                if self._ending:
                    return None
                self._changed.wait()
            return next(iter(self._jobs.items()))

    def _wait(self, seconds: float) -> bool:
        """Waits before another try, or until the end, where everything is tried once more; False after that."""
        with self._changed:
            if self._ending:
                return False
            self._changed.wait_for(lambda: self._ending, seconds)
            return True


@contextmanager
def _no_progress_bars() -> Iterator[None]:
    """A stretch in which the Hub's client draws no bars, which would stand across the training's own."""
    if are_progress_bars_disabled():
        yield
        return
    disable_progress_bars()
    try:
        yield
    finally:
        enable_progress_bars()
