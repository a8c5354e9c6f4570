"""What a run computes with: device, threads, precision; and the choice of them by measuring, as machines differ.

bfloat16 makes training about twice as fast on a CPU that has instructions for it, and many times slower on one that has
none; a second thread is worth much on an idle machine and nothing on a busy one.
"""

import os
import time
import warnings
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from importlib.util import find_spec

import torch

from strivelm.model import GPT

SAMPLE = 1024  # characters in a measured step
ROUNDS = 3  # of which the fastest counts: the others were disturbed
WORTHWHILE = 1.1  # what is not this much faster is not chosen: float32 and few threads have their advantages
CHOICES = {
    "precision": ("auto", "float32", "bfloat16"),
    "compile": ("auto", "on", "off"),
    "fused": ("auto", "on", "off"),
}


@dataclass(frozen=True)
class Machine:
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
        threads = f"{self.threads} thread{'' if self.threads == 1 else 's'}"
        parts = [self.device, threads if self.device == "cpu" else "", self.precision]
        parts += [name for name in ("compile", "fused") if getattr(self, name) == "on"]
        return ", ".join(filter(None, parts)).replace("compile", "compiled")

    def autocast(self) -> AbstractContextManager:
        """The context in which matrix products are computed in this precision."""
        kind = torch.device(self.device).type
        return torch.autocast(kind, torch.bfloat16, enabled=self.precision == "bfloat16")


PLAIN = Machine("cpu", precision="float32", compile="off", fused="off")
"""The same arithmetic everywhere: what training does when nobody chooses."""


def cores() -> int:
    """How many CPU cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


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


def settle(asked: Machine, model: GPT, most_threads: int | None = None) -> Machine:
    """The machine with nothing left open: what was asked for, and for the rest what is fastest for this model.

    On a CPU, threads and precision are measured: a few training steps on a thousand characters, a few seconds. On CUDA
    the precision is bfloat16 where the device has it. Sets torch's number of threads.

    Args:
        most_threads: the most to try; None means the cores there are.
    """
    kind = torch.device(asked.device).type
    can_compile = kind == "cuda" and find_spec("triton") is not None  # which Windows lacks
    found = replace(
        asked,
        compile=_word(can_compile) if asked.compile == "auto" else asked.compile,
        fused=_word(kind == "cuda") if asked.fused == "auto" else asked.fused,
    )
    if kind != "cpu" and found.precision == "auto":
        has_bfloat16 = kind == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
        found = replace(found, precision="bfloat16" if has_bfloat16 else "float32")
    if kind == "cpu":
        most = most_threads or cores()
        threads = [found.threads] if found.threads else sorted({1, max(1, most // 2), most})
        precisions = ["float32", "bfloat16"] if found.precision == "auto" else [found.precision]
        candidates = [replace(found, threads=n, precision=p) for n in threads for p in precisions]
        found = _fastest(candidates, model) if len(candidates) > 1 else candidates[0]
    if found.threads:
        torch.set_num_threads(found.threads)
    return replace(found, threads=torch.get_num_threads())


def _word(on: bool) -> str:
    return "on" if on else "off"


def _fastest(candidates: list[Machine], model: GPT) -> Machine:
    """The candidate with the fastest training step; a later one must be clearly faster than those before it."""
    before = torch.get_num_threads()
    seconds = dict.fromkeys(candidates, float("inf"))
    try:
        with _left_alone(model):
            for _ in range(ROUNDS):  # interleaved, so that a disturbance does not hit one candidate alone
                for machine in candidates:
                    seconds[machine] = min(seconds[machine], _seconds(machine, model))
    finally:
        torch.set_num_threads(before)
    best = candidates[0]
    for machine in candidates[1:]:
        if seconds[machine] * WORTHWHILE < seconds[best]:
            best = machine
    return best


def _seconds(machine: Machine, model: GPT) -> float:
    """How long a training step on a few windows takes."""
    torch.set_num_threads(machine.threads)
    ids = torch.zeros(max(1, SAMPLE // model.block_size), model.block_size, dtype=torch.long)
    begin = time.perf_counter()
    with machine.autocast():
        _, loss = model(ids, ids)
    loss.backward()
    return time.perf_counter() - begin


@contextmanager
def _left_alone(model: GPT):
    """A stretch in which the model may be trained, but afterwards is as it was, as is the random state."""
    training = model.training
    with torch.random.fork_rng(devices=[]):
        try:
            yield model.train()
        finally:
            model.train(training).zero_grad(set_to_none=True)
