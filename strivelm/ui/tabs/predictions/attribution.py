"""Direct logit attribution: what each part of the model adds to a character's logit, or takes from it."""

from pathlib import Path

from strivelm.ui.components.view import View

HERE = Path(__file__).parent
TEMPLATE = """
<section class="view" aria-label="Logit attribution">
  <p class="lead">Who spoke for it? The [logit](term:logit) of a character is a sum: each part of the model adds to it,
    or takes from it. Bars to the right make the character <b>more</b> likely, bars to the left <b>less</b> likely.</p>
  <div class="text"></div>
  <div class="controls">
    <label>Character <select class="char strivelm-field"></select></label>
    <label>against <select class="against strivelm-field"></select></label>
    <span class="order" role="group" aria-label="Order of the bars">
      <button type="button" class="strivelm-tool" data-order="largest">The eight largest</button>
      <button type="button" class="strivelm-tool" data-order="size">All, by size</button>
      <button type="button" class="strivelm-tool" data-order="pass">All, in the model's order</button>
    </span>
  </div>
  <h2 class="what" aria-live="polite"></h2>
  <p class="sum"></p>
  <ol class="parts"></ol>
  <p class="note">Only what a part adds directly is counted: what it does by way of later [heads](term:head) and
    [MLPs](term:MLP) counts as theirs. The final [layer norm](term:layer norm) scales all alike, as it did here.</p>
  <div class="tools"></div>
</section>
"""

VIEW = View(HERE, "attribution", TEMPLATE, parts=("predicted",), styles=("predicted",))
"""Its value is what `strivelm.ui.tabs.predictions.payload.attribution` gives."""
