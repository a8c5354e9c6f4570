"""What the reader of a lesson has chosen: a text, a character of it, and the settings of the step."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

import torch

from strivelm import inspection
from strivelm.loading import OpenModel
from strivelm.ui import limits
from strivelm.ui.core import costs
from strivelm.ui.core.models import name_of
from strivelm.ui.core.python_lines import load_line, open_line
from strivelm.ui.core.reading import start_from
from strivelm.ui.tabs.learn.lessons import IDS

DROPPED = 0.9
"""The most that the dropout slider drops."""
MOST_WRITTEN = 500
"""How many characters the playground writes at most."""


CHOICES = {"step": IDS, "half": ("attention", "MLP")}
"""What the settings that are one of several may be."""
NUMBERS = {
    "at": (0, limits.PROMPT_CHARACTERS, True),
    "layer": (0, 1000, True),
    "head": (0, 1000, True),
    "temperature": (0, limits.HOTTEST, False),
    "top_k": (0, limits.MOST_K, True),
    "dropout": (0, DROPPED, False),
    "count": (1, MOST_WRITTEN, True),
    "seed": (0, 2**53 - 1, True),
}
"""What the settings that are numbers may be: (least, most, whether it is whole)."""


@dataclass(frozen=True)
class Chosen:
    """What a reader has set. Raises ValueError, a sentence, for a setting that is none."""

    step: str = IDS[0]
    """"1" to "8", as in the notebook (`strivelm.ui.tabs.learn.lessons.STEPS`)."""
    at: int | None = None
    """The chosen position; None for one that has something to show (`strivelm.ui.tabs.learn.lessons.openings`)."""
    layer: int | None = None
    """Counted from 0; of a smaller model the last is taken; None for one that has something to show, as for `head`."""
    head: int | None = None
    half: str = "attention"
    """Of a block: "attention" or "MLP"."""
    temperature: float = 1.0
    """This, `top_k`, `count` and `seed` are how step 7 writes, and step 6 would."""
    top_k: int = 0
    dropout: float = 0.5
    """The share that step 3.7 drops."""
    count: int = 250
    seed: int = 1

    def __post_init__(self):
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                raise ValueError(f"The {name} is {getattr(self, name)!r:.40}; expected one of {', '.join(choices)}.")
        for name, (least, most, _) in NUMBERS.items():
            value = getattr(self, name)
            if value is not None and not least <= value <= most:
                raise ValueError(f"The {name} is {value!r:.40}; expected a number from {least:,} to {most:,}.")


@dataclass(frozen=True)
class Reading:
    """A model, what it reads of the reader's text, and where the reader looks."""

    opened: OpenModel
    text: str
    """What is left of the text: its end, of characters that the model knows."""
    ids: list[int]
    notes: tuple[str, ...]
    """What was changed."""
    at: int
    """The chosen position in the text."""
    layer: int
    head: int
    chosen: Chosen
    traces: dict = field(default_factory=dict, repr=False)

    @property
    def model(self):
        return self.opened.model

    @property
    def config(self):
        return self.opened.model.config

    @property
    def char(self) -> str:
        return self.text[self.at]

    @cached_property
    def name(self) -> str:
        """The model as the page calls it: of a folder, whose place is nobody's business, only the last part."""
        return name_of(self.opened.ref)

    def trace(self, keep: Iterable[str]) -> inspection.Trace:
        """The pass over the text that keeps these fields."""
        keep = frozenset(keep)
        if keep not in self.traces:
            self.traces[keep] = inspection.trace(self.model, self.text, keep=keep)
        return self.traces[keep]

    @cached_property
    def probabilities(self) -> torch.Tensor:
        """(T, V) What the model says comes next, after each character."""
        return self.trace({"logits"}).logits.cpu().double().softmax(-1)

    def python(self, imports: str, *lines: str, record: bool = False) -> str:
        """Lines that reproduce what is shown: the model, the text, and then these.

        With `record` they make `opened`, the model with what was recorded of its training, as well.
        """
        return "\n".join(
            [
                f"from strivelm import {'open_model' if record else 'load_model'}",
                *([imports] if imports else []),
                "",
                *([open_line(self.opened), "model = opened.model"] if record else [load_line(self.opened)]),
                f"text, at = {self.text!r}, {self.at}",
                *lines,
                "",
            ]
        )


def read_at_end(opened: OpenModel, text: str | None, chosen: Chosen) -> Reading:
    """What a reader asks of a model, at the last position if none is chosen.

    Raises ValueError, a sentence, for a text that is too long.
    """
    start = start_from(opened.model, limits.checked_prompt(text))
    context, config = opened.model.block_size, opened.model.config
    length = min(len(start.ids), context)
    most = costs.most_read(opened.model, costs.lesson, length)
    shown, ids = start.text[-most:], start.ids[-most:]
    notes = start.notes + costs.notes_on(opened.model, "all numbers are computed", most, length)
    at = len(shown) - 1 if chosen.at is None else min(chosen.at, len(shown) - 1)
    layer, head = min(chosen.layer or 0, config.n_layer - 1), min(chosen.head or 0, config.n_head - 1)
    return Reading(opened, shown, ids, notes, at, layer, head, chosen)


@dataclass(frozen=True)
class Figure:
    """What a step shows."""

    blocks: list[dict]
    numbers: dict[str, str]
    """What the prose leaves open."""
    python: str
    """Lines that give the same numbers."""
    controls: list[dict] = field(default_factory=list)
    tint: list[float] | None = None
    """A share from 0 to 1 for each character of the text, shown as its background."""
    legend: str = ""
    """What the tint means."""
    strip: bool = True
    """Whether the characters of the text are shown, to be picked from."""
    diagram: dict | None = None
    attempt: dict | None = None
    """What the button under 'Try this' sets: text, at, and settings."""
