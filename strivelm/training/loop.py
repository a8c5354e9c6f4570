"""Training as a stream of events: a progress bar, a live plot and a run's folder are readers of one generator.

    for event in train(model, corpus, config):
        match event:
            case Progress(): ...
            case Evaluation(): ...
            case Finished(): ...

When the stream ends, the model holds the weights that were best by validation loss.
"""

import time
from collections.abc import Callable, Iterator

from strivelm.data.corpus import Corpus
from strivelm.model import GPT
from strivelm.training.config import TrainConfig
from strivelm.training.distillation import SoftTargets
from strivelm.training.distributed import ALONE, ProcessGroup
from strivelm.training.events import Evaluating, Evaluation, Finished, Progress, Resumable, Snapshot
from strivelm.training.hardware import PLAIN, Hardware
from strivelm.training.trainer import PROGRESS_EVERY, Trainer

Event = Progress | Evaluating | Evaluation | Snapshot | Resumable | Finished


def train(
    model: GPT,
    corpus: Corpus,
    config: TrainConfig,
    resume: dict | None = None,
    stop: Callable[[], bool] = lambda: False,
    hardware: Hardware = PLAIN,
    group: ProcessGroup = ALONE,
    soft_targets: SoftTargets | None = None,
) -> Iterator[Event]:
    """Trains the model where it is, yielding Progress, Evaluating, Evaluation, Snapshot, Resumable, and Finished.

    The model is left with its best weights by validation loss, in evaluation mode; also when training diverges.
    A reader that goes away early leaves it with the weights of that moment.

    Args:
        resume: the state of an earlier Resumable: the run goes on from there.
        stop: asked after each step; once it says yes the stream ends with a Resumable instead of Finished.
        hardware: with what precision and kernels to compute, from `settle`.
        group: the processes that train together; each calls this with the same arguments and reads all events.
        soft_targets: what teachers expect of the training text, from `distillation.soft_targets`: learnt beside the
            text itself.

    Raises:
        ValueError: the model's vocabulary is not the corpus's, a batch has fewer windows than parts to compute, or
            the soft targets are of another text.
        ResumeError: `resume` was made with other settings, sizes or text.
        TrainingDivergedError: the loss exploded, or became NaN or infinite; the message says at which step.
    """
    if model.config.chars != corpus.tokenizer.chars:
        raise ValueError("the model's vocabulary differs from the corpus's; make the model with new_model(corpus, …)")
    check_parts(config, group)
    if soft_targets and soft_targets.expected.shape != (len(corpus.train), len(corpus.tokenizer)):
        raise ValueError("the soft targets are of another text; make them with soft_targets(teachers, corpus)")
    trainer = Trainer(model, corpus, config, hardware, group, soft_targets)
    if resume is not None:
        trainer.restore(resume)
    return _events(trainer, stop)


def check_parts(config: TrainConfig, group: ProcessGroup = ALONE) -> None:
    """Raises ValueError where a batch has fewer windows than there are parts to compute it in."""
    if (parts := group.size * config.grad_accumulation) > config.batch_size:
        raise ValueError(
            f"a batch of {config.batch_size} windows can't be cut into {parts} parts ({group.size} processes x "
            f"grad_accumulation={config.grad_accumulation}); raise batch_size or lower grad_accumulation"
        )


def _events(trainer: Trainer, stop: Callable[[], bool]) -> Iterator[Event]:
    config, group = trainer.config, trainer.group
    trainer.start()  # what was done since it was made is no training
    trainer.prepare()
    trainer.fraction = group.broadcast(trainer.done())
    ended = False  # whether the last evaluation was made
    if not trainer.evaluations:
        yield from _look(trainer, group.broadcast(trainer.due(trainer.fraction))[1])
        ended = trainer.fraction == 1
    shown, steps_shown = time.perf_counter(), trainer.steps
    while trainer.fraction < 1:
        loss = trainer.take_step()
        done = trainer.done()
        trainer.fraction, (look, snapshot), stopped = group.broadcast((done, trainer.due(done), stop()))
        show = time.perf_counter() - shown > PROGRESS_EVERY
        if show or look or trainer.device.type == "cpu":  # asking a GPU for a number makes it wait
            trainer.check(loss.item())
        now = time.perf_counter()
        if show:
            speed = (trainer.steps - steps_shown) * config.batch_size * trainer.length / (now - shown)
            rate = config.lr * trainer.factor
            yield Progress(trainer.steps, loss.item(), rate, speed, trainer.fraction, trainer.seconds)
        if look:
            yield from _look(trainer, snapshot)
            ended = trainer.fraction == 1
        if show or look:
            shown, steps_shown = time.perf_counter(), trainer.steps
        if stopped and trainer.fraction < 1:
            yield Resumable(trainer.steps, trainer.state)
            trainer.load_best()
            return
    latest = trainer.evaluations[-1]
    if not ended and not (latest.step == trainer.steps and latest.exact):  # resumed after the minutes had run out
        if latest.step == trainer.steps:
            trainer.evaluations.pop()
        yield from _look(trainer, snapshot=False)
    trainer.load_best()
    left_out = trainer.snapshots_left_out
    yield Finished(trainer.steps, trainer.seconds, trainer.best, tuple(trainer.evaluations), left_out)


def _look(trainer: Trainer, snapshot: bool) -> Iterator[Evaluating | Evaluation | Snapshot | Resumable]:
    begin, first = trainer.seconds, not trainer.evaluations
    yield from trainer.look(last=trainer.fraction == 1)
    yield trainer.evaluations[-1]
    if snapshot:
        yield Snapshot(trainer.evaluations[-1])
    yield Resumable(trainer.steps, trainer.state)
    seconds = trainer.seconds - begin
    trainer.aside += seconds
    if not first:
        trainer.look_seconds = seconds
