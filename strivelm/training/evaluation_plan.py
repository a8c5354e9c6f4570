"""How much of a text the evaluations of a run read, so that they and the snapshots take at most a tenth of its time.

A run by steps reads what its number of steps allows, counted in characters, so that it comes out the same on every
machine. A run by the clock measures how fast it evaluates, and leaves out what there is no time for. The last
evaluation reads the whole validation text, unless that alone would take more than the tenth and it is a long one.
"""

import time
from dataclasses import dataclass

from strivelm.data.corpus import Corpus
from strivelm.model import GPT
from strivelm.training.config import TrainConfig
from strivelm.training.distributed import ALONE, ProcessGroup
from strivelm.training.evaluation import training_loss

SHARE = 0.1  # of a run's time
MOST = 131_072  # characters of each split that an evaluation reads if nothing else is asked for
LEAST = 8192  # with which a run by steps is content to exceed the share
BACKWARD = 3  # what a character costs in training, where it costs 1 in an evaluation
LOOKS = 6  # evaluations that a run by the clock has time for, besides its snapshots and the last one
OVERHEAD = 0.3  # seconds that writing and showing take beside an evaluation, before this has been measured


@dataclass(frozen=True)
class EvaluationPlan:
    """What a run's evaluations read, in characters, and what they may cost, in seconds."""

    characters: int
    """Of each split, in an evaluation on the way; the samples are the same ones each time."""
    last: int
    """Of the validation split, at the end."""
    seconds: float | None = None
    """What all evaluations and snapshots together may take; None where no clock ends the run."""
    last_seconds: float = 0.0
    """What the last evaluation will take."""
    cost: float = 0.0
    """What another evaluation will take, until one has been measured."""

    def affords(self, aside: float, cost: float, fraction: float, snapshots: int) -> bool:
        """Whether there is time for an evaluation now.

        Args:
            aside: the seconds that evaluations and snapshots took so far.
            cost: the seconds that this one will take.
            fraction: how much of the run is done; the time is dealt out evenly over it.
            snapshots: how many are still to come, for which time is kept; for one of them itself, pass a fraction of 1.
        """
        if self.seconds is None:
            return True
        return aside + cost <= fraction * (self.seconds - self.last_seconds - snapshots * cost)


def plan(model: GPT, corpus: Corpus, config: TrainConfig, seconds_per_character: float | None = None) -> EvaluationPlan:
    """The plan of a run.

    Args:
        seconds_per_character: of an evaluation, from `measured`; needed where the clock ends the run.

    Raises ValueError where it is needed and missing.
    """
    validation, most = max(0, len(corpus.validation) - 1), config.eval_characters or MOST
    longest, window = max(MOST, most), corpus.window(model.block_size)
    if config.max_steps is not None:
        work = SHARE * BACKWARD * config.max_steps * config.batch_size * window
        last = min(validation, max(longest, int(work / 2)))
        if config.eval_characters is None:
            looks = 1 + config.max_steps // config.eval_interval + config.snapshots
            most = min(most, max(LEAST, int((work - last) / (2 * looks))))
    if config.minutes is None:
        return EvaluationPlan(most, last)
    if seconds_per_character is None:
        raise ValueError("seconds_per_character is None, but minutes end the run; pass what measured(…) returns")
    budget, speed = SHARE * 60 * config.minutes, max(seconds_per_character, 1e-9)
    by_time = min(validation, max(longest, int(budget / 2 / speed)))
    last = by_time if config.max_steps is None else min(last, by_time)
    looks = LOOKS + config.snapshots
    free = budget - last * speed - OVERHEAD * (looks + 1)
    characters = max(window, min(most, int(free / (2 * looks) / speed)))
    cost = 2 * characters * speed + OVERHEAD
    return EvaluationPlan(characters, last, budget, last * speed + cost, cost)


def measured(model: GPT, corpus: Corpus, group: ProcessGroup = ALONE) -> float:
    """The seconds that an evaluation takes for a character, measured on as few as will do; the same in each process."""
    characters = corpus.window(model.block_size) * group.size
    while True:
        training_loss(model, corpus.train, characters, group=group)  # the first pass of a kind is slower
        begin = time.perf_counter()
        training_loss(model, corpus.train, characters, group=group)
        seconds = group.broadcast(time.perf_counter() - begin)
        if seconds > 0.02 or characters >= min(LEAST, len(corpus.train)):
            return seconds / min(characters, len(corpus.train))
        characters *= 4
