"""The section that sets texts of one model side by side, under settings of the notebook and of one's own."""

import json

import gradio as gr

from strivelm.ui import limits
from strivelm.ui.core.page import Page, number
from strivelm.ui.tabs.generate import columns
from strivelm.ui.tabs.generate.columns_payload import CHOICES, OWN, PRESETS
from strivelm.ui.tabs.generate.explanation import explanation

# The sliders of A and B are there while these are chosen.
SHOWN = f"""(chosen) => {json.dumps(list(OWN))}.map((name) => (
  {{__type__: "update", visible: chosen.includes(name)}}
))"""


def build(page: Page, prompt: gr.Textbox, settings: dict[str, gr.Slider | gr.Textbox]) -> None:
    """Adds the section's components to the page that is being built."""
    explanation(
        "One prompt, one stream of random numbers, several settings: each character is chosen by the same number in "
        "every column, so <b>what differs is the settings' doing</b>. The warmer a character's ground, the less the "
        "model expected it."
    )
    chosen = gr.CheckboxGroup(
        [(_label(name), name) for name in CHOICES],
        value=list(PRESETS),
        label="Side by side",
        elem_id="compare-chosen",
    )
    places, sliders = [], []
    for name, values in OWN.items():
        with gr.Row(visible=False) as place:
            sliders += _sliders(page, name, values)
        places.append(place)
    chosen.change(None, chosen, places, js=SHOWN)
    columns.component("compare")
    page.link("generate", "compare", chosen, _chosen)
    # A column that is ticked is written at once, and so is one whose settings change.
    page.run("compare", [one.change for one in (chosen, *sliders)])


def _sliders(page: Page, name: str, values: tuple[float, int, float]) -> list[gr.Slider]:
    ranges = (
        ("temperature", 0, limits.HOTTEST, 0.05),
        ("top-k", 0, limits.MOST_K, 1),
        ("top-p", 0.05, 1, 0.01),
    )
    made = []
    for (what, least, most, step), value in zip(ranges, values, strict=True):
        slider = gr.Slider(
            least,
            most,
            value,
            step=step,
            label=f"{name}: {what}",
            elem_id=f"{name.lower()}-{what}",
            min_width=200,
            buttons=[],
        )
        page.link("generate", f"{name.lower()}_{what.replace('-', '_')}", slider, number(least, most, step == 1))
        made.append(slider)
    return made


def _label(name: str) -> str:
    if name not in PRESETS:
        return f"{name}, your own"
    temperature, top_k, _ = PRESETS[name]
    return f"{name}: {temperature:g}, top-k {top_k}"


def _chosen(text: str) -> list[str]:
    names = text.split(",")
    if not set(names) <= set(CHOICES):
        raise ValueError(text)
    return names
