"""Initial texts, one kind for each tab, all chosen by one rule.

Of the texts of a kind, those in the style of the model's training text are tried first. The first one is taken of which
the model knows every character, cut to its context. If it can read none, the text is made of letters of its
vocabulary.
"""

from collections.abc import Iterator
from itertools import chain, zip_longest

from strivelm.ui.core.models import Facts

SHAKESPEARE = ("ROMEO:\n", "KING RICHARD III:\n", "To be, or not to be", "O, my lord, ", "First Citizen:\n")
FABLES = ("Once upon a time", "A fox", "The old mouse said", "In the forest", "One morning ")
"""Prompts to continue."""
COUNT = 4
"""How many prompts are offered."""

FROM_LABEL = """(label) => label.replaceAll(" ⏎", "\\n")"""
"""JavaScript that turns the result of `label` back into the prompt."""

Kind = tuple[tuple[str, ...], tuple[str, ...]]
"""Texts in Shakespeare's style, and texts in the style of the fables."""
PASSAGES: Kind = (("The king is dead; the queen is not.",), ("The fox met the old mouse again.",))
LINES: Kind = (
    ("KING RICHARD:\nThe night is long, and I am sick at heart;\nGo tell the queen that I shall not come home.\n",),
    ("A fox met an old mouse in the forest. The mouse said nothing, and the fox went home hungry.\n",),
)
SENTENCES: Kind = (
    ("The queen went to see the green trees where the sheep sleep, and there she met her enemies.",),
    (),
)
SHORT: Kind = (("To be, or not to be", "O, my lord, "), ("Once upon a time", "The old mouse said", "In the forest"))
LETTERS = 8
"""How many letters are used for a text of an unknown alphabet: few, so that they repeat often."""


def passage(facts: Facts) -> str:
    """About 30 characters, so many as a map of attention can name at its edges: words, spaces, a full stop."""
    return _first(facts, PASSAGES, 32)


def lines(facts: Facts) -> str:
    """Two or three lines, some easy to predict and some not."""
    return _first(facts, LINES, 48)


def sentence(facts: Facts) -> str:
    """A sentence in which letters occur several times, each time after others."""
    return _first(facts, SENTENCES, 24)


def line(facts: Facts) -> str:
    """A few words in one line."""
    return _first(facts, SHORT, 12)


FROM_LABEL = """(label) => label.replaceAll(" ⏎", "\\n")"""
"""JavaScript that makes a prompt again of what `label` gives."""


def examples(facts: Facts) -> list[str]:
    """Up to `COUNT` prompts; single letters for an unknown alphabet."""
    found = list(_readable(facts, (SHAKESPEARE, FABLES)))
    return (found if len(found) >= COUNT else found + _letters(facts, COUNT))[:COUNT]


def label(prompt: str) -> str:
    """The prompt as a button shows it, with visible line breaks."""
    return prompt.replace("\n", " ⏎")


def _first(facts: Facts, kind: Kind, characters: int) -> str:
    """The first text of a kind that the model can read, cut to its context; else `characters` letters it knows."""
    letters = "".join(_letters(facts, LETTERS)) or facts.vocabulary
    return next(_readable(facts, kind), (letters * characters)[:characters])[: facts.context]


def _readable(facts: Facts, kind: Kind) -> Iterator[str]:
    """Yields the texts of a kind of which the model knows every character, first those in its corpus's style."""
    shakespeare, fables = kind
    corpus, known = (facts.corpus or "").lower(), set(facts.vocabulary)
    if "shakespeare" in corpus:
        ordered = chain(shakespeare, fables)
    elif "fable" in corpus or corpus == "bundled":
        ordered = chain(fables, shakespeare)
    else:  # an unknown training text: alternate between the styles
        ordered = chain.from_iterable(zip_longest(shakespeare, fables))
    return (text for text in ordered if text and set(text) <= known)


def _letters(facts: Facts, count: int) -> list[str]:
    """Up to `count` letters spread over the vocabulary; other visible characters if it has no letters."""
    letters = [char for char in facts.vocabulary if char.isalpha()] or [c for c in facts.vocabulary if c.strip()]
    return letters[:: max(1, len(letters) // count)][:count]
