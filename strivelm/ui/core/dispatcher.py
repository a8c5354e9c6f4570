"""Answers questions: here limits hold, errors become sentences, and equal questions are answered once."""

import contextlib
import functools
import json
import logging
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future

import gradio as gr

from strivelm.ui import limits
from strivelm.ui.core.deadline import OverTime, deadline
from strivelm.ui.core.gpu import SENTENCES, gpu
from strivelm.ui.core.models import Models
from strivelm.ui.core.questions import QUESTIONS, Question, shown, size_of

log = logging.getLogger("strivelm")
WORKER_ERROR = "ZeroGPU worker error"
"""The title of the errors in which ZeroGPU names what went wrong in its fork (spaces 0.51, zero/wrappers.py)."""


class Dispatcher:
    """Answers every question that is declared, about models that are named by their references.

    Made while the page is built: ZeroGPU wants to know every function that may borrow a GPU before the page is
    launched, and runs it in a fork of this process; so models are named, and answers are plain Python.
    """

    def __init__(self, models: Models):
        self.models = models
        self._kept, self._waiting, self._lock = OrderedDict(), {}, threading.Lock()
        self._work = {name: self._made(question) for name, question in QUESTIONS.items()}

    def _made(self, question: Question) -> Callable:
        """The question's function, taking references in place of models, run on a lent GPU where there is one."""
        borrows = gpu(lambda refs, arguments: question.lent(arguments)) if question.device else lambda made: made

        # Each thing that comes is marked as a part of the answer or as a sentence in its place: of an error ZeroGPU's
        # fork sends the class's name alone.
        def pieces(refs, arguments):
            try:
                for piece in question.function(*map(self.models.get, refs), **arguments):
                    yield [True, piece]
            except SENTENCES as error:
                yield [False, str(error)]

        def whole(refs, arguments):
            try:
                return [True, question.function(*map(self.models.get, refs), **arguments)]
            except SENTENCES as error:
                return [False, str(error)]

        answer = pieces if question.streamed else whole
        return borrows(functools.wraps(question.function, assigned=("__module__", "__name__", "__doc__"))(answer))

    def ask(self, name: str, refs: Sequence[str], arguments: Mapping[str, object]) -> object:
        """The whole answer to a question, of one that comes in pieces the last piece.

        Raises ValueError, a sentence, for what can't be done.
        """
        answer = None
        for piece in self.stream(name, refs, arguments):
            answer = piece
        return answer

    def stream(self, name: object, refs: object, arguments: object) -> Iterator[object]:
        """Yields the pieces of an answer; the answer itself where it comes whole.

        Args:
            name: a question's, as in "attention.maps".
            refs: of which models it is asked, as many as the question is about.
            arguments: by name.

        Raises ValueError, a sentence, for what can't be done; ends early where the reader closes it.
        """
        question, refs, given = self._understood(name, refs, arguments)
        with _sentences(question):
            for ref in refs:
                self.models.get(ref)  # opened before a fork, which inherits it
        if question.streamed and question.cached:
            yield from self._kept_pieces(question, refs, given)
        elif question.streamed:
            yield from self._pieces(question, refs, given)
        elif question.cached:
            yield self._once(question, refs, given)
        else:
            yield self._whole(question, refs, given)

    def _understood(self, name: object, refs: object, arguments: object) -> tuple[Question, list[str], dict]:
        question = QUESTIONS.get(name) if isinstance(name, str) else None
        if question is None:
            raise ValueError(f"There is no question {shown(name)}; expected one of {', '.join(sorted(QUESTIONS))}.")
        if not isinstance(refs, list | tuple) or len(refs) != question.models:
            many = f"{question.models} model{'' if question.models == 1 else 's'}"
            raise ValueError(f"{question.name} is asked of {many}, each by its reference; got {shown(refs)}.")
        if not isinstance(arguments, Mapping):
            raise ValueError(f"The arguments of {question.name} are {shown(arguments)}; expected them by name.")
        return question, list(refs), question.checked(arguments)

    def _pieces(self, question: Question, refs: list[str], arguments: dict) -> Generator[object, None, None]:
        until, sent = time.monotonic() + question.longest(arguments), 0
        pieces = self._work[question.name](refs, arguments)
        try:
            while True:
                with _sentences(question), deadline(until - time.monotonic()):
                    found = next(pieces, None)
                if found is None:
                    return
                piece = _unless_refused(found)
                sent += size_of(piece)
                if sent > question.max_bytes:
                    raise ValueError(_too_large(question))
                yield piece
        finally:
            pieces.close()

    def _whole(self, question: Question, refs: list[str], arguments: dict) -> object:
        with _sentences(question), deadline(question.longest(arguments)):
            found = self._work[question.name](refs, arguments)
        answer = _unless_refused(found)
        if size_of(answer) > question.max_bytes:
            raise ValueError(_too_large(question))
        return answer

    def _once(self, question: Question, refs: list[str], arguments: dict) -> object:
        """The answer, computed once for all who ask the same of the same open models."""
        key = self._key(question, refs, arguments)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key][0]
            found = self._waiting.get(key)
            first = found is None
            if first:
                found = self._waiting[key] = Future()
        if not first:
            with _sentences(question):
                return found.result(timeout=question.longest(arguments) + 5)
        try:
            answer = self._whole(question, refs, arguments)
        except BaseException as error:
            found.set_exception(error if isinstance(error, ValueError) else ValueError("The other visitor left."))
            raise
        else:
            found.set_result(answer)
            self._keep(key, answer)
            return answer
        finally:
            with self._lock:
                self._waiting.pop(key, None)

    def _kept_pieces(self, question: Question, refs: list[str], arguments: dict) -> Iterator[object]:
        """The pieces of a long answer, which are kept when all of them have come."""
        key = self._key(question, refs, arguments)
        with self._lock:
            kept = self._kept.get(key)
            if kept:
                self._kept.move_to_end(key)
        if kept:
            yield from kept[0]
            return
        pieces = []
        with contextlib.closing(self._pieces(question, refs, arguments)) as coming:
            for piece in coming:
                pieces.append(piece)
                yield piece
        self._keep(key, pieces)

    def _key(self, question: Question, refs: list[str], arguments: dict) -> tuple:
        of = tuple(map(self.models.number, refs))  # a name may stand for another model later
        return question.name, of, json.dumps(arguments, sort_keys=True)

    def _keep(self, key: tuple, answer: object) -> None:
        size = size_of(answer)
        with self._lock:
            self._kept[key] = (answer, size)
            while sum(size for _, size in self._kept.values()) > limits.KEPT_BYTES:
                self._kept.popitem(last=False)


