"""Answers questions: applies their limits, turns errors into sentences, and caches answers."""

import contextlib
import functools
import json
import logging
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass

import gradio as gr

from strivelm.loading import OpenModel
from strivelm.ui import limits
from strivelm.ui.core.deadline import Left, OverTime, Visit, deadline
from strivelm.ui.core.gpu import SENTENCES, gpu
from strivelm.ui.core.memory import LOOK_AGAIN, MemoryShare
from strivelm.ui.core.models import Models
from strivelm.ui.core.models import size_of as size_of_model
from strivelm.ui.core.questions import QUESTIONS, Question, cleaned, shown, size_of
from strivelm.words import plural

log = logging.getLogger("strivelm")
OVER = 1.0
"""Seconds by which an answer may exceed its limit before that is logged."""
WORKER_ERROR = "ZeroGPU worker error"
"""The title of the errors by which ZeroGPU reports an exception in its fork (spaces 0.51, zero/wrappers.py)."""


class Dispatcher:
    """Answers every declared question about models, which are given by reference.

    It is made while the page is built: ZeroGPU must know every function that may use a GPU before the page is launched,
    and runs it in a fork of this process. So models are passed by reference, and answers are plain Python.
    """

    def __init__(self, models: Models):
        self.models = models
        self._cache, self._pending, self._lock = OrderedDict(), {}, threading.Lock()
        self._memory = MemoryShare(limits.LOOKS_MEMORY)
        self._functions = {name: self._function_of(question) for name, question in QUESTIONS.items()}

    def _function_of(self, question: Question) -> Callable:
        """The question's function, taking references in place of models; it runs on ZeroGPU's GPU if there is one."""
        on_gpu = gpu(lambda refs, arguments: question.gpu_limit(arguments)) if question.device else None

        # Each value is marked as a piece of the answer or as the sentence of an error: from an exception in its fork
        # ZeroGPU sends only the name of the class.
        def pieces(refs, arguments):
            try:
                for piece in question.answer([*map(self.models.get, refs)], arguments):
                    yield [True, piece]
            except SENTENCES as error:
                yield [False, str(error)]

        def whole(refs, arguments):
            try:
                return [True, question.answer([*map(self.models.get, refs)], arguments)]
            except SENTENCES as error:
                return [False, str(error)]

        answer = pieces if question.streamed else whole
        answer = functools.wraps(question.function, assigned=("__module__", "__name__", "__doc__"))(answer)
        if on_gpu is None:
            return answer
        there = on_gpu(answer)
        return lambda refs, arguments: (there if question.needs_gpu(arguments) else answer)(refs, arguments)

    def ask(self, name: str, refs: Sequence[str], arguments: Mapping[str, object]) -> object:
        """The answer to a question; of one that comes in pieces, the last piece.

        Raises ValueError, a sentence, if it can't be answered.
        """
        answer = None
        for piece in self.stream(name, refs, arguments):
            answer = piece
        return answer

    def stream(self, name: object, refs: object, arguments: object, visit: Visit | None = None) -> Iterator[object]:
        """Yields the pieces of an answer, or the whole answer as one piece.

        Args:
            name: the question's name, as in "attention.maps".
            refs: the models that it is asked of, as many as it needs.
            arguments: its arguments by name.
            visit: by which the work ends at its next line when the visitor leaves, not only at the next piece.

        Raises ValueError, a sentence, if it can't be answered. Closing the iterator stops the work.
        """
        question, refs, given = self._parsed(name, refs, arguments)
        with _errors_as_sentences(question):
            opened = self._opened(refs)  # opened here, as a fork inherits open models
            asked = _Asked(question, refs, given, visit or Visit(), question.cost(opened, given).memory)
            del opened
        if question.streamed and question.cached:
            yield from self._cached_pieces(asked)
        elif question.streamed:
            yield from self._pieces(asked)
        elif question.cached:
            yield self._cached_answer(asked)
        else:
            yield self._whole(asked)

    def _opened(self, refs: Sequence[str]) -> list[OpenModel]:
        """The models. Raises ValueError where one can't be opened, or where they do not fit in memory together."""
        found, size = [], 0
        for ref in refs:
            found.append(self.models.get(ref))
            size += size_of_model(found[-1])
            if len(found) > 1 and size > limits.OPEN_BYTES:
                raise ValueError(
                    f"These {len(refs):,} models are too large to be open together: the first {len(found)} take "
                    f"{size / 1e6:,.0f} MB, and at most {limits.OPEN_BYTES / 1e6:,.0f} MB are allowed."
                )
        return found

    def _parsed(self, name: object, refs: object, arguments: object) -> tuple[Question, list[str], dict]:
        question = QUESTIONS.get(name) if isinstance(name, str) else None
        if question is None:
            raise ValueError(f"There is no question {shown(name)}; expected one of {', '.join(sorted(QUESTIONS))}.")
        fits = isinstance(refs, list | tuple) and (
            1 <= len(refs) <= limits.STEPS if question.many else len(refs) == question.models
        )
        if not isinstance(refs, list | tuple) or not fits:
            many = f"1 to {limits.STEPS} models" if question.many else plural(question.models, "model")
            raise ValueError(f"{question.name} is asked of {many}, each by its reference; got {shown(refs)}.")
        if not isinstance(arguments, Mapping):
            raise ValueError(f"The arguments of {question.name} are {shown(arguments)}; expected them by name.")
        return question, list(refs), question.checked(arguments)

    def _pieces(self, asked: "_Asked") -> Generator[object, None, None]:
        question = asked.question
        with _errors_as_sentences(question), self._memory.take(asked.memory, asked.seconds, asked.visit):
            until, sent = time.monotonic() + asked.seconds, 0
            pieces = self._functions[question.name](asked.refs, asked.arguments)
            try:
                while True:
                    with _errors_as_sentences(question), _timely(asked, until):
                        found = next(pieces, None)
                    if found is None:
                        return
                    piece, size = _value_of(found)
                    sent += size
                    if sent > question.max_bytes:
                        raise ValueError(_too_large(question))
                    yield piece
            finally:
                pieces.close()

    def _whole(self, asked: "_Asked") -> object:
        question = asked.question
        with _errors_as_sentences(question), self._memory.take(asked.memory, asked.seconds, asked.visit):
            with _timely(asked, time.monotonic() + asked.seconds):
                found = self._functions[question.name](asked.refs, asked.arguments)
            answer, size = _value_of(found)
        if size > question.max_bytes:
            raise ValueError(_too_large(question))
        return answer

    def _cached_answer(self, asked: "_Asked") -> object:
        """The answer, computed once for equal questions about the same open models."""
        key = self._key(asked)
        while True:
            with self._lock:
                if key in self._cache:
                    self._cache.move_to_end(key)
                    return self._cache[key][0]
                found = self._pending.get(key)
                if first := found is None:
                    found = self._pending[key] = Future()
            if first:
                return self._first_answer(asked, key, found)
            with contextlib.suppress(CancelledError), _errors_as_sentences(asked.question):
                return _awaited(found, asked)

    def _first_answer(self, asked: "_Asked", key: tuple, found: Future) -> object:
        """The answer, for which others may wait; if this visitor leaves, one of them computes it."""
        try:
            answer = self._whole(asked)
            self._store(key, answer)
        except BaseException as error:
            with self._lock:
                self._pending.pop(key, None)
            if asked.visit.ended or not isinstance(error, ValueError):
                found.cancel()
            else:
                found.set_exception(error)
            raise
        with self._lock:
            self._pending.pop(key, None)
        found.set_result(answer)
        return answer

    def _cached_pieces(self, asked: "_Asked") -> Iterator[object]:
        """The pieces of a long answer, which are cached when it is complete."""
        key = self._key(asked)
        with self._lock:
            kept = self._cache.get(key)
            if kept:
                self._cache.move_to_end(key)
        if kept:
            yield from kept[0]
            return
        pieces = []
        with contextlib.closing(self._pieces(asked)) as coming:
            for piece in coming:
                pieces.append(piece)
                yield piece
        self._store(key, pieces)

    def _key(self, asked: "_Asked") -> tuple:
        models = tuple(map(self.models.number, asked.refs))  # the reference may be another model later
        return asked.question.name, models, json.dumps(asked.arguments, sort_keys=True)

    def _store(self, key: tuple, answer: object) -> None:
        size = size_of(answer)
        with self._lock:
            self._cache[key] = (answer, size)
            while sum(size for _, size in self._cache.values()) > limits.KEPT_BYTES:
                self._cache.popitem(last=False)


