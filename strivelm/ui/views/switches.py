"""A switch for each head and each MLP of a model, as a grid of layers."""

import gradio as gr

from strivelm.ui import views
from strivelm.ui.models import Facts

TEMPLATE = """
<section aria-label="Heads and MLPs">
  <div class="scroll"><div class="grid" role="group" aria-label="Switches: arrow keys move, Space switches"></div></div>
  <div class="below">
    <p class="said" role="status"></p>
    <button type="button" class="strivelm-tool all">All on</button>
  </div>
</section>
"""

VIEW = views.View("switches", TEMPLATE)


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
