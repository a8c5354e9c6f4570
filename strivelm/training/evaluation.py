"""How good a model is on a text: mean losses that looking at does not change."""

import torch
import torch.nn.functional as F

from strivelm.data.corpus import batch, windows
from strivelm.model import GPT
from strivelm.training.distributed import ALONE, Team


def evaluate(model: GPT, ids: torch.Tensor, characters: int | None = None, seed: int = 0, team: Team = ALONE) -> float:
    """Mean loss in nats per character over non-overlapping windows of the model's context, the last one shorter.

    So every character but the first is predicted once. Where ids hold more than `characters`, that many are read in
    windows drawn by their own random stream: looking changes neither the training nor what is looked at next time.
    """
    T = model.block_size
    starts = torch.arange(0, len(ids) - 1, T)
    if characters is not None and len(ids) - 1 > characters:
        chosen = torch.randperm(len(starts), generator=torch.Generator().manual_seed(seed))
        starts = starts[chosen[: max(1, characters // T)].sort().values]
    return _mean_loss(model, ids, windows(len(ids) - 1, T, starts), team)


def training_loss(
    model: GPT, ids: torch.Tensor, characters: int | None = None, seed: int = 0, team: Team = ALONE
) -> float:
    """What training lowers: mean loss in nats per character over the windows that batches are drawn from.

    All of them where they hold at most `characters`, which is exact; else a fixed random choice of that many.
    """
    length = min(model.block_size, len(ids) - 1)
    windows, most = len(ids) - length, None if characters is None else max(1, characters // length)
    if most is None or windows <= most:
        starts = torch.arange(windows)
    else:
        starts = torch.randint(windows, (most,), generator=torch.Generator().manual_seed(seed)).sort().values
    return _mean_loss(model, ids, [(starts, length)], team)


@torch.no_grad()
def _mean_loss(model: GPT, ids: torch.Tensor, parts: list[tuple[torch.Tensor, int]], team: Team) -> float:
    """Over windows given as (starts, length), each team member reading its share.

    Training mode and random streams are left as they were.
    """
    total, count, training, device = 0.0, 0, model.training, next(model.parameters()).device
    model.eval()
    try:
        for all_starts, length in parts:
            for starts in team.share(all_starts).split(max(1, 8192 // length)):
                inputs, targets = batch(ids, starts.to(ids.device), length)
                logits, _ = model(inputs.to(device))
                loss = F.cross_entropy(logits.flatten(0, 1).float(), targets.flatten().to(device), reduction="sum")
                total, count = total + loss.item(), count + targets.numel()
    finally:
        model.train(training)
    sums = torch.tensor([total, count], dtype=torch.float64, device=device if team.size > 1 else "cpu")
    team.sum([sums])
    return float(sums[0] / sums[1])
