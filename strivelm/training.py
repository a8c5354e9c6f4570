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
from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from strivelm.config import Sizes
from strivelm.corpus import Corpus, batch
from strivelm.model import GPT
from strivelm.muon import Muon

PROGRESS_EVERY = 0.2  # seconds


class TrainingDivergedError(ArithmeticError):
    """The loss became NaN or infinite. The model holds the best weights seen before."""


@dataclass(frozen=True)
class TrainConfig:
    """How a model is trained. Raises ValueError for a value that means nothing."""

    max_steps: int = 3000
    """How many optimiser steps to take."""
    minutes: float | None = None
    """A budget of wall-clock time: the schedule is fitted to whichever ends first, the steps or the minutes."""
    batch_size: int = 32
    """How many windows of text make a step."""
    optimizer: str = "muon"
    """muon (Muon for the blocks' matrices, AdamW for the rest) or adamw (for everything)."""
    lr: float = 1e-2
    """AdamW's peak learning rate."""
    muon_lr: float = 0.05
    """Muon's peak learning rate."""
    beta2: float = 0.99
    """AdamW's second decay rate; the first is 0.9."""
    weight_decay: float = 0.1
    """Decay of the blocks' matrices, decoupled; biases, LayerNorms and embeddings have none."""
    warmup_steps: int = 20
    """Steps over which the learning rates rise to their peak."""
    schedule: str = "linear"
    """What comes after the warm-up: linear or cosine (both down to zero), or constant."""
    grad_clip: float = 1.0
    """The gradient's norm is cut to this; 0 leaves it alone."""
    eval_interval: int = 250
    """Steps between evaluations; there is always one before the first step and one after the last."""
    eval_characters: int = 131_072
    """How many characters of each split an evaluation reads; a validation split up to that is read whole: exact."""
    seed: int = 1337
    """The start of the random streams: weights, batches and dropout; evaluation has its own."""

    def __post_init__(self):
        whole = {
            "max_steps": 0,
            "batch_size": 1,
            "warmup_steps": 0,
            "eval_interval": 1,
            "eval_characters": 1,
            "seed": 0,
        }
        for name, least in whole.items():
            if type(value := getattr(self, name)) is not int or value < least:
                raise ValueError(f"{name} is {value!r}; expected a whole number, at least {least}")
        for name, below in {"lr": 100, "muon_lr": 100, "beta2": 1, "weight_decay": 100, "grad_clip": math.inf}.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < below:
                raise ValueError(f"{name} is {value!r}; expected a number from 0 up to but not including {below}")
        if self.minutes is not None and not 0 < self.minutes < math.inf:
            raise ValueError(f"minutes is {self.minutes!r}; expected a number above 0")
        for name, known in {"optimizer": ("muon", "adamw"), "schedule": ("linear", "cosine", "constant")}.items():
            if getattr(self, name) not in known:
                raise ValueError(f"{name} is {getattr(self, name)!r}; expected one of {', '.join(known)}")


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
        torch.manual_seed(seed)
        model = GPT(vocab_size=len(chars), chars=chars, **vars(sizes))
    return model.to(device)


