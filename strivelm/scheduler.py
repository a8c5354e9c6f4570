"""Many visitors who write on one model: their texts share each pass over its weights, in threads of their own.

A text joins at any character and leaves at any; it is the same alone and in company (`strivelm.streams`). It is written
at full speed, whoever reads it, and whoever reads it slowly holds nobody up. Where C can't serve, and in a fork, which
has none of its parent's threads, `scheduler_of` gives None, and `strivelm.generation` writes instead.
"""

import itertools
import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Generator, Mapping, Sequence

import torch

from strivelm import native
from strivelm.generation import SamplingConfig, Step, distribution, draw, uniforms
from strivelm.guessing import Guesses, guesses_of
from strivelm.streams import Chosen, Streams, Text

THREADS = min(2, os.cpu_count() or 1)
"""How many threads write on one model."""
TEXTS = 32
"""How many texts a thread writes at once at most; further ones wait for one to end."""
MEMORY = 250_000_000
"""How many bytes what the texts of all models remember may take; further texts wait. One text always fits."""
CALL = 0.02
"""Seconds that one call into C is to take, about; those who join or leave wait for its end."""
IDLE = 5.0
"""Seconds after which a thread without texts ends and gives its memory back."""
LOOK_AGAIN = 0.05
"""Seconds after which a thread looks again whether there is memory for its first text."""
FREE_COMPANY = 3
"""How many texts cost hardly more than one: so many join a thread before the next one is begun."""

_NO_LOGITS = torch.empty(0, 0)


class Writing:
    """One text that is being written; the visitor's end of it. Leaving it (`leave`) gives its place back."""

    def __init__(
        self,
        ids: Sequence[int],
        config: SamplingConfig,
        first: int,
        forced: Mapping[int, int],
        off: Sequence[tuple[int, int]],
    ):
        self.config, self._ids, self._off = config, ids, off
        numbers = itertools.islice(uniforms(config.seed), first, None)
        self.text = Text(numbers, forced, first, self._decide)
        self._changed, self._new = threading.Condition(), []
        self._error: BaseException | None = None
        self.ended = self.left = False

    def _decide(self, logits: torch.Tensor, u: float) -> int:
        with torch.inference_mode():
            return draw(distribution(logits, self.config), u)

    def join(self, streams: Streams, spare: bool = True) -> None:
        """Begins the text."""
        config = self.config
        settings = config.temperature, config.top_k, config.top_p
        streams.join(self._ids, config.max_new_tokens, settings, self.text, self._off, spare)

    def add(self, chosen: Sequence[Chosen]) -> None:
        """Takes what was chosen."""
        kept = [
            # Of most characters C tells all that is asked, so that their logits need not be kept.
            (one.id, one.index, _NO_LOGITS, 0, one.told) if one.told else
            (one.id, one.index, one.logits[one.row : one.row + 1].clone(), 0, None)
            for one in chosen
        ]  # fmt: skip
        with self._changed:
            self._new += kept
            self._changed.notify()

    def end(self, error: BaseException | None = None) -> None:
        """Says that no more will come."""
        with self._changed:
            self.ended, self._error = True, error
            self._changed.notify()

    @property
    def over(self) -> bool:
        """Whether all that it will ever give was taken."""
        with self._changed:
            return self.ended and not self._new and not self._error

    def leave(self) -> None:
        """Gives the text up."""
        self.left = True

    def take(self, seconds: float) -> list[Step]:
        """The characters that are new, after so many seconds at most. Raises what ended the text, after them.

        Their logits are not kept where surprisal, probability and alternatives are known without.
        """
        with self._changed:
            if not self._new and not self.ended:
                self._changed.wait(seconds)
            new, self._new = self._new, []
        if not new and self._error:
            raise self._error
        return [Step(id, index, logits, row, self.config, told) for id, index, logits, row, told in new]


class _Budget:
    """The memory that texts of all models share. Safe for several threads."""

    def __init__(self):
        self._lock = threading.Lock()
        self._held: weakref.WeakKeyDictionary[_Thread, int] = weakref.WeakKeyDictionary()
        self._waiting: weakref.WeakSet[_Thread] = weakref.WeakSet()

    @property
    def is_wanted(self) -> bool:
        """Whether a thread without texts waits: who has memory and no texts gives it back, who has texts takes none."""
        with self._lock:
            return bool(self._waiting)

    def hold(self, thread: "_Thread", size: int) -> None:
        """Says how many bytes a thread's texts take."""
        with self._lock:
            self._held[thread] = size
            if not size:
                self._waiting.discard(thread)

    def admits(self, thread: "_Thread", size: int, first: bool) -> bool:
        """Whether a text may take so many bytes more. The first one of a thread comes before others' further ones."""
        with self._lock:
            held = sum(self._held.values())
            if not size or ((first or not self._waiting) and (not held or held + size <= MEMORY)):
                self._held[thread] = self._held.get(thread, 0) + size
                self._waiting.discard(thread)
                return True
            if first:
                self._waiting.add(thread)
            return False


