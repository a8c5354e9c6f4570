"""The section that shows how one character is chosen, step by step."""

import gradio as gr

from strivelm.ui import limits
from strivelm.ui.components import message
from strivelm.ui.components.glossary import explains
from strivelm.ui.core.page import Page, number
from strivelm.ui.tabs.generate import (
    sampling_steps,
    sampling_steps_payload,  # noqa: F401  (declares what the section asks)
)
from strivelm.ui.tabs.generate.explanation import explanation

SETTINGS = (
    ("temperature", "Temperature", 0, limits.HOTTEST, 0.05, 0.9),
    ("top-k", "Top-k", 0, limits.MOST_K, 1, 10),
    ("top-p", "Top-p", 0.05, 1, 0.01, 0.9),
)
"""The section's own sliders: name, label, range, step, and where they begin: where each step can be seen to act."""


def settings(page: Page) -> dict[str, gr.Slider]:
    """The section's own settings by name, slow_temperature and so on, linked in the address."""
    found = {}
    with gr.Group(elem_classes="slow-settings"):
        for name, label, least, most, step, value in SETTINGS:
            found[f"slow_{name.replace('-', '_')}"] = gr.Slider(
                least,
                most,
                value,
                step=step,
                precision=0 if step == 1 else None,
                label=label,
                elem_id=f"slow-{name}",
                elem_classes=explains(name),
                buttons=[],
            )
    for (name, slider), (_, _, least, most, step, _) in zip(found.items(), SETTINGS, strict=True):
        page.link("generate", name, slider, number(least, most, step == 1))
    return found


def build(page: Page, prompt: gr.Textbox, settings: dict[str, gr.Slider | gr.Textbox]) -> None:
    """Adds the section's components to the page that is being built."""
    explanation(
        "How one character is chosen: the model gives every character a number, its [logit](term:logit), the settings "
        "make probabilities of these, and one random number picks. Change a setting and watch the bars."
    )
    message.view("slowly-message")
    sampling_steps.VIEW.component(elem_id="slowly-view")
    own = [slider for name, slider in settings.items() if name.startswith("slow_")]
    page.run("slowly", [one.change for one in (prompt, settings["seed"], *own)])
