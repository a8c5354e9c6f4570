"""The architecture as one picture: boxes to click, each with its shapes, its numbers, and the program's lines."""

from strivelm.ui import views

TEMPLATE = """
<section aria-label="The architecture" hidden>
  <p class="head"></p>
  <div class="columns">
    <div class="picture">
      <label class="layer">Layer <select aria-label="Layer of the diagram"></select></label>
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
VIEW = views.View("diagram", TEMPLATE, parts=("diagramdraw",))
"""Its value is made by `strivelm.ui.lessons.drawing.diagram`; null hides it."""
