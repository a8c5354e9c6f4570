"""The Attention tab: the attention of every head on a text, one head large, and how each weight is computed."""

import gradio as gr

from strivelm.ui.components import message, offers
from strivelm.ui.components.beside import beside as second
from strivelm.ui.core import prompts
from strivelm.ui.core.page import Page
from strivelm.ui.tabs.attention import beside, payload, training  # noqa: F401  (they declare the questions)
from strivelm.ui.tabs.attention.attention import VIEW


def build(page: Page) -> None:
    """Adds the tab's components and events to the page that is being built."""
    with gr.Row(elem_classes="ask", equal_height=True):
        text = gr.Textbox(
            prompts.passage(page.facts),
            label="Text to look into",
            show_label=False,
            placeholder="A text; empty: the model's own beginning",
            lines=2,
            max_lines=2,
            container=False,
            elem_id="attention-text",
            scale=6,
            min_width=240,
        )
        run = gr.Button("Look inside", variant="primary", elem_id="run-attention", scale=1, min_width=120)
    offers.build(page, "attention", "attention-text")
    message.view("attention-message")
    beside.VIEW.component(elem_id="attention-beside", elem_classes=[second.CLASS])
    VIEW.component(elem_id="attention-view")
    page.text("attention", text, prompts.passage)
    page.run("attention", [run.click, text.submit])
