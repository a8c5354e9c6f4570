"""Training: `train` is a generator of events, which a progress bar, a run's folder and a live plot read alike."""

from strivelm.training.config import TrainConfig
from strivelm.training.trainer import ResumeError, Trainer, new_model, train

__all__ = ["ResumeError", "TrainConfig", "Trainer", "new_model", "train"]
