"""The section that shows how one character is chosen, step by step."""

import gradio as gr

from strivelm.ui.components import message
from strivelm.ui.core.page import Page
from strivelm.ui.tabs.generate import (
    sampling_steps,
    sampling_steps_payload,  # noqa: F401  (declares what the section asks)
)


def build(page: Page, prompt: gr.Textbox, settings: dict[str, gr.Slider | gr.Textbox]) -> None:
    """Adds the section's components to the page that is being built."""
    gr.Markdown(
        "How one character is chosen: the model gives every character a number, the settings make probabilities of "
        "these, and one random number picks. Change a setting and watch the bars.",
        elem_classes="explanation",
    )
    message.view("slowly-message")
    sampling_steps.VIEW.component(elem_id="slowly-view")
    followed = (prompt, *(settings[name] for name in ("temperature", "top_k", "top_p", "seed")))
    page.run("slowly", [one.change for one in followed])
