"""The section that sets texts of one model side by side, under settings of the notebook and of one's own."""

import json

import gradio as gr

from strivelm.ui import limits
from strivelm.ui.core.page import Page, number
from strivelm.ui.tabs.generate import columns_payload, side_by_side

OWN = {"A": (1.0, 0, 1.0), "B": (1.0, 0, 0.9)}
"""What A and B are until a visitor changes them: the model's own probabilities, and nucleus sampling."""
USUAL = list(columns_payload.PRESETS)

# The sliders of A and B are there while these are chosen.
SHOWN = f"""(chosen) => {json.dumps(list(OWN))}.map((name) => (
  {{__type__: "update", visible: chosen.includes(name)}}
))"""


def build(page: Page, prompt: gr.Textbox, settings: dict[str, gr.components.Component]) -> None:
    """Adds the section's components and events."""
    gr.Markdown(
        "One prompt, one stream of random numbers, several settings: each character is chosen by the same number in "
        "every column, so **what differs is the settings' doing**. Colour is surprisal: how unlikely the model found "
        "a character before any setting.",
        elem_classes="explanation",
    )
    chosen = gr.CheckboxGroup(
        [(_label(name), name) for name in columns_payload.CHOICES],
        value=USUAL,
        label="Side by side",
        elem_id="compare-chosen",
    )
    own, places = [], []
    for name, values in OWN.items():
        with gr.Row(visible=False) as place:
            own += _sliders(page, name, values)
        places.append(place)
    chosen.change(None, chosen, places, js=SHOWN)
    inputs = [prompt, settings["count"], settings["seed"], chosen, *own]
    hint = "Press Compare: the texts appear here."
    cleared = side_by_side.build(page, "compare", "Compare", hint, columns_payload.compare, inputs, settings["seed"])
    side_by_side.rewrite("compare", cleared)
    page.link("generate", "compare", chosen, _chosen)


def _sliders(page: Page, name: str, values: tuple[float, int, float]) -> list[gr.Slider]:
    ranges = (
        ("temperature", 0, limits.HOTTEST, 0.05),
        ("top-k", 0, limits.MOST_K, 1),
        ("top-p", 0.05, 1, 0.01),
    )
    found = []
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
        found.append(slider)
    return found


def _label(name: str) -> str:
    if name not in columns_payload.PRESETS:
        return f"{name}, your own"
    temperature, top_k, _ = columns_payload.PRESETS[name]
    return f"{name}: {temperature:g}, top-k {top_k}"


def _chosen(text: str) -> list[str]:
    names = text.split(",")
    if not set(names) <= set(columns_payload.CHOICES):
        raise ValueError(text)
    return names
