"""The models that are open in this process, and the facts that the page shows about them."""

import gc
import itertools
import math
import os
import threading
import time
import warnings
import weakref
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from strivelm.checkpoint import NGRAMS, CheckpointError
from strivelm.hub.download import Progress
from strivelm.loading import COME_ALONG, OWN, PUBLIC, Limits, OpenModel, open_model
from strivelm.model import GPT
from strivelm.snapshots import run_folder, steps_in
from strivelm.ui import limits
from strivelm.ui.core.memory import give_back

COUNTS_GROW = 8
"""How many bytes a byte of ngrams.safetensors takes in memory."""
LOOK_AGAIN = 0.1
"""Seconds after which a model that waits for memory looks again."""
LONGEST_REF = 300
"""The longest reference in characters; none of the Hub's is longer."""


@dataclass(frozen=True)
class Facts:
    """What the page's header shows of a model: sizes, origin, and losses."""

    name: str
    """Its reference; of a folder only the last part, as visitors need not know where it is."""
    layers: int
    """How many blocks it has."""
    heads: int
    """How many attention heads a block has."""
    width: int
    """The width of its residual stream."""
    parameters: int
    """How many parameters it has."""
    context: int
    """How many characters it sees at most."""
    vocabulary: str
    """The characters it knows, each once."""
    corpus: str | None
    """The name of its training text; None if it is not recorded."""
    validation_loss: float | None
    """Nats per character of validation text; None if it was not measured."""
    step: int | None
    """The training step of these weights; None if it is not recorded."""
    ladder: tuple[tuple[str, float], ...]
    """Losses of n-gram tables on the same text: ("bigram", 2.48) …, from the worst to the best; empty if unknown."""

    @property
    def uniform_loss(self) -> float:
        """Nats per character of uniform guessing: ln V."""
        return math.log(len(self.vocabulary))


def facts_of(model: OpenModel) -> Facts:
    """The facts of an open model. Raises ValueError for a model without a vocabulary."""
    config = model.model.config
    corpus, best, counted = (model.training.get(key) for key in ("corpus", "best", "ngrams"))
    name = corpus.get("name") if isinstance(corpus, dict) else None
    step = best.get("step") if isinstance(best, dict) else None
    loss = model.validation_loss
    rungs = [(str(key), value) for key, value in counted.items()] if isinstance(counted, dict) else []
    return Facts(
        name=name_of(model.ref),
        layers=config.n_layer,
        heads=config.n_head,
        width=config.n_embd,
        parameters=model.model.num_parameters(),
        context=config.block_size,
        vocabulary=model.model.tokenizer.chars,
        corpus=name if isinstance(name, str) and name else None,
        validation_loss=loss if loss is not None and math.isfinite(loss) else None,
        step=step if type(step) is int else None,
        ladder=tuple((key, float(value)) for key, value in rungs if _is_loss(value)),
    )


def name_of(ref: str) -> str:
    """A model's name on the page: its reference, of a folder only the last part; undecodable bytes are escaped."""
    place, at, revision = (ref, "", "") if os.path.isdir(ref) else ref.partition("@")
    name = Path(place).resolve().name + at + revision if os.path.isdir(place) else ref
    return name.encode("utf-8", "backslashreplace").decode()


def names_of(one: OpenModel, other: OpenModel) -> tuple[str, str]:
    """The names of two models, which differ also where it is one and the same."""
    first, second = name_of(one.ref), name_of(other.ref)
    return (first, second) if first != second else (first, f"{second} again")


