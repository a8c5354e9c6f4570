"""The page's head: what this is, and which model speaks."""

import math

import gradio as gr

from strivelm.ui import views
from strivelm.ui.models import Facts

TEMPLATE = """
<header>
  <div class="title">
    <h1>StriveLM</h1>
    <p>A small GPT that you can see through. It writes one character at a time.</p>
  </div>
  <div class="model">
    <dl aria-label="The model"></dl>
    <div class="loss">
      <p><span class="name">Validation loss</span> <strong class="measured"></strong> <span class="guess"></span></p>
      <div class="scale" aria-hidden="true"><div class="fill"></div></div>
      <p class="meaning"></p>
    </div>
  </div>
</header>
"""


def view(facts: Facts) -> gr.HTML:
    """The header over a model."""
    return views.view("header", TEMPLATE, shown(facts), elem_id="header")


def shown(facts: Facts) -> dict:
    """What the header says of a model: texts, and as `share` its loss over that of a uniform guess (None: unknown)."""
    loss, uniform, size = facts.validation_loss, facts.uniform_loss, len(facts.vocabulary)
    return {
        "facts": [
            ["Model", facts.name],
            ["Parameters", f"{facts.parameters:,}"],
            ["Context", f"{facts.context:,} characters"],
            ["Vocabulary", f"{size:,} characters"],
            ["Layers × heads", f"{facts.layers} × {facts.heads}, {facts.width:,} wide"],
            ["Learnt from", facts.corpus or "not recorded"],
        ],
        "measured": "not measured" if loss is None else f"{loss:.2f} nats per character",
        "guess": f"(uniform guessing: ln {size:,} = {uniform:.2f})",
        "share": None if loss is None or uniform == 0 else min(max(loss / uniform, 0.0), 1.0),
        "meaning": f"Guessing is as unsure as a fair choice among {size:,} characters."
        if loss is None
        else f"It is as unsure as a fair choice among {math.exp(min(loss, 20.0)):,.1f} characters, not {size:,}.",
    }
