"""The text as it is written: each character coloured by its surprisal, beside it what else could have stood there.

The view's value is a sheet that only grows while a text is written, a line of JSON each:

    {"model": …, "prompt": …, …}                          who writes, and after what
    {"from": 0, "seed": 7, "temperature": 0.9, …}         the settings, from that character on
    ["R", 0.41, 0.71, [["R", 0.66, 0.71], …]]             a character: its surprisal by the model, the probability that
                                                          it was drawn with, alternatives with both probabilities;
                                                          a fifth entry, 1, where the visitor forced it
    {"seconds": 0.4}                                      how long the writing took so far
    {"ended": "complete", "seconds": 1.2}                 why it ended; "stopped" is added by the browser
    {"spans": [[0, 9], …], …}                             what stands in the training text

So what is sent while a text grows is only what is new. Numbers have four significant digits.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import gradio as gr

from strivelm.generation import SamplingConfig, Step
from strivelm.ui import limits
from strivelm.ui.components.view import View
from strivelm.ui.core import codec

ALTERNATIVES = 8
"""How many of the likeliest characters stand beside each one."""

HERE = Path(__file__).parent
TEMPLATE = """
<section aria-label="The text">
  <div class="bar">
    <div><p class="status" role="status">Nothing written yet</p><p class="by"></p></div>
    <button type="button" class="copy" disabled>Copy</button>
  </div>
  <div class="sheet">
    <div class="page" tabindex="0" role="group" aria-live="polite"
      aria-label="Prompt and generated text. The arrow keys go from character to character, Enter to its alternatives.">
      <p class="empty">Press Generate: the text appears here, one character after the other.</p>
      <span class="prompt"></span><span class="new"></span>
    </div>
    <aside class="choice" aria-label="The chosen character's alternatives">
      <h3></h3>
      <p class="said"></p>
      <ul class="bars"></ul>
      <p class="bars-key" hidden><i class="before"></i> what the model says<br><i class="after"></i> what is drawn from,
        after temperature, top-k and top-p<br><span class="how">Click a character to force it: the text before it
        stays, and the model goes on from there.</span></p>
    </aside>
  </div>
  <div class="foot" hidden>
    <div class="legend" role="img"></div>
    <div class="switches">
      <button type="button" class="strivelm-tool colours" aria-pressed="true">Colours</button>
      <button type="button" class="strivelm-tool known-switch" aria-pressed="false"
        >Underline what stands in the training text</button>
      <label class="least" hidden>from <select aria-label="Fewest characters of an underlined run"></select>
        characters on</label>
      <span class="mark" hidden><i>x</i> forced by you</span>
    </div>
    <div class="tools"></div>
    <p class="spans" role="status" hidden></p>
  </div>
</section>
"""

VIEW = View(HERE, "text", TEMPLATE, parts=("sheet", "alternatives", "export"), raw=True)


def view(elem_id: str) -> gr.HTML:
    """An empty page for text to appear on."""
    return VIEW.component("", elem_id=elem_id)


def head(model: str, context: int, loss: float | None, prompt: list[tuple[str, str]], read: str) -> str:
    """The sheet's first line.

    Args:
        model: the writer's name.
        context: how many characters it sees.
        loss: its validation loss in nats per character, where it is known.
        prompt: the prompt in pieces, each "read", "unknown" or "unread" (before the context begins).
        read: the prompt as the model could read it, without unknown characters.
    """
    return codec.dumps({"model": model, "context": context, "loss": loss, "prompt": prompt, "read": read})


def settings(config: SamplingConfig, first: int) -> str:
    """The line that says how the characters from `first` on are chosen."""
    values = asdict(config)
    values.pop("max_new_tokens")
    return codec.dumps({"from": first, **values})


def character(chars: str, step: Step, forced: bool = False) -> str:
    """A character's line, of a vocabulary `chars`."""
    others = [[chars[id], _short(p), _short(q)] for id, p, q in step.alternatives(ALTERNATIVES)]
    line = [chars[step.id], _short(step.surprisal), _short(step.sampled_probability), others]
    return codec.dumps([*line, 1] if forced else line, compact=True)


def took(seconds: float, ended: str = "") -> str:
    """The line that says how long the writing took so far, and where it has ended, why."""
    return codec.dumps({"seconds": round(seconds, 3)} | ({"ended": ended} if ended else {}))


def _short(number: float) -> float:
    return float(f"{number:.4g}")


@dataclass(frozen=True)
class Sheet:
    """A sheet as the browser sends it back, to be written on."""

    model: str
    """Who wrote it."""
    read: str
    """The prompt as the model read it."""
    prompt: str
    """The prompt as it is shown, with what the model does not know."""
    text: str
    """What was written after it."""
    seed: int
    """The seed of its last part."""
    lines: tuple[str, ...]
    """Its head, settings and characters, without what was said of the end."""

    def kept(self, characters: int) -> tuple[str, ...]:
        """The lines up to so many characters."""
        found, seen = [], 0
        for line in self.lines:
            if line.startswith("["):
                if seen == characters:
                    break
                seen += 1
            found.append(line)
        return tuple(found)


def loads(value: str | None) -> Sheet:
    """The sheet of a view's value. Raises ValueError, a sentence, where nothing stands on it or it is no sheet."""
    try:
        lines = [line for line in (value or "").split("\n") if line]
        parts = [json.loads(line) for line in lines]
        head = parts[0] if parts else None
        if not head:
            raise ValueError("There is no text yet; press Generate first.")
        runs = [part for part in parts if isinstance(part, dict) and "from" in part]
        written = [part[0] for part in parts if isinstance(part, list)]
        sheet = Sheet(
            str(head["model"]),
            str(head["read"]),
            "".join(piece[0] for piece in head["prompt"]),
            "".join(written),
            runs[-1]["seed"],
            tuple(
                line
                for line, part in zip(lines, parts, strict=True)
                if isinstance(part, list) or part is head or "from" in part
            ),
        )
    except (TypeError, KeyError, IndexError, AttributeError, json.JSONDecodeError):
        raise ValueError("The text can't be read; press Generate to write a new one.") from None
    fits = 1 <= len(sheet.read) <= limits.PROMPT_CHARACTERS and len(sheet.prompt) <= limits.PROMPT_CHARACTERS + 1
    if not fits or len(sheet.text) != len(written):
        raise ValueError("The text can't be read; press Generate to write a new one.")
    return sheet
