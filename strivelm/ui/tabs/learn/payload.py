"""What the Learn tab shows: a step's prose with its numbers, its figure, and the diagram, for a model and a text."""

from strivelm.loading import OpenModel
from strivelm.ui.core import codec
from strivelm.ui.tabs.learn.lessons import IDS, STEPS, beginning, block, ending, prose
from strivelm.ui.tabs.learn.lessons.reading import Figure, Reading, read

FIGURES = {
    "1": beginning.setup,
    "2": beginning.data,
    "3.1": beginning.tokens,
    "3.2": beginning.positions,
    "3.3": block.attention,
    "3.4": block.layernorm,
    "3.5": block.residuals,
    "3.6": block.mlp,
    "3.7": block.dropout,
    "4": ending.whole,
    "5": ending.training,
    "6": ending.generation,
    "7": ending.playground,
    "8": ending.learnt,
}
"""By a step's id, what makes its figure."""
ONWARD = {
    "3.1": ("embeddings",),
    "3.2": ("embeddings",),
    "3.3": ("attention",),
    "3.5": ("predictions",),
    "5": ("predictions",),
    "6": ("generate",),
    "7": ("generate",),
    "8": ("generate", "attention", "predictions", "embeddings"),
}
"""By a step's id, the tabs in which its views are to be had whole, at the same text."""


def figure(reading: Reading) -> Figure:
    """The figure of the step that is asked for."""
    return FIGURES[reading.asked.step](reading)


def lesson(opened: OpenModel, text: str | None, said: str) -> dict[str, str | bool | tuple[str, ...]]:
    """A step: its Markdown in three parts, the values of the views, whether it is an end, and which tabs lead on.

    Args:
        text: the reader's; of one that is longer than the context the end is read.
        said: the settings as a JSON object of texts (`strivelm.ui.tabs.learn.lessons.reading.Asked`).

    Raises ValueError, a sentence, for a text that is too long to be read.
    """
    reading = read(opened, text, said)
    found, step = figure(reading), reading.asked.step
    body, attempt, question = prose(step).filled(found.numbers)
    shown = {
        "step": step,
        "asked": said,
        "model": reading.name,
        "chars": list(reading.text) if found.strip else [],
        "at": reading.at,
        "usual": len(reading.text) - 1,
        "tint": None if found.tint is None else [float(f"{value:.4g}") for value in found.tint],
        "legend": found.legend,
        "notes": list(reading.notes),
        "controls": found.controls,
        "blocks": found.blocks,
        "python": found.python,
        "attempt": found.attempt,
    }
    return {
        "body": body,
        "attempt": attempt,
        "question": question,
        "figure": codec.dumps(shown),
        "diagram": codec.dumps(found.diagram),
        "steps": codec.dumps({"steps": [[one.id, one.short] for one in STEPS], "current": step}),
        "first": step == IDS[0],
        "last": step == IDS[-1],
        "onward": ONWARD.get(step, ()),
    }
