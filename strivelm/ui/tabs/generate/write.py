"""Writing, the first section of the Generate tab: anew, on, and on from a character that the visitor forced."""

import json
from collections.abc import Callable, Iterator
from functools import partial

import gradio as gr

from strivelm.ui import limits
from strivelm.ui.components import message
from strivelm.ui.core import codec
from strivelm.ui.core.page import LOOKING, Page
from strivelm.ui.tabs.generate import payload, text
from strivelm.ui.tabs.generate.overlap import known

# Run in the browser, so that the buttons answer the press and not the server: Generate and Continue off, Stop on.
PRESSED = f"""() => [
  {{__type__: "update", interactive: false}}, {{__type__: "update", interactive: false}},
  {{__type__: "update", interactive: true}}, {json.dumps(message.WAITING)}
]"""

# Whatever happened, the buttons come back. Run in the browser, which alone knows how far a stopped text came: it says
# so in the text's sheet (views/text.py), and lays out the text's end for the other tabs.
SETTLED = f"""(sheet, said) => {{
  const parts = (sheet || "").split("\\n").filter(Boolean).map((line) => JSON.parse(line));
  const head = parts[0], runs = parts.map((part) => Boolean(part?.from >= 0)).lastIndexOf(true);
  const stopped = head && !parts.slice(runs).some((part) => part.ended);
  const all = head ? [...head.read + parts.filter(Array.isArray).map(([char]) => char).join("")] : [];
  const button = (interactive) => ({{__type__: "update", interactive}});
  return [
    stopped ? sheet + JSON.stringify({{ ended: "stopped" }}) + "\\n" : sheet,
    said === {json.dumps(message.WAITING)} ? {json.dumps(message.NOTHING)} : said,
    head ? all.slice(-head.context).join("") : "",
    button(true), button(Boolean(head)), button(false),
  ];
}}"""

ELSEWHERE = (
    ("Look at this text's attention", "attention"),
    ("Its predictions", "predictions"),
    ("Its embeddings", "embeddings"),
)
"""Where a text can be carried: what the button says, and the tab's id."""


def build(page: Page, prompt: gr.Textbox, settings: dict[str, gr.components.Component]) -> None:
    """Adds the section's components and events to the page that is being built."""
    with gr.Row(elem_classes="actions"):
        generate = gr.Button("Generate", variant="primary", elem_id="run-generate", scale=3, min_width=120)
        go_on = gr.Button("Continue", interactive=False, elem_id="continue", scale=1, min_width=90)
        stop = gr.Button("Stop", interactive=False, elem_id="stop", scale=1, min_width=80)
    said = message.view("generate-message")
    sheet = text.view("generate-text")
    written = gr.Textbox(visible="hidden", label="The text's end, as much as the model sees", elem_id="written")
    with gr.Row(elem_classes="elsewhere"):
        for label, tab in ELSEWHERE:
            page.carry(gr.Button(label, size="sm", min_width=120, elem_id=f"carry-{tab}"), written, tab)

    chosen = [settings[name] for name in ("count", "temperature", "top_k", "top_p", "seed")]
    outputs = [sheet, said, settings["seed"]]
    anew, on, force = (_told(page.work(way, _seconds)) for way in (payload.anew, payload.on, payload.force))

    def forced(event: gr.EventData, ref, sheet, *settings):
        yield from force(ref, sheet, event._data.get("at"), event._data.get("char"), *settings)

    ways = (
        (partial(gr.on, [generate.click, prompt.submit]), anew, [page.current, prompt]),
        (go_on.click, on, [page.current, sheet]),
        (sheet.force, forced, [page.current, sheet]),
    )
    writings = []
    for asked, function, inputs in ways:
        asked(None, None, [generate, go_on, stop, said], js=PRESSED)
        way = asked(
            function,
            [*inputs, *chosen],
            outputs,
            show_progress="hidden",
            concurrency_id="writing",
            concurrency_limit=limits.CONCURRENT,
            api_visibility="private",
        )
        writings.append(way)
        # `then` runs after the end and after a cancel, `failure` after a refusal by a full queue and after an error.
        for after in (way.then, way.failure):
            after(None, [sheet, said], [sheet, said, written, generate, go_on, stop], js=SETTLED)
    stop.click(None, cancels=writings)

    look_up = page.work(known)
    found = gr.Textbox(visible="hidden", label="What stands in the training text")

    def mark(event: gr.EventData, ref: str) -> str:
        try:
            return codec.dumps(look_up(ref, event._data.get("read"), event._data.get("text")))
        except ValueError as wrong:
            return codec.dumps({"spans": None, "said": str(wrong)})

    marked = sheet.mark(
        mark,
        page.current,
        found,
        **LOOKING,
    )
    marked.then(None, [sheet, found], sheet, js="(sheet, found) => sheet + found + '\\n'")


def _seconds(*asked) -> float:
    """How long a writing may take, of whose arguments the settings come last, the number of characters first."""
    return limits.seconds_to_write(asked[-5])


def _told(work: Callable[..., Iterator[payload.Update]]) -> Callable[..., Iterator[tuple]]:
    """The work as values of the text, the message and the seed; what can't be done is said, and the text stays."""

    def told(*arguments) -> Iterator[tuple]:
        try:
            for sheet, notes, seed in work(*arguments):
                said = gr.skip() if notes is None else message.note(*notes)
                yield sheet, said, gr.skip() if seed is None else seed
        except ValueError as wrong:
            yield gr.skip(), message.error(str(wrong)), gr.skip()

    return told
