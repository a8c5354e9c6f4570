"""The Generate tab: a prompt and the settings of the choice, which four ways of writing share."""

import json

import gradio as gr

from strivelm.generation import DEFAULTS, HELP
from strivelm.ui import limits
from strivelm.ui.components import offers
from strivelm.ui.components.glossary import explains
from strivelm.ui.core import prompts
from strivelm.ui.core.models import Facts
from strivelm.ui.core.page import Page, number
from strivelm.ui.tabs.generate import beside, one_character, sections, write
from strivelm.ui.tabs.generate.columns_payload import PRESETS

DEFAULT = "Balanced"
NEW_SEEDS = 1_000_000
"""A seed is drawn from 0 up to here, short enough to be read aloud."""

# The preset that the sliders stand on is marked.
MARK = f"""(...chosen) => {json.dumps([*PRESETS.values()])}.map((preset) => (
  {{__type__: "update", elem_classes: preset.every((value, i) => value === chosen[i]) ? ["active"] : []}}
))"""


FOLD = """() => {
  const open = document.querySelector(".settings").classList.toggle("unfolded");
  document.querySelector("#fold-settings").setAttribute("aria-expanded", String(open));
}"""


def build(page: Page) -> None:
    """Adds the tab's components and events to the page that is being built."""
    with gr.Row(elem_classes="workbench"):
        left = gr.Column(scale=10, min_width=320)
        with gr.Column(scale=3, min_width=260, elem_classes="settings"):
            # On a phone they are folded under the text.
            fold = gr.Button("Settings", size="sm", elem_id="fold-settings")
            fold.click(None, None, None, js=FOLD)
            slow = one_character.settings(page)
            settings, count = _settings()
    with left:
        prompt = _prompt(page)
        beside.build(page, prompt)
        with gr.Tabs(elem_id="ways", overflow_behavior="wrap") as ways:
            with gr.Tab("Write", id="write") as first:
                write.build(page, prompt)
            sections.bound(first, count, limits.MOST_CHARACTERS)
            others = sections.build(page, prompt, slow | settings, count)
    page.sections("generate", ways, {"write": first, **others})
    page.text("generate", prompt, _suggestion)
    page.link("generate", "temperature", settings["temperature"], number(0, limits.HOTTEST))
    page.link("generate", "top_k", settings["top_k"], number(0, limits.MOST_K, whole=True))
    page.link("generate", "top_p", settings["top_p"], number(0.05, 1))
    page.link("generate", "count", count, number(limits.FEWEST_CHARACTERS, limits.MOST_CHARACTERS, whole=True))
    page.link("generate", "seed", settings["seed"])


def _prompt(page: Page) -> gr.Textbox:
    """The prompt, and suggestions for it that follow the model."""
    prompt = gr.Textbox(
        _suggestion(page.facts),
        label="Prompt",
        placeholder="Empty: the model begins by itself",
        lines=2,
        max_lines=6,
        elem_id="prompt",
    )
    offers.build(page, "generate", "prompt", examples=0)  # the examples stand below, as buttons of their own
    with gr.Row(elem_classes="chips"):
        for i in range(prompts.COUNT):
            chip = gr.Button(size="sm", min_width=0, elem_classes="chip", **_chip(page.facts, i))
            chip.click(None, chip, prompt, js=prompts.FROM_LABEL)
            page.follow(chip, lambda facts, i=i: gr.update(**_chip(facts, i)))
    return prompt


def _suggestion(facts: Facts) -> str:
    """The prompt to begin with."""
    return next(iter(prompts.examples(facts)), "")


def _chip(facts: Facts, i: int) -> dict:
    suggestions = prompts.examples(facts)
    there = i < len(suggestions)
    return {"value": prompts.label(suggestions[i]) if there else "", "visible": there}


def _settings() -> tuple[dict[str, gr.Slider | gr.Textbox], gr.Slider]:
    """The settings of the choice by name, and the slider of how many characters are written."""
    with gr.Row(elem_classes="presets"):
        presets = {
            gr.Button(
                name,
                size="sm",
                min_width=70,
                elem_id=f"preset-{name.lower()}",
                elem_classes=["active"] if name == DEFAULT else [],
            ): values
            for name, values in PRESETS.items()
        }
    hot, k, _ = PRESETS[DEFAULT]
    with gr.Group():
        temperature = gr.Slider(
            0,
            limits.HOTTEST,
            hot,
            step=0.05,
            label="Temperature",
            info=HELP["temperature"],
            elem_id="temperature",
            elem_classes=explains("temperature"),
            buttons=[],
        )
        top_k = gr.Slider(
            0,
            limits.MOST_K,
            k,
            step=1,
            precision=0,
            label="Top-k",
            info=HELP["top_k"],
            elem_id="top-k",
            elem_classes=explains("top-k"),
            buttons=[],
        )
        top_p = gr.Slider(
            0.05,
            1,
            1,
            step=0.01,
            label="Top-p",
            info=HELP["top_p"],
            elem_id="top-p",
            elem_classes=explains("top-p"),
            buttons=[],
        )
        count = gr.Slider(
            limits.FEWEST_CHARACTERS,
            limits.MOST_CHARACTERS,
            DEFAULTS.max_new_tokens,
            step=10,
            precision=0,
            label="Characters to write",
            elem_id="count",
            buttons=[],
        )
        # A text field: an empty gr.Number arrives as 0
        with gr.Row(elem_classes="seed"):
            seed = gr.Textbox(
                label="Seed",
                info=HELP["seed"],
                placeholder="drawn",
                max_lines=1,
                elem_id="seed",
                elem_classes=explains("seed"),
                min_width=120,
                scale=2,
            )
            another = gr.Button("New seed", size="sm", elem_id="new-seed", min_width=90, scale=1)

    for button, preset in presets.items():
        button.click(None, None, [temperature, top_k, top_p], js=f"() => {json.dumps(preset)}")
    chosen = [temperature, top_k, top_p]
    gr.on([setting.change for setting in chosen], None, chosen, list(presets), js=MARK)
    another.click(None, None, seed, js=f"() => String(Math.floor({NEW_SEEDS} * Math.random()))")
    return {"temperature": temperature, "top_k": top_k, "top_p": top_p, "seed": seed}, count
