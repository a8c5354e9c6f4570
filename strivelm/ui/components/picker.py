"""The header with the model picker: it shows the open model, and opens another one."""

import queue
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import gradio as gr

from strivelm.ui.components import header, message
from strivelm.ui.components.lesson_plan import lesson_plan
from strivelm.ui.components.timeline import timeline
from strivelm.ui.core.models import Facts, Models
from strivelm.ui.core.page import OPENING, QUIET, Page

COPY_LINK = """() => {
  const button = document.querySelector("#share");
  const say = (label) => () => strivelm.flash(button, label);
  strivelm.copy(location.href).then(say("Link copied"), say("Copy it from the address bar"));
}"""
SHOWN_STEP = 0.02
"""The share of a download after which its progress is shown again."""


@dataclass(frozen=True)
class Header:
    """The header's components."""

    summary: gr.HTML
    """What the header shows of the model."""
    message: gr.HTML
    """The message under it."""
    picker: gr.Dropdown
    """The model picker."""


def build(models: Models) -> Header:
    """Adds the header to the page that is being built."""
    with gr.Column(elem_id="head"):
        summary = header.VIEW.component(header.shown(models.facts(models.own)), elem_id="header")
        with gr.Row(elem_id="picker"):
            picker = gr.Dropdown(
                models.choices(),
                value=models.own,
                label="Model: choose, or type owner/name@revision",
                allow_custom_value=True,
                filterable=True,
                container=False,
                elem_id="model",
            )
            share = gr.Button("Copy link to this view", size="sm", min_width=0, elem_id="share")
            add = gr.Button("Add this view", size="sm", min_width=0, elem_id="add-view")
            present = gr.Button("Present", size="sm", min_width=0, elem_id="present")
        timeline.build(models)
    present.click(None, None, None, js="() => { strivelm.present(); }")
    share.click(None, None, None, js=COPY_LINK)
    add.click(None, None, None, js=lesson_plan.ADD)
    return Header(summary, message.view("model-message"), picker)


def wire(blocks: gr.Blocks, page: Page, head: Header, tabs: tuple[str, ...]) -> None:
    """Connects the header after all tabs are built: a link's model and values when the page opens, and the picker.

    Opening another model is one event: the header, unchanged texts and everything else that shows something about the
    model change with it, and then the visible views ask again.
    """
    models, head_outputs = page.models, [page.current, head.summary, head.message, head.picker]
    follows = [one.component for one in page.linked if one.follow]
    to_fetch = gr.Textbox(visible="hidden", label="A link's model that has to be fetched")
    pending = gr.Textbox(visible="hidden", label="The same, after the rest of the link is restored")
    options = QUIET | OPENING

    def switched(ref: str, now: str, *values) -> Iterator[list]:
        for current, *rest in switch(models, ref, now):
            opened = isinstance(current, str)
            yield [current, *rest, *(page.renewed(now, current, values) if opened else [gr.skip()] * len(page.outputs))]

    switched.slow = lambda data: not models.is_local(data[0] if data else None)

    def arrive(request: gr.Request, *values) -> list:
        return arrived(page, tabs, dict(request.query_params), values)

    usual = gr.Textbox(page.usual(page.facts), visible="hidden", label="What is usual for the open model")
    page.follow(usual, page.usual)
    outputs = [*head_outputs, *page.outputs]
    everything = [page.current, usual, *page.components]
    shows = [component for component, _ in page.following]
    opened = blocks.load(
        arrive, follows, [*head_outputs, page.tabs, to_fetch, *page.components, *shows], queue=False, **QUIET
    )
    config = page.config(tabs)
    # The fragment, behind '#', is not sent to the server.
    opened = opened.then(
        None, page.components, page.components, js=f"(...values) => strivelm.restored({config}, values)"
    )
    arrive_js = f"""(ref, model, usual, ...values) => {{
      strivelm.arrive({config}, ref, model, usual, values);
      strivelm.bringBeside(strivelm.chosen.beside);
    }}"""
    opened.then(None, [to_fetch, *everything], None, js=arrive_js)
    opened.then(None, to_fetch, pending, js="(ref) => ref")
    fetched = pending.change(switched, [pending, page.current, *follows], outputs, **options)
    picked = gr.on(
        [head.picker.input, head.picker.select],
        switched,
        [head.picker, page.current, *follows],
        outputs,
        js="(ref, ...rest) => { strivelm.openModel(ref); return [ref, ...rest]; }",
        trigger_mode="always_last",
        **options,
    )

    # Back and Forward (common/history.js): the components get their values in the browser, a model is opened here.
    walk = gr.Button("Go to an entry of the history", visible="hidden", elem_id="walk")
    reopen = gr.Button("Open its model", visible="hidden", elem_id="walk-model")
    places = [page.tabs, *page.components]
    walked = walk.click(
        None, page.components, places, js="(...values) => strivelm.walk(values)", trigger_mode="multiple"
    )
    walked.then(None, None, None, js="() => { strivelm.there(); }")
    reopened = reopen.click(
        switched,
        [pending, page.current, *follows],
        outputs,
        js="(_, ...rest) => [strivelm.wantedModel(), ...rest]",
        trigger_mode="always_last",
        **options,
    )
    timeline.wire(page, head.summary, head.message, head.picker, everything)
    for event in (fetched, picked, reopened):
        changed = "(model, usual, ...values) => { strivelm.changed(model, usual, values); }"
        event.then(None, everything, None, js=changed)


