"""The section that writes a text twice: by the whole model, and without the heads and MLPs that are switched off."""

import gradio as gr

from strivelm.ui import limits
from strivelm.ui.core import codec
from strivelm.ui.core.page import Page
from strivelm.ui.tabs.generate import columns_payload, side_by_side, switches

FIELD, RUN, STOP = "heads-off", "run-heads", "stop-heads"


def build(page: Page, prompt: gr.Textbox, settings: dict[str, gr.components.Component]) -> None:
    """Adds the section's components and events."""
    gr.Markdown(
        "See what heads and MLPs are good for: the same prompt, settings and random numbers, once by the whole model, "
        "once **without what is switched off**, in whose place stand zeros (zero ablation). Without a cache every "
        f"character costs a whole pass, so at most {limits.WITHOUT_CACHE} are written.",
        elem_classes="explanation",
    )
    off = gr.Textbox("0.0", visible="hidden", elem_id=FIELD, label="Switched off")
    value = _switches(page, page.models.own)
    grid = switches.component(value, "switches")
    names = ("count", "temperature", "top_k", "top_p", "seed")
    inputs = [prompt, *(settings[name] for name in names), off]
    hint = "Press Write both: the two texts appear here."
    cleared = side_by_side.build(page, "heads", "Write both", hint, columns_payload.without, inputs, settings["seed"])
    page.link("generate", "off", off)

    def renewed(ref: str, off: str) -> tuple[str, str]:
        return codec.dumps(_switches(page, ref)), columns_payload.parts_of(page.models.get(ref), off)

    renewing = cleared.then(
        renewed, [page.current, off], [grid, off], queue=False, show_progress="hidden", api_visibility="private"
    )
    side_by_side.rewrite("heads", renewing)


def _switches(page: Page, ref: str) -> dict:
    return switches.shown(page.models.facts(ref), FIELD, RUN, STOP)
