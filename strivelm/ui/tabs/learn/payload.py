"""What the Learn tab asks: a step of the course with its figure and its numbers, for a model and a text."""

from strivelm.loading import OpenModel
from strivelm.ui.core import codec, costs
from strivelm.ui.core.questions import question
from strivelm.ui.tabs.learn.lessons import beginning, block, ending, youth
from strivelm.ui.tabs.learn.lessons.asking import ask
from strivelm.ui.tabs.learn.lessons.openings import read
from strivelm.ui.tabs.learn.lessons.reading import Chosen, Figure, Reading

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
FIRST = Chosen()
OF_TEXT = "2"
"""The step that shows the text and the vocabulary, and computes nothing with weights."""
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


def needs_weights(step: str, **others: object) -> bool:
    """Whether a step computes with the model's weights."""
    return step != OF_TEXT


def figure(reading: Reading) -> Figure:
    """The figure of the step that is asked for."""
    return FIGURES[reading.chosen.step](reading)


@question("learn.step", cached=True, costs=costs.step, device=needs_weights)
def step(opened: OpenModel, text: str = "", chosen: Chosen = FIRST) -> dict:
    """A step: its figure, its diagram or None, the numbers that its words leave open, and the tabs that lead on.

    Args:
        text: the reader's; of one that is longer than the context the end is read.

    Raises ValueError, a sentence, for a text that is too long to be read.
    """
    reading = read(opened, text, chosen)
    found, question = figure(reading), ask(reading)
    return {
        "step": chosen.step,
        "model": reading.name,
        "chars": list(reading.text) if found.strip else [],
        "at": reading.at,
        "tint": None if found.tint is None else codec.f32(found.tint),
        "legend": found.legend,
        "notes": list(reading.notes),
        "ask": None if question is None else question.shown(),
        "controls": found.controls,
        "blocks": found.blocks,
        "python": found.python,
        "attempt": found.attempt,
        "numbers": found.numbers,
        "diagram": found.diagram,
        "onward": list(ONWARD.get(chosen.step, ())),
    }


@question("learn.answer", cached=True, costs=costs.step, device=needs_weights)
def answer(opened: OpenModel, answer: str, text: str = "", chosen: Chosen = FIRST) -> dict:
    """Whether a reader's answer to a step's question is right, and what is true; what is chosen is as for `step`.

    Raises ValueError, a sentence, for what is no answer, and for a step that asks nothing here.
    """
    found = ask(read(opened, text, chosen))
    if found is None:
        raise ValueError("There is nothing to ask about this text; a longer one gives more to ask.")
    return found.answered(answer)


@question("learn.film", cached=True, seconds=60)
def film(opened: list[OpenModel], text: str = "", seed: int = 1) -> list:
    """What a model wrote after a text at each of its ages, from one seed; the first model only reads the text.

    Raises ValueError, a sentence, for a text that is too long and for a setting that is none.
    """
    chosen = Chosen("5", seed=seed)
    return youth.film(opened[1:], read(opened[0], text, chosen).text, chosen.seed)
