"""How a model reads a visitor's text: unknown characters are left out, and notes say what was changed."""

from dataclasses import dataclass, replace

from strivelm.loading import OpenModel
from strivelm.model import GPT
from strivelm.ui import limits
from strivelm.ui.core.models import names_of
from strivelm.words import plural


@dataclass(frozen=True)
class Start:
    """The prompt as the model reads it."""

    ids: list[int]
    """The ids, at least one."""
    text: str
    """The same as text."""
    notes: tuple[str, ...]
    """Sentences about what was changed or left out; empty if the prompt is used as it is."""


def start_from(model: GPT, prompt: str) -> Start:
    """The prompt as the model reads it: without unknown characters, and never empty."""
    tokenizer = model.tokenizer
    encoding = tokenizer.encode_leniently(prompt)
    ids, text, notes = encoding.ids, encoding.text, []
    if encoding.unknown:
        known = f"It knows only the {plural(len(tokenizer), 'character')} of its training text."
        notes.append(f"{encoding.report} {known}")
    if not ids:
        text = tokenizer.start
        ids = tokenizer.encode(text)
        what = "It knows no character of the prompt" if prompt else "The prompt is empty"
        how = "a line break" if text == "\n" else f"{text!r}, the first character it knows"
        notes.append(f"{what}, so the model begins after {how}.")
    if len(ids) > model.block_size:
        notes.append(
            f"The prompt has {len(ids):,} characters, and this model sees at most {model.block_size:,} at a time: "
            "it reads only the end."
        )
    return Start(ids, text, tuple(notes))


def seen(model: GPT, text: str) -> Start:
    """What the model sees of a text at once: of a long one the end; the notes say what is left out."""
    start = start_from(model, text)
    return replace(start, ids=start.ids[-model.block_size :], text=start.text[-model.block_size :])


def seen_by_both(opened: OpenModel, beside: OpenModel, text: str) -> Start:
    """What two models see of a text: the end of it that fits the first one's context, without what either lacks.

    The ids are the first model's. The second reads it in windows where its context is shorter.

    Raises ValueError, a sentence, where they know no character of it in common.
    """
    start = seen(opened.model, limits.checked_prompt(text))
    encoding = beside.model.tokenizer.encode_leniently(start.text)
    if not encoding.unknown:
        return start
    known = "".join(char for char in start.text if char not in encoding.unknown)
    first, second = names_of(opened, beside)
    if not known:
        raise ValueError(f"{first} and {second} know no character of this text in common; type another one.")
    note = f"{second}: {encoding.report}"
    return Start(opened.model.tokenizer.encode(known), known, (*start.notes, note))
