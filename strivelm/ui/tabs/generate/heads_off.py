"""The section that writes a text twice: by the whole model, and without the heads and MLPs that are switched off."""

import gradio as gr

from strivelm.ui import limits
from strivelm.ui.core import codec
from strivelm.ui.core.page import Page
from strivelm.ui.tabs.generate import columns, switches


def build(page: Page, prompt: gr.Textbox, settings: dict[str, gr.Slider | gr.Textbox]) -> None:
    """Adds the section's components to the page that is being built."""
    gr.Markdown(
        "See what heads and MLPs are good for: the same prompt, settings and random numbers, once by the whole model, "
        "once **without what is switched off**, in whose place stand zeros (zero ablation). At most "
        f"{limits.TOGETHER:,} characters are written.",
        elem_classes="explanation",
    )
    grid = switches.VIEW.component(switches.shown(page.facts), elem_id="switches")
    page.follow(grid, lambda facts: codec.dumps(switches.shown(facts)))
    columns.component("heads")
