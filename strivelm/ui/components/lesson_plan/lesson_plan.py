"""A lesson of a teacher's own: views of the page in an order, each with a sentence, made and walked in the browser.

A lesson is kept as a file, or as an address that has all of it behind '#', which no server is sent. While it is open it
is in the browser's session storage, so that it outlives a reload. Whatever a file or an address holds is checked: of a
link only the choices of this page are taken, and texts are shown as text (lesson_plan_data.js).
"""

from collections.abc import Mapping
from pathlib import Path

import gradio as gr

from strivelm.ui.components.view import View

HERE = Path(__file__).parent
TEMPLATE = """
<section class="strivelm-marked" aria-label="Lesson" hidden>
  <div class="walk" hidden>
    <button type="button" class="strivelm-tool previous">← Previous</button>
    <div class="shown" role="status">
      <p class="where"></p>
      <p class="says"></p>
    </div>
    <button type="button" class="strivelm-tool next">Next →</button>
    <button type="button" class="strivelm-tool change">Edit</button>
    <button type="button" class="strivelm-tool close">Close</button>
  </div>
  <div class="edit" hidden>
    <label class="title">Title of the lesson <input class="strivelm-field" type="text" autocomplete="off"></label>
    <p class="empty">Open any view of the page, then press “Add this view”.</p>
    <ol></ol>
    <div class="strivelm-tools" role="group" aria-label="This lesson"></div>
    <input type="file" accept=".json,application/json" aria-label="A lesson's file" hidden>
  </div>
  <p class="note" role="status"></p>
</section>
"""
ADD = "() => { strivelm.lessonPlan.add(); }"
"""JavaScript that adds the view on show to the lesson; without one it begins one."""

VIEW = View(HERE, "lesson_plan", TEMPLATE, parts=("lesson_plan_data", "lesson_plan_edit"))
"""Its value: {"tabs": {id: title}}, and "lesson": {"title", "steps": [{"link", "says"}]} if it begins with one."""


def build(tabs: Mapping[str, str]) -> gr.HTML:
    """Adds the lesson to the page that is being built.

    Args:
        tabs: the page's tabs, id and title, which links may name.
    """
    return VIEW.component({"tabs": dict(tabs)}, elem_id="lesson-plan")
