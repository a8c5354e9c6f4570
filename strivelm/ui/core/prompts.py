"""Prompts worth trying on a model, chosen from what it knows."""

from strivelm.ui.core.models import Facts

SHAKESPEARE = ("ROMEO:\n", "KING RICHARD III:\n", "To be, or not to be", "O, my lord, ", "First Citizen:\n")
FABLES = ("Once upon a time", "A fox", "The old mouse said", "In the forest", "One morning ")
COUNT = 4


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
