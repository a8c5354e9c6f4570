"""Texts side by side, written with the same random numbers: coloured by surprisal, marked where they part.

Three sections show it: Compare ("compare"), Switch heads off ("heads"), and that of two models ("both").
"""

from pathlib import Path

import gradio as gr

from strivelm.ui import limits
from strivelm.ui.components.view import View
from strivelm.ui.tabs.generate import columns_payload  # noqa: F401  (declares what the sections ask)

HERE = Path(__file__).parent
TEMPLATE = """
<div class="actions">
  <button type="button" class="action primary run"></button>
  <button type="button" class="action stop" disabled>Stop</button>
</div>
<div class="message-box"><p class="message strivelm-marked" role="status" data-kind=""></p></div>
<section aria-label="Texts side by side">
  <div class="bar"><p><span class="status" role="status"></span>
    <button type="button" class="strivelm-tool keep" hidden>Keep this seed</button></p>
    <span class="model"></span><div class="tools"></div></div>
  <p class="parting"></p>
  <p class="by" role="group" aria-label="Whose surprisal the colours are" hidden>Coloured by the surprisal of
    <button type="button" class="strivelm-tool" data-by="own">the model that wrote it</button>
    <button type="button" class="strivelm-tool" data-by="other">the other model</button></p>
  <div class="columns"></div>
  <div class="reading" aria-live="polite"></div>
  <div class="legend"></div>
</section>
"""

PARTS = ("settings", "columns_data", "columns_export")
VIEW = View(HERE, "columns", TEMPLATE, PARTS, styles=("message", "actions"))


def component(section: str, **options) -> gr.HTML:
    """The view in a section, with the buttons `run-SECTION` and `stop-SECTION`; its value says which it is.

    In a file the value is what was written: what `generate.compare`, `generate.without` or `generate.beside` yields,
    put together. The options are those of `gr.HTML`.
    """
    value = {"section": section, "most": limits.TOGETHER, "columns": []}
    return VIEW.component(value, elem_id=f"{section}-view", **options)
