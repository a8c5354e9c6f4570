"""The header: which model is open, what its loss is worth, and how to open another one."""

import json
import queue
import threading
from collections.abc import Iterator

import gradio as gr

from strivelm.ui.components import header, message
from strivelm.ui.core.models import Facts, Models

COPY_LINK = """() => {
  const button = document.querySelector("#share");
  const say = (label) => () => strivelm.flash(button, label);
  strivelm.copy(location.href).then(say("Link copied"), say("Copy it from the address bar"));
}"""


def build(models: Models, current: gr.Textbox) -> tuple[gr.HTML, gr.HTML, gr.Dropdown]:
    """The header's components: what is said of the model, the message under it, the picker."""
    with gr.Column(elem_id="head"):
        shown = header.VIEW.component(header.shown(models.facts(models.own)), elem_id="header")
        with gr.Row(elem_id="picker"):
            asked = gr.Dropdown(
                list(models.offered),
                value=models.own,
                label="Model: choose, or type owner/name@revision",
                allow_custom_value=True,
                filterable=True,
                container=False,
                elem_id="model",
            )
            share = gr.Button("Copy link to this view", size="sm", min_width=0, elem_id="share")
    said = message.view("model-message")
    share.click(None, None, None, js=COPY_LINK)
    own = json.dumps(models.own)
    current.change(None, current, None, js=f"(ref) => {{ strivelm.turn('model', ref === {own} ? '' : ref); }}")

    gr.on(
        [asked.input, asked.select],
        lambda ref, now: (yield from switch(models, ref, now)),
        [asked, current],
        [current, shown, said, asked],
        show_progress="hidden",
        trigger_mode="always_last",
        concurrency_id="opening",
        concurrency_limit=2,
        api_visibility="private",
    )
    return shown, said, asked


def restore(blocks: gr.Blocks, models: Models, outputs: list) -> gr.events.Dependency:
    """Opens the model that the address names (?model=owner/name), when the page is opened."""

    def named(request: gr.Request) -> Iterator[tuple]:
        yield from switch(models, request.query_params.get("model") or models.own, models.own)

    return blocks.load(named, None, outputs, show_progress="hidden", api_visibility="private")


def switch(models: Models, ref: str, now: str) -> Iterator[tuple]:
    """Yields values of (current, header, message, picker) while a model is opened; where it can't be, `now` stays."""
    ref = (ref or "").strip()
    if ref == now:
        yield gr.skip(), gr.skip(), message.NOTHING, gr.skip()
        return
    heard, outcome = queue.SimpleQueue(), []

    def fetch():
        try:
            outcome.append(models.facts(ref, lambda done, total: heard.put((done, total))))
        except ValueError as wrong:
            outcome.append(wrong)
        except Exception as wrong:  # of whatever kind: else 'Opening…' would stay
            outcome.append(f"The model can't be opened: {type(wrong).__name__} on this page's side.")
        finally:
            heard.put(None)

    threading.Thread(target=fetch, daemon=True).start()
    yield gr.skip(), gr.skip(), message.note(f"Opening {ref[:200]}…"), gr.skip()
    shown = -1.0
    while (news := heard.get()) is not None:
        done, total = news
        if total and done / total - shown >= 0.02:
            shown = done / total
            sentence = f"Opening {ref[:200]}: {done / 1e6:,.1f} of {total / 1e6:,.1f} MB are here."
            yield gr.skip(), gr.skip(), message.note(sentence), gr.skip()
    found = outcome[0]
    if isinstance(found, Facts):
        yield ref, header.dumps(found), message.NOTHING, ref
    else:
        yield gr.skip(), gr.skip(), message.error(f"{found} {now} stays open."), now
