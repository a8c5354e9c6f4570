"""Sections of the Generate tab beside Write: settings compared, heads switched off, one character's choice shown."""

import gradio as gr

from strivelm.ui.core.page import Page
from strivelm.ui.tabs.generate import compare, heads_off, one_character

SECTIONS = (
    ("compare", "Compare", compare.build),
    ("heads", "Switch heads off", heads_off.build),
    ("slowly", "One character, slowly", one_character.build),
)
"""Each section's id, which stands in addresses, its title, and what builds it."""


def build(page: Page, prompt: gr.Textbox, settings: dict[str, gr.Slider | gr.Textbox]) -> dict[str, gr.Tab]:
    """Adds the sections to the tabs that are open; returns them by their ids.

    Args:
        prompt: what all sections go on from.
        settings: the components temperature, top_k, top_p, count and seed.
    """
    found = {}
    for id, title, fill in SECTIONS:
        with gr.Tab(title, id=id) as found[id]:
            fill(page, prompt, settings)
    return found
