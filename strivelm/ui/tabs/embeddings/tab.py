"""The Embeddings tab: what the model holds characters and positions to be, and what becomes of them in a text."""

import json
from collections.abc import Callable, Iterator

import gradio as gr

from strivelm.loading import OpenModel
from strivelm.ui.components import message
from strivelm.ui.core.models import facts_of
from strivelm.ui.core.page import LOOKING, Page, one_of
from strivelm.ui.tabs.embeddings import payload, views

VIEWS = (
    ("map", "Map", views.MAP, payload.tokens),
    ("near", "Neighbours and analogies", views.NEAR, payload.tokens),
    ("similarity", "Similarity", views.COSINES, payload.tokens),
    ("positions", "Positions", views.POSITIONS, payload.places),
    ("context", "In context", views.STATES, payload.states),
    ("table", "What a table knows", views.TABLE, payload.table),
)
"""The inner tabs: their ids, titles, views, and the work that fills each."""
QUICKEST = (payload.tokens, payload.table, payload.states, payload.places)

# A text that was brought here, by another tab or by a link without a view, is to be seen in the view of texts.
TURN = """(text, read, view) => {
  const brought = read ? text !== read : strivelm.get("embeddings", "text") !== undefined && !view;
  if (brought) document.getElementById("run-embeddings").dataset.turned = performance.now();
  return [brought ? "context" : view];
}"""

# Whichever tab a visitor selects is the view. The first one is also selected by itself when it appears, which nobody
# asked for: that stays unsaid, and must not undo what TURN has just done.
SELECTED = f"""(view) => {{
  const turned = Number(document.getElementById("run-embeddings").dataset.turned ?? -Infinity);
  return view && performance.now() - turned > 1500 ? {json.dumps(VIEWS[0][0])} : view;
}}"""

# Of another model: a text that the visitor has not touched becomes that model's, and nothing of the old one stays.
SWAP = f"""(text, before, after, read) => {{
  const next = text === before ? after : text;
  return [next, after, read && next, ...Array({len(VIEWS)}).fill("null")];
}}"""


def build(page: Page) -> None:
    """Adds the tab's components and events to the page that is being built."""
    usual = payload.sentence(page.models.facts(page.models.own))
    said = message.view("embeddings-message")
    # Pressed by the page when the tab is opened; what a visitor presses stands beside the text.
    everything = gr.Button("Look at the embeddings", elem_id="run-embeddings", elem_classes="unseen", size="sm")
    read = gr.Textbox("", visible="hidden", elem_id="embeddings-read", label="The text last read")
    view = gr.Textbox("", visible="hidden", elem_id="embeddings-view", label="The view")
    shown = {}
    with gr.Tabs(elem_id="embeddings-tabs") as tabs:
        for name, title, drawn, _ in VIEWS:
            with gr.Tab(title, id=name) as tab:
                if name == "context":
                    text, look = _text(usual)
                shown[name] = drawn.component(elem_id=f"embeddings-{name}")
            js = SELECTED if name == VIEWS[0][0] else f"() => {json.dumps(name)}"
            tab.select(None, view, view, js=js)

    page.text("embeddings", text)
    page.link("embeddings", "view", view, one_of(*(name for name, *_ in VIEWS)))
    page.first("embeddings")
    view.change(None, view, tabs, js="(name) => ({__type__: 'update', ...(name ? {selected: name} : {})})")

    work = {function: page.work(function) for *_, function in VIEWS}
    everything.click(None, [text, read, view], view, js=TURN)
    everything.click(looker(work), [page.current, text], [*shown.values(), said, read], **LOOKING)
    asked = [look.click, text.submit]
    gr.on(asked, reader(work[payload.states]), [page.current, text], [shown["context"], said, read], **LOOKING)

    before, after = gr.State(usual), gr.State(usual)
    turned = page.current.change(page.work(begin), page.current, after, **LOOKING)
    turned = turned.then(None, [text, before, after, read], [text, before, read, *shown.values()], js=SWAP)
    turned.then(None, None, None, js="() => strivelm.stale('embeddings')")


def _text(usual: str) -> tuple[gr.Textbox, gr.Button]:
    with gr.Row(elem_classes="ask", equal_height=True):
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
        )
        look = gr.Button("Look", variant="primary", elem_id="embeddings-look", scale=1, min_width=120)
    return text, look


def begin(opened: OpenModel) -> str:
    """The text that the tab begins with."""
    return payload.sentence(facts_of(opened))


def looker(work: dict[Callable, Callable]) -> Callable[[str, str], Iterator[tuple]]:
    """The function that fills all views, what is quickest first, and says what could not be done."""

    def look(ref: str, text: str) -> Iterator[tuple]:
        wrong = []
        for function in QUICKEST:
            made = gr.skip()
            try:
                made = work[function](ref, *([text] if function is payload.states else []))
            except ValueError as error:
                wrong.append(str(error))
            told = message.error("\n".join(dict.fromkeys(wrong))) if wrong else message.NOTHING
            yield (*(made if filled is function else gr.skip() for *_, filled in VIEWS), told, text)

    return look


def reader(states: Callable[[str, str], str]) -> Callable[[str, str], tuple]:
    """The function that fills the view of texts, or says what is wrong and leaves it as it is."""

    def read(ref: str, text: str) -> tuple:
        try:
            return states(ref, text), message.NOTHING, text
        except ValueError as error:
            return gr.skip(), message.error(str(error)), gr.skip()

    return read
