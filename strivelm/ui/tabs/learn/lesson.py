"""A lesson's figure: the reader's text to pick a character from, the step's settings, and its pictures and tables.

In the page this view asks for the step, and shows beside it the step's words, which stand there as Markdown.
"""

import html
import json
from pathlib import Path

from strivelm.ui.components.view import View
from strivelm.ui.tabs.learn.lessons.reading import CHOICES, NUMBERS, Chosen

HERE = Path(__file__).parent


def settings() -> list[list]:
    """What an address may say: [name, usual, [choice …]], or [name, usual, least, most, whether it is whole]."""
    usual = vars(Chosen())
    chosen = [[name, usual[name], list(choices)] for name, choices in CHOICES.items()]
    return chosen + [[name, usual[name], *bounds] for name, bounds in NUMBERS.items()]


TEMPLATE = f"""
<section aria-label="The figure of this step" data-settings="{html.escape(json.dumps(settings()))}" hidden>
  <p class="notes strivelm-marked" role="status" hidden></p>
  <div class="ask" hidden></div>
  <div class="veiled">
  <div class="reader" hidden>
    <p class="pick">Your text, as the model reads it<span>: <b>pick a character</b> (arrow keys work too)</span></p>
    <div class="strip" role="listbox" aria-label="Your text: pick a character"></div>
    <p class="legend"></p>
  </div>
  <div class="controls" role="group" aria-label="Settings of this step"></div>
  <div class="blocks"></div>
  <div class="tools" role="group" aria-label="Take it along"></div>
  </div>
</section>
"""
PARTS = ("shared", "controls", "tables", "plots", "film", "asking", "prose")
"""The script's parts, one a topic; they share a scope."""

VIEW = View(HERE, "lesson", TEMPLATE, tuple(f"lesson_{part}" for part in PARTS), styles=("lesson_plots",))
"""Its value is what `strivelm.ui.tabs.learn.payload.step` gives."""
