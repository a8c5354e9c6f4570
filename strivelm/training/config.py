"""How a model is trained, and with what: frozen dataclasses from which training.json and the flags are made."""

import math
from contextlib import AbstractContextManager
from dataclasses import dataclass

from strivelm.words import plural

CHOICES = {
    "precision": ("auto", "float32", "bfloat16"),
    "compile": ("auto", "on", "off"),
    "fused": ("auto", "on", "off"),
}


@dataclass(frozen=True)
class TrainConfig:
    """How a model is trained. Raises ValueError for a value that means nothing."""

    max_steps: int | None = 3000
    """How many optimiser steps to take; None leaves it to the minutes."""
    minutes: float | None = None
    """A budget of wall-clock time; the schedule is fitted to whichever ends first, steps or minutes."""
    batch_size: int = 32
    """How many windows of text make a step."""
    grad_accumulation: int = 1
    """In how many parts a process computes its windows of a step, one after the other, when they don't fit at once."""
    optimizer: str = "muon"
    """muon (Muon for the blocks' matrices, AdamW for the rest) or adamw (for everything)."""
    lr: float = 1e-2
    """AdamW's peak learning rate."""
    muon_lr: float = 0.05
    """Muon's peak learning rate."""
    beta2: float = 0.99
    """AdamW's second decay rate; the first is 0.9."""
    weight_decay: float = 0.1
    """Decoupled decay of matrices, with Muon those of the blocks only; biases and LayerNorms have none."""
    init: str = "gpt2"
    """How weights begin: gpt2 (normal draws), or zero (the same, but blocks add nothing to the stream at first)."""
    noise: float = 0.0
    """The fraction of a batch's inputs replaced by a character from a random place in the text; against overfitting."""
    distillation: float = 0.5
    """With teachers, their share in what is learnt: 0 is the text alone, 1 is what they expect alone."""
    warmup_steps: int = 20
    """Steps over which the learning rates rise to their peak."""
    schedule: str = "linear"
    """What comes after the warm-up: linear or cosine (both down to zero), or constant."""
    grad_clip: float = 1.0
    """The gradient's norm is cut to this; 0 leaves it alone."""
    eval_interval: int = 250
    """Steps between evaluations; there is always one before the first step and one after the last. By the clock there
    are fewer where all together would take more than a tenth of the time."""
    eval_characters: int | None = None
    """How many characters of each split an evaluation reads; None: up to 131,072, and no more than makes all of them a
    tenth of the run. The last one reads the validation text whole."""
    snapshots: int = 0
    """How many models of its youth to keep: before step 1, after it, then evenly in log(step) up to the last."""
    seed: int = 1337
    """The start of the random streams: weights, batches and dropout; evaluation has its own."""

    def __post_init__(self):
        whole = {
            "max_steps": 0,
            "batch_size": 1,
            "grad_accumulation": 1,
            "snapshots": 0,
            "warmup_steps": 0,
            "eval_interval": 1,
            "eval_characters": 1,
            "seed": 0,
        }
        if self.max_steps is None:
            whole.pop("max_steps")
            if self.minutes is None:
                raise ValueError("max_steps and minutes are both None; expected one of them, or the run never ends")
        if self.eval_characters is None:
            whole.pop("eval_characters")
        for name, least in whole.items():
            if type(value := getattr(self, name)) is not int or value < least:
                raise ValueError(f"{name} is {value!r}; expected a whole number, at least {least}")
        bounds = {"lr": 100, "muon_lr": 100, "beta2": 1, "weight_decay": 100, "noise": 1, "grad_clip": math.inf}
        for name, below in bounds.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < below:
                raise ValueError(f"{name} is {value!r}; expected a number from 0 up to but not including {below}")
        if type(self.distillation) not in (int, float) or not 0 <= self.distillation <= 1:
            raise ValueError(f"distillation is {self.distillation!r}; expected a number from 0 to 1")
        if self.minutes is not None and not 0 < self.minutes < math.inf:
            raise ValueError(f"minutes is {self.minutes!r}; expected a number above 0")
        choices = {
            "optimizer": ("muon", "adamw"),
            "init": ("gpt2", "zero"),
            "schedule": ("linear", "cosine", "constant"),
        }
        for name, known in choices.items():
            if getattr(self, name) not in known:
                raise ValueError(f"{name} is {getattr(self, name)!r}; expected one of {', '.join(known)}")


@dataclass(frozen=True)
class Hardware:
    """What a run computes with. Raises ValueError for a value that means nothing."""

    device: str = "auto"
    """auto (cuda, then mps, then cpu), cuda, cuda:N, mps or cpu."""
    threads: int = 0
    """CPU threads; 0 takes the number that is measured to be fastest now."""
    precision: str = "auto"
    """float32, bfloat16 (matrix products only; weights and losses stay float32), or auto: what is measured faster."""
    compile: str = "auto"
    """Whether torch.compile makes the model's kernels: on, off, or auto (where a CUDA device and Triton are)."""
    fused: str = "auto"
    """Whether AdamW's step is one kernel: on, off, or auto (on a CUDA device only)."""

    def __post_init__(self):
        if type(self.threads) is not int or self.threads < 0:
            raise ValueError(f"threads is {self.threads!r}; expected a whole number, at least 0")
        for name, known in CHOICES.items():
            if getattr(self, name) not in known:
                raise ValueError(f"{name} is {getattr(self, name)!r}; expected one of {', '.join(known)}")

    def __str__(self) -> str:
        threads = plural(self.threads, "thread")
        parts = [self.device, threads if self.device == "cpu" else "", self.precision]
        parts += [name for name in ("compile", "fused") if getattr(self, name) == "on"]
        return ", ".join(filter(None, parts)).replace("compile", "compiled")

    def autocast(self) -> AbstractContextManager:
        """The context in which matrix products are computed in this precision."""
        import torch  # which the flags, made from this class, need not wait for

        kind = torch.device(self.device).type
        return torch.autocast(kind, torch.bfloat16, enabled=self.precision == "bfloat16")
