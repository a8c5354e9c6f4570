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
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

import torch

from strivelm.config import Sizes, TrainConfig
from strivelm.corpus import Corpus, batch
from strivelm.evaluation import evaluate, training_loss
from strivelm.model import GPT
from strivelm.muon import Muon

PROGRESS_EVERY = 0.2  # seconds


class TrainingDivergedError(ValueError):
    """The loss became NaN or infinite. The model holds the best weights seen before."""


class ResumeError(ValueError):
    """A run can't go on from a state: it was made with other settings, or is damaged."""


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

    @property
    def verdict(self) -> str:
        """What the course of the losses means, in a sentence or three."""
        last, best = self.evaluations[-1], self.best
        if best.validation is None:
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


def resolve_device(name: str = "auto") -> torch.device:
    """The device of that name; "auto" is CUDA, then Apple's MPS, then the CPU.

    A known device that this machine lacks gives a warning and the best there is. Raises ValueError for other names.
    """
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    best = next(kind for kind, there in available.items() if there)
    if name == "auto":
        return torch.device(best)
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or device.type not in available:
        raise ValueError(f"there is no device called {name!r}; expected auto, cuda, cuda:N, mps or cpu")
    missing = not available[device.type] or (device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count())
    if missing:
        warnings.warn(f"this machine has no {name}; going on with {best}", stacklevel=2)
        return torch.device(best)
    return device


def new_model(corpus: Corpus, sizes: Sizes, seed: int, device: str | torch.device = "cpu") -> GPT:
    """A GPT with fresh weights for this corpus's vocabulary; the same for the same seed, on any device."""
    chars = corpus.tokenizer.chars
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # the CPU's alone: torch.manual_seed would reseed every GPU too
        model = GPT(vocab_size=len(chars), chars=chars, **vars(sizes))
    return model.to(device)