class _sentences:  # noqa: N801  (a context manager)
    """Turns what goes wrong inside into ValueError, a sentence; what nobody foresaw goes to the log in one line."""

    def __init__(self, question: Question):
        self.question = question

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        if isinstance(error, gr.Error):  # ZeroGPU's own, as of a visitor's quota; it is a ValueError, quoted as text
            sentence = re.sub(r"<[^>]*>", "", str(error.message))
            if error.title == WORKER_ERROR:  # then it says the name of a class
                log.warning("%s failed on the lent GPU: %.300s", self.question.name, sentence)
                sentence = _failed(self.question, sentence)
            raise ValueError(sentence) from None
        if error is None or not isinstance(error, Exception) or isinstance(error, ValueError):
            return
        if isinstance(error, OverTime | TimeoutError):
            raise ValueError(
                f"{self.question.name} would take longer than it may here; a shorter text or a smaller model helps."
            ) from None
        log.warning("%s failed: %s: %.300s", self.question.name, kind.__name__, error)
        log.debug("the traceback", exc_info=error)
        if isinstance(error, MemoryError) or "memory" in str(error):
            raise ValueError(
                f"{self.question.name} does not fit in memory; a shorter text or a smaller model helps."
            ) from None
        raise ValueError(_failed(self.question, kind.__name__)) from None


def _failed(question: Question, what: str) -> str:
    return f"{question.name} failed ({what}); the page's log says more."


def _unless_refused(found: list) -> object:
    is_answer, value = found
    if not is_answer:
        raise ValueError(value)
    return value


def _too_large(question: Question) -> str:
    return (
        f"The answer to {question.name} is larger than the {question.max_bytes / 1e6:,.0f} MB that are sent; a shorter "
        "text helps."
    )
