"""Writing, the first section of the Generate tab: anew, on, and on from a character that the visitor forced."""

import gradio as gr

from strivelm.ui.core import gpu
from strivelm.ui.core.page import Page
from strivelm.ui.tabs.generate import film_payload, overlap, payload, text  # noqa: F401  (they declare what is asked)

ELSEWHERE = (
    ("Look at this text's attention", "attention"),
    ("Its predictions", "predictions"),
    ("Its embeddings", "embeddings"),
)
"""Where a text can be carried: what the button says, and the tab's id."""


def build(page: Page, prompt: gr.Textbox) -> None:
    """Adds the section's components to the page that is being built."""
    # A text comes by itself where that costs no visitor anything.
    text.VIEW.component({"arrives": not gpu.lent()}, elem_id="generate-text")
    for section in ("generate", "compare", "heads"):
        page.run(section, [prompt.submit])
    # The view types here what the buttons take along.
    end = gr.Textbox(visible="hidden", label="The text's end, as much as the model sees", elem_id="written")
    with gr.Row(elem_classes="elsewhere"):
        for label, tab in ELSEWHERE:
            page.carry(gr.Button(label, size="sm", min_width=120, elem_id=f"carry-{tab}"), end, tab)