class _Thread:
    """Writes the texts that join it."""

    def __init__(self, weights: native.Weights, guesses: Guesses | None = None):
        self.weights, self.guesses, self.joining, self.texts = weights, guesses, deque(), {}
        self.changed, self.running = threading.Condition(), False

    def __len__(self) -> int:
        return len(self.joining) + len(self.texts)

    def submit(self, writing: Writing) -> None:
        """Has a text written as soon as there is room."""
        with self.changed:
            self.joining.append(writing)
            if not self.running:
                self.running = True
                threading.Thread(target=self._run, daemon=True, name="writer").start()
            self.changed.notify()

    def _run(self) -> None:
        streams = None
        while True:
            with self.changed:
                idle = time.monotonic() + IDLE
                while not len(self) and time.monotonic() < idle and not (streams and _budget.is_wanted):
                    self.changed.wait(min(IDLE, 10 * LOOK_AGAIN))
                if not len(self):
                    self.running = False
                    _budget.hold(self, 0)
                    return
            try:
                if streams is None:
                    if not self._may_begin():
                        continue
                    streams = _streams(self.weights, self.guesses)
                self._turn(streams)
                _budget.hold(self, streams.bytes)
            except Exception as error:  # such as too little memory: those who write are told, others may come
                for writing in [*self.texts.values(), *self.joining]:
                    writing.end(error)
                self.texts.clear()
                self.joining.clear()
                streams = None
                _budget.hold(self, 0)

    def _may_begin(self) -> bool:
        """Whether there is memory for a first text; those whose visitors left need none."""
        with self.changed:
            self.joining = deque(writing for writing in self.joining if not writing.left)
            waits = bool(self.joining)
        if waits and _budget.admits(self, native.slot_bytes(self.weights), first=True):
            return True
        if waits:
            time.sleep(LOOK_AGAIN)
        else:
            _budget.hold(self, 0)
        return False

    def _turn(self, streams: Streams) -> None:
        for text, writing in list(self.texts.items()):
            if writing.left:
                streams.leave(text)
                del self.texts[text]
        while self.joining and len(self.texts) < streams.room:
            if self.texts and not _budget.admits(self, streams.bytes_to_come, first=False):
                break
            writing = self.joining.popleft()
            if writing.left:
                continue
            try:
                writing.join(streams, spare=_budget.admits(self, streams.slot_bytes, first=False))
                self.texts[writing.text] = writing
            except Exception as error:
                streams.leave(writing.text)
                writing.end(error)
        found = {text: [] for text in self.texts}
        for one in streams.write(CALL):
            found[one.text].append(one)
        for text, chosen in found.items():
            writing = self.texts[text]
            if chosen:
                writing.add(chosen)
            if text.error or not streams.left_of(text):
                streams.leave(text)
                del self.texts[text]
                writing.end(text.error)


def _streams(weights: native.Weights, guesses: Guesses | None) -> Streams:
    """Room for as many texts as memory allows, which is taken only as they come."""
    slots = max(1, min(2 * TEXTS, MEMORY // max(1, native.slot_bytes(weights))))
    return Streams(weights, min(TEXTS, slots), slots, guesses)


class Scheduler:
    """The threads that write on one model. Safe for several threads."""

    def __init__(self, weights: native.Weights, guesses: Guesses | None = None):
        self.weights, self._lock = weights, threading.Lock()
        self._threads = [_Thread(weights, guesses) for _ in range(THREADS)]

    def __len__(self) -> int:
        """How many texts are being written or wait."""
        return sum(map(len, self._threads))

    def write(
        self,
        ids: Sequence[int],
        config: SamplingConfig,
        *,
        first: int = 0,
        forced: Mapping[int, int] | None = None,
        off: Sequence[tuple[int, int]] = (),
    ) -> Writing:
        """Begins a text: what `strivelm.generation.generate` writes.

        Args:
            off: what is switched off, as in `strivelm.decoder.Decoder`.

        Raises ValueError for no ids, and for those outside the vocabulary.
        """
        if not ids or not 0 <= min(ids) <= max(ids) < self.weights.sizes.vocab:
            raise ValueError(f"the prompt has ids up to {max(ids, default='none')}; expected some of the vocabulary")
        writing = Writing(ids, config, first, dict(forced or {}), off)
        with self._lock:
            min(self._threads, key=lambda thread: len(thread) // FREE_COMPANY).submit(writing)
        return writing


_budget = _Budget()
_lock = threading.Lock()
_schedulers: "weakref.WeakKeyDictionary[torch.nn.Module, Scheduler]" = weakref.WeakKeyDictionary()
_is_fork = False


def _in_fork() -> None:
    global _is_fork, _lock, _budget
    _is_fork, _lock, _budget = True, threading.Lock(), _Budget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_fork)


def scheduler_of(model, frozen: bool = False) -> Scheduler | None:
    """The scheduler of the weights that a model has now.

    None where C can't serve, in a fork, and for a model that was given another decoder.

    Args:
        frozen: whether nobody changes the weights, as in a page: then they are compared with the packed ones but once,
            which takes milliseconds.
    """
    if _is_fork or "decoder" in vars(model):
        return None
    if frozen and model in _schedulers:
        return _schedulers[model]
    try:
        weights = native.weights(model)
    except native.UnavailableError:
        return None
    with _lock:
        known = _schedulers.get(model)
        if known is None or known.weights is not weights:
            known = _schedulers[model] = Scheduler(weights, guesses_of(model))
        return known


def side_by_side(writings: Sequence[Writing], seconds: float) -> Generator[list[tuple[Step, ...]], None, None]:
    """Yields what is new in texts that are written together, place by place; it waits so many seconds at a time,
    after which there may be nothing.

    Raises what ended one of them. When it is closed, the texts are given up.
    """
    ready = [deque() for _ in writings]
    try:
        while True:
            for writing, steps in zip(writings, ready, strict=True):
                steps += writing.take(seconds)
            whole = min(map(len, ready))
            rows = [tuple(steps.popleft() for steps in ready) for _ in range(whole)]
            over = not rows and all(writing.over for writing in writings)
            yield rows
            if over:
                return
    finally:
        for writing in writings:
            writing.leave()
