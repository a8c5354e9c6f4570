"""How good a model is on a text: mean losses that looking at does not change."""

from collections.abc import Iterator

import torch
import torch.nn.functional as F

from strivelm.data.corpus import batch, windows
from strivelm.model import GPT
from strivelm.training.distributed import ALONE, ProcessGroup

AT_ONCE = 8192  # characters in a pass
Reading = Iterator[int]
"""Yields the characters that each pass has read, and returns the mean loss."""


def evaluate(
    model: GPT, ids: torch.Tensor, characters: int | None = None, seed: int = 0, group: ProcessGroup = ALONE
) -> float:
    """Mean loss in nats per character over non-overlapping windows of the model's context, the last one shorter.

    So every character but the first is predicted once. Where ids hold more than `characters`, that many are read in
    windows drawn by their own random stream: looking changes neither the training nor what is looked at next time.
    """
    return result_of(validation_reading(model, ids, characters, seed, group))


def training_loss(
    model: GPT, ids: torch.Tensor, characters: int | None = None, seed: int = 0, group: ProcessGroup = ALONE
) -> float:
    """What training lowers: mean loss in nats per character over the windows that batches are drawn from.

    All of them where `characters` is None, which is exact; else a fixed choice that holds so many characters, or as
    many as the text: then the windows lie evenly spread over it, before that at random places.
    """
    return result_of(training_reading(model, ids, characters, seed, group))


def validation_reading(
    model: GPT, ids: torch.Tensor, characters: int | None, seed: int = 0, group: ProcessGroup = ALONE
) -> Reading:
    """`evaluate`, pass by pass."""
    T = model.block_size
    starts = torch.arange(0, len(ids) - 1, T)
    if characters is not None and len(ids) - 1 > characters:
        chosen = torch.randperm(len(starts), generator=torch.Generator().manual_seed(seed))
        starts = starts[chosen[: max(1, characters // T)].sort().values]
    return _reading(model, ids, windows(len(ids) - 1, T, starts), group)


def training_reading(
    model: GPT, ids: torch.Tensor, characters: int | None, seed: int = 0, group: ProcessGroup = ALONE
) -> Reading:
    """`training_loss`, pass by pass."""
    length = min(model.block_size, len(ids) - 1)
    windows, most = len(ids) - length, max(1, min(characters or 0, len(ids)) // length)
    if characters is None:
        starts = torch.arange(windows)
    elif characters >= len(ids):
        starts = torch.linspace(0, windows - 1, most).long()
    else:
        starts = torch.randint(windows, (most,), generator=torch.Generator().manual_seed(seed)).sort().values
    return _reading(model, ids, [(starts, length)], group)


def result_of(steps: Iterator[object]) -> float:
    """What a generator returns, after all that it yields."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


@torch.no_grad()
def _reading(model: GPT, ids: torch.Tensor, parts: list[tuple[torch.Tensor, int]], group: ProcessGroup) -> Reading:
    """The mean loss over windows given as (starts, length), each process of a group reading its share.

    Training mode and random streams are left as they were.
    """
    total, count, device = 0.0, 0, next(model.parameters()).device
    for all_starts, length in parts:
        for starts in group.share(all_starts).split(max(1, AT_ONCE // length)):
            inputs, targets = batch(ids, starts.to(ids.device), length)
            training = model.training
            model.eval()
            try:
                logits, _ = model(inputs.to(device))
            finally:
                model.train(training)
            loss = F.cross_entropy(logits.flatten(0, 1).float(), targets.flatten().to(device), reduction="sum")
            total, count = total + loss.item(), count + targets.numel()
            yield targets.numel() * group.size
    sums = torch.tensor([total, count], dtype=torch.float64, device=device if group.size > 1 else "cpu")
    group.sum([sums])
    return float(sums[0] / sums[1])
