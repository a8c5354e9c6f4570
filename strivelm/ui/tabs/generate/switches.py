"""A switch for each head and each MLP of a model, as a grid of layers."""

from pathlib import Path

from strivelm.ui.components.view import View
from strivelm.ui.core.models import Facts

HERE = Path(__file__).parent
TEMPLATE = """
<section aria-label="Heads and MLPs">
  <div class="grid" role="group" aria-label="Switches: arrow keys move, Space switches"></div>
  <div class="below">
    <p class="said" role="status"></p>
    <button type="button" class="strivelm-tool all">All on</button>
  </div>
</section>
"""

VIEW = View(HERE, "switches", TEMPLATE)


def shown(facts: Facts) -> dict:
    """The view's value: a model by name, how many layers it has, and how many heads each of them."""
    return {"model": facts.name, "layers": facts.layers, "heads": facts.heads}