def arrived(page: Page, tabs: tuple[str, ...], query: dict[str, str], values: Iterable[object]) -> list:
    """What can be shown at once when a link opens the page: its tab and values, and its model if that is local.

    Args:
        query: the parameters of the link.
        values: the values of the linked components that follow the model.

    Returns values of (current, header, message, picker), the tabs, the reference of a model that has to be fetched or
    "", the linked components, and the components that show something about the model.
    """
    models = page.models
    ref = (query.get("model") or models.own).strip() or models.own
    head: list = [gr.skip()] * 4
    renewed, to_fetch = [gr.skip()] * len(page.outputs), ""
    if ref != models.own and models.is_local(ref):
        *_, (current, *rest) = switch(models, ref, models.own)
        head = [current, *rest]
        if isinstance(current, str):
            renewed = page.renewed(models.own, current, values)
    elif ref != models.own:
        to_fetch, head[2] = ref, message.note(f"Opening {ref[:200]}…")
    tab, *linked = page.restored(query, tabs)
    following = iter(renewed)
    merged = []
    for one, value in zip(page.linked, linked, strict=True):
        fresh = next(following) if one.follow else gr.skip()
        merged.append(fresh if _skipped(value) else value)
    return [*head, tab, to_fetch, *merged, *following]


def _skipped(value: object) -> bool:
    return isinstance(value, dict) and value == gr.skip()


def switch(models: Models, ref: str, now: str) -> Iterator[tuple]:
    """Yields values of (current, header, message, picker) while a model is opened; on an error `now` stays open."""
    ref = (ref or "").strip()
    if ref == now:
        yield gr.skip(), gr.skip(), message.NOTHING, gr.skip()
        return
    for news in opening(models, ref):
        if isinstance(news, str):
            yield gr.skip(), gr.skip(), message.note(news), gr.skip()
        elif isinstance(news, Facts):
            yield ref, header.dumps(news), message.NOTHING, ref
        else:
            yield gr.skip(), gr.skip(), message.error(f"{news} {now} stays open."), now


def opening(models: Models, ref: str) -> Iterator[str | Facts | ValueError]:
    """Yields sentences while a model is opened, and at the end its facts, or the error that says why it can't be."""
    updates, outcome = queue.SimpleQueue(), []

    def fetch():
        try:
            outcome.append(models.facts(ref, lambda done, total: updates.put((done, total))))
        except ValueError as wrong:
            outcome.append(wrong)
        except Exception as wrong:  # any error must end the visitor's wait
            outcome.append(ValueError(f"The model can't be opened ({type(wrong).__name__})."))
        finally:
            updates.put(None)

    threading.Thread(target=fetch, daemon=True).start()
    yield f"Opening {ref[:200]}…"
    shown = -1.0
    while (news := updates.get()) is not None:
        done, total = news
        if total and done / total - shown >= SHOWN_STEP:
            shown = done / total
            yield f"Opening {ref[:200]}: {done / 1e6:,.1f} of {total / 1e6:,.1f} MB received."
    yield outcome[0]
