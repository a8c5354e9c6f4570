"""Training: `train` is a generator of events, which a progress bar, a run's folder and a live plot read alike.

Names are imported when they are first used: torch takes a second, which flags and presets need not wait for.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from strivelm.training.config import TrainConfig
    from strivelm.training.loop import train
    from strivelm.training.resume import ResumeError
    from strivelm.training.trainer import Trainer, new_model

__all__ = ["ResumeError", "TrainConfig", "Trainer", "new_model", "train"]
_HOME = {
    "ResumeError": "resume",
    "TrainConfig": "config",
    "Trainer": "trainer",
    "new_model": "trainer",
    "train": "loop",
}


def __getattr__(name: str) -> object:
    if name in _HOME:
        value = globals()[name] = getattr(importlib.import_module(f"strivelm.training.{_HOME[name]}"), name)
        return value
    raise AttributeError(f"module 'strivelm.training' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
