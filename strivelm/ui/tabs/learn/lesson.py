"""A lesson's figure: the reader's text to pick a character from, the step's settings, and its pictures and tables."""

from pathlib import Path

from strivelm.ui.components.view import View

HERE = Path(__file__).parent
TEMPLATE = """
<section aria-label="The figure of this step">
  <p class="notes" role="status" hidden></p>
  <div class="reader" hidden>
    <p class="pick">Your text, as the model reads it<span>: <b>pick a character</b> (arrow keys work too)</span></p>
    <div class="strip" role="listbox" aria-label="Your text: pick a character"></div>
    <p class="legend"></p>
  </div>
  <div class="controls" role="group" aria-label="Settings of this step"></div>
  <div class="blocks"></div>
  <div class="tools" role="group" aria-label="Take it along"></div>
</section>
"""
VIEW = View(HERE, "lesson", TEMPLATE, parts=("lessonask", "lessondraw", "lessonplot"))
"""Its value is made by `strivelm.ui.tabs.learn.payload.lesson`."""

EMPTY = {
    "step": "",
    "asked": "",
    "model": "",
    "chars": [],
    "at": 0,
    "usual": 0,
    "tint": None,
    "legend": "",
    "notes": [],
    "controls": [],
    "blocks": [],
    "python": "",
    "attempt": None,
}
"""Its value before a step is shown."""
