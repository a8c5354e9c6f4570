"""The peer beside which things are measured, and how long they take."""

import statistics
import tempfile
import time
from collections.abc import Callable

import torch

from strivelm import GPT

VOCABULARY = "".join(map(chr, range(32, 97)))  # as many characters as tiny Shakespeare has


def ours(n_layer: int, n_head: int, n_embd: int, block_size: int) -> GPT:
    """A GPT with fresh weights."""
    torch.manual_seed(0)
    return GPT(len(VOCABULARY), block_size, n_layer, n_head, n_embd, chars=VOCABULARY)


def theirs(model: GPT, **options):
    """The same weights as transformers' GPT2LMHeadModel."""
    from transformers import AutoModelForCausalLM  # not something the package needs

    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        return AutoModelForCausalLM.from_pretrained(folder, **options)


def seconds(work: Callable[[], object]) -> float:
    """How long a piece of work takes."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def taking_turns(work: dict[str, Callable[[], object]], rounds: int) -> list[dict[str, float]]:
    """The seconds of each piece of work in each round, after one round that does not count."""
    for once in work.values():
        once()
    return [{name: seconds(once) for name, once in work.items()} for _ in range(rounds)]


def speed(turns: list[dict[str, float]], name: str, characters: int) -> float:
    """Characters per second, the median over the rounds."""
    return statistics.median(characters / turn[name] for turn in turns)


def milliseconds(turns: list[dict[str, float]], name: str) -> float:
    """How long a piece of work takes, the median over the rounds."""
    return 1000 * statistics.median(turn[name] for turn in turns)


def ratio(turns: list[dict[str, float]], name: str, peer: str, times: float = 1.0) -> float:
    """How many times as fast as the peer, doing `times` as much as it; the median over the rounds."""
    return statistics.median(times * turn[peer] / turn[name] for turn in turns)
