"""The loss by how many characters the model had in view: how much context it really uses."""

from pathlib import Path

from strivelm.ui.components.view import View

HERE = Path(__file__).parent
TEMPLATE = """
<section class="view" aria-label="Loss by position">
  <p class="lead">The mean surprisal of the next character by how many characters the model had in view. Where the
    curve goes flat, more context helps no longer. Bars are ± one standard error over windows.</p>
  <div class="plot"><canvas role="img"></canvas></div>
  <p class="found" role="status"></p>
  <p class="note said"></p>
  <div class="tools"></div>
</section>
"""

VIEW = View(HERE, "losses_position", TEMPLATE, parts=("predicted",), styles=("predicted",))
"""Its values are those of `strivelm.ui.tabs.predictions.payload.by_position`; null where nothing has been measured."""
