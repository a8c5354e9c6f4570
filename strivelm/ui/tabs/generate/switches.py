"""A switch for each head and each MLP of a model, as a grid of layers."""

from pathlib import Path

import gradio as gr

from strivelm.ui.components.view import View
from strivelm.ui.core.models import Facts

HERE = Path(__file__).parent
TEMPLATE = """
<section aria-label="Heads and MLPs">
  <div class="scroll"><div class="grid" role="group" aria-label="Switches: arrow keys move, Space switches"></div></div>
  <div class="below">
    <p class="said" role="status"></p>
    <button type="button" class="strivelm-tool all">All on</button>
  </div>
</section>
"""

VIEW = View(HERE, "switches", TEMPLATE)


def shown(facts: Facts, field: str, run: str, stop: str) -> dict:
    """The view's value.

    Args:
        field: the elem_id of the text field that holds what is switched off, as "0.1,2.0,m1".
        run, stop: the elem_ids of the buttons that write anew when a switch is turned.
    """
    return {"layers": facts.layers, "heads": facts.heads, "field": field, "run": run, "stop": stop}


def component(value: dict, elem_id: str) -> gr.HTML:
    """The grid in the page."""
    return VIEW.component(value, elem_id=elem_id)
