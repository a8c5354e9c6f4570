"""Where a model's weights are used: here, or on the GPU that ZeroGPU lends for one call.

ZeroGPU runs a function in a fork of this process (huggingface.co/docs/hub/spaces-zerogpu): its arguments, and what it
returns or yields, are pickled on the way, and of an error only the name comes back.
"""

from collections.abc import Callable
from typing import Any, cast

try:
    import spaces
except ImportError:  # not on a Space
    spaces = None

SENTENCES = (ValueError, IndexError)
"""Errors whose text is a sentence for the visitor."""


def gpu(seconds: float | Callable[..., float]) -> Callable[[Callable], Callable]:
    """The decorator that runs a function where ZeroGPU lends a GPU, for at most so long; elsewhere it does nothing.

    Args:
        seconds: how long it may take, which is what ZeroGPU is asked for; a function gets the call's own arguments.
    """

    def wrap(function: Callable) -> Callable:
        # Declared as whole seconds, but made a timedelta (spaces 0.51, zero/wrappers.py): fractions will do.
        return spaces.GPU(duration=cast(Any, seconds))(function) if spaces else function

    return wrap
