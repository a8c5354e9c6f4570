"""The logit lens: the next character that each depth of the model would name, at each place of a text."""

from pathlib import Path

from strivelm.ui.components.view import View

HERE = Path(__file__).parent
TEMPLATE = """
<section class="view" aria-label="Logit lens">
  <p class="lead">What the model would write next if it stopped early: each row reads the residual stream after one more
    half of a block by the final LayerNorm and the head. Follow a column downwards and watch the answer form.</p>
  <div class="legend"><span class="scale" aria-hidden="true"></span>
    <span class="key"><i class="step"></i> below it, the final answer no longer changes</span>
    <span class="key"><i class="first">●</i> the final answer appears for the first time</span>
    <span class="key"><u>e</u> is what the text says next</span></div>
  <div class="grid">
    <div class="depths" aria-hidden="true"></div>
    <div class="scroll"><canvas class="cells"></canvas><div class="wide"></div></div>
  </div>
  <aside class="detail" aria-live="polite">
    <div><h2 class="what"></h2><p class="how"></p></div>
    <ol class="top"></ol>
  </aside>
  <p class="note">The embeddings mostly name the character just read, as the head shares their matrix. Early depths were
    never trained to be read so: what is missing there may already be known in directions that later blocks turn.</p>
  <div class="tools"></div>
</section>
"""

VIEW = View(HERE, "lens", TEMPLATE, parts=("predicted", "lens_cells"), styles=("predicted",))
"""Its value is what `strivelm.ui.tabs.predictions.payload.lens` gives."""
