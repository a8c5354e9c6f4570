"""The Generate tab: a prompt, the settings of the choice, and the text as it is written."""

import json
from collections.abc import Iterator
from dataclasses import replace

import gradio as gr

from strivelm.generation import new_seed
from strivelm.hub import OpenModel
from strivelm.ui import limits, prompts
from strivelm.ui.models import Facts
from strivelm.ui.page import Page, number
from strivelm.ui.views import message, text
from strivelm.ui.views.text import Text
from strivelm.ui.writing import start_from, summary, write

PRESETS = {"Conservative": (0.5, 10), "Balanced": (0.9, 40), "Creative": (1.3, 60)}
"""The notebook's three settings: temperature and top-k."""
DEFAULT = "Balanced"

# Run in the browser, so that the buttons answer the press and not the server: Generate off, Stop on.
PRESSED = f"""() => [
  {{__type__: "update", interactive: false}}, {{__type__: "update", interactive: true}}, {json.dumps(message.WAITING)}
]"""

# The preset that the sliders stand on is marked.
MARK = f"""(...chosen) => {json.dumps([[*values, 1] for values in PRESETS.values()])}.map((preset) => (
  {{__type__: "update", elem_classes: preset.every((value, i) => value === chosen[i]) ? ["active"] : []}}
))"""


def build(page_: Page) -> None:
    """Adds the tab's components and events to the page that is being built."""
    with gr.Row(elem_classes="workbench"):
        with gr.Column(scale=7, min_width=320):
            prompt, chips = _prompt(page_.models.facts(page_.models.own))
            with gr.Row(elem_classes="actions"):
                generate = gr.Button("Generate", variant="primary", elem_id="run-generate", scale=3, min_width=120)
                stop = gr.Button("Stop", interactive=False, elem_id="stop", scale=1, min_width=80)
            said = message.view("generate-message")
            page = text.view("generate-text")
        with gr.Column(scale=4, min_width=300, elem_classes="settings"):
            count, temperature, top_k, top_p, seed, presets, another = _settings()

    for chip, example in chips:
        chip.click(None, None, prompt, js=f"() => {json.dumps(example)}")
    for button, (hot, k) in presets.items():
        button.click(None, None, [temperature, top_k, top_p], js=f"() => [{hot}, {k}, 1]")
    chosen = [temperature, top_k, top_p]
    gr.on([setting.change for setting in chosen], None, chosen, list(presets), js=MARK)
    another.click(lambda: str(new_seed()), None, seed, queue=False, show_progress="hidden", api_visibility="private")

    page_.text("generate", prompt)
    page_.link("generate", "temperature", temperature, number(0, limits.HOTTEST))
    page_.link("generate", "top_k", top_k, number(0, limits.MOST_K, whole=True))
    page_.link("generate", "top_p", top_p, number(0.05, 1))
    page_.link("generate", "count", count, number(limits.FEWEST_CHARACTERS, limits.MOST_CHARACTERS, whole=True))
    page_.link("generate", "seed", seed)

    asked = [generate.click, prompt.submit]
    gr.on(asked, None, None, [generate, stop, said], js=PRESSED)
    writing = gr.on(
        asked,
        page_.work(speak),
        [page_.current, prompt, count, temperature, top_k, top_p, seed],
        [page, said, seed],
        show_progress="hidden",
        concurrency_id="writing",
        concurrency_limit=limits.CONCURRENT,
        api_visibility="private",
    )
    # Whatever happened, the buttons come back: `then` runs after the end and after a cancel, `failure` after a refusal
    # by a full queue and after an error.
    for after in (writing.then, writing.failure):
        after(settle, [page, said], [page, said, generate, stop], queue=False, api_visibility="private")
    stop.click(None, cancels=[writing])


def _prompt(facts: Facts) -> tuple[gr.Textbox, list[tuple[gr.Button, str]]]:
    suggestions = prompts.examples(facts)
    prompt = gr.Textbox(
        suggestions[0] if suggestions else "",
        label="Prompt",
        placeholder="Empty: the model begins by itself",
        lines=2,
        max_lines=6,
        elem_id="prompt",
    )
    with gr.Row(elem_classes="chips"):
        chips = [gr.Button(prompts.label(one), size="sm", min_width=0, elem_classes="chip") for one in suggestions]
    return prompt, list(zip(chips, suggestions, strict=True))


def _settings():
    with gr.Row(elem_classes="presets"):
        presets = {
            gr.Button(
                name,
                size="sm",
                min_width=80,
                elem_id=f"preset-{name.lower()}",
                elem_classes=["active"] if name == DEFAULT else [],
            ): values
            for name, values in PRESETS.items()
        }
    hot, k = PRESETS[DEFAULT]
    with gr.Group():
        temperature = gr.Slider(
            0,
            limits.HOTTEST,
            hot,
            step=0.05,
            label="Temperature",
            info="Low is careful, high is daring; 0 always takes the likeliest",
            elem_id="temperature",
            buttons=[],
        )
        top_k = gr.Slider(
            0,
            limits.MOST_K,
            k,
            step=1,
            precision=0,
            label="Top-k",
            info="Only the k likeliest characters; 0 allows all",
            elem_id="top-k",
            buttons=[],
        )
        top_p = gr.Slider(
            0.05,
            1,
            1,
            step=0.01,
            label="Top-p",
            info="Only the likeliest that reach p together; 1 allows all",
            elem_id="top-p",
            buttons=[],
        )
        count = gr.Slider(
            limits.FEWEST_CHARACTERS,
            limits.MOST_CHARACTERS,
            300,
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
                info="One seed, one text; empty draws a new one",
                placeholder="none yet",
                max_lines=1,
                elem_id="seed",
                min_width=140,
                scale=2,
            )
            another = gr.Button("New seed", size="sm", elem_id="new-seed", min_width=90, scale=1)
    return count, temperature, top_k, top_p, seed, presets, another


def speak(opened: OpenModel, prompt, count, temperature, top_k, top_p, seed) -> Iterator[tuple]:
    """Yields the values of the text view, the message and the seed field as the text grows.

    What can't be done is said in the message, and the text and the seed stay as they are.
    """
    model = opened.model
    try:
        config = limits.checked_sampling(count, temperature, top_k, top_p, seed)
        config = config if config.seed is not None else replace(config, seed=new_seed())
        start = start_from(model, limits.checked_prompt(prompt))
        shown = Text(start.text, status="Writing…", writing=True, seed=config.seed)
        yield shown.dumps(), message.note(*start.notes), str(config.seed)
        for written in write(model, start.ids, config):
            shown = replace(shown, text=written.text, seconds=written.seconds)
            if written.ended:
                status = summary(len(written.text), written.seconds, config.seed, written.ended)
                shown = replace(shown, status=status, writing=False)
            yield shown.dumps(), gr.skip(), gr.skip()
    except ValueError as wrong:
        yield gr.skip(), message.error(str(wrong)), gr.skip()


def settle(page: str, said: str) -> tuple:
    """The text view, the message and the two buttons at rest, after what the browser shows was finished or stopped."""
    shown = Text.loads(page)
    if shown.writing:
        status = summary(len(shown.text), shown.seconds, shown.seed, "")
        page = replace(shown, status=status, writing=False).dumps()
    said = message.NOTHING if said == message.WAITING else said
    return page, said, gr.update(interactive=True), gr.update(interactive=False)
