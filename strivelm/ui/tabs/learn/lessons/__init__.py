"""The lessons of the Learn tab: the notebook's steps in its order, each with its prose in a file NAME.md beside this.

A file has four parts: what the step says, then `## Try this`, `## Question` and `## Answer`. A number that depends on
the model or the text stands there as [[name]], outside of formulas, and the step's own function gives it. It is filled
in by the browser, as text: what a model or a visitor wrote never comes near Markdown. A term that explains itself is
written as `strivelm.ui.components.glossary` says: [nats](term:nat).
"""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from strivelm.ui.components.glossary import marked

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Step:
    """One step of the way."""

    id: str
    """The notebook's number of it, which stands in addresses."""
    short: str
    """What the list of steps calls it."""
    file: str
    """Its prose: FILE.md."""


STEPS = (
    Step("1", "Set-up", "setup"),
    Step("2", "Data", "data"),
    Step("3.1", "Tokens", "tokens"),
    Step("3.2", "Positions", "positions"),
    Step("3.3", "Attention", "attention"),
    Step("3.4", "LayerNorm", "layernorm"),
    Step("3.5", "Residuals", "residuals"),
    Step("3.6", "MLP", "mlp"),
    Step("3.7", "Dropout", "dropout"),
    Step("4", "Whole", "whole"),
    Step("5", "Training", "training"),
    Step("6", "Writing", "generation"),
    Step("7", "Play", "playground"),
    Step("8", "Learnt", "learnt"),
)
"""The notebook's steps."""
IDS = tuple(step.id for step in STEPS)


@dataclass(frozen=True)
class Prose:
    """What a step says, in Markdown with formulas between $ signs."""

    body: str
    attempt: str
    question: str
    answer: str

    def names(self) -> set[str]:
        """The numbers that it leaves open."""
        return set(re.findall(r"\[\[(\w+)\]\]", "".join(vars(self).values())))


@cache
def prose(step: str) -> Prose:
    """The prose of a step by its id."""
    file = STEPS[IDS.index(step)].file
    parts = re.split(r"^## (?:Try this|Question|Answer)$", (HERE / f"{file}.md").read_text("utf-8"), flags=re.M)
    return Prose(*(part.strip() for part in parts))


def words(part: str) -> str:
    """One part of all steps, "body", "attempt" or "question", as Markdown: a hidden section with each step's.

    A number that is left open is an empty `<span data-number="name">`.
    """
    return "\n\n".join(
        f'<section data-step="{step.id}" hidden>\n\n{_open(_part(prose(step.id), part))}\n\n</section>'
        for step in STEPS
    )


def _part(found: Prose, part: str) -> str:
    if part == "body":
        return found.body
    if part == "attempt":
        return f"### Try this\n\n{found.attempt}"
    return f"### A question\n\n<details><summary>{found.question}</summary>\n\n{found.answer}\n\n</details>"


def _open(text: str) -> str:
    return marked(re.sub(r"\[\[(\w+)\]\]", r'<span data-number="\1">…</span>', text))
