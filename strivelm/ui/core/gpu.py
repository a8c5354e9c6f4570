"""Where model work runs: here, or on the GPU that ZeroGPU lends for one call.

ZeroGPU runs a function in a fork of this process (huggingface.co/docs/hub/spaces-zerogpu): its arguments, and what it
returns or yields, are pickled on the way. So a piece of work is a function of an open model and plain Python that
answers in plain Python, and the page names the model by its reference: the fork finds it in the memory it inherits.
"""

import contextlib
import functools
import inspect
from collections.abc import Callable

from strivelm.ui import limits
from strivelm.ui.core.models import Models

try:
    import spaces
except ImportError:  # not on a Space
    spaces = None

SAID = (ValueError, IndexError)
"""Errors that are sentences for the visitor. They cross as text: of others ZeroGPU tells the name alone."""
Seconds = float | Callable[..., float]
"""How long a piece of work may take; a function is asked with the work's own arguments, the reference first."""


def gpu(seconds: Seconds) -> Callable[[Callable], Callable]:
    """The decorator that runs a function where ZeroGPU lends a GPU, for at most so long; elsewhere it does nothing."""

    def wrap(function: Callable) -> Callable:
        return spaces.GPU(duration=seconds)(function) if spaces else function

    return wrap


class Work:
    """Turns functions of an open model into functions of its reference, to be called by tabs and endpoints.

    Made while the page is built: ZeroGPU wants to know every such function before the page is launched.
    """

    def __init__(self, models: Models):
        self.models = models

    def __call__(
        self, function: Callable[..., object], seconds: Seconds = limits.LOOK_SECONDS
    ) -> Callable[..., object]:
        """`function(opened, *arguments)` as `work(ref, *arguments)`; a generator stays one.

        Args:
            function: takes an `OpenModel` and plain Python, and gives plain Python.
            seconds: the most it takes, which is what ZeroGPU is asked for.

        The work raises ValueError, a sentence, where there is no such model.
        """
        models = self.models
        if inspect.isgeneratorfunction(function):

            @gpu(seconds)
            def inside(ref, *arguments):
                try:
                    for value in function(models.get(ref), *arguments):
                        yield value, None
                except SAID as error:
                    yield None, str(error)

            def work(ref, *arguments):
                models.get(ref)  # opened before the fork, which inherits it
                with contextlib.closing(inside(ref, *arguments)) as answers:
                    for answer in answers:
                        yield _unless_wrong(answer)
        else:

            @gpu(seconds)
            def inside(ref, *arguments):
                try:
                    return function(models.get(ref), *arguments), None
                except SAID as error:
                    return None, str(error)

            def work(ref, *arguments):
                models.get(ref)
                return _unless_wrong(inside(ref, *arguments))

        return functools.wraps(function, assigned=("__module__", "__name__", "__doc__"))(work)


def _unless_wrong(answer: tuple[object, str | None]) -> object:
    value, wrong = answer
    if wrong is not None:
        raise ValueError(wrong)
    return value
