"""The endpoints of the page: one for each public question, and two for the page's own views.

A question "api.NAME" (`strivelm.ui.api.answers`) becomes the endpoint /NAME: typed, plain JSON, its model last; one
about two models takes the second as `beside` before it. Its docstring is the endpoint's description, also for language
models that use the page as an MCP tool.
"""

import inspect
from collections.abc import Callable, Iterator

import gradio as gr
from gradio.context import LocalContext
from gradio.events import api

from strivelm.ui import limits
from strivelm.ui.api import answers
from strivelm.ui.core.deadline import Visit
from strivelm.ui.core.dispatcher import Dispatcher
from strivelm.ui.core.lanes import Lanes
from strivelm.ui.core.questions import QUESTIONS, Question, shown, size_of

PUBLIC = "api."
"""The prefix of the names of public questions."""
LANES = {"looking": limits.CONCURRENT, "writing": limits.WRITERS}
"""The views' own endpoints, and how many questions each answers at once."""

OTHER = "film"
"""What stands beside a model where nothing is said: a small one that comes along."""

assert answers  # its questions are declared by importing it


def offer(dispatcher: Dispatcher) -> None:
    """Adds the endpoints to the page that is being built."""
    for question in QUESTIONS.values():
        if question.name.startswith(PUBLIC):
            endpoint = _public(question, dispatcher)
            api(
                endpoint,
                api_name=endpoint.__name__,
                api_description=endpoint.__doc__,
                concurrency_id=question.lane,
                concurrency_limit=LANES[question.lane],
            )
    for lane in LANES:
        api(
            _private(lane, dispatcher),
            api_name=lane,
            api_visibility="undocumented",
            concurrency_id=lane,
            concurrency_limit=LANES[lane],
        )


def _public(question: Question, dispatcher: Dispatcher) -> Callable:
    """The function that a program calls: the question's arguments, the other models, by default the `OTHER` one, and
    last the model, by default the page's own."""
    others = list(inspect.signature(question.function).parameters)[1 : question.models]

    def pieces(*given, **named) -> Iterator[object]:
        bound = signature.bind(*given, **named)
        bound.apply_defaults()
        refs = [bound.arguments.pop(name) for name in ("model", *others)]
        try:
            yield from dispatcher.stream(question.name, refs, bound.arguments, _visit())
        except ValueError as error:
            raise gr.Error(str(error), print_exception=False) from None

    def whole(*given, **named) -> object:
        *_, answer = pieces(*given, **named)
        return answer

    keyword = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [
        inspect.Parameter(one.name, keyword, default=one.default, annotation=one.kind) for one in question.arguments
    ]
    refs = [(name, OTHER) for name in others] + [("model", dispatcher.models.own)]
    parameters += [inspect.Parameter(name, keyword, default=default, annotation=str) for name, default in refs]
    answers_with = inspect.signature(question.function, eval_str=True).return_annotation
    if question.streamed:
        (answers_with,) = answers_with.__args__  # of Iterator[…]
    signature = inspect.Signature(parameters, return_annotation=getattr(answers_with, "__origin__", answers_with))
    endpoint = pieces if question.streamed else whole
    endpoint.slow = lambda data: (
        question.slow or not all(map(dispatcher.models.is_local, (data or [])[-question.models :]))
    )
    endpoint.__name__ = endpoint.__qualname__ = question.name.removeprefix(PUBLIC)
    endpoint.__doc__ = inspect.getdoc(question.function)
    endpoint.__signature__ = signature
    endpoint.__annotations__ = {name: one.annotation for name, one in signature.parameters.items()}
    endpoint.__annotations__["return"] = signature.return_annotation
    return endpoint


def _private(lane: str, dispatcher: Dispatcher) -> Callable:
    """The function that `strivelm.ask` in the browser calls; an error is a piece of the answer."""

    def ask(question: dict) -> Iterator[dict]:
        """Answers a question of one of the page's views."""
        try:
            if not isinstance(question, dict):
                raise ValueError(f"The question is {shown(question)}; expected its name, of, and arguments.")
            if size_of(question) > limits.QUESTION_BYTES:
                raise ValueError(f"The question is too large; expected at most {limits.QUESTION_BYTES:,} bytes.")
            name, of, arguments = (question.get(part) for part in ("name", "of", "arguments"))
            if isinstance(name, str) and name in QUESTIONS and QUESTIONS[name].lane != lane:
                raise ValueError(f"{name} is asked by /{QUESTIONS[name].lane}, not by /{lane}.")
            for piece in dispatcher.stream(name, of, arguments, _visit()):
                yield {"value": piece}
        except ValueError as error:
            yield {"error": str(error)}
        yield {}  # Gradio sends the last piece twice

    def slow(data: list) -> bool:
        asked = data[0] if data and isinstance(data[0], dict) else {}
        name, of = asked.get("name"), asked.get("of")
        refs = of if isinstance(of, list) else ()
        known = QUESTIONS.get(name) if isinstance(name, str) else None
        if known and (known.slow or (known.hub and any(map(dispatcher.models.is_of_the_hub, refs)))):
            return True
        return not all(map(dispatcher.models.is_local, refs))

    ask.__annotations__["return"] = dict  # of each piece, which is what Gradio reads
    ask.slow = slow
    return ask


def _visit() -> Visit:
    """The visit for which the page calls this now."""
    blocks = LocalContext.blocks.get()
    queue = getattr(blocks, "_queue", None)
    return queue.visit(LocalContext.event_id.get()) if isinstance(queue, Lanes) else Visit()
