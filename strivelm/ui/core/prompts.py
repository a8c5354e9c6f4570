"""Prompts worth trying on a model, chosen from what it knows."""

from strivelm.ui.core.models import Facts

SHAKESPEARE = ("ROMEO:\n", "KING RICHARD III:\n", "To be, or not to be", "O, my lord, ", "First Citizen:\n")
FABLES = ("Once upon a time", "A fox", "The old mouse said", "In the forest", "One morning ")
COUNT = 4
PASSAGES = (
    "ROMEO:\nThe night is long, and yet I will not sleep.\n"
    "The moon is on the wall; the wall is white.\nCome, gentle night, and let the garden sleep.\n",
    "Once upon a time a fox came to the river. He saw the old mouse on the other side, and the mouse saw the fox.\n",
)
"""Texts to begin with, the first of which a model can read."""
SHOWN_FIRST = 96
"""How many characters a text to begin with has where no passage can be read."""


FROM_LABEL = """(label) => label.replaceAll(" ⏎", "\\n")"""
"""JavaScript that makes a prompt again of what `label` gives."""


def examples(facts: Facts) -> list[str]:
    """Up to four prompts, every character of which the model knows, those first that sound like its corpus."""
    corpus = (facts.corpus or "").lower()
    if "shakespeare" in corpus:
        families = (SHAKESPEARE, FABLES)
    elif "fable" in corpus or corpus == "bundled":
        families = (FABLES, SHAKESPEARE)
    else:  # nobody said what it has read: something of each
        families = (tuple(prompt for pair in zip(SHAKESPEARE, FABLES, strict=True) for prompt in pair),)
    known = set(facts.vocabulary)
    chosen = [prompt for family in families for prompt in family if set(prompt) <= known]
    if len(chosen) < COUNT:  # another alphabet: single letters of it, spread over the vocabulary
        letters = [char for char in facts.vocabulary if char.isalpha()] or [c for c in facts.vocabulary if c.strip()]
        stride = max(1, len(letters) // COUNT)
        chosen += letters[::stride]
    return chosen[:COUNT]


def label(prompt: str) -> str:
    """The prompt as a button shows it, its line breaks drawn."""
    return prompt.replace("\n", " ⏎")


def passage(facts: Facts) -> str:
    """A text to begin with, every character of which the model knows, within its context."""
    known = set(facts.vocabulary)
    for passage in PASSAGES:
        if set(passage) <= known:
            return passage[: facts.context]
    often = -(-SHOWN_FIRST // len(facts.vocabulary))  # small vocabularies repeat: heads may look for that
    return (facts.vocabulary * max(2, often))[: min(facts.context, SHOWN_FIRST)]
