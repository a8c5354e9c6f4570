"""The Embeddings tab: the vectors of characters and positions, and what becomes of them in a text."""

import gradio as gr

from strivelm.ui.components import message, offers
from strivelm.ui.components.beside import beside as second
from strivelm.ui.core import prompts
from strivelm.ui.core.page import Page
from strivelm.ui.tabs.embeddings import (
    beside,
    payload,  # noqa: F401  (declares what the tab asks)
    training,  # noqa: F401  (the same about all steps of a training)
    views,
)

TEXT = "context"
"""The inner tab that reads a text."""
MAP = "map"
"""The inner tab that shows the characters, of two models both."""


def build(page: Page) -> None:
    """Adds the tab's components and events to the page that is being built."""
    message.view("embeddings-message")
    text, run = _asks(prompts.sentence(page.facts))
    with gr.Tabs(elem_id="embeddings-tabs", overflow_behavior="wrap"):
        for id, (title, view) in views.INNER.items():
            with gr.Tab(title, id=id):
                if id == TEXT:
                    with gr.Row(elem_classes="ask", equal_height=True):
                        text.render()
                        run.render()
                    offers.build(page, "embeddings", "embeddings-text")
                if id == MAP:
                    beside.VIEW.component(elem_id="embeddings-beside", elem_classes=[second.CLASS])
                view.component(elem_id=f"embeddings-{id}")
    titles = {id: title for id, (title, _) in views.INNER.items()}
    views.INNER_TABS.component(titles, elem_id="embeddings-inner", visible="hidden")
    # A text that another tab brings is to be seen in the view of texts.
    page.text("embeddings", text, prompts.sentence, brings={"view": TEXT})
    page.run("embeddings", [run.click, text.submit])


def _asks(usual: str) -> tuple[gr.Textbox, gr.Button]:
    """The text that is read and the button that reads it, not yet in their place."""
    text = gr.Textbox(
        usual,
        label="Text to read",
        show_label=False,
        placeholder="A sentence in which a letter stands several times",
        lines=1,
        max_lines=3,
        container=False,
        elem_id="embeddings-text",
        scale=6,
        min_width=240,
        render=False,
    )
    look = gr.Button("Look", variant="primary", elem_id="run-embeddings", scale=1, min_width=120, render=False)
    return text, look
