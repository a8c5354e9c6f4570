"""Training as a stream of events: a progress bar, a live plot and a run's folder are readers of one generator.

    for event in train(model, corpus, config):
        match event:
            case Progress(): ...
            case Evaluation(): ...
            case Finished(): ...

When the stream ends, the model holds the weights that were best by validation loss.
"""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict

import torch

from strivelm.config import Sizes
from strivelm.data.corpus import Corpus, batch
from strivelm.model import GPT
from strivelm.training.config import TrainConfig
from strivelm.training.distillation import Lesson
from strivelm.training.distributed import ALONE, Team
from strivelm.training.evaluation import evaluate, training_loss
from strivelm.training.events import Evaluation, Finished, Progress, Resumable, Snapshot
from strivelm.training.hardware import PLAIN, Machine
from strivelm.training.muon import Muon
from strivelm.training.random_streams import mixed, stream

PROGRESS_EVERY = 0.2  # seconds
EXPLODED = 1.0  # nats per character above an untrained model: sure of what is wrong


class TrainingDivergedError(ValueError):
    """The loss exploded, or is no number any more. The model holds the best weights seen before."""


class ResumeError(ValueError):
    """A run can't go on from a state: it was made with other settings, or is damaged."""


def new_model(corpus: Corpus, sizes: Sizes, seed: int, device: str | torch.device = "cpu", init: str = "gpt2") -> GPT:
    """A GPT with fresh weights for a corpus's vocabulary, the same for a seed on any device; init as in TrainConfig."""
    chars = corpus.tokenizer.chars
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # the CPU's alone: torch.manual_seed would reseed every GPU too
        model = GPT(vocab_size=len(chars), chars=chars, **vars(sizes))
    if init == "zero":
        for block in model.blocks:
            torch.nn.init.zeros_(block.proj.weight)
            torch.nn.init.zeros_(block.ff[2].weight)
    return model.to(device)


