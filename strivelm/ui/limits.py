"""The limits for one visitor: many share the machine of a public page."""

from typing import Any

from strivelm.generation import SamplingConfig

PROMPT_CHARACTERS = 2_000
"""How long a prompt may be."""
FEWEST_CHARACTERS, MOST_CHARACTERS = 20, 2_000
"""How many characters the page offers to write; an API call may ask for fewer, but not for none."""
TEXT_CHARACTERS = 6_000
"""How long a text may become by repeated continuation."""
TOGETHER = 500
"""How many characters are written at most in several texts side by side."""
HOTTEST = 2.0
"""The highest temperature; above it every model writes noise."""
MOST_K = 100
"""Where the page's top-k slider ends; an API call may give any number; more than the vocabulary means all."""
SECONDS = 60.0
"""How long one call may write."""
LOOK_SECONDS = 15.0
"""How long one inspection may take; on ZeroGPU this is requested from the visitor's quota."""
SLOWEST = 50.0
"""Characters a second: the lowest speed of writing, from which its time is estimated in advance."""
ANSWER_BYTES = 8_000_000
"""How large an answer may be, as JSON; a question may set another limit."""
QUESTION_BYTES = 200_000
"""How large a question may be, as JSON."""
BODY_BYTES = 2_000_000
"""How large the body of a request may be: a question's JSON may escape each of its characters."""
KEPT_BYTES = 48_000_000
"""How many bytes of answers are cached."""
UNREAD_BYTES = 128_000_000
"""How many bytes of answers may wait for visitors who have not fetched them."""
LOOK_MEMORY = 400_000_000
"""How many bytes one inspection may take while it is computed."""
LOOKS_MEMORY = 500_000_000
"""How many bytes all inspections together may take; further ones wait."""
SPEED = 2e10
"""Multiplications a second of one thread, at most: what would take longer even so is refused at once."""
CONCURRENT = 4
"""How many calls inspect at the same time; how many write at the same time where they can't share the work."""
SLOW = 2
"""How many of these may be slow: a survey of many seconds, or one whose model has to be fetched from the Hub first."""
WRITERS = 64
"""How many calls are open that write: they share the work (`strivelm.scheduler`), or wait for their turn."""
THREADS = WRITERS + 32
"""How many threads the page's calls may take: a call that waits for its next characters holds one."""
QUEUE = 32
"""How many calls may wait to inspect; those that write, and those that open models, do not count among them."""
WAITING_WRITERS = 128
"""How many calls may wait to write."""
STEPS = 64
"""About how many steps of a training one question may be."""
OPEN_BYTES = 400_000_000
"""How many bytes the models that visitors opened may take together, what is packed for the decoder included."""
IN_USE_BYTES = 600_000_000
"""How many bytes all models in memory may take, those included that were closed while somebody still looks at them; a
model that does not fit beside them waits."""
BYTES_A_PARAMETER = 8
"""How many bytes a parameter of an open model takes: four, and as many again where the decoder packs it."""
SESSIONS = 100
"""Of how many visitors Gradio remembers the components."""
UPLOAD_BYTES = 1_000_000
"""How large an uploaded file may be."""
CHARACTERS = 1_024
"""How many characters of a larger vocabulary are mapped and compared: the most frequent ones, or the first."""
CLOCK = 0.04
"""Seconds between two updates of the page: often enough for the eye, less often than characters are written."""
FOLLOWED = 8
"""How many visitors who write are followed at that pace; where more do, each hears less often."""


def clock(writers: int) -> float:
    """Seconds between two updates of a page where so many texts are being written."""
    return CLOCK * max(1.0, writers / FOLLOWED)


def seconds_to_write(characters: object) -> float:
    """How many seconds writing so many characters may take; the maximum for an invalid number."""
    if isinstance(characters, int | float) and 0 <= characters <= MOST_CHARACTERS:
        return min(SECONDS, 5 + characters / SLOWEST)
    return SECONDS


def checked_prompt(prompt: str | None) -> str:
    """The prompt with '\\n' as line breaks. Raises ValueError, a sentence, if it is not text or is too long."""
    if prompt is None:
        return ""
    if not isinstance(prompt, str):
        raise ValueError(f"The prompt is a {type(prompt).__name__}; expected text.")
    prompt = prompt.replace("\r\n", "\n").replace("\r", "\n")
    if len(prompt) > PROMPT_CHARACTERS:
        raise ValueError(
            f"The prompt has {len(prompt):,} characters, but at most {PROMPT_CHARACTERS:,} are allowed; "
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
    """The settings as numbers; a slider's 40.0 counts as 40, an empty seed as None.

    Raises ValueError, a sentence that names the setting, its value and what was expected.
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
    """A seed from a text field: '' is None, '12' is 12; other texts are returned unchanged."""
    if isinstance(value, str):
        text = value.strip()
        return int(text) if text.isdecimal() and len(text) < 20 else text or None
    return _whole(value)


def _whole(value: object) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _shown(value: object) -> str:
    return "empty" if value is None else f"{value!r:.40}"
