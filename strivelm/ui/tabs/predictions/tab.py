"""The Predictions tab: what the model expected of a text, how the expectation formed, and which parts made it."""

import json
from collections.abc import Callable, Iterator

import gradio as gr

from strivelm.ui import limits
from strivelm.ui.components import message
from strivelm.ui.core.models import Models
from strivelm.ui.core.page import LOOKING, QUIET, Page, one_of
from strivelm.ui.tabs.predictions import ablation, attribution, lens, losses, losses_position, payload

SECTIONS = (
    ("losses", "Loss by character"),
    ("lens", "Logit lens"),
    ("attribution", "Who spoke for it"),
    ("ablation", "Switch parts off"),
)
"""What the tab shows, one at a time: each section's name in the address and its title."""

# The last input becomes what the views keep in the address: the chosen place, characters and parts.
ASKED = """(...given) => [...given.slice(0, -1), JSON.stringify(Object.fromEntries(
  ["at", "char", "against", "off", "how"].map((name) => [name, strivelm.get("predictions", name) ?? ""])
))]"""
ASKED_LONG = ASKED.replace("JSON.stringify(", "JSON.stringify({ where: 'long', ...").replace("\n))]", "\n) })]")

# All sections stay in the page, so that a place chosen in one is chosen in all.
TURN = f"""(section) => {json.dumps([id for id, _ in SECTIONS])}.map((id) => (
  {{__type__: "update", elem_classes: id === section ? ["section"] : ["section", "away"]}}
))"""

# The same for a run: a place that was chosen in another text means nothing in this one.
ASKED_ANEW = f"""(...given) => {{
  const read = document.querySelector("#predictions-read textarea")?.value;
  if (read && read !== given[1]) for (const name of ["at", "char", "against"]) strivelm.put("predictions", name, "");
  return ({ASKED})(...given);
}}"""


def build(page: Page) -> None:
    """Adds the tab's components and events to the page that is being built."""
    with gr.Row(elem_classes="workbench", equal_height=False):
        with gr.Column(scale=7, min_width=300):
            text = gr.Textbox(
                payload.default_text(page.models.facts(page.models.own)),
                label="Text: each character is predicted from those before it",
                lines=3,
                max_lines=6,
                elem_id="predictions-text",
            )
        with gr.Column(scale=2, min_width=160):
            run = gr.Button("Look at its predictions", variant="primary", elem_id="run-predictions")
            heads = gr.Button("See where its heads look", size="sm", elem_id="predictions-to-attention")
    said = message.view("predictions-message")
    section = gr.Radio(
        [(title, id) for id, title in SECTIONS],
        value=SECTIONS[0][0],
        show_label=False,
        container=False,
        elem_id="predictions-section",
        elem_classes="sections",
    )
    read = gr.Textbox(visible="hidden", label="The text that was read", elem_id="predictions-read")
    asked = gr.Textbox("{}", visible="hidden", label="What the views ask for")
    views = {}
    with gr.Column(elem_id="predictions-losses", elem_classes=["section"]) as losses_column:
        views["losses"] = losses.VIEW.component(elem_id="losses")
        with gr.Row(elem_classes="ways"):
            measure = gr.Button("Measure the loss by position", size="sm", elem_id="predictions-by-position")
        position = losses_position.VIEW.component(elem_id="losses-position")
    columns = [losses_column]
    for name, module in (("lens", lens), ("attribution", attribution), ("ablation", ablation)):
        with gr.Column(elem_id=f"predictions-{name}", elem_classes=["section", "away"]) as column:
            views[name] = module.VIEW.component(elem_id=name)
        columns.append(column)
    section.change(None, section, columns, js=TURN)

    page.text("predictions", text)
    page.link("predictions", "section", section, one_of(*(id for id, _ in SECTIONS)))
    page.first("predictions")
    page.carry(heads, text, "attention")

    out = [read, said, *views.values()]
    names = ("read", "notes", *views)
    look = _streamed(page.work(payload.look), names)
    gr.on([run.click, text.submit], look, [page.current, text, asked], out, js=ASKED_ANEW, **LOOKING)
    place, speaker, part = (
        _streamed(page.work(work), names) for work in (payload.place, payload.speaker, payload.part)
    )
    listeners = [(view.place, place) for view in views.values()]
    listeners += [(views["attribution"].speaker, speaker), (views["ablation"].part, part)]
    for listen, do in listeners:
        listen(do, [page.current, read, asked], out, js=ASKED, trigger_mode="always_last", **LOOKING)
    survey = _streamed(page.work(payload.survey, limits.SECONDS), names)
    for name, js in (("survey", ASKED), ("survey_long", ASKED_LONG)):
        getattr(views["ablation"], name)(survey, [page.current, read, asked], out, js=js, **LOOKING)
    measured = _streamed(page.work(payload.by_position, limits.SECONDS), ("position", "notes"))
    measure.click(measured, page.current, [position, said], trigger_mode="once", **LOOKING)

    # Another model: its own example where the text is untouched or can't be read, nothing that the old one was measured
    # on, and the same work again.
    usual = gr.State(text.value)
    fresh = page.current.change(
        _fresh(page.models), [page.current, text, usual], [text, usual, position], queue=False, **QUIET
    )
    fresh.then(None, None, None, js="() => strivelm.stale('predictions')")


def _streamed(work: Callable, names: tuple[str, ...]) -> Callable[..., Iterator[tuple]]:
    """Work that gives views by their names, as updates of the tab's outputs; what can't be done is said."""

    def update(found: dict[str, str]) -> tuple:
        if "notes" in found:
            found = found | {"notes": message.note(*filter(None, [found["notes"]]))}
        return tuple(found.get(name, gr.skip()) for name in names)

    def run(*given: str) -> Iterator[tuple]:
        try:
            found = work(*given)
            for one in [found] if isinstance(found, dict) else found:
                yield update(one)
        except ValueError as wrong:
            yield tuple(message.error(str(wrong)) if name == "notes" else gr.skip() for name in names)

    return run


def _fresh(models: Models) -> Callable[[str, str, str], tuple]:
    """What the text, its usual value and the loss by position become when another model is opened."""

    def change(ref: str, text: str, usual: str) -> tuple:
        facts = models.facts(ref)
        default = payload.default_text(facts)
        keeps = text != usual and set(text) <= set(facts.vocabulary)
        return gr.skip() if keeps else default, default, "null"

    return change