def evaluate(model: GPT, ids: torch.Tensor, characters: int | None = None, seed: int = 0) -> float:
    """Mean loss in nats per character over non-overlapping windows of the model's context, the last one shorter.

    So every character but the first is predicted once. Where ids hold more than `characters`, that many are read in
    windows drawn by their own random stream: looking changes neither the training nor what is looked at next time.
    """
    T = model.block_size
    starts = torch.arange(0, len(ids) - 1, T)
    if characters is not None and len(ids) - 1 > characters:
        starts = _some(starts, characters // T, seed)
    whole = starts[starts + T < len(ids)]
    parts = [(whole, T)] if len(whole) else []
    if len(whole) < len(starts):
        parts.append((starts[-1:], len(ids) - 1 - int(starts[-1])))
    return _mean_loss(model, ids, parts)


def training_loss(model: GPT, ids: torch.Tensor, characters: int | None = None, seed: int = 0) -> float:
    """What training lowers: mean loss in nats per character over the windows that batches are drawn from.

    All of them where they hold at most `characters`, which is exact; else a fixed random choice of that many.
    """
    length = min(model.block_size, len(ids) - 1)
    starts = torch.arange(len(ids) - length)
    if characters is not None and len(starts) * length > characters:
        starts = _some(starts, characters // length, seed)
    return _mean_loss(model, ids, [(starts, length)])


def _some(starts: torch.Tensor, count: int, seed: int) -> torch.Tensor:
    chosen = torch.randperm(len(starts), generator=torch.Generator().manual_seed(seed))[: max(1, count)]
    return starts[chosen.sort().values]


@torch.no_grad()
def _mean_loss(model: GPT, ids: torch.Tensor, parts: list[tuple[torch.Tensor, int]]) -> float:
    """Over windows given as (starts, length); training mode and random streams are left as they were."""
    total, count, training, device = 0.0, 0, model.training, next(model.parameters()).device
    model.eval()
    try:
        for all_starts, length in parts:
            for starts in all_starts.split(max(1, 8192 // length)):
                inputs, targets = batch(ids, starts.to(ids.device), length)
                logits, _ = model(inputs.to(device))
                loss = F.cross_entropy(logits.flatten(0, 1).float(), targets.flatten().to(device), reduction="sum")
                total, count = total + loss.item(), count + targets.numel()
    finally:
        model.train(training)
    return total / count


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
            self._state = self._get()

    def _get(self) -> list[torch.Tensor]:
        return [torch.get_rng_state(), *map(torch.cuda.get_rng_state, self._devices)]

    def _set(self, state: list[torch.Tensor]) -> None:
        torch.set_rng_state(state[0])
        for device, cuda_state in zip(self._devices, state[1:], strict=True):
            torch.cuda.set_rng_state(cuda_state, device)

    def __enter__(self) -> None:
        self._outside = self._get()
        self._set(self._state)

    def __exit__(self, *exception) -> None:
        self._state = self._get()
        self._set(self._outside)


def train(model: GPT, corpus: Corpus, config: TrainConfig) -> Iterator[Progress | Evaluation | Finished]:
    """Trains the model where it is, yielding Progress, Evaluation and at the end Finished.

    The model is left with its best weights by validation loss, in evaluation mode; also when training diverges.
    A reader that stops early leaves it with the weights of that moment.

    Raises:
        ValueError: the model's vocabulary is not the corpus's.
        TrainingDivergedError: the loss became NaN or infinite; the message says at which step.
    """
    if model.config.chars != corpus.tokenizer.chars:
        raise ValueError("the model's vocabulary differs from the corpus's; make the model with new_model(corpus, …)")
    return _run(model, corpus, config)


def _run(model: GPT, corpus: Corpus, config: TrainConfig) -> Iterator[Progress | Evaluation | Finished]:
    device = next(model.parameters()).device
    ids = corpus.train.to(device)
    length = min(model.block_size, len(ids) - 1)
    draws, dropout = torch.Generator().manual_seed(config.seed), _GlobalStream(config.seed, device)
    opts = optimizers(model, config)
    peaks = [[group["lr"] for group in opt.param_groups] for opt in opts]
    begin, evaluations, best_state = time.perf_counter(), [], None

    def elapsed() -> float:
        return time.perf_counter() - begin

    def fraction(step: int) -> float:
        by_time = 0.0 if config.minutes is None else elapsed() / (60 * config.minutes)
        by_steps = step / config.max_steps if config.max_steps else 1.0
        return min(1.0, max(by_time, by_steps))

    def look(step: int) -> Evaluation:
        nonlocal best_state
        now = training_loss(model, corpus.train, config.eval_characters)
        validation = evaluate(model, corpus.validation, config.eval_characters) if len(corpus.validation) else None
        best = validation is None or all(validation < e.validation for e in evaluations)
        if best:
            best_state = {name: value.detach().clone() for name, value in model.state_dict().items()}
        evaluations.append(Evaluation(step, now, validation, elapsed(), best))
        return evaluations[-1]

    step, loss, since, told = 0, None, time.perf_counter(), 0
    yield look(0)
    while (done := fraction(step)) < 1:
        model.train()
        factor = schedule(config, step, done)
        for opt, rates in zip(opts, peaks, strict=True):
            for group, rate in zip(opt.param_groups, rates, strict=True):
                group["lr"] = rate * factor
        starts = torch.randint(len(ids) - length, (config.batch_size,), generator=draws).to(device)
        with dropout:
            _, loss = model(*batch(ids, starts, length))
        loss.backward()
        if config.grad_clip:
            torch.nn.utils.clip_grad_norm_(model.parameters(), config.grad_clip)
        for opt in opts:
            opt.step()
            opt.zero_grad(set_to_none=True)
        step += 1
        if not math.isfinite(loss.item()):
            model.load_state_dict(best_state)
            raise TrainingDivergedError(
                f"the loss became {loss.item()} at step {step}; the model holds the weights of step "
                f"{max(e.step for e in evaluations if e.best)}. A lower --lr or --muon-lr, or a longer warm-up, helps"
            )
        now = time.perf_counter()
        if now - since > PROGRESS_EVERY:
            speed = (step - told) * config.batch_size * length / (now - since)
            yield Progress(step, loss.item(), config.lr * factor, speed, fraction(step), elapsed())
            since, told = time.perf_counter(), step
        if step % config.eval_interval == 0 and fraction(step) < 1:
            yield look(step)
            since, told = time.perf_counter(), step
    if step:
        yield look(step)
    model.load_state_dict(best_state)
    model.eval()
    yield Finished(step, elapsed(), next(e for e in reversed(evaluations) if e.best), tuple(evaluations))