def optimizers(
    model: GPT, config: TrainConfig, machine: Machine = PLAIN, team: Team = ALONE
) -> list[torch.optim.Optimizer]:
    """AdamW, and before it Muon for the blocks' matrices where the config asks for it."""
    in_blocks = [p for p in model.blocks.parameters() if p.dim() == 2]
    embeddings = [model.tok.weight, model.pos.weight]
    vectors = [p for p in model.parameters() if p.dim() < 2]
    adamw = {"lr": config.lr, "betas": (0.9, config.beta2), "fused": machine.fused == "on"}
    if config.optimizer == "muon":
        dtype = getattr(torch, machine.precision)
        return [
            Muon(in_blocks, lr=config.muon_lr, weight_decay=config.weight_decay, dtype=dtype, team=team),
            torch.optim.AdamW(embeddings + vectors, weight_decay=0.0, **adamw),
        ]
    groups = [
        {"params": in_blocks + embeddings, "weight_decay": config.weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    return [torch.optim.AdamW(groups, **adamw)]


def schedule(config: TrainConfig, step: int, fraction: float) -> float:
    """What the peak learning rates are multiplied by at a step (from 0) when this fraction of the run is done."""
    rise = min(1.0, (step + 1) / (config.warmup_steps + 1))
    fall = {"constant": 1.0, "linear": 1 - fraction, "cosine": 0.5 * (1 + math.cos(math.pi * fraction))}
    return min(rise, fall[config.schedule])  # a run shorter than the warm-up ends low, too


class Trainer:
    """A training run between two steps: the model, the optimisers, and what was seen so far.

    `state` is everything that is needed to go on, and `restore` goes on from it: on one CPU with the same number of
    threads, to the same weights bit for bit.
    """

    def __init__(
        self,
        model: GPT,
        corpus: Corpus,
        config: TrainConfig,
        machine: Machine = PLAIN,
        team: Team = ALONE,
        lesson: Lesson | None = None,
    ):
        self.model, self.corpus, self.config, self.machine, self.team = model, corpus, config, machine, team
        self.lesson = lesson
        self.forward = torch.compile(model) if machine.compile == "on" else model
        self.device = next(model.parameters()).device
        self.ids = corpus.train.to(self.device)
        self.length = corpus.window(model.block_size)
        self.optimizers = optimizers(model, config, machine, team)
        self.peaks = [[group["lr"] for group in opt.param_groups] for opt in self.optimizers]
        self.factor = 0.0  # of the peak learning rates, at the last step
        self.evaluations, self.best_weights = [], {}
        self.steps, self.marks = 0, 0
        self.spent, self.aside = 0.0, 0.0  # seconds: before this process, and of all on looking and saving
        self.start()

    def start(self) -> None:
        """Starts the clock."""
        self._begin = time.perf_counter() - self.spent
        self.fraction = self.done()

    @property
    def seconds(self) -> float:
        """Since the run began, pauses between a stop and a resume left out."""
        return time.perf_counter() - self._begin

    def done(self) -> float:
        """How much of the run is done, 0 to 1, by steps or by minutes, whichever ends first."""
        by_time = 0.0 if self.config.minutes is None else self.seconds / (60 * self.config.minutes)
        most = self.config.max_steps
        by_steps = 0.0 if most is None else self.steps / most if most else 1.0
        return min(1.0, max(by_time, by_steps))

    @property
    def best(self) -> Evaluation:
        """The evaluation whose weights are the best so far."""
        return next(e for e in reversed(self.evaluations) if e.best)

    def take_step(self) -> torch.Tensor:
        """The loss of one batch, a scalar, after the weights were moved against its gradient."""
        self.model.train()
        self.factor = schedule(self.config, self.steps, self.fraction)
        for opt, peaks in zip(self.optimizers, self.peaks, strict=True):
            for group, peak in zip(opt.param_groups, peaks, strict=True):
                group["lr"] = peak * self.factor
        loss = self._gradient()
        if self.config.grad_clip:
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.config.grad_clip)
        for opt in self.optimizers:
            opt.step()
            opt.zero_grad(set_to_none=True)
        self.steps += 1
        return loss

    def _gradient(self) -> torch.Tensor:
        """The loss of this step's batch, whose gradient is then in every parameter's .grad.

        Every process draws the whole batch and computes its share of it, in as many parts as the config says.
        """
        config, loss = self.config, torch.zeros((), device=self.device)
        parts = [self.team.share(drawn).tensor_split(config.grad_accumulation) for drawn in self._drawn()]
        with stream(self.device, config.seed, self.steps, self.team.rank):
            for drawn in zip(*parts, strict=True):
                starts, *noise = (part.to(self.device, non_blocking=True) for part in drawn)
                inputs, targets = batch(self.ids, starts, self.length)
                if noise:
                    replaced, places = noise
                    inputs = torch.where(replaced, self.ids[places].long(), inputs)
                with self.machine.autocast():
                    logits, mean = self.forward(inputs, targets)
                if self.lesson:
                    mean = mean + config.distillation * (self.lesson.loss(logits, starts) - mean)
                mean = mean * (len(starts) / config.batch_size)
                mean.backward()
                loss += mean.detach()
        self.team.sum([loss, *(p.grad for p in self.model.parameters())])
        return loss

    def _drawn(self) -> tuple[torch.Tensor, ...]:
        """Where this step's windows begin (B,); with noise also which of their inputs are replaced (B, T), and by the
        characters of which places in the text (B, T): unigram noise (Xie et al. 2017, "Data Noising as Smoothing in
        Neural Network Language Models", 3.2). The targets are left as they are.
        """
        config, draws = self.config, torch.Generator().manual_seed(mixed(self.config.seed, self.steps))
        starts = torch.randint(len(self.ids) - self.length, (config.batch_size,), generator=draws)
        if not config.noise:
            return (starts,)
        windows = config.batch_size, self.length
        replaced = torch.rand(windows, generator=draws) < config.noise
        return starts, replaced, torch.randint(len(self.ids), windows, generator=draws)

    def check(self, loss: float) -> None:
        """Raises TrainingDivergedError for a loss that is not finite; the model then holds the best weights."""
        if not math.isfinite(loss):
            self._diverged(f"the loss became {loss} at step {self.steps}")

    def _diverged(self, what: str) -> None:
        self.load_best()
        raise TrainingDivergedError(
            f"{what}; the model holds the weights of step {self.best.step}. Begin anew, with --overwrite or another "
            "--out: a lower --lr or --muon-lr, or a longer warm-up, helps"
        )

    def look(self) -> Evaluation:
        """The losses on both splits now; the weights are remembered if they are the best so far.

        Raises TrainingDivergedError where the training loss is far above an untrained model's, or no number.
        """
        corpus, most = self.corpus, self.config.eval_characters
        now = training_loss(self.model, corpus.train, most, team=self.team)
        if self.evaluations and not now <= self.evaluations[0].train + EXPLODED:
            self._diverged(
                f"the training loss was {now:.3f} at step {self.steps}, {self.evaluations[0].train:.3f} at the start"
            )
        validation = None
        if len(corpus.validation):
            validation = evaluate(self.model, corpus.validation, most, team=self.team)
        best = validation is None or all(validation < e.validation for e in self.evaluations)
        if best:
            self.best_weights = {name: value.detach().clone() for name, value in self.model.state_dict().items()}
        self.evaluations.append(Evaluation(self.steps, now, validation, self.seconds, best))
        return self.evaluations[-1]

    def load_best(self) -> None:
        """Puts the best weights into the model, in evaluation mode."""
        self.model.load_state_dict(self.best_weights)
        self.model.eval()

    def snapshot_due(self, done: float) -> bool:
        """Whether a snapshot belongs at this step, when so much of the run is done; asked once a step.

        One is taken before the first step, one after the first and one at the end; the others divide what lies
        between evenly on a logarithmic scale. Where two fall on one step, one is taken. By the clock the number of
        steps is not known beforehand: it is estimated anew from the time that a step takes.
        """
        count = self.config.snapshots
        if not count or self.steps == 0 or done == 1:
            return bool(count) and (count > 1 or done == 1)
        if count < 3:
            return False
        passed = int((count - 2) * math.log(self.steps) / math.log(self._expected_steps()) + 1e-9) + 1
        due, self.marks = passed > self.marks, max(passed, self.marks)
        return due

    def _expected_steps(self) -> float:
        """How many steps the run will have, more than there were."""
        ends = [] if self.config.max_steps is None else [self.config.max_steps]
        if self.config.minutes is not None:
            left = 60 * self.config.minutes - self.seconds
            ends.append(self.steps + left * self.steps / (self.seconds - self.aside))
        return max(self.steps + 1, min(ends))

    def state(self) -> dict:
        """Everything needed to go on, as tensors and plain values; the tensors are live, so save them at once."""
        return {
            "made_with": self._made_with(),
            "machine": asdict(self.machine),
            "steps": self.steps,
            "seconds": self.seconds,
            "aside": self.aside,
            "marks": self.marks,
            "evaluations": [asdict(e) for e in self.evaluations],
            "model": self.model.state_dict(),
            "best_weights": self.best_weights,
            "optimizers": [opt.state_dict() for opt in self.optimizers],
        }

    def restore(self, state: dict) -> None:
        """Goes back to a state.

        Raises ResumeError where it was made with other settings, sizes or text, or is not a whole state.
        """
        try:
            before = asdict(TrainConfig()) | {"teachers": ""}  # for what came into the program after the run began
            then, now = before | state["made_with"], self._made_with()
            changed = [
                f"{name}: {then.get(name)!r} then, {now.get(name)!r} now" for name in now if then.get(name) != now[name]
            ]
            if changed:
                raise ResumeError(
                    f"the run was started with other settings ({'; '.join(changed)}); resume it with the same"
                )
            self.model.load_state_dict(state["model"])
            for opt, saved in zip(self.optimizers, state["optimizers"], strict=True):
                opt.load_state_dict(saved)
                for group in opt.param_groups:
                    if "fused" in group:  # a matter of this machine, not of the run
                        group["fused"] = self.machine.fused == "on"
            self.evaluations = [Evaluation(**entry) for entry in state["evaluations"]]
            self.best_weights, self.steps = state["best_weights"], state["steps"]
            self.spent, self.aside, self.marks = state["seconds"], state["aside"], state["marks"]
            self.start()
        except ResumeError:
            raise
        except (KeyError, TypeError, AttributeError, RuntimeError, ValueError) as error:
            raise ResumeError(f"the saved state is not a whole one: {error}") from error

    def _made_with(self) -> dict:
        taught = {"corpus": self.corpus.sha256, "teachers": ", ".join(self.lesson.teachers) if self.lesson else ""}
        return asdict(self.config) | asdict(self.model.config) | taught


def train(
    model: GPT,
    corpus: Corpus,
    config: TrainConfig,
    resume: dict | None = None,
    stop: Callable[[], bool] = lambda: False,
    machine: Machine = PLAIN,
    team: Team = ALONE,
    lesson: Lesson | None = None,
) -> Iterator[Progress | Evaluation | Snapshot | Resumable | Finished]:
    """Trains the model where it is, yielding Progress, Evaluation, Snapshot, Resumable and at the end Finished.

    The model is left with its best weights by validation loss, in evaluation mode; also when training diverges.
    A reader that goes away early leaves it with the weights of that moment.

    Args:
        resume: the state of an earlier Resumable: the run goes on from there.
        stop: asked after each step; once it says yes the stream ends with a Resumable instead of Finished.
        machine: with what precision and kernels to compute, from `settle`.
        team: the processes that train together; each calls this with the same arguments and reads all events.
        lesson: what teachers expect of the training text, from `distillation.lesson`: learnt beside the text itself.

    Raises:
        ValueError: the model's vocabulary is not the corpus's, a batch has fewer windows than parts to compute, or
            the lesson is one on another text.
        ResumeError: `resume` was made with other settings, sizes or text.
        TrainingDivergedError: the loss exploded, or became NaN or infinite; the message says at which step.
    """
    if model.config.chars != corpus.tokenizer.chars:
        raise ValueError("the model's vocabulary differs from the corpus's; make the model with new_model(corpus, …)")
    if (parts := team.size * config.grad_accumulation) > config.batch_size:
        raise ValueError(
            f"a batch of {config.batch_size} windows can't be cut into {parts} parts ({team.size} processes x "
            f"grad_accumulation={config.grad_accumulation}); raise batch_size or lower grad_accumulation"
        )
    if lesson and lesson.expected.shape != (len(corpus.train), len(corpus.tokenizer)):
        raise ValueError("the lesson is one on another text; make it with distillation.lesson(teachers, corpus)")
    trainer = Trainer(model, corpus, config, machine, team, lesson)
    if resume is not None:
        trainer.restore(resume)
    return _events(trainer, stop)


def _events(
    trainer: Trainer, stop: Callable[[], bool]
) -> Iterator[Progress | Evaluation | Snapshot | Resumable | Finished]:
    config, team = trainer.config, trainer.team
    trainer.start()  # what was done since it was made is no training
    trainer.fraction = team.told(trainer.fraction)
    if not trainer.evaluations:
        yield from _look(trainer, team.told(trainer.snapshot_due(trainer.fraction)))
    shown, told = time.perf_counter(), trainer.steps
    while trainer.fraction < 1:
        loss = trainer.take_step()
        done = trainer.done()
        trainer.fraction, due, stopped = team.told((done, trainer.snapshot_due(done), stop()))
        show = time.perf_counter() - shown > PROGRESS_EVERY
        look = trainer.fraction == 1 or trainer.steps % config.eval_interval == 0 or due
        if show or look or trainer.device.type == "cpu":  # asking a GPU for a number makes it wait
            trainer.check(loss.item())
        now = time.perf_counter()
        if show:
            speed = (trainer.steps - told) * config.batch_size * trainer.length / (now - shown)
            rate = config.lr * trainer.factor
            yield Progress(trainer.steps, loss.item(), rate, speed, trainer.fraction, trainer.seconds)
        if look:
            yield from _look(trainer, due)
        if show or look:
            shown, told = time.perf_counter(), trainer.steps
        if stopped and trainer.fraction < 1:
            yield Resumable(trainer.steps, trainer.state)
            trainer.load_best()
            return
    if trainer.evaluations[-1].step < trainer.steps:  # resumed after the minutes had run out
        yield from _look(trainer, due=False)
    trainer.load_best()
    yield Finished(trainer.steps, trainer.seconds, trainer.best, tuple(trainer.evaluations))


def _look(trainer: Trainer, due: bool) -> Iterator[Evaluation | Snapshot | Resumable]:
    begin = trainer.seconds
    yield trainer.look()
    if due:
        yield Snapshot(trainer.evaluations[-1])
    yield Resumable(trainer.steps, trainer.state)
    trainer.aside += trainer.seconds - begin
