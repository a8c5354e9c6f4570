"""Direct logit attribution: what each part of the model adds to a character's logit, or takes from it."""

from pathlib import Path

from strivelm.ui.components.view import View

HERE = Path(__file__).parent
TEMPLATE = """
<section class="view" aria-label="Logit attribution">
  <p class="lead">A logit is a sum: each part of the model adds to it, or takes from it. Bars to the right make the
    character <b>more</b> likely, bars to the left <b>less</b> likely; their lengths are in logits.</p>
  <div class="text"></div>
  <div class="controls">
    <label>Character <select class="char"></select></label>
    <label>against <select class="against"></select></label>
    <span class="order" role="group" aria-label="Order of the bars">
      <button type="button" class="strivelm-tool" data-order="pass">In order of the pass</button>
      <button type="button" class="strivelm-tool" data-order="size">By size</button>
    </span>
  </div>
  <h2 class="what" aria-live="polite"></h2>
  <p class="sum"></p>
  <ol class="parts"></ol>
  <p class="note">“Direct” leaves out what a part does by way of later heads and MLPs: that counts as theirs. The final
    LayerNorm's scale is held at the value that it had here.</p>
  <div class="tools"></div>
</section>
"""

VIEW = View(HERE, "attribution", TEMPLATE, parts=("predicted",), styles=("predicted",))
"""Its value is what `strivelm.ui.tabs.predictions.payload.attribution` gives."""
