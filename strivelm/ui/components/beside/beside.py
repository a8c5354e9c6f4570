"""The line of the header in which a second model is chosen, shown and closed; the tabs' views then show both.

Which model stands there is known to the browser (`common/beside.js`), which keeps it in the address.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import gradio as gr

from strivelm.ui.components import header, message, picker
from strivelm.ui.components.view import View
from strivelm.ui.core import codec
from strivelm.ui.core.models import Facts, Models
from strivelm.ui.core.page import OPENING, QUIET

HERE = Path(__file__).parent
TEMPLATE = """
<p class="line">
  <span class="about"><i class="strivelm-swatch" aria-hidden="true"></i><b class="name"></b>
    <span class="short"></span></span>
  <span class="hint">Choose a second model, or type its name (as film@step-55): every tab then shows both.</span>
  <button type="button" class="strivelm-tool close" title="Close the second model"
    aria-label="Close the second model">×</button>
</p>
"""

VIEW = View(HERE, "beside", TEMPLATE)
CLASS = "two-models"
"""The class of a component that is there only while a second model is open."""


@dataclass(frozen=True)
class Beside:
    """The line's components."""

    picker: gr.Dropdown
    """Where the second model is chosen."""
    summary: gr.HTML
    """What is shown of it."""
    message: gr.HTML
    """The message under it."""


def shown(facts: Facts | None = None) -> dict:
    """What the line shows of a model, as the header does of the open one."""
    if facts is None:
        return {"name": "", "short": []}
    return {"name": header.shown(facts)["name"][1], "short": header.short(facts)}


def build(models: Models) -> Beside:
    """Adds the line to the page that is being built."""
    with gr.Row(elem_id="beside"):
        chosen = gr.Dropdown(
            models.choices(),
            value=None,
            label="Beside it: choose, or type owner/name@revision",
            allow_custom_value=True,
            filterable=True,
            container=False,
            elem_id="beside-model",
        )
        summary = VIEW.component(shown(), elem_id="beside-summary")
    return Beside(chosen, summary, message.view("beside-message"))


def wire(models: Models, line: Beside) -> None:
    """Connects the line: a visitor chooses a model, or a link or a step back names one."""

    def opened(ref: str) -> Iterator[tuple]:
        yield from brought(models, ref)

    opened.slow = lambda data: not models.is_local(data[0] if data else None)
    wanted = gr.Textbox(visible="hidden", label="The second model that a link names")
    outcome = gr.Textbox(visible="hidden", label="Whether it could be opened")
    bring = gr.Button("Open the second model", visible="hidden", elem_id="beside-open")
    outputs = [line.summary, line.message, line.picker, outcome]
    options = QUIET | OPENING
    picked = gr.on(
        [line.picker.input, line.picker.select],
        opened,
        line.picker,
        outputs,
        js="(ref) => { strivelm.openBeside(ref); return ref; }",
        trigger_mode="always_last",
        **options,
    )
    ref = "() => strivelm.wantedBeside()"
    named = bring.click(opened, wanted, outputs, js=ref, trigger_mode="always_last", **options)
    for event in (picked, named):
        event.then(None, outcome, None, js="(outcome) => { strivelm.besideOpened(JSON.parse(outcome)); }")


def brought(models: Models, ref: str) -> Iterator[tuple]:
    """Yields values of (summary, message, picker, outcome) while a model is opened; the last outcome is {ref, ok}."""
    ref = (ref or "").strip()
    if not ref:
        yield gr.skip(), message.NOTHING, gr.skip(), json.dumps({"ref": ref, "ok": False})
        return
    for news in picker.opening(models, ref):
        if isinstance(news, str):
            yield gr.skip(), message.note(news), gr.skip(), gr.skip()
        elif isinstance(news, Facts):
            yield codec.dumps(shown(news)), message.NOTHING, ref, json.dumps({"ref": ref, "ok": True})
        else:
            sentence = f"{news} It does not stand beside the open model."
            yield gr.skip(), message.error(sentence), gr.skip(), json.dumps({"ref": ref, "ok": False})
