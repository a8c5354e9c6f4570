"""The text as it is written: the prompt set apart, the new characters appended, and a line about how it went."""

import json
from dataclasses import asdict, dataclass

import gradio as gr

from strivelm.ui import views

TEMPLATE = """
<section aria-label="The text">
  <div class="bar">
    <p class="status" role="status"></p>
    <span class="key" aria-hidden="true"><i class="prompt">prompt</i> <i class="new">written by the model</i></span>
    <button type="button" class="copy" disabled>Copy</button>
  </div>
  <div class="page" tabindex="0" role="region" aria-label="Prompt and generated text" aria-live="polite">
    <p class="empty">Press Generate: the text appears here, one character after the other.</p>
    <span class="prompt"></span><span class="new"></span>
  </div>
</section>
"""


@dataclass(frozen=True)
class Text:
    """What the view shows."""

    prompt: str = ""
    """What the model read."""
    text: str = ""
    """What it wrote after that."""
    status: str = "Nothing written yet"
    """One line about it."""
    writing: bool = False
    """Whether more is coming."""
    seconds: float = 0.0
    """How long the writing took so far."""
    seed: int = 0
    """The start of its random stream."""

    def dumps(self) -> str:
        """The view's value."""
        return views.dumps(asdict(self))

    @classmethod
    def loads(cls, value: str) -> "Text":
        """The text that a view shows, from its value as the browser sends it back."""
        return cls(**json.loads(value))


def view(elem_id: str) -> gr.HTML:
    """An empty page for text to appear on."""
    return views.view("text", TEMPLATE, asdict(Text()), elem_id=elem_id)
