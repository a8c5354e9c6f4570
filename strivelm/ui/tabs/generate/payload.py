"""Writing for a visitor: a prompt made readable for the model, and text that grows by the clock.

The tab and the public endpoint are two readers of `write`; what they yield is plain Python, so that it can run in
another process.
"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import groupby

from strivelm.decoder import in_view
from strivelm.generation import SamplingConfig, Step, generate, new_seed
from strivelm.loading import OpenModel
from strivelm.model import GPT
from strivelm.ui import limits
from strivelm.ui.core.models import facts_of
from strivelm.ui.core.reading import Start, start_from
from strivelm.ui.tabs.generate import text as sheets

Update = tuple[str, tuple[str, ...] | None, str | None]
"""What the page shows next: the sheet, sentences about the prompt, the seed; None leaves what is there."""


@dataclass(frozen=True)
class Written:
    """How far the text has come."""

    text: str
    """All new characters so far."""
    steps: tuple[Step, ...]
    """How those came about that were written since the last time."""
    seconds: float
    """How long all of it took."""
    ended: str = ""
    """'' while it is being written, "complete" at the end, "time" where the time was over before."""


def pieces(model: GPT, prompt: str, start: Start) -> list[tuple[str, str]]:
    """The prompt in pieces: "read", "unknown" to the model, or "unread" because the context begins after it."""
    if not any(char in model.tokenizer for char in prompt):
        return ([(prompt, "unknown")] if prompt else []) + [(start.text, "read")]
    unread = len(start.ids) - model.block_size
    kinds, known = [], 0
    for char in prompt:
        if char not in model.tokenizer:
            kinds.append("unknown")
            continue
        kinds.append("unread" if known < unread else "read")
        known += 1
    runs = groupby(zip(prompt, kinds, strict=True), key=lambda pair: pair[1])
    return [("".join(char for char, _ in run), kind) for kind, run in runs]


def write(
    model: GPT, ids: list[int], config: SamplingConfig, first: int = 0, forced: Mapping[int, int] | None = None
) -> Iterator[Written]:
    """Yields the growing text about every `limits.CLOCK` seconds, and once more at its end.

    Closing the generator stops the work at once. The arguments are those of `strivelm.generation.generate`.
    """
    characters, steps = [], []
    began = shown = time.perf_counter()
    for step in generate(model, ids, config, first=first, forced=forced):
        characters.append(model.tokenizer.chars[step.id])
        steps.append(step)
        now = time.perf_counter()
        if now - began > limits.SECONDS:
            break
        if now - shown >= limits.CLOCK:
            yield Written("".join(characters), tuple(steps), now - began)
            shown, steps = time.perf_counter(), []
    ended = "complete" if len(characters) == config.max_new_tokens else "time"
    yield Written("".join(characters), tuple(steps), time.perf_counter() - began, ended)


def continued(opened: OpenModel, prompt, max_new_tokens, temperature, top_k, top_p, seed) -> Iterator[str]:
    """Yields the growing new text after a prompt, as the public endpoint gives it.

    Raises ValueError, a sentence, for an empty prompt, an unknown character or an impossible setting.
    """
    prompt = limits.checked_prompt(prompt)
    if not prompt:
        raise ValueError("The prompt is empty; give at least one character, for example a line break.")
    config = limits.checked_sampling(max_new_tokens, temperature, top_k, top_p, seed)
    for written in write(opened.model, opened.model.tokenizer.encode(prompt), config):
        yield written.text


# -- the tab's three ways to write: anew, on, and on from a character that the visitor forced --------------------------


def anew(opened: OpenModel, prompt, count, temperature, top_k, top_p, seed) -> Iterator[Update]:
    """Yields what the page shows while a text is written after a prompt."""
    model = opened.model
    config = limits.checked_sampling(count, temperature, top_k, top_p, seed)
    config = config if config.seed is not None else replace(config, seed=new_seed())
    prompt = limits.checked_prompt(prompt)
    start = start_from(model, prompt)
    facts = facts_of(opened)
    shown = pieces(model, prompt, start)
    lines = (sheets.head(facts.name, facts.context, facts.validation_loss, shown, start.text),)
    yield from _grow(opened, lines, start.ids, "", config, start.notes)


def on(opened: OpenModel, sheet, count, temperature, top_k, top_p, seed) -> Iterator[Update]:
    """Yields what the page shows while a text goes on from its end.

    Under the settings that it was written with, it becomes what it would have become without the interruption.
    """
    there, config = _checked(opened, sheet, count, temperature, top_k, top_p, seed)
    room = limits.TEXT_CHARACTERS - len(there.text)
    if room <= 0:
        raise ValueError(
            f"The text has {len(there.text):,} characters, and no more are kept here; copy it, and go on from its end "
            "as a new prompt."
        )
    config = replace(config, max_new_tokens=min(config.max_new_tokens, room))
    ids = opened.model.tokenizer.encode(there.read)
    notes = start_from(opened.model, there.prompt).notes
    yield from _grow(opened, there.lines, ids, there.text, config, notes)


def force(opened: OpenModel, sheet, at, char, count, temperature, top_k, top_p, seed) -> Iterator[Update]:
    """Yields what the page shows while a text goes on from another character at a place.

    What stood before the place stays, and so does the length, or it becomes the length that is asked for.
    """
    there, config = _checked(opened, sheet, count, temperature, top_k, top_p, seed)
    if type(at) is not int or not 0 <= at < len(there.text):
        raise ValueError(f"The place is {at!r:.40}; expected a whole number from 0 to {len(there.text) - 1}.")
    if not isinstance(char, str) or len(char) != 1:
        raise ValueError(f"The character is {char!r:.40}; expected a single one.")
    tokenizer = opened.model.tokenizer
    (id,) = tokenizer.encode(char)
    length = min(max(len(there.text), config.max_new_tokens), limits.TEXT_CHARACTERS)
    config = replace(config, max_new_tokens=length - at)
    ids = tokenizer.encode(there.read)
    notes = start_from(opened.model, there.prompt).notes
    yield from _grow(opened, there.kept(at), ids, there.text[:at], config, notes, forced={at: id})


def _checked(opened, sheet, count, temperature, top_k, top_p, seed) -> tuple[sheets.Sheet, SamplingConfig]:
    there = sheets.loads(sheet)
    name = facts_of(opened).name
    if there.model != name:
        raise ValueError(
            f"The text was written by {there.model:.100}, and {name} is open now; open that model again, or press "
            "Generate to let this one write."
        )
    config = limits.checked_sampling(count, temperature, top_k, top_p, seed)
    return there, config if config.seed is not None else replace(config, seed=int(there.seed))


def _grow(opened, lines, ids, text, config, notes=(), forced=None) -> Iterator[Update]:
    """Yields the sheet as `lines` are followed by what the model writes after the prompt's ids and a text."""
    model, first = opened.model, len(text)
    chars, forced = model.tokenizer.chars, forced or {}
    seen = in_view(len(ids), first, model.block_size)
    ids = (ids + model.tokenizer.encode(text))[-seen:]
    value = "\n".join([*lines, sheets.settings(config, first)]) + "\n"
    yield value, notes, str(config.seed)
    for written in write(model, ids, config, first, forced):
        new = [sheets.character(chars, step, step.index in forced) for step in written.steps]
        value += "\n".join([*new, sheets.took(written.seconds, written.ended)]) + "\n"
        yield value, None, None
