"""How the time before a training is spent."""

import time


class Stages:
    """Measures the seconds of stages that follow each other; its text is `3.1 s (loading 1.2, text 0.1)`."""

    def __init__(self):
        self._last, self._seconds = time.monotonic(), {}

    def end(self, stage: str) -> None:
        """Ends a stage: the time since the last one ended is counted for it."""
        now = time.monotonic()
        self._seconds[stage] = self._seconds.get(stage, 0.0) + now - self._last
        self._last = now

    def __str__(self) -> str:
        parts = [f"{stage} {seconds:.1f}" for stage, seconds in self._seconds.items() if seconds >= 0.05]
        return f"{sum(self._seconds.values()):.1f} s" + (f" ({', '.join(parts)})" if parts else "")
