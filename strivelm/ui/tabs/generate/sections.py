"""Sections of the Generate tab beside Write: one character's choice shown, settings compared, heads switched off."""

import gradio as gr

from strivelm.ui import limits
from strivelm.ui.core.page import Page
from strivelm.ui.tabs.generate import compare, heads_off, one_character

SECTIONS = (
    ("slowly", "One character, slowly", one_character.build, limits.MOST_CHARACTERS),
    ("compare", "Compare", compare.build, limits.TOGETHER),
    ("heads", "Switch heads off", heads_off.build, limits.TOGETHER),
)
"""Each section's id, which stands in addresses, its title, what builds it, and the most characters it writes."""

OPENED = """(count) => {
  const most = %d;
  const bound = (window.strivelm.bound ??= { most });
  const wanted = count === bound.most ? bound.wanted ?? count : count;
  window.strivelm.bound = { most, wanted };
  return { __type__: "update", maximum: most, value: Math.min(wanted, most) };
}"""
"""JavaScript for a section that is opened: the slider of characters ends where the section does, and has what was
wanted again where there is room for it."""


def build(
    page: Page, prompt: gr.Textbox, settings: dict[str, gr.Slider | gr.Textbox], count: gr.Slider
) -> dict[str, gr.Tab]:
    """Adds the sections to the tabs that are open; returns them by their ids.

    Args:
        prompt: what all sections go on from.
        settings: the components temperature, top_k, top_p and seed, and those of One character, slowly.
        count: the slider of how many characters are written.
    """
    found = {}
    for id, title, fill, most in SECTIONS:
        with gr.Tab(title, id=id) as found[id]:
            fill(page, prompt, settings)
        bound(found[id], count, most)
    return found


def bound(tab: gr.Tab, count: gr.Slider, most: int) -> None:
    """Has the slider of characters end where a section does, when that is opened."""
    tab.select(None, count, count, js=OPENED % most)
