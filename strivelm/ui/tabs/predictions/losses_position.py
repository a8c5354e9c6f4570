"""The loss by how many characters the model had in view: how much context it really uses."""

from pathlib import Path

from strivelm.ui.components.view import View

HERE = Path(__file__).parent
TEMPLATE = """
<section class="view" aria-label="Loss by position">
  <p class="ask"><button type="button" class="strivelm-tool measure" id="predictions-by-position">Measure the loss by
    position</button> <span class="waiting" role="status"></span></p>
  <div class="measured" hidden>
    <p class="lead">How surprised the model was on average, by how many characters it had in view. Where the curve is
      flat, more [context](term:context) does not help. The bars show how far the mean may be off by chance (± one
      standard error).</p>
    <div class="plot"></div>
    <p class="found" role="status"></p>
    <p class="note said"></p>
    <div class="tools"></div>
  </div>
</section>
"""

VIEW = View(HERE, "losses_position", TEMPLATE, parts=("predicted",), styles=("predicted",))
"""Its value is the pieces of `strivelm.ui.tabs.predictions.payload.loss_by_position`, put together; null where nothing
has been measured."""
