"""Data parallel training: several processes, started by torchrun, that train one model together.

Each computes the gradient of its share of every batch's windows; the sum of the shares is the batch's own gradient, so
that every process takes the same step as one process alone would. Dropout is the exception: each process draws masks
of its own, so with dropout the losses are those of another draw.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar, cast

import torch
import torch.distributed as dist

T = TypeVar("T")
TIMEOUT = timedelta(minutes=30)  # what one may wait for another: that one may be saving, or fetching the text
FROM_TORCHRUN = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


@dataclass(frozen=True)
class ProcessGroup:
    """The processes that train one model together; a lone one is a group of 1, in which nothing waits."""

    rank: int = 0
    """Which of them this is; 0 prints and writes."""
    size: int = 1
    """How many they are."""
    control: "dist.ProcessGroup | None" = None
    """By which small messages go without a GPU having to wait; None is the way that sums take."""

    def share(self, items: torch.Tensor) -> torch.Tensor:
        """This process's part of items (N, …): about N / size of them, together all, each once."""
        return items.tensor_split(self.size)[self.rank]

    def sum(self, tensors: list[torch.Tensor]) -> None:
        """Replaces each tensor by its sum over the group, in one message."""
        if self.size == 1:
            return
        message = torch.cat([tensor.flatten() for tensor in tensors])
        dist.all_reduce(message)
        for tensor, total in zip(tensors, message.split([t.numel() for t in tensors]), strict=True):
            tensor.copy_(total.view_as(tensor))

    def broadcast(self, value: T) -> T:
        """What the first process has as `value`, in every process."""
        if self.size == 1:
            return value
        message = [value]
        dist.broadcast_object_list(message, group=self.control)
        return message[0]

    @contextmanager
    def first_before_the_others(self) -> Iterator[None]:
        """Lets the first process go through the block before the others may enter it, so that it fills caches."""
        if self.size > 1 and self.rank > 0:
            dist.barrier()
        yield
        if self.size > 1 and self.rank == 0:
            dist.barrier()


ALONE = ProcessGroup()


def check_environment(environment: Mapping[str, str] = os.environ) -> None:
    """Raises ValueError where the environment promises several processes without saying all that they need to meet.

    Schedulers of clusters set RANK and WORLD_SIZE for jobs of their own; torchrun sets all of `FROM_TORCHRUN`.
    """
    size = environment.get("WORLD_SIZE", "1")
    if size == "1":
        return
    missing = [name for name in FROM_TORCHRUN if name not in environment]
    wrong = [
        f"{name}={environment[name]!r}"
        for name in FROM_TORCHRUN
        if name in environment and name != "MASTER_ADDR" and not environment[name].isdecimal()
    ]
    if missing or wrong:
        what = f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} not set" if missing else "that is wrong"
        raise ValueError(
            f"the environment says WORLD_SIZE={size!r}, but {', '.join(wrong) + ': ' if wrong else ''}{what}; start "
            "several processes with torchrun --nproc-per-node=N, which sets all, or unset WORLD_SIZE to train alone"
        )


def local_device(device: torch.device) -> torch.device:
    """The device of this process: of several CUDA devices each process of a computer takes its own.

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
def process_group(device: torch.device) -> Iterator[ProcessGroup]:
    """The group that torchrun started this process in; without torchrun, a group of 1.

    Raises ValueError as `check_environment` does.
    """
    check_environment()
    if int(os.environ.get("WORLD_SIZE", 1)) == 1:
        yield ALONE
        return
    if device.type == "cuda":
        torch.cuda.set_device(device)
    on_cuda = device.type == "cuda"
    dist.init_process_group("nccl" if on_cuda else "gloo", timeout=TIMEOUT)
    try:
        # The int of new_group's type is for processes outside the group; this one has all.
        control = cast(dist.ProcessGroup, dist.new_group(backend="gloo")) if on_cuda else None
        yield ProcessGroup(dist.get_rank(), dist.get_world_size(), control)
        dist.barrier()  # who leaves while another one still listens to it has that one's threads abort
    finally:
        dist.destroy_process_group()
