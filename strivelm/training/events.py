"""What happens while a model is trained, as small values: a progress bar, a live plot and a run's folder read them."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """Where a run is between evaluations."""

    step: int
    """Steps done."""
    loss: float
    """The last batch's loss, nats per character."""
    learning_rate: float
    """AdamW's learning rate at the last step."""
    characters_per_second: float
    """Training speed since the last event of this kind."""
    fraction: float
    """How much of the run is done, 0 to 1."""
    seconds: float
    """Since the run began."""


@dataclass(frozen=True)
class Evaluation:
    """The losses on both splits at one step, in nats per character."""

    step: int
    train: float
    validation: float | None
    """None where the text is too short to spare any for validation."""
    seconds: float
    """Since the run began."""
    best: bool
    """Whether this is the lowest validation loss so far (the latest step, where there is no validation)."""
    exact: bool = True
    """Whether the validation loss is that of the whole validation text, not of a sample of it."""
    characters: int | None = None
    """How many characters that sample has; None for the whole text."""


@dataclass(frozen=True)
class Evaluating:
    """How far an evaluation is that takes a while."""

    step: int
    """The step whose weights are evaluated."""
    done: int
    """Characters read."""
    total: int
    """Characters to read."""


@dataclass(frozen=True)
class Snapshot:
    """A moment of a model's youth, worth keeping: the model holds the weights of this step."""

    evaluation: Evaluation
    """Its step and losses."""


@dataclass(frozen=True)
class Resumable:
    """A point from which the run can go on: after each evaluation, and where it was asked to stop."""

    step: int
    state: Callable[[], dict]
    """Makes what `train(..., resume=…)` takes. Call it, and save what comes, before the next event is asked for."""


@dataclass(frozen=True)
class Finished:
    """The end of a run; the model holds the weights of `best`."""

    steps: int
    seconds: float
    best: Evaluation
    evaluations: tuple[Evaluation, ...]
    """As they were yielded, but that of the best weights is exact by the end."""
    snapshots_left_out: int = 0
    """How many snapshots there was no time for."""

    @property
    def verdict(self) -> str:
        """What the course of the losses means, in a sentence or three."""
        last, best = self.evaluations[-1], self.best
        if best.validation is None or last.validation is None:
            return (
                f"The weights kept are those of the last step, {best.step}: there was no validation text to choose by."
            )
        if last.validation - best.validation > 0.02 and last.train < best.train:
            return (
                f"Validation loss stopped improving at step {best.step} ({best.validation:.3f}) and rose to "
                f"{last.validation:.3f}, while training loss fell to {last.train:.3f}: since then the model has been "
                "learning this text by heart instead of what holds for other text, which is called overfitting. "
                f"The weights kept are those of step {best.step}. More text, dropout or a smaller model would help."
            )
        return f"The weights kept are those of step {best.step}, the best by validation loss ({best.validation:.3f})."
