"""What Write asks, and the public endpoint /generate: text that a model writes, character by character."""

from collections.abc import Iterator
from dataclasses import asdict, replace
from itertools import groupby

from strivelm.decoder import in_view
from strivelm.generation import DEFAULTS, SamplingConfig, Step, generate
from strivelm.loading import OpenModel
from strivelm.model import GPT
from strivelm.ui import limits
from strivelm.ui.core.models import facts_of
from strivelm.ui.core.python_lines import load_line
from strivelm.ui.core.questions import question
from strivelm.ui.core.reading import Start, start_from
from strivelm.ui.tabs.generate.asked import Asked
from strivelm.ui.tabs.generate.pace import written

ALTERNATIVES = 8
"""How many of the likeliest characters stand beside each one."""
IN_ALL = limits.SECONDS + 5
"""How many seconds an answer may take that ends its writing by itself after `limits.SECONDS`."""


@question(
    "generate.write",
    seconds=IN_ALL,
    gpu_seconds=lambda count, **others: limits.seconds_to_write(count),
    lane="writing",
)
def write(
    opened: OpenModel,
    prompt: str,
    asked: Asked,
    text: str = "",
    forced: list[list[int | str]] | None = None,
) -> Iterator[dict]:
    """Yields what is known at once, then new characters, at most 25 times a second, at last why the writing ended.

    Nothing is kept between two calls: what a text becomes depends on the prompt, the settings and the seed, and a text
    that goes on from `text` becomes what it would have become without the interruption.

    Args:
        prompt: what the model goes on from; what it does not know of it is left out.
        text: what was written after the prompt before; its length is the place of the first new character.
        forced: [place, character] of each new character that is taken whatever is drawn, places counted as in `text`.

    Yields:
        model, load (the Python line that opens it), context, loss, prompt, pieces (see `pieces`), read, notes, and the
        settings of what follows: from (its first place), temperature, top_k, top_p, seed.
        characters, each as `character` gives it, and seconds since the beginning; the last piece has `ended`, too:
        "complete", or "time" where the time was over before.

    Raises ValueError, a sentence, for what can't be done.
    """
    model = opened.model
    prompt = limits.checked_prompt(prompt)
    config = _config(asked, text, bool(forced))
    given = _forced(model, forced or [], len(text), len(text) + config.max_new_tokens)
    start, facts = start_from(model, prompt), facts_of(opened)
    ids = (start.ids + model.tokenizer.encode(text))[-in_view(len(start.ids), len(text), model.block_size) :]
    settings = asdict(config)
    settings.pop("max_new_tokens")
    yield {
        "model": facts.name,
        "load": load_line(opened),
        "context": facts.context,
        "loss": facts.validation_loss,
        "prompt": prompt,
        "pieces": pieces(model, prompt, start),
        "read": start.text,
        "notes": list(start.notes),
        "from": len(text),
        **settings,
    }
    chars = model.tokenizer.chars

    def alone() -> Iterator[tuple[Step]]:
        return ((step,) for step in generate(model, ids, config, first=len(text), forced=given))

    for new, seconds, ended in written(model, ids, [config], alone, first=len(text), forced=given):
        found = [character(chars, step, step.index in given) for (step,) in new]
        yield {"characters": found, "seconds": seconds} | ({"ended": ended} if ended else {})


def _config(asked: Asked, text: str, forced: bool) -> SamplingConfig:
    """The settings, with a seed, and with as many characters as there is room for after a text."""
    room = limits.TEXT_CHARACTERS - len(text)
    if room <= 0:
        raise ValueError(
            f"The text has {len(text):,} characters, and no more are kept here; copy it, and go on from its end as a "
            "new prompt."
        )
    # From a character that was forced early on, a text is written anew that may have been continued many times.
    checked = replace(asked, count=min(asked.count, limits.MOST_CHARACTERS)) if forced else asked
    return replace(checked.config(), max_new_tokens=min(asked.count, room))


def _forced(model: GPT, forced: list[list[int | str]], first: int, end: int) -> dict[int, int]:
    """The ids of characters that are forced, by their place. Raises ValueError for what is no place or character."""
    found = {}
    for pair in forced:
        place, char = pair if len(pair) == 2 else (None, None)
        if not isinstance(place, int) or not first <= place < end:
            raise ValueError(f"The place is {place!r:.40}; expected a whole number from {first:,} to {end - 1:,}.")
        if not isinstance(char, str) or len(char) != 1:
            raise ValueError(f"The character is {char!r:.40}; expected a single one.")
        (found[place],) = model.tokenizer.encode(char)
    return found


def pieces(model: GPT, prompt: str, start: Start) -> list[list[str]]:
    """The prompt as [text, kind]: "read", "unknown" to the model, or "unread" because the context begins after it."""
    if not any(char in model.tokenizer for char in prompt):
        return ([[prompt, "unknown"]] if prompt else []) + [[start.text, "read"]]
    unread = len(start.ids) - model.block_size
    kinds, known = [], 0
    for char in prompt:
        if char not in model.tokenizer:
            kinds.append("unknown")
            continue
        kinds.append("unread" if known < unread else "read")
        known += 1
    runs = groupby(zip(prompt, kinds, strict=True), key=lambda pair: pair[1])
    return [["".join(char for char, _ in run), kind] for kind, run in runs]


def character(chars: str, step: Step, forced: bool = False) -> list:
    """A new character of a vocabulary `chars`: [char, nats, drawn, alternatives, forced].

    nats is its surprisal by the model's own probability, drawn the probability that it was drawn with; alternatives are
    [char, the model's probability, the probability it is drawn with] of the likeliest, and forced, 1, is there only
    where it is. Numbers have four significant digits.
    """
    others = [[chars[id], _short(p), _short(q)] for id, p, q in step.alternatives(ALTERNATIVES)]
    found = [chars[step.id], _short(step.surprisal), _short(step.sampled_probability), others]
    return [*found, 1] if forced else found


def _short(number: float) -> float:
    return float(f"{number:.4g}")


@question(
    "api.generate",
    seconds=IN_ALL,
    gpu_seconds=lambda max_new_tokens, **others: limits.seconds_to_write(max_new_tokens),
    lane="writing",
)
def generate_text(
    opened: OpenModel,
    prompt: str,
    max_new_tokens: int = DEFAULTS.max_new_tokens,
    temperature: float = DEFAULTS.temperature,
    top_k: int = DEFAULTS.top_k or 0,
    top_p: float = DEFAULTS.top_p or 1.0,
    seed: int | None = DEFAULTS.seed,
) -> Iterator[str]:
    """Streams the text that the model writes after a prompt; the last value is all of it. One seed, one text."""
    prompt = limits.checked_prompt(prompt)
    if not prompt:
        raise ValueError("The prompt is empty; give at least one character, for example a line break.")
    config = limits.checked_sampling(max_new_tokens, temperature, top_k, top_p, seed)
    model, text = opened.model, ""
    ids = model.tokenizer.encode(prompt)
    for new, _, _ in written(model, ids, [config], lambda: ((step,) for step in generate(model, ids, config))):
        text += "".join(model.tokenizer.chars[step.id] for (step,) in new)
        yield text