def optimizers(model: GPT, config: TrainConfig) -> list[torch.optim.Optimizer]:
    """AdamW, and before it Muon for the blocks' matrices where the config asks for it."""
    in_blocks = [p for p in model.blocks.parameters() if p.dim() == 2]
    embeddings = [model.tok.weight, model.pos.weight]
    vectors = [p for p in model.parameters() if p.dim() < 2]
    adamw = {"lr": config.lr, "betas": (0.9, config.beta2)}
    if config.optimizer == "muon":
        return [
            Muon(in_blocks, lr=config.muon_lr, weight_decay=config.weight_decay),
            torch.optim.AdamW(embeddings + vectors, weight_decay=0.0, **adamw),
        ]
    groups = [
        {"params": in_blocks + embeddings, "weight_decay": config.weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    return [torch.optim.AdamW(groups, **adamw)]


def schedule(config: TrainConfig, step: int, fraction: float) -> float:
    """What the peak learning rates are multiplied by at a step (from 0) when this fraction of the run is done."""
    if step < config.warmup_steps:
        return (step + 1) / (config.warmup_steps + 1)
    if config.schedule == "constant":
        return 1.0
    return 1 - fraction if config.schedule == "linear" else 0.5 * (1 + math.cos(math.pi * fraction))


class _GlobalStream:
    """A random stream of one's own for layers that know only torch's global one (dropout).

    Inside `with`, torch's global stream is this one; outside, it is what it would have been without training: so
    neither what a reader of the events draws changes the training, nor the other way round.
    """

    def __init__(self, seed: int, device: torch.device):
        self._devices = [device] if device.type == "cuda" else []
        with torch.random.fork_rng(devices=self._devices):
            torch.manual_seed(seed)
            self.state = self._get()

    def _get(self) -> list[torch.Tensor]:
        return [torch.get_rng_state(), *map(torch.cuda.get_rng_state, self._devices)]

    def _set(self, state: list[torch.Tensor]) -> None:
        torch.set_rng_state(state[0])
        for device, cuda_state in zip(self._devices, state[1:], strict=True):
            torch.cuda.set_rng_state(cuda_state, device)

    def __enter__(self) -> None:
        self._outside = self._get()
        self._set(self.state)

    def __exit__(self, *exception) -> None:
        self.state = self._get()
        self._set(self._outside)


class Trainer:
    """A training run between two steps: the model, the optimisers, the random streams, and what was seen so far.

    `state` is everything that is needed to go on, and `restore` goes on from it: on one CPU with the same number of
    threads, to the same weights bit for bit.
    """

    def __init__(self, model: GPT, corpus: Corpus, config: TrainConfig):
        self.model, self.corpus, self.config = model, corpus, config
        self.device = next(model.parameters()).device
        self.ids = corpus.train.to(self.device)
        self.length = corpus.window(model.block_size)
        self.draws = torch.Generator().manual_seed(config.seed)
        self.dropout = _GlobalStream(config.seed, self.device)
        self.optimizers = optimizers(model, config)
        self.peaks = [[group["lr"] for group in opt.param_groups] for opt in self.optimizers]
        self.factor = 0.0  # of the peak learning rates, at the last step
        self.steps, self.evaluations, self.best_weights = 0, [], {}
        self._begin = time.perf_counter()

    @property
    def seconds(self) -> float:
        """Since the run began, pauses between a stop and a resume left out."""
        return time.perf_counter() - self._begin

    @property
    def fraction(self) -> float:
        """How much of the run is done, 0 to 1, by steps or by minutes, whichever ends first."""
        by_time = 0.0 if self.config.minutes is None else self.seconds / (60 * self.config.minutes)
        most = self.config.max_steps
        by_steps = 0.0 if most is None else self.steps / most if most else 1.0
        return min(1.0, max(by_time, by_steps))

    @property
    def best(self) -> Evaluation:
        """The evaluation whose weights are the best so far."""
        return next(e for e in reversed(self.evaluations) if e.best)

    def take_step(self) -> float:
        """The loss of one batch, after the weights were moved against its gradient.

        Raises TrainingDivergedError where it is not finite; the model then holds the best weights.
        """
        self.model.train()
        self.factor = schedule(self.config, self.steps, self.fraction)
        for opt, peaks in zip(self.optimizers, self.peaks, strict=True):
            for group, peak in zip(opt.param_groups, peaks, strict=True):
                group["lr"] = peak * self.factor
        starts = torch.randint(len(self.ids) - self.length, (self.config.batch_size,), generator=self.draws)
        with self.dropout:
            _, loss = self.model(*batch(self.ids, starts.to(self.device), self.length))
        loss.backward()
        if self.config.grad_clip:
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.config.grad_clip)
        for opt in self.optimizers:
            opt.step()
            opt.zero_grad(set_to_none=True)
        self.steps += 1
        if not math.isfinite(loss.item()):
            self.load_best()
            raise TrainingDivergedError(
                f"the loss became {loss.item()} at step {self.steps}; the model holds the weights of step "
                f"{self.best.step}. A lower --lr or --muon-lr, or a longer warm-up, helps"
            )
        return loss.item()

    def look(self) -> Evaluation:
        """The losses on both splits now; the weights are remembered if they are the best so far."""
        corpus, most = self.corpus, self.config.eval_characters
        now = training_loss(self.model, corpus.train, most)
        validation = evaluate(self.model, corpus.validation, most) if len(corpus.validation) else None
        best = validation is None or all(validation < e.validation for e in self.evaluations)
        if best:
            self.best_weights = {name: value.detach().clone() for name, value in self.model.state_dict().items()}
        self.evaluations.append(Evaluation(self.steps, now, validation, self.seconds, best))
        return self.evaluations[-1]

    def load_best(self) -> None:
        """Puts the best weights into the model, in evaluation mode."""
        self.model.load_state_dict(self.best_weights)
        self.model.eval()

    def state(self) -> dict:
        """Everything needed to go on, as tensors and plain values; the tensors are live, so save them at once."""
        return {
            "made_with": self._made_with(),
            "steps": self.steps,
            "seconds": self.seconds,
            "evaluations": [asdict(e) for e in self.evaluations],
            "model": self.model.state_dict(),
            "best_weights": self.best_weights,
            "optimizers": [opt.state_dict() for opt in self.optimizers],
            "draws": self.draws.get_state(),
            "dropout": self.dropout.state,
        }

    def restore(self, state: dict) -> None:
        """Goes back to a state.

        Raises ResumeError where it was made with other settings, sizes or text, or is not a whole state.
        """
        try:
            then, now = state["made_with"], self._made_with()
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
            self.evaluations = [Evaluation(**entry) for entry in state["evaluations"]]
            self.best_weights, self.steps = state["best_weights"], state["steps"]
            self.draws.set_state(state["draws"].cpu())
            self.dropout.state = [part.cpu() for part in state["dropout"]]
            self._begin = time.perf_counter() - state["seconds"]
        except ResumeError:
            raise
        except (KeyError, TypeError, AttributeError, RuntimeError, ValueError) as error:
            raise ResumeError(f"the saved state is not a whole one: {error}") from error

    def _made_with(self) -> dict:
        return asdict(self.config) | asdict(self.model.config) | {"corpus": self.corpus.sha256}


def train(
    model: GPT,
    corpus: Corpus,
    config: TrainConfig,
    resume: dict | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Iterator[Progress | Evaluation | Resumable | Finished]:
    """Trains the model where it is, yielding Progress, Evaluation, Resumable and at the end Finished.

    The model is left with its best weights by validation loss, in evaluation mode; also when training diverges.
    A reader that goes away early leaves it with the weights of that moment.

    Args:
        resume: the state of an earlier Resumable: the run goes on from there.
        stop: asked after each step; once it says yes the stream ends with a Resumable instead of Finished.

    Raises:
        ValueError: the model's vocabulary is not the corpus's.
        ResumeError: `resume` was made with other settings, sizes or text.
        TrainingDivergedError: the loss became NaN or infinite; the message says at which step.
    """
    if model.config.chars != corpus.tokenizer.chars:
        raise ValueError("the model's vocabulary differs from the corpus's; make the model with new_model(corpus, …)")
    trainer = Trainer(model, corpus, config)
    if resume is not None:
        trainer.restore(resume)
    return _events(trainer, stop)


def _events(trainer: Trainer, stop: Callable[[], bool]) -> Iterator[Progress | Evaluation | Resumable | Finished]:
    config = trainer.config
    if not trainer.evaluations:
        yield trainer.look()
        yield Resumable(trainer.steps, trainer.state)
    shown, told = time.perf_counter(), trainer.steps
    while trainer.fraction < 1:
        loss = trainer.take_step()
        now = time.perf_counter()
        if now - shown > PROGRESS_EVERY:
            speed = (trainer.steps - told) * config.batch_size * trainer.length / (now - shown)
            rate = config.lr * trainer.factor
            yield Progress(trainer.steps, loss, rate, speed, trainer.fraction, trainer.seconds)
            shown, told = time.perf_counter(), trainer.steps
        if trainer.fraction == 1 or trainer.steps % config.eval_interval == 0:
            yield trainer.look()
            yield Resumable(trainer.steps, trainer.state)
            shown, told = time.perf_counter(), trainer.steps
        if stop() and trainer.fraction < 1:
            yield Resumable(trainer.steps, trainer.state)
            trainer.load_best()
            return
    if trainer.evaluations[-1].step < trainer.steps:  # the minutes ran out between two looks at the clock
        yield trainer.look()
    trainer.load_best()
    yield Finished(trainer.steps, trainer.seconds, trainer.best, tuple(trainer.evaluations))
