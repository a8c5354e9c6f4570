"""The architecture as one picture: boxes to click, each with its shapes, its numbers, and the program's lines."""

from pathlib import Path

from strivelm.ui.components.view import View

HERE = Path(__file__).parent
TEMPLATE = """
<section aria-label="The architecture" hidden>
  <p class="head"></p>
  <div class="columns">
    <div class="picture">
      <label class="layer">Layer <select class="strivelm-field" aria-label="Layer of the diagram"></select></label>
      <svg role="group" aria-label="The architecture, from the text at the top to probabilities"></svg>
    </div>
    <div class="detail" role="region" aria-live="polite" aria-label="The chosen box"></div>
    <div class="program">
      <p class="file">strivelm/model.py</p>
      <div class="code" tabindex="0" role="region" aria-label="The program"></div>
    </div>
  </div>
  <div class="tools" role="group" aria-label="Take it along"></div>
</section>
"""
VIEW = View(HERE, "diagram", TEMPLATE, parts=("lesson_shared", "diagram_boxes"))
"""Its value is made by `strivelm.ui.tabs.learn.lessons.drawing.diagram`; null hides it."""
