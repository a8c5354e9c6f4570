"""Texts side by side, written with the same random numbers: coloured by surprisal, marked where they part.

Two sections show it: Compare ("compare") and Switch heads off ("heads").
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
  <div class="columns"></div>
  <div class="reading" aria-live="polite"></div>
  <div class="legend"></div>
</section>
"""

PARTS = ("settings", "columns_data", "columns_export")
VIEW = View(HERE, "columns", TEMPLATE, PARTS, styles=("message", "actions"))


def component(section: str) -> gr.HTML:
    """The view in a section, with the buttons `run-SECTION` and `stop-SECTION`; its value says which it is.

    In a file the value is what was written: what `generate.compare` or `generate.without` yields, put together.
    """
    return VIEW.component({"section": section, "most": limits.TOGETHER, "columns": []}, elem_id=f"{section}-view")
