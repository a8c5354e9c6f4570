"""The section that writes a text twice: by the whole model, and without the heads and MLPs that are switched off."""

import gradio as gr

from strivelm.ui.core import codec
from strivelm.ui.core.page import Page
from strivelm.ui.tabs.generate import columns, switches
from strivelm.ui.tabs.generate.explanation import explanation


def build(page: Page, prompt: gr.Textbox, settings: dict[str, gr.Slider | gr.Textbox]) -> None:
    """Adds the section's components to the page that is being built."""
    explanation(
        "See what [heads](term:head) and [MLPs](term:MLP) are good for: the same prompt, settings and random numbers, "
        "once by the whole model, once <b>without what is switched off</b>, in whose place stand zeros."
    )
    grid = switches.VIEW.component(switches.shown(page.facts), elem_id="switches")
    page.follow(grid, lambda facts: codec.dumps(switches.shown(facts)))
    columns.component("heads")