def _is_loss(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf


class Models:
    """The models that are open in this process. Each visitor chooses one of them in the browser.

    Safe for several threads. The least recently used models are closed when all together take more than
    `limits.OPEN_BYTES`; the page's own model stays open.

    Args:
        own: the model that the page was started with.
        offered: references of further models that the picker lists.
    """

    def __init__(self, own: OpenModel, offered: tuple[str, ...] = ()):
        self.own = facts_of(own).name  # raises for a model without a vocabulary
        self.offered = tuple(dict.fromkeys([self.own, *COME_ALONG, *offered]))
        self._own, self._open = own, OrderedDict()
        root = run_folder(own)
        self._home = None if root is None else (name_of(str(root)), str(root))
        self._in_use: weakref.WeakKeyDictionary[GPT, int] = weakref.WeakKeyDictionary()
        self._coming = 0  # bytes of models that are being read
        self._numbers, self._count = weakref.WeakKeyDictionary(), itertools.count()
        self._renew()
        if hasattr(os, "register_at_fork"):  # Windows has no forks
            renew = weakref.WeakMethod(self._renew)
            os.register_at_fork(after_in_child=lambda: (again := renew()) and again())

    def _renew(self) -> None:
        """Makes new locks, also in a fork: a lock that another thread holds would never be released there."""
        self._here, self._opening = threading.Lock(), {}

    def choices(self) -> list[tuple[str, str]]:
        """What the picker lists: (label, reference); the label says how many steps of a training can be opened."""
        found = []
        for ref in self.offered:
            root = run_folder(self._own) if ref == self.own else COME_ALONG.get(ref)
            steps = len(steps_in(root)) if root else 0
            found.append((f"{ref} · {steps} steps" if steps > 1 else ref, ref))
        return found

    def get(self, ref: str, progress: Progress | None = None) -> OpenModel:
        """The model behind a reference: the page's own, "bundled", "film@step-55", or "owner/name@revision" on the Hub.

        Raises ValueError, a sentence for the visitor, if there is no such model or it can't be opened.
        """
        if not isinstance(ref, str) or not ref.strip():
            raise ValueError(
                f"The model is {'empty' if not ref else f'{ref!r:.40}'}; "
                "expected bundled, film, film@step-N or owner/name."
            )
        ref = ref.strip()
        if ref == self.own:
            return self._own
        if len(ref) > LONGEST_REF:
            raise ValueError(
                f"The model's name has {len(ref):,} characters; expected bundled, film, film@step-N or owner/name."
            )
        with self._here:
            if ref in self._open:
                self._open.move_to_end(ref)
                return self._open[ref]
            opening = self._opening.setdefault(ref, threading.Lock())
        try:
            with opening:  # if two visitors ask for one model, it is fetched once
                with self._here:
                    if ref in self._open:
                        return self._open[ref]
                return self._read(ref, progress)
        finally:  # also for wrong names, of which there may be very many
            with self._here:
                self._opening.pop(ref, None)

    def _read(self, ref: str, progress: Progress | None) -> OpenModel:
        taken = []

        def admit(parameters: int) -> None:
            self._wait_for(limits.BYTES_A_PARAMETER * parameters)
            taken.append(limits.BYTES_A_PARAMETER * parameters)

        place = self._snapshot(ref)
        try:
            found = opened(ref, progress, admit) if place is None else opened(place, progress, admit, OWN)
            with self._here:
                self._in_use[found.model] = size_of(found)
                self._open[ref] = found
                self._close_some()
            return found
        finally:
            with self._here:
                self._coming -= sum(taken)

    def _wait_for(self, size: int) -> None:
        """Waits until a model of so many bytes fits beside those in use; others that nobody looks at are closed.

        Raises ValueError, a sentence, if that takes too long.
        """
        until = time.monotonic() + limits.LOOK_SECONDS
        while True:
            with self._here:
                held = sum(self._in_use.values()) + self._coming
                if not held or held + size <= limits.IN_USE_BYTES:
                    self._coming += size
                    return
                closed = bool(self._open) and self._open.popitem(last=False)
            if not closed:
                if time.monotonic() > until:
                    raise ValueError(
                        "others look at large models, and it does not fit beside them; try again in a moment"
                    )
                time.sleep(LOOK_AGAIN)
            del closed
            gc.collect()
            give_back()

    def is_local(self, ref: object) -> bool:
        """Whether a model can be opened without a download: it is open already, or bundled, or no name of a model."""
        if not isinstance(ref, str) or len(ref) > LONGEST_REF:
            return True
        ref = ref.strip()
        with self._here:
            return ref == self.own or ref in self._open or not self.is_of_the_hub(ref)

    def is_of_the_hub(self, ref: object) -> bool:
        """Whether a reference is of a repo on the Hub, as far as can be told from it, whether it is open or not."""
        if not isinstance(ref, str) or len(ref) > LONGEST_REF:
            return False
        if ref.strip() == self.own:
            return self._own.commit is not None
        return ref.strip().partition("@")[0] not in COME_ALONG and self._snapshot(ref.strip()) is None

    def _snapshot(self, ref: str) -> str | None:
        """Where a snapshot of the run lies whose model the page was started with; None for other references."""
        name, at, step = ref.partition("@")
        return f"{self._home[1]}@{step}" if self._home and at and name == self._home[0] else None

    def number(self, ref: str) -> int:
        """A number that is unique to this open model in this process. Raises ValueError as `get` does."""
        model = self.get(ref).model
        with self._here:
            if model not in self._numbers:
                self._numbers[model] = next(self._count)
            return self._numbers[model]

    def facts(self, ref: str, progress: Progress | None = None) -> Facts:
        """The facts of a model. Raises ValueError as `get` does."""
        return facts_of(self.get(ref, progress))

    def _close_some(self) -> None:
        while len(self._open) > 1 and sum(map(size_of, self._open.values())) > limits.OPEN_BYTES:
            self._open.popitem(last=False)
            give_back()


def size_of(opened: OpenModel) -> int:
    """How many bytes an open model takes at most: its weights, and the counts of its text once they are read."""
    path = opened.folder and opened.folder / NGRAMS
    counts = path.stat().st_size if path and path.is_file() else 0
    return limits.BYTES_A_PARAMETER * opened.model.num_parameters() + COUNTS_GROW * counts


def opened(
    ref: str, progress: Progress | None, admit: Callable[[int], None] | None = None, bounds: Limits = PUBLIC
) -> OpenModel:
    """A model that a visitor chose. Raises ValueError, a sentence, for every error.

    For an unexpected error the sentence names only its class; its message, which may contain paths, is a warning on the
    terminal.
    """
    try:
        found = open_model(ref, device(), limits=bounds, progress=progress, admit=admit)
        facts_of(found)
        return found
    except CheckpointError as error:
        place = ref.partition("@")[0]  # a folder of the page's, which visitors need not know
        words = str(error).replace(place, name_of(place)).rstrip(".")
    except MemoryError:
        words = "it does not fit in this page's memory"
    except Exception as error:
        if isinstance(error, RuntimeError) and "memory" in str(error):
            words = "it does not fit in this page's memory"
        elif type(error) is ValueError:
            words = str(error).rstrip(".")
        else:
            warnings.warn(f"{ref[:200]!r} could not be opened: {type(error).__name__}: {error}", stacklevel=2)
            words = f"something went wrong on this page's side ({type(error).__name__}); try again later"
    raise ValueError(f"The model can't be opened: {words}.")


def device() -> torch.device:
    """The device of the page's models: the GPU if there is one. On ZeroGPU CUDA is reported as available."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
