"""Random streams of their own for what must come out the same however a run is stopped, looked at or divided."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import torch


@contextmanager
def stream(device: torch.device, *seeds: object) -> Iterator[None]:
    """A stretch in which torch's global random stream, the only one that dropout knows, is that of these seeds.

    Outside, it is what it would have been without training: so neither what a reader of the events draws changes the
    training, nor the other way round. As every step has its own stream, a state need not hold any.
    """
    seed, streams = mixed(*seeds), [(torch.get_rng_state, torch.set_rng_state)]
    if device.type == "cuda":
        get, put = partial(torch.cuda.get_rng_state, device), partial(torch.cuda.set_rng_state, device=device)
        streams.append((get, put))
    elif device.type == "mps":
        streams.append((torch.mps.get_rng_state, torch.mps.set_rng_state))
    outside = [get() for get, _ in streams]
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        with torch.cuda.device(device):
            torch.cuda.manual_seed(seed)
    elif device.type == "mps":
        torch.mps.manual_seed(seed)
    try:
        yield
    finally:
        for (_, put), state in zip(streams, outside, strict=True):
            put(state)


def mixed(*seeds: object) -> int:
    """One seed from several, unlike that of any other several."""
    return random.Random(repr(seeds)).getrandbits(63)
