"""What the time before a training goes to."""

import time


class Stages:
    """The seconds of one stage after the other, from when it was made: `3.1 s: loading 1.2, text 0.1`."""

    def __init__(self):
        self._last, self._seconds = time.monotonic(), {}

    def end(self, stage: str) -> None:
        """The stage that went on until now has ended."""
        now = time.monotonic()
        self._seconds[stage] = self._seconds.get(stage, 0.0) + now - self._last
        self._last = now

    def __str__(self) -> str:
        parts = [f"{stage} {seconds:.1f}" for stage, seconds in self._seconds.items() if seconds >= 0.05]
        return f"{sum(self._seconds.values()):.1f} s" + (f" ({', '.join(parts)})" if parts else "")
