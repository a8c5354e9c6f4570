"""The section that takes the choice of one character apart, step by step."""

import gradio as gr

from strivelm.loading import OpenModel
from strivelm.ui.components import message
from strivelm.ui.core import codec
from strivelm.ui.core.page import LOOKING, QUIET, Page
from strivelm.ui.tabs.generate import choice
from strivelm.ui.tabs.generate.choice_payload import choice as chosen

# While the section is open it follows the prompt and the settings, when these have come to rest.
FOLLOW = """() => {
  clearTimeout(window.strivelmSlowly);
  window.strivelmSlowly = setTimeout(() => strivelm.press("run-slowly", 0), 300);
}"""


def build(page: Page, prompt: gr.Textbox, settings: dict[str, gr.components.Component]) -> None:
    """Adds the section's components and events."""
    with gr.Row():
        with gr.Column(scale=6, min_width=280):
            gr.Markdown(
                "How one character is chosen: the model gives every character a number, the settings make "
                "probabilities of these, and one random number picks. Change a setting and watch the bars.",
                elem_classes="explanation",
            )
        run = gr.Button("Show the choice", size="sm", elem_id="run-slowly", scale=1, min_width=140)
    said = message.view("slowly-message")
    view = choice.VIEW.component(choice.NOTHING, elem_id="slowly-view")
    inputs = [prompt, *(settings[name] for name in ("temperature", "top_k", "top_p", "seed"))]
    run.click(
        page.work(tell),
        [page.current, *inputs],
        [view, said, settings["seed"]],
        trigger_mode="always_last",
        **LOOKING,
    )
    gr.on([page.current.change, *(one.change for one in inputs)], None, None, None, js=FOLLOW)
    page.current.change(lambda: codec.dumps(choice.NOTHING), None, view, queue=False, **QUIET)


def tell(opened: OpenModel, *arguments) -> tuple:
    """The values of the view, the message and the seed field; an error is said, and the choice stays."""
    try:
        value, notes, seed = chosen(opened, *arguments)
    except ValueError as wrong:
        return gr.skip(), message.error(str(wrong)), gr.skip()
    return codec.dumps(value), message.note(*notes), str(seed)
