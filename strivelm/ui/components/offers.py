"""Texts that a tab offers: first what the visitor has written in other tabs, then the model's own examples.

A text is never put over another by itself; a press takes it, and the tab's views ask.
"""

from pathlib import Path

import gradio as gr

from strivelm.ui.components.view import View
from strivelm.ui.core import codec, prompts
from strivelm.ui.core.models import Facts
from strivelm.ui.core.page import Page

HERE = Path(__file__).parent
VIEW = View(HERE, "offers", '<div class="offers" role="group" aria-label="Texts to take"></div>')
EXAMPLES = 2
"""How many of the model's examples are offered."""


def build(page: Page, tab: str, field: str, examples: int = EXAMPLES) -> gr.HTML:
    """Adds the offers of a tab to the page that is being built, under its text field, whose elem_id is `field`."""

    def value(facts: Facts) -> dict:
        return {"tab": tab, "field": field, "examples": prompts.examples(facts)[:examples]}

    component = VIEW.component(value(page.facts), elem_id=f"{tab}-offers")
    page.follow(component, lambda facts: codec.dumps(value(facts)))
    return component
