"""The registry of questions about models: each has a name, a function of open models, and typed arguments.

A question is declared where it is answered, by `@question("attention.maps")` above a function whose first parameters
are open models and whose others are plain, typed values. The views in the browser (`strivelm.ask`), the endpoints and
MCP tools (`strivelm.ui.api`), and the notebook functions use this registry. `Dispatcher` answers the questions.
"""

import dataclasses
import inspect
import math
import sys
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from strivelm.loading import OpenModel
from strivelm.ui import limits
from strivelm.ui.core.costs import Cost, Costs, check

Seconds = float | Callable[..., float]
"""How long an answer may take; a function is called with the question's arguments."""


@dataclass(frozen=True)
class Argument:
    """An argument of a question, besides its models."""

    name: str
    kind: object
    """str, int, float, bool, list[…] of these, or one of them and None."""
    default: object = inspect.Parameter.empty
    """Its default; `Parameter.empty` if it is required."""

    def checked(self, value: object, question: str) -> object:
        """The value, converted to the argument's kind. Raises ValueError, a sentence, for a value of another kind."""
        found = _converted(value, self.kind)
        if found is _WRONG:
            raise ValueError(
                f"The argument {self.name} of {question} is {shown(value)}; expected {_described(self.kind)}."
            )
        return found


@dataclass(frozen=True)
class Question:
    """One thing that can be asked."""

    name: str
    """The part of the page that asks it, and its subject, as in "attention.maps"."""
    function: Callable[..., Any]
    """Answers it in plain Python; a generator gives a long answer in pieces."""
    models: int
    """How many models it is about; 0 if it needs none."""
    many: bool
    """Whether it is about any number of models: its function takes a list of them."""
    arguments: tuple[Argument, ...]
    settings: Mapping[str, Callable[..., object]]
    """By name, the function's parameters that are dataclasses: their fields are arguments of the question."""
    seconds: Seconds
    """Its time limit."""
    gpu_seconds: Seconds
    """For how long ZeroGPU is asked for a GPU, all of which counts against the visitor's quota."""
    max_bytes: int
    """How large its answer may be as JSON."""
    device: bool | Callable[..., bool]
    """Whether it computes with a model's weights, and so needs the GPU on ZeroGPU; a function is called with the
    question's arguments."""
    cached: bool
    """Whether its answers are cached for the next visitor."""
    hub: bool
    """Whether it asks the Hub about a model that is from there, which takes as long as the Hub does."""
    lane: str
    """"looking" or "writing": the queue in which it waits; each answers a limited number of questions at once."""
    costs: Costs | None = None
    """What it costs for a text of so many characters, of the first model's context at most; None if that is little,
    whatever the models."""

    @property
    def streamed(self) -> bool:
        """Whether the answer comes in pieces."""
        return inspect.isgeneratorfunction(self.function)

    def checked(self, given: Mapping[str, object]) -> dict[str, object]:
        """The arguments by name, defaults filled in.

        Raises ValueError, a sentence, for one that is missing, unknown or of another kind.
        """
        known = {argument.name: argument for argument in self.arguments}
        unknown = [name for name in given if name not in known]
        if unknown:
            raise ValueError(
                f"{self.name} takes no argument {shown(unknown[0])}; expected {', '.join(known) or 'no arguments'}."
            )
        found = {}
        for name, argument in known.items():
            if name in given:
                found[name] = argument.checked(given[name], self.name)
            elif argument.default is inspect.Parameter.empty:
                raise ValueError(f"{self.name} needs the argument {name}: {_described(argument.kind)}.")
            else:
                found[name] = argument.default
        return found

    def answer(self, models: Sequence[OpenModel], arguments: Mapping[str, object]) -> Any:
        """What the function gives for open models and checked arguments. Raises what it raises."""
        given = dict(arguments)
        for setting, kind in self.settings.items():
            given[setting] = kind(**{name: given.pop(name) for name in inspect.signature(kind).parameters})
        return self.function(list(models), **given) if self.many else self.function(*models, **given)

    def cost(self, models: Sequence[OpenModel], arguments: Mapping[str, object]) -> Cost:
        """What an answer costs. Raises ValueError, a sentence, if that is more than is allowed."""
        if self.costs is None or not models:
            return Cost()
        model, text = models[0].model, arguments.get("text")
        length = min(len(text), model.block_size) if isinstance(text, str) else model.block_size
        others = [opened.model for opened in models[1 : self.models]]
        return check(self.costs, model, max(1, length), self.longest(arguments), self.max_bytes, others)

    @property
    def slow(self) -> bool:
        """Whether an answer may take longer than most, so that few are computed at the same time."""
        return self.lane == "looking" and (callable(self.seconds) or self.seconds > limits.LOOK_SECONDS)

    def needs_gpu(self, arguments: Mapping[str, object]) -> bool:
        """Whether an answer to these arguments needs the GPU on ZeroGPU."""
        return self.device(**arguments) if callable(self.device) else self.device

    def longest(self, arguments: Mapping[str, object]) -> float:
        """How many seconds an answer to these arguments may take."""
        return _seconds(self.seconds, arguments)

    def gpu_limit(self, arguments: Mapping[str, object]) -> float:
        """For how many seconds a GPU is asked for."""
        return _seconds(self.gpu_seconds, arguments)


QUESTIONS: dict[str, Question] = {}
"""All questions by name."""


