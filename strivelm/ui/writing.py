"""Writing for a visitor: a prompt made readable for the model, and text that grows by the clock.

The tab and the public endpoint are two readers of `write`, which yields plain Python only, so that it can run in
another process.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from strivelm.generation import SamplingConfig, generate
from strivelm.hub import OpenModel
from strivelm.model import GPT
from strivelm.ui import limits
from strivelm.ui.answers import sampling


@dataclass(frozen=True)
class Start:
    """What the model reads before it writes."""

    ids: list[int]
    """The ids, at least one."""
    text: str
    """The same as text."""
    notes: tuple[str, ...]
    """Sentences about what was changed or will not be seen; empty where the prompt is taken as it is."""


@dataclass(frozen=True)
class Written:
    """How far the text has come."""

    text: str
    """All new characters so far."""
    seconds: float
    """How long they took."""
    ended: str = ""
    """'' while it is being written, "complete" at the end, "time" where the time was over before."""


def start_from(model: GPT, prompt: str) -> Start:
    """What the model reads of a prompt: without unknown characters, and with a beginning where nothing is left."""
    tokenizer = model.tokenizer
    encoding = tokenizer.encode_leniently(prompt)
    ids, text, notes = encoding.ids, encoding.text, [encoding.report] if encoding.unknown else []
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


def write(model: GPT, ids: list[int], config: SamplingConfig) -> Iterator[Written]:
    """Yields the growing text about every `limits.CLOCK` seconds, and once more at its end.

    Closing the generator stops the work at once.
    """
    characters = []
    began = shown = time.perf_counter()
    for step in generate(model, ids, config):
        characters.append(model.tokenizer.chars[step.id])
        now = time.perf_counter()
        if now - began > limits.SECONDS:
            break
        if now - shown >= limits.CLOCK:
            yield Written("".join(characters), now - began)
            shown = time.perf_counter()
    ended = "complete" if len(characters) == config.max_new_tokens else "time"
    yield Written("".join(characters), time.perf_counter() - began, ended)


def continued(opened: OpenModel, prompt, max_new_tokens, temperature, top_k, top_p, seed) -> Iterator[str]:
    """Yields the growing new text after a prompt, as the public endpoint gives it.

    Raises ValueError, a sentence, for an empty prompt, an unknown character or a setting that is missing or impossible.
    """
    prompt = limits.checked_prompt(prompt)
    if not prompt:
        raise ValueError("The prompt is empty; give at least one character, for example a line break.")
    config = sampling(max_new_tokens, temperature, top_k, top_p, seed)
    for written in write(opened.model, opened.model.tokenizer.encode(prompt), config):
        yield written.text


def summary(characters: int, seconds: float, seed: int, ended: str) -> str:
    """One line about a text: why it ended, how long it is, how fast it came, and the seed that brings it back."""
    reason = {"complete": "Finished", "time": f"Time is up after {limits.SECONDS:g} seconds"}.get(ended, "Stopped")
    speed = f", {characters / seconds:,.0f} a second" if seconds > 0 and characters else ""
    return f"{reason}: {characters:,} character{'' if characters == 1 else 's'}{speed}, seed {seed}"