@dataclass(frozen=True)
class _Asked:
    """A question that is to be answered."""

    question: Question
    refs: list[str]
    arguments: dict
    visit: Visit
    memory: int
    """How many bytes the answer takes while it is computed."""

    @property
    def seconds(self) -> float:
        """How long it may take."""
        return self.question.longest(self.arguments)


@contextlib.contextmanager
def _timely(asked: _Asked, until: float) -> Iterator[None]:
    """A block that ends at its time; work that can't be interrupted for more than a second then is logged."""
    try:
        with deadline(until - time.monotonic(), asked.visit):
            yield
    finally:
        if (over := time.monotonic() - until) > OVER:
            log.warning("%s took %.1f s over its limit of %.0f s", asked.question.name, over, asked.seconds)


def _awaited(found: Future, asked: _Asked) -> object:
    """What another visitor's question gives. Raises CancelledError if that visitor has left."""
    until = time.monotonic() + 2 * asked.seconds + 5  # the other may have to wait for memory first
    while True:
        try:
            return found.result(timeout=LOOK_AGAIN)
        except TimeoutError:
            if asked.visit.ended:
                raise Left from None
            if time.monotonic() > until:
                raise


class _errors_as_sentences:  # noqa: N801  (a context manager)
    """Turns errors inside into ValueError, a sentence; unexpected errors are logged in one line."""

    def __init__(self, question: Question):
        self.question = question

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        if isinstance(error, gr.Error):  # ZeroGPU's own, such as an exceeded quota; its message is HTML
            sentence = re.sub(r"<[^>]*>", "", str(error.message))
            if error.title == WORKER_ERROR:  # then the message is the name of a class
                log.warning("%s failed on ZeroGPU: %.300s", self.question.name, sentence)
                sentence = _failed(self.question, sentence)
            raise ValueError(sentence) from None
        if error is None or not isinstance(error, Exception) or isinstance(error, ValueError | CancelledError):
            return
        if isinstance(error, Left):
            raise ValueError("The visitor has left.") from None
        if isinstance(error, OverTime | TimeoutError):
            raise ValueError(
                f"{self.question.name} would take longer than the time limit; shorten the text or take a smaller model."
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


def _value_of(found: list) -> tuple[object, int]:
    """A piece of an answer as JSON can hold it, and its size. Raises ValueError for the sentence of an error."""
    is_answer, value = found
    if not is_answer:
        raise ValueError(value)
    return cleaned(value), size_of(value)


def _too_large(question: Question) -> str:
    return (
        f"The answer to {question.name} is larger than the limit of {question.max_bytes / 1e6:,.0f} MB; a shorter text "
        "helps."
    )
