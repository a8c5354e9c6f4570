"""What one visitor may ask for, in one place: a public page shares its machine."""

from typing import Any

from strivelm.generation import SamplingConfig

PROMPT_CHARACTERS = 2_000
"""How long a prompt may be."""
FEWEST_CHARACTERS, MOST_CHARACTERS = 20, 2_000
"""How many characters the page offers to write; an API call may ask for fewer, but not for none."""
TEXT_CHARACTERS = 6_000
"""How long a text may become that is continued again and again."""
TOGETHER = 500
"""How many characters are written side by side under several settings, at most."""
WITHOUT_CACHE = 150
"""How many characters a model with parts switched off writes at most: each costs a whole pass over its context."""
HOTTEST = 2.0
"""The highest temperature; beyond it every model writes noise."""
MOST_K = 100
"""Where the page's top-k slider ends; an API call may name any number, more than the vocabulary means all."""
SECONDS = 60.0
"""How long one call may write."""
LOOK_SECONDS = 15.0
"""How long one look inside may take; ZeroGPU is asked for so much of its visitor's quota."""
SLOWEST = 50.0
"""Characters a second that writing has at the least, where it is asked beforehand how long it will take."""
ANSWER_BYTES = 8_000_000
"""How large an answer may be, as JSON; a question may set another limit."""
QUESTION_BYTES = 200_000
"""How large a question may be, as JSON."""
KEPT_BYTES = 64_000_000
"""How much is kept of answers that the next visitor may ask for as well."""
CONCURRENT = 4
"""How many calls write at once, and how many look inside at once."""
QUEUE = 32
"""How many calls may wait."""
OPEN_PARAMETERS = 100_000_000
"""How many parameters the models that visitors opened may have together; four bytes each."""
CLOCK = 0.04
"""Seconds between two updates of the page: as often as an eye needs, far less often than characters come."""


def seconds_to_write(characters: object) -> float:
    """How long writing so many characters may take; whatever is no number of them takes the most."""
    if isinstance(characters, int | float) and 0 <= characters <= MOST_CHARACTERS:
        return min(SECONDS, 5 + characters / SLOWEST)
    return SECONDS


def checked_prompt(prompt: str | None) -> str:
    """The prompt with its line breaks as '\\n'. Raises ValueError, a sentence, where it is no text or too long."""
    if prompt is None:
        return ""
    if not isinstance(prompt, str):
        raise ValueError(f"The prompt is a {type(prompt).__name__}; expected text.")
    prompt = prompt.replace("\r\n", "\n").replace("\r", "\n")
    if len(prompt) > PROMPT_CHARACTERS:
        raise ValueError(
            f"The prompt has {len(prompt):,} characters, and at most {PROMPT_CHARACTERS:,} are read here; "
            f"shorten it by {len(prompt) - PROMPT_CHARACTERS:,}."
        )
    return prompt


def checked_sampling(
    max_new_tokens: float | None,
    temperature: float | None,
    top_k: float | None,
    top_p: float | None,
    seed: str | float | None,
) -> SamplingConfig:
    """The settings as numbers that the model takes; a slider's 40.0 counts as 40, an empty seed as None.

    Raises ValueError, a sentence that names the setting, what it is and what was expected.
    """
    count = _whole(max_new_tokens)
    if not isinstance(count, int) or not 1 <= count <= MOST_CHARACTERS:
        raise ValueError(
            f"The number of characters to write is {_shown(count)}; "
            f"expected a whole number from 1 to {MOST_CHARACTERS:,}."
        )
    if not isinstance(temperature, int | float) or not 0 <= temperature <= HOTTEST:
        raise ValueError(f"The temperature is {_shown(temperature)}; expected a number from 0 to {HOTTEST:g}.")
    try:
        return SamplingConfig(count, temperature, _whole(top_k), top_p, _seed(seed))
    except ValueError as error:
        raise ValueError(f"The setting {error}.") from None


def _seed(value: object) -> Any:
    """A seed as it is typed into a field: '' is none, '12' is 12; what is no number stays what it is."""
    if isinstance(value, str):
        text = value.strip()
        return int(text) if text.isdecimal() and len(text) < 20 else text or None
    return _whole(value)


def _whole(value: object) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _shown(value: object) -> str:
    return "empty" if value is None else f"{value!r:.40}"
