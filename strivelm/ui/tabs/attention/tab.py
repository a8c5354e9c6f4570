"""The Attention tab: where every head looks on a text, one head large, and how each of its numbers came about."""

import gradio as gr

from strivelm.loading import OpenModel
from strivelm.ui.components import message
from strivelm.ui.core import codec
from strivelm.ui.core.models import facts_of
from strivelm.ui.core.page import LOOKING, Page
from strivelm.ui.tabs.attention import payload
from strivelm.ui.tabs.attention.attention import VIEW


def build(page: Page) -> None:
    """Adds the tab's components and events to the page that is being built."""
    usual = payload.default_text(page.models.facts(page.models.own))
    with gr.Row(elem_classes="ask", equal_height=True):
        text = gr.Textbox(
            usual,
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
    said = message.view("attention-message")
    view = VIEW.component(elem_id="attention-view", judged=None, circuits=None, answer=None)

    page.text("attention", text)
    page.first("attention")
    looked = page.work(look)
    gr.on([run.click, text.submit], looked, [page.current, text], [view, said], **LOOKING)

    # What the view asks for itself: first what was measured on the maps that it has painted, then exact numbers.
    # Several values of one event would not do: of two that come in one moment, the page may lose the first.
    works = {name: page.work(getattr(payload, name)) for name in ("judged", "circuits", "row", "exact")}
    for part in ("judged", "circuits", "answer"):

        def answer(event: gr.EventData, part=part) -> dict:
            return gr.update(**{part: codec.dumps(answered(works, event._data))})

        getattr(view, f"ask_{part}")(answer, None, view, trigger_mode="multiple", **LOOKING)

    # Another model: a text that the visitor has not touched becomes that model's, and what is shown is looked at anew.
    with gr.Row(visible="hidden"):  # a script can't read a gr.State
        before, after = (gr.Textbox(usual, visible="hidden", label=f"The text {which}") for which in ("then", "now"))
    swap = "(text, before, after) => [text === before ? after : text, after]"
    turned = page.current.change(page.work(begin), page.current, after, **LOOKING)
    turned = turned.then(None, [text, before, after], [text, before], js=swap)
    turned.then(None, None, None, js="() => strivelm.stale('attention')")


def begin(opened: OpenModel) -> str:
    """The text that the tab begins with."""
    return payload.default_text(facts_of(opened))


def look(opened: OpenModel, text: str) -> tuple:
    """Values of the view and of the message. What can't be done is said, and the view stays as it is."""
    try:
        shown = payload.maps(opened, text)
        return codec.dumps(shown), message.note(*shown["notes"])
    except ValueError as wrong:
        return gr.skip(), message.error(str(wrong))


WANTED = {
    "judged": {"text": str},
    "circuits": {},
    "row": {"text": str, "layer": int, "head": int, "query": int},
    "exact": {"text": str, "map": str},
}
"""What the view may ask for, by the name of a function of `strivelm.ui.tabs.attention.payload`, and what that takes."""


def answered(works: dict, question: dict) -> dict:
    """What the view asked for, under the name that it gave; a sentence where that can't be had."""
    name = question.get("name")
    try:
        what = question["what"]
        arguments = [kind(question[one]) for one, kind in WANTED[what].items()]
        return {"name": name} | works[what](question["model"], *arguments)
    except (KeyError, TypeError):
        return {"name": name, "error": "The question is incomplete; press Look inside again."}
    except (ValueError, IndexError) as wrong:
        return {"name": name, "error": str(wrong)}
