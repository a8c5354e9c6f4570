"""Where a model computes: on this machine, or on the GPU that ZeroGPU provides for one call.

ZeroGPU runs a function in a fork of this process (huggingface.co/docs/hub/spaces-zerogpu): its arguments and
results are pickled, and of an exception only the class's name comes back.
"""

import os
from collections.abc import Callable
from typing import Any, cast

try:
    import spaces
except ImportError:  # not on a Space
    spaces = None

SENTENCES = (ValueError, IndexError)
"""Exceptions whose message is shown to the visitor."""


def lent() -> bool:
    """Whether each call on a GPU is paid from the visitor's quota, as on ZeroGPU."""
    return spaces is not None and os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true")


def gpu(seconds: float | Callable[..., float]) -> Callable[[Callable], Callable]:
    """The decorator that runs a function on ZeroGPU's GPU; it does nothing on other machines.

    Args:
        seconds: the time to request from ZeroGPU; a function is called with the call's arguments.
    """

    def wrap(function: Callable) -> Callable:
        # Declared as whole seconds, but made a timedelta (spaces 0.51, zero/wrappers.py): fractions will do.
        return spaces.GPU(duration=cast(Any, seconds))(function) if spaces else function

    return wrap