def question(
    name: str,
    *,
    seconds: Seconds = limits.LOOK_SECONDS,
    gpu_seconds: Seconds | None = None,
    max_bytes: int = limits.ANSWER_BYTES,
    device: bool | Callable[..., bool] = True,
    cached: bool = False,
    hub: bool = False,
    lane: str = "looking",
    costs: Costs | None = None,
) -> Callable[[Callable], Callable]:
    """The decorator that makes a function a question; the function itself stays as it is.

    Its first parameters are the open models (annotated `OpenModel`), or one is a list of any number of them
    (`list[OpenModel]`), such as all steps of a training; the others are its arguments, each annotated with
    a kind that `Argument` knows, or with a dataclass of such fields, which are arguments then. It raises ValueError, a
    sentence, if it can't be answered.

    Args:
        gpu_seconds: for how long ZeroGPU is asked for a GPU, if that differs from `seconds`.
        costs: what it costs, of `strivelm.ui.core.costs`, by the length of its argument `text`, or else of the context.
    """

    def declare(function: Callable) -> Callable:
        parameters = list(inspect.signature(function, eval_str=True).parameters.values())
        many = bool(parameters) and parameters[0].annotation == list[OpenModel]
        models = 1 if many else sum(parameter.annotation is OpenModel for parameter in parameters)
        if any(parameter.annotation is OpenModel for parameter in parameters[models:]):
            raise TypeError(f"{name}: the open models must be the first parameters")
        settings = {one.name: one.annotation for one in parameters[models:] if _is_settings(one.annotation)}
        arguments = tuple(argument for one in parameters[models:] for argument in _arguments(one))
        for argument in arguments:
            _described(argument.kind)  # raises for a kind that can't be checked
        if name in QUESTIONS and QUESTIONS[name].function.__qualname__ != function.__qualname__:
            raise TypeError(f"there are two questions {name}")
        on_gpu = seconds if gpu_seconds is None else gpu_seconds
        QUESTIONS[name] = Question(
            name,
            function,
            models,
            many,
            arguments,
            settings,
            seconds,
            on_gpu,
            max_bytes,
            device,
            cached,
            hub,
            lane,
            costs,
        )
        return function

    return declare


def _is_settings(kind: object) -> bool:
    return dataclasses.is_dataclass(kind)


def _arguments(parameter: inspect.Parameter) -> list[Argument]:
    """A parameter as an argument, or the fields of its dataclass as several."""
    if not _is_settings(parameter.annotation):
        return [Argument(parameter.name, parameter.annotation, parameter.default)]
    fields = inspect.signature(parameter.annotation, eval_str=True).parameters.values()
    return [Argument(field.name, field.annotation, field.default) for field in fields]


def _seconds(given: Seconds, arguments: Mapping[str, object]) -> float:
    return given(**arguments) if callable(given) else given


def size_of(value: object) -> int:
    """Approximately how many bytes a value has as JSON. It does not recurse, so nesting may be deep."""
    size, waiting = 0, [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            size += len(one) if one.isascii() else len(one.encode("utf-8", "surrogatepass"))
        elif isinstance(one, dict):
            size += sum(len(str(key)) + 6 for key in one)
            waiting += one.values()
        elif isinstance(one, list | tuple):
            size += 2 * len(one)
            waiting += one
        else:
            size += 8
    return size


def cleaned(value: object) -> object:
    """The value with None in place of NaN and infinities, for which JSON has no word; of dicts and lists in place."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    waiting: list[dict | list] = [value] if isinstance(value, dict | list) else []
    while waiting:
        one = waiting.pop()
        for place, item in one.items() if isinstance(one, dict) else enumerate(one):
            if isinstance(item, float):
                if not math.isfinite(item):
                    one[place] = None
            elif isinstance(item, tuple):
                one[place] = item = list(item)
                waiting.append(item)
            elif isinstance(item, dict | list):
                waiting.append(item)
    return value


def shown(value: object) -> str:
    """A value as a sentence quotes it, cut to 40 characters; its type if it can't be printed."""
    try:
        return f"{value!r:.40}"
    except (RecursionError, ValueError):  # ValueError: a whole number of thousands of digits
        return f"a {type(value).__name__}"


_WRONG = object()
_NAMES = {str: "text", int: "a whole number", float: "a number", bool: "true or false", types.NoneType: "nothing"}


def _converted(value: object, kind: object) -> object:
    """The value as one of a kind, or _WRONG. JSON has one type of number: a slider's 40.0 counts as 40."""
    if typing.get_origin(kind) in (types.UnionType, typing.Union):
        found = (_converted(value, one) for one in typing.get_args(kind))
        return next((one for one in found if one is not _WRONG), _WRONG)
    if typing.get_origin(kind) is list:
        (item,) = typing.get_args(kind)
        items = [_converted(one, item) for one in value] if isinstance(value, list | tuple) else [_WRONG]
        return _WRONG if any(one is _WRONG for one in items) else items
    if kind is types.NoneType:
        return None if value is None else _WRONG
    if kind is bool or isinstance(value, bool):
        return value if kind is bool and isinstance(value, bool) else _WRONG
    if kind is str:
        return value if isinstance(value, str) and _is_text(value) else _WRONG
    if not isinstance(value, int | float) or (isinstance(value, float) and not math.isfinite(value)):
        return _WRONG
    if kind is int:
        return int(value) if value == int(value) else _WRONG
    return float(value) if abs(value) <= sys.float_info.max else _WRONG


def _is_text(value: str) -> bool:
    """Whether it is valid text, without half of a surrogate pair, which JSON can contain."""
    return not any("\ud800" <= char <= "\udfff" for char in value)


def _described(kind: object) -> str:
    if typing.get_origin(kind) in (types.UnionType, typing.Union):
        return " or ".join(_described(one) for one in typing.get_args(kind))
    if typing.get_origin(kind) is list:
        return f"a list, each item {_described(typing.get_args(kind)[0])}"
    if kind not in _NAMES:
        raise TypeError(f"a question can't take {kind!r}; expected str, int, float, bool, None, or lists of these")
    return _NAMES[kind]
