"""The loss by how many characters the model had in view: how much context it really uses."""

from strivelm.ui import views

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

VIEW = views.View("losses_position", TEMPLATE, parts=("predicted",), styles=("predicted",))
"""Its values are those of `strivelm.ui.predicting.by_position`; null where nothing has been measured."""
