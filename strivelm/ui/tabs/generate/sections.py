"""Sections of the Generate tab beside Write: one character's choice shown, settings compared, heads switched off."""

import json
from collections.abc import Iterable

import gradio as gr

from strivelm.ui import limits
from strivelm.ui.core.page import Page
from strivelm.ui.tabs.generate import compare, heads_off, one_character

SECTIONS = (
    ("slowly", "One character, slowly", one_character.build, limits.MOST_CHARACTERS),
    ("compare", "Compare", compare.build, limits.TOGETHER),
    ("heads", "Switch heads off", heads_off.build, limits.WITHOUT_CACHE),
)
"""Each section's id, which stands in addresses, its title, what builds it, and the most characters it writes."""

OPENED = """(count) => {{
  strivelm.put("generate", "section", {section});
  const bound = (window.strivelm.bound ??= {{ most: {most} }});
  const wanted = count === bound.most ? bound.wanted ?? count : count;
  window.strivelm.bound = {{ most: {most}, wanted }};
  return {{ __type__: "update", maximum: {most}, value: Math.min(wanted, {most}) }};
}}"""
"""JavaScript for a section that is opened: the slider of characters ends where the section does, and has what was
wanted again where there is room for it."""


def build(page: Page, prompt: gr.Textbox, settings: dict[str, gr.Slider | gr.Textbox]) -> None:
    """Adds the sections to the tabs that are open.

    Args:
        prompt: what all sections go on from.
        settings: the components temperature, top_k, top_p, count and seed, and those of One character, slowly.
    """
    for id, title, fill, most in SECTIONS:
        with gr.Tab(title, id=id) as tab:
            fill(page, prompt, settings)
        opened(tab, id, settings["count"], most)


def opened(tab: gr.Tab, id: str, count: gr.Slider, most: int) -> None:
    """What happens when a section is opened."""
    section = json.dumps("" if id == "write" else id)
    tab.select(None, count, count, js=OPENED.format(section=section, most=most))


def ids() -> Iterable[str]:
    """The ids of all sections, Write first."""
    return ("write", *(id for id, *_ in SECTIONS))
