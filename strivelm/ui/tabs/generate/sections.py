"""Sections of the Generate tab beside writing: settings compared, heads switched off, one character taken apart."""

import json

import gradio as gr

from strivelm.ui.core.page import Page
from strivelm.ui.tabs.generate import compare, heads_off, one_choice

SECTIONS = (
    ("compare", "Compare", compare.build),
    ("heads", "Switch heads off", heads_off.build),
    ("slowly", "One character, slowly", one_choice.build),
)
"""Each section's id, which stands in addresses and names its run button, its title, and what builds it."""


def build(page: Page, prompt: gr.Textbox, settings: dict[str, gr.components.Component]) -> None:
    """Adds the sections to the tabs that are open.

    Args:
        prompt: what all sections go on from.
        settings: the components temperature, top_k, top_p, count and seed.
    """
    for id, title, fill in SECTIONS:
        with gr.Tab(title, id=id) as tab:
            fill(page, prompt, settings)
        tab.select(None, None, None, js=f"() => strivelm.put('generate', 'section', {json.dumps(id)})")
