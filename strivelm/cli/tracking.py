"""Experiment tracking: what `train.py --track` sends to trackio during a training.

trackio (github.com/gradio-app/trackio) keeps it in files of this machine, which `trackio show --project strivelm` opens
in a browser. Its own variables change where it goes: TRACKIO_DIR, TRACKIO_SERVER_URL, TRACKIO_SPACE_ID.
"""

import contextlib
import math
import sys
import warnings
from collections.abc import Callable
from types import ModuleType
from typing import Any

from strivelm.training.events import Evaluation, Finished, Progress, Resumable, Snapshot

PROJECT = "strivelm"
PERIOD = 2.0  # the fewest seconds of the run between two batch losses that are sent
OUTCOME = ("evaluations", "best", "finished")  # the parts of a record that are not the run's configuration


def library() -> ModuleType:
    """The package trackio. Raises ValueError that says how to install it if it can't be imported."""
    try:
        import trackio
    except ImportError as error:
        raise ValueError(
            f"--track needs the package trackio, which can't be imported ({error}); "
            'pip install trackio, or in this project\'s folder pip install ".[track]"'
        ) from error
    return trackio


def configuration(record: dict) -> dict:
    """A run's configuration from its record, flat: {"command": …, "sizes.n_layer": 2, "training.lr": …}."""
    flat = {}
    for name, value in record.items():
        if name not in OUTCOME:
            flat |= {f"{name}.{key}": part for key, part in value.items()} if isinstance(value, dict) else {name: value}
    return flat


class Tracker:
    """Reads the events of `train` and sends their numbers to trackio, between entering and leaving.

    A resumed run continues the latest trackio run of that name; if there is none, a new one begins with the earlier
    evaluations. An error here never ends a training: it warns once, and sends nothing more.

    Args:
        record: `Run.record` with its `ngrams` filled in; its content on entering is sent as the configuration.
        name: the run's name in trackio, for example its folder.

    Raises:
        ValueError: trackio is not installed.
    """

    def __init__(self, record: dict, name: str):
        self.record, self.name = record, name
        self._trackio = library()
        self._failed, self._sent_at = False, -math.inf

    def __enter__(self) -> "Tracker":
        self._call_safely(self._begin)
        return self

    def __exit__(self, *exception) -> None:
        self._call_safely(self._trackio.finish)

    def keep(self, event: Progress | Evaluation | Snapshot | Resumable | Finished) -> None:
        """Sends an event's numbers; between evaluations at most every two seconds."""
        match event:
            case Progress() if event.seconds - self._sent_at >= PERIOD:
                self._sent_at = event.seconds
                rates = {name: getattr(event, name) for name in ("learning_rate", "characters_per_second")}
                self._log(event.step, {"loss/batch": event.loss} | rates)
            case Evaluation():
                self._log(event.step, _losses(vars(event)))
            case Finished(best=best):
                self._log(event.steps, {f"best/{name}": vars(best)[name] for name in ("step", "train", "validation")})

    def _begin(self) -> None:
        seen = self.record["evaluations"]
        run: dict[str, Any] = {"project": PROJECT, "name": self.name, "config": configuration(self.record)}
        if seen:
            with contextlib.suppress(ValueError):  # there is no such run: it was not tracked before
                self._trackio.init(**run, resume="must")
                return
        self._trackio.init(**run)
        for evaluation in seen:
            self._log(evaluation["step"], _losses(evaluation))

    def _log(self, step: int, metrics: dict) -> None:
        numbers = {name: value for name, value in metrics.items() if value is not None}
        self._call_safely(lambda: self._trackio.log(numbers, step=step))

    def _call_safely(self, action: Callable[[], object]) -> None:
        if self._failed:
            return
        try:
            with contextlib.redirect_stdout(
                sys.stderr
            ):  # trackio prints a greeting; standard output is the run's own log
                action()
        except Exception as error:  # whatever fails, the training is worth more
            self._failed = True
            warnings.warn(f"tracking stopped, the training goes on: {error}", stacklevel=3)


def _losses(evaluation: dict) -> dict:
    return {
        "loss/train": evaluation["train"],
        "loss/validation": evaluation["validation"],
        "seconds": evaluation["seconds"],
    }
