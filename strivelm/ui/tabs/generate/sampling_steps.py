"""How one character is chosen, in five steps: logits, temperature, top-k, top-p, the draw."""

from pathlib import Path

from strivelm.ui.components.view import View

HERE = Path(__file__).parent
TEMPLATE = """
<section aria-label="The choice of one character">
  <div class="bar">
    <p class="context"><span class="words">After</span> <span class="tail"></span><b class="slot"></b></p>
    <span class="model"></span>
    <div class="tools"></div>
  </div>
  <div class="steps" role="group" aria-label="Steps: arrow keys go back and on"></div>
  <p class="sentence" aria-live="polite"></p>
  <div class="draw">
    <canvas class="line" role="img"></canvas>
    <label class="number"><span>u</span><input type="range" min="0" max="0.9999" step="0.0001"><output></output></label>
    <div class="acts">
      <button type="button" class="strivelm-tool keep" hidden>Keep this seed</button>
      <button type="button" class="strivelm-tool again">Draw again</button>
      <button type="button" class="strivelm-tool append">Append it and go on</button>
    </div>
  </div>
  <p class="scale"></p>
  <ol class="bars"></ol>
  <p class="others"></p>
</section>
"""

VIEW = View(HERE, "sampling_steps", TEMPLATE, parts=("settings", "sampling_steps_data", "sampling_steps_export"))
