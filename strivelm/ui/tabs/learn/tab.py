"""The Learn tab: the notebook's steps on the current model and the reader's own text, one step at a time."""

import gradio as gr

from strivelm.ui.components import message, offers
from strivelm.ui.components.beside import beside as second
from strivelm.ui.core import prompts
from strivelm.ui.core.page import Page
from strivelm.ui.tabs.learn import (
    beside,
    diagram,
    lesson,
    lesson_steps,
    payload,  # noqa: F401  (declares what the tab asks)
)
from strivelm.ui.tabs.learn.lessons import STEPS, words

MATH = [{"left": "$$", "right": "$$", "display": True}, {"left": "$", "right": "$", "display": False}]
ONWARD = {
    "generate": "Write on from it",
    "attention": "Look at its attention",
    "predictions": "Look at its predictions",
    "embeddings": "Look at its embeddings",
}
"""Where a text can go from here, by the tab's id, and what the button says."""


def build(page: Page) -> None:
    """Adds the tab's components and events to the page that is being built."""
    with gr.Column(elem_classes="learn"):
        lesson_steps.VIEW.component([[one.id, one.short] for one in STEPS], elem_id="learn-steps")
        with gr.Row(elem_classes="asking"):
            text = gr.Textbox(
                prompts.line(page.facts),
                label="Your text",
                container=False,
                lines=1,
                max_lines=4,
                elem_id="learn-text",
                scale=6,
                min_width=0,
            )
            run = gr.Button("Read it", variant="primary", elem_id="run-learn", scale=0, min_width=0)
        offers.build(page, "learn", "learn-text", examples=1)
        message.view("learn-message")
        beside.VIEW.component(elem_id="learn-beside", elem_classes=[second.CLASS])
        with gr.Column(elem_id="learn-shown", min_width=0):
            with gr.Row(elem_classes="lesson"):
                prose("body", "learn-body")
                lesson.VIEW.component(elem_id="learn-figure")
                with gr.Column(elem_id="learn-after", min_width=0):
                    prose("attempt", "learn-task")
                    attempt = gr.Button("Do this here", size="sm", elem_id="learn-try", min_width=90)
                    prose("question", "learn-question")
            diagram.VIEW.component(elem_id="learn-diagram")
        with gr.Row(elem_classes="turning"):
            back = gr.Button("← Back", elem_id="learn-back", min_width=100)
            onward = gr.Button("Next →", elem_id="learn-next", min_width=100)
        with gr.Row(elem_classes="chips", elem_id="learn-onward"):
            gr.Markdown("Go on with this text:", elem_classes="prose")
            for tab, label in ONWARD.items():
                button = gr.Button(label, size="sm", min_width=0, elem_id=f"learn-to-{tab}")
                page.carry(button, text, tab)
    page.text("learn", text, prompts.line)
    page.run("learn", [run.click, text.submit])
    back.click(None, None, None, js="() => { strivelm.learn.go(-1); }")
    onward.click(None, None, None, js="() => { strivelm.learn.go(1); }")
    attempt.click(None, None, None, js="() => { strivelm.learn.attempt(); }")


def prose(part: str, elem_id: str) -> gr.Markdown:
    """One part of all steps' words, of which the lesson's script shows one step's; formulas are set once, by Gradio.

    The words are the package's own, so nothing has to be taken out of their HTML.
    """
    return gr.Markdown(
        words(part), latex_delimiters=MATH, sanitize_html=False, elem_id=elem_id, elem_classes="prose", container=False
    )
