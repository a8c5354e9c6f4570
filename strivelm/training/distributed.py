"""Data parallel training: several processes, started by torchrun, that train one model together.

Each computes the gradient of its share of every batch's windows; the sum of the shares is the batch's own gradient, so
that every process takes the same step as one process alone would.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist

PATIENCE = timedelta(minutes=30)  # what one may wait for another: that one may be saving, or fetching the text


@dataclass(frozen=True)
class Team:
    """The processes that train one model together; a lone one is a team of 1, which nothing here keeps waiting."""

    rank: int = 0
    """Which of them this is; 0 speaks and writes."""
    size: int = 1
    """How many they are."""
    control: "dist.ProcessGroup | None" = None
    """By which they tell each other things without a GPU having to wait; None is the way that sums take."""

    def share(self, items: torch.Tensor) -> torch.Tensor:
        """This process's part of items (N, …): about N / size of them, together all, each once."""
        return items.tensor_split(self.size)[self.rank]

    def sum(self, tensors: list[torch.Tensor]) -> None:
        """Replaces each tensor by its sum over the team, in one message."""
        if self.size == 1:
            return
        message = torch.cat([tensor.flatten() for tensor in tensors])
        dist.all_reduce(message)
        for tensor, total in zip(tensors, message.split([t.numel() for t in tensors]), strict=True):
            tensor.copy_(total.view_as(tensor))

    def told(self, thing: object) -> object:
        """What the first process has as `thing`, in every process."""
        if self.size == 1:
            return thing
        message = [thing]
        dist.broadcast_object_list(message, group=self.control)
        return message[0]

    @contextmanager
    def one_before_the_others(self) -> Iterator[None]:
        """Lets the first process go through the block before the others may enter it, so that it fills caches."""
        if self.size > 1 and self.rank > 0:
            dist.barrier()
        yield
        if self.size > 1 and self.rank == 0:
            dist.barrier()


ALONE = Team()


def local_device(device: torch.device) -> torch.device:
    """The device of this process: of several CUDA devices each process of a machine takes its own.

    Raises ValueError where there are fewer than processes, or where one is named for all.
    """
    here = int(os.environ.get("LOCAL_WORLD_SIZE", 1))
    if device.type != "cuda" or here == 1:
        return device
    if device.index is not None or here > torch.cuda.device_count():
        raise ValueError(
            f"{here} processes need a CUDA device each; this machine has {torch.cuda.device_count()}, and the device "
            f"asked for is {device}. Pass --device cuda, and at most as many processes to torchrun"
        )
    return torch.device("cuda", int(os.environ["LOCAL_RANK"]))


@contextmanager
def team(device: torch.device) -> Iterator[Team]:
    """The team that torchrun started this process in; without torchrun, a team of 1."""
    if int(os.environ.get("WORLD_SIZE", 1)) == 1:
        yield ALONE
        return
    if device.type == "cuda":
        torch.cuda.set_device(device)
    on_cuda = device.type == "cuda"
    dist.init_process_group("nccl" if on_cuda else "gloo", timeout=PATIENCE)
    try:
        yield Team(dist.get_rank(), dist.get_world_size(), dist.new_group(backend="gloo") if on_cuda else None)
    finally:
        dist.destroy_process_group()
