"""The Predictions tab: what the model expected of a text, how the expectation formed, and which parts made it."""

import json

import gradio as gr

from strivelm.ui.components import message, offers
from strivelm.ui.components.beside import beside as second
from strivelm.ui.core import prompts
from strivelm.ui.core.page import Page, one_of
from strivelm.ui.tabs.predictions import (
    ablation,
    attribution,
    beside,
    lens,
    losses,
    losses_position,
    payload,  # noqa: F401  (declares what the tab asks)
    training,  # noqa: F401  (the same about all steps of a training)
)

SECTIONS = (
    ("losses", "Loss by character", (beside.VIEW, losses.VIEW, losses_position.VIEW)),
    ("lens", "Logit lens", (beside.LENS, lens.VIEW)),
    ("attribution", "Logit attribution", (attribution.VIEW,)),
    ("ablation", "Switch parts off", (ablation.VIEW,)),
)
"""What the tab shows, one at a time: each section's name in the address, its title and its views."""

# All sections stay in the page; a view that is out of sight asks when it is seen.
TURN = f"""(section) => {json.dumps([id for id, *_ in SECTIONS])}.map((id) => (
  {{__type__: "update", elem_classes: id === section ? ["section"] : ["section", "away"]}}
))"""


def build(page: Page) -> None:
    """Adds the tab's components and events to the page that is being built."""
    with gr.Row(elem_classes="workbench", equal_height=False):
        with gr.Column(scale=7, min_width=300):
            text = gr.Textbox(
                prompts.lines(page.facts),
                label="Text: each character is predicted from those before it",
                lines=3,
                max_lines=6,
                elem_id="predictions-text",
            )
        with gr.Column(scale=2, min_width=160):
            run = gr.Button("Look at its predictions", variant="primary", elem_id="run-predictions")
            heads = gr.Button("See where its heads look", size="sm", elem_id="predictions-to-attention")
    offers.build(page, "predictions", "predictions-text")
    message.view("predictions-message")
    section = gr.Radio(
        [(title, id) for id, title, _ in SECTIONS],
        value=SECTIONS[0][0],
        show_label=False,
        container=False,
        elem_id="predictions-section",
        elem_classes="sections",
    )
    columns = []
    for id, _, views in SECTIONS:
        away = [] if id == section.value else ["away"]
        with gr.Column(elem_id=f"predictions-{id}", elem_classes=["section", *away]) as column:
            for view in views:
                both = [second.CLASS] if view in (beside.VIEW, beside.LENS) else []
                view.component(elem_id=view.name.replace("_", "-"), elem_classes=both)
        columns.append(column)
    section.change(None, section, columns, js=TURN)

    page.text("predictions", text, prompts.lines)
    page.link("predictions", "section", section, one_of(*(id for id, *_ in SECTIONS)), step=True)
    page.run("predictions", [run.click, text.submit])
    page.carry(heads, text, "attention")
