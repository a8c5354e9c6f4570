"""What a model reads of a visitor's text: what it does not know is left out, and what does not fit is said."""

from dataclasses import dataclass

from strivelm.model import GPT


@dataclass(frozen=True)
class Start:
    """What the model reads before it writes."""

    ids: list[int]
    """The ids, at least one."""
    text: str
    """The same as text."""
    notes: tuple[str, ...]
    """Sentences about what was changed or will not be seen; empty where the prompt is taken as it is."""


def start_from(model: GPT, prompt: str) -> Start:
    """What the model reads of a prompt: without unknown characters, and with a beginning where nothing is left."""
    tokenizer = model.tokenizer
    encoding = tokenizer.encode_leniently(prompt)
    ids, text, notes = encoding.ids, encoding.text, []
    if encoding.unknown:
        known = f"It knows the {len(tokenizer):,} characters of its training text and no others."
        notes.append(f"{encoding.report} {known}")
    if not ids:
        text = tokenizer.start
        ids = tokenizer.encode(text)
        what = "Nothing of the prompt is left" if prompt else "The prompt is empty"
        how = "a line break" if text == "\n" else f"{text!r}, the first character it knows"
        notes.append(f"{what}, so the model begins after {how}.")
    if len(ids) > model.block_size:
        notes.append(
            f"The prompt has {len(ids):,} characters, and this model sees at most {model.block_size:,} at a time: "
            "it reads the end of it."
        )
    return Start(ids, text, tuple(notes))
