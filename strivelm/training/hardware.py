"""What a run computes with: device, threads, precision; and the choice of them by measuring, as machines differ.

bfloat16 makes training about twice as fast on a CPU that has instructions for it, and many times slower on one that has
none; a second thread is worth much on an idle machine and nothing on a busy one.
"""

import os
import time
import warnings
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec

import torch

from strivelm.model import GPT
from strivelm.training.config import CHOICES, Hardware

SAMPLE = 1024  # characters in a measured step
ROUNDS = 3  # of which the fastest counts: the others were disturbed
WORTHWHILE = 1.1  # what is not this much faster is not chosen: float32 and few threads have their advantages

__all__ = ["CHOICES", "PLAIN", "Hardware", "cores", "resolve_device", "settle"]
PLAIN = Hardware("cpu", precision="float32", compile="off", fused="off")
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


def settle(asked: Hardware, model: GPT, most_threads: int | None = None, limit: float = 10.0) -> Hardware:
    """The hardware with nothing left open: what was asked for, and for the rest what is fastest for this model.

    On a CPU, threads and precision are measured: a few training steps on a thousand characters. On CUDA the precision
    is bfloat16 where the device has it. Sets torch's number of threads.

    Args:
        most_threads: the most to try; None means the cores there are.
        limit: seconds after which no further step is measured; what was not measured by then is not chosen.

    Raises:
        ValueError: compile is on, but torch can't compile here.
    """
    kind = torch.device(asked.device).type
    can_compile = kind == "cuda" and find_spec("triton") is not None  # which Windows lacks
    found = replace(
        asked,
        compile=_word(can_compile) if asked.compile == "auto" else asked.compile,
        fused=_word(kind == "cuda") if asked.fused == "auto" else asked.fused,
    )
    if found.compile == "on":
        found = replace(found, compile=_checked_compile(found, asked.compile == "auto"))
    if kind != "cpu" and found.precision == "auto":
        has_bfloat16 = kind == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
        found = replace(found, precision="bfloat16" if has_bfloat16 else "float32")
    if kind == "cpu":
        most = most_threads or cores()
        threads = [found.threads] if found.threads else sorted({1, max(1, most // 2), most}, reverse=True)
        precisions = ["float32", "bfloat16"] if found.precision == "auto" else [found.precision]
        candidates = [replace(found, threads=n, precision=p) for p in precisions for n in threads]
        found = _fastest(candidates, model, limit) if len(candidates) > 1 else candidates[0]
    if found.threads:
        torch.set_num_threads(found.threads)
    return replace(found, threads=torch.get_num_threads())


def _word(on: bool) -> str:
    return "on" if on else "off"


def _checked_compile(hardware: Hardware, may_do_without: bool) -> str:
    """ "on" after torch.compile has compiled something small; where it can't, "off" if that is an answer."""
    try:
        torch.compile(lambda x: torch.nn.functional.gelu(x) * 2)(torch.ones(8, device=hardware.device))
    except Exception as error:  # a compiler that is missing, broken, or of another kind: torch raises many kinds
        torch._dynamo.reset()
        reason = " ".join(str(error).split())[:200]
        if may_do_without:
            warnings.warn(f"torch.compile does not work here ({reason}); going on without", stacklevel=3)
            return "off"
        needs = (
            "a C++ compiler (g++ or clang; CXX names one)" if hardware.device == "cpu" else "a C compiler and Triton"
        )
        raise ValueError(
            f"--compile on needs {needs}, with which torch can't compile here: {reason}. Install one, or pass "
            "--compile off"
        ) from error
    return "on"


def _fastest(candidates: list[Hardware], model: GPT, limit: float) -> Hardware:
    """The candidate with the fastest training step; one with more threads or bfloat16 must be clearly faster."""
    before, begin = torch.get_num_threads(), time.perf_counter()
    seconds = dict.fromkeys(candidates, float("inf"))
    characters = min(SAMPLE, model.block_size)
    try:
        with _left_alone(model):
            if _seconds(candidates[0], model, characters) * len(candidates) * ROUNDS < limit:  # the first is slower
                characters = SAMPLE
            for round in range(ROUNDS):  # interleaved, so that a disturbance does not hit one candidate alone
                for hardware in candidates:
                    if round and time.perf_counter() - begin > limit:
                        break
                    seconds[hardware] = min(seconds[hardware], _seconds(hardware, model, characters))
    finally:
        torch.set_num_threads(before)
    plain_first = sorted(candidates, key=lambda hardware: (hardware.threads, hardware.precision != "float32"))
    best = plain_first[0]
    for hardware in plain_first[1:]:
        if seconds[hardware] * WORTHWHILE < seconds[best]:
            best = hardware
    return best


def _seconds(hardware: Hardware, model: GPT, characters: int) -> float:
    """How long a training step on a few windows takes."""
    torch.set_num_threads(hardware.threads)
    length = min(model.block_size, characters)
    ids = torch.zeros(max(1, characters // length), length, dtype=torch.long)
    begin = time.perf_counter()
    with hardware.autocast():
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
