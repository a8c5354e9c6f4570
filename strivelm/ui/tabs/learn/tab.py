"""The Learn tab: the notebook's steps on the current model and the reader's own text, one step at a time."""

import json
from dataclasses import fields

import gradio as gr

from strivelm.ui.components import message
from strivelm.ui.core import prompts
from strivelm.ui.core.models import Facts
from strivelm.ui.core.page import LOOKING, Page
from strivelm.ui.tabs.learn import diagram
from strivelm.ui.tabs.learn import lesson as figure
from strivelm.ui.tabs.learn import lessonsteps as steps
from strivelm.ui.tabs.learn.lessons import IDS, STEPS
from strivelm.ui.tabs.learn.lessons.reading import Asked
from strivelm.ui.tabs.learn.payload import lesson

MATH = [{"left": "$$", "right": "$$", "display": True}, {"left": "$", "right": "$", "display": False}]
ONWARD = {
    "generate": "Write on from it",
    "attention": "Look at its attention",
    "predictions": "Look at its predictions",
    "embeddings": "Look at its embeddings",
}
"""Where a text can go from here, by the tab's id, and what the button says."""

# What the reader has set is in the address's store; an unvisited tab has nothing that could be out of date.
SETTINGS = """(ref, text) => {
  if (!document.getElementById("run-learn")) return [ref, text, ""];
  const names = NAMES;
  return [ref, text, JSON.stringify(Object.fromEntries(names.map((name) => [name, strivelm.get("learn", name)])))];
}""".replace("NAMES", json.dumps([one.name for one in fields(Asked)]))
MOVE = f"""() => {{
  const ids = {json.dumps(IDS)};
  const now = Math.max(0, ids.indexOf(strivelm.get("learn", "step")));
  strivelm.put("learn", "step", ids[Math.min(ids.length - 1, Math.max(0, now + BY))], ids[0]);
  strivelm.press("run-learn");
}}"""
# What 'Try this' says, done: settings at once, a text as if it had been typed.
TRY = """() => {
  const { text, ...settings } = strivelm.attempt ?? {};
  if (text !== undefined) {
    strivelm.type("learn-text", text);
    strivelm.put("learn", "at", "");
  }
  for (const [name, value] of Object.entries(settings)) strivelm.put("learn", name, String(value));
  document.dispatchEvent(new CustomEvent("strivelm-attempt")); // for what a view keeps to itself
  setTimeout(() => strivelm.press("run-learn"), 60);
}"""


def build(page: Page) -> None:
    """Adds the tab's components and events to the page that is being built."""
    with gr.Column(elem_classes="learn"):
        first = {"steps": [[one.id, one.short] for one in STEPS], "current": ""}
        path = steps.VIEW.component(first, elem_id="learn-steps")
        with gr.Row(elem_classes="asking", equal_height=True):
            text = gr.Textbox(
                default(page.models.facts(page.models.own)),
                label="Your text",
                lines=1,
                max_lines=4,
                elem_id="learn-text",
                scale=6,
                min_width=200,
            )
            run = gr.Button("Read it", variant="primary", elem_id="run-learn", scale=1, min_width=100)
        said = message.view("learn-message")
        with gr.Row(elem_classes="lesson"):
            body = gr.Markdown(latex_delimiters=MATH, elem_id="learn-body", elem_classes="prose")
            shown = figure.VIEW.component(figure.EMPTY, elem_id="learn-figure")
            with gr.Column(elem_id="learn-after", min_width=0):
                task = gr.Markdown(latex_delimiters=MATH, elem_classes="prose", elem_id="learn-task")
                attempt = gr.Button("Do this here", size="sm", elem_id="learn-try", min_width=90)
                question = gr.Markdown(latex_delimiters=MATH, elem_classes="prose", elem_id="learn-question")
        drawing = diagram.VIEW.component(None, elem_id="learn-diagram")
        with gr.Row(elem_classes="turning"):
            back = gr.Button("← Back", elem_id="learn-back", min_width=100, interactive=False)
            onward = gr.Button("Next →", elem_id="learn-next", min_width=100)
        with gr.Row(elem_classes="chips", elem_id="learn-onward", visible=False) as ways:
            gr.Markdown("Go on with this text:", elem_classes="prose")
            onwards = [
                gr.Button(label, size="sm", min_width=0, elem_id=f"learn-to-{tab}") for tab, label in ONWARD.items()
            ]
            for tab, button in zip(ONWARD, onwards, strict=True):
                page.carry(button, text, tab)

    page.text("learn", text)
    page.first("learn")
    settings = gr.Textbox(visible="hidden", label="Settings of the step")
    outputs = [body, task, question, shown, drawing, path, said, back, onward, ways, *onwards]
    work = page.work(lesson)

    def show(ref: str, text: str, settings: str) -> list:
        if not settings:
            return [gr.skip()] * len(outputs)
        try:
            found = work(ref, text, settings)
        except ValueError as wrong:
            return [gr.skip()] * 6 + [message.error(str(wrong))] + [gr.skip()] * (len(outputs) - 7)
        ends = gr.update(interactive=not found["first"]), gr.update(interactive=not found["last"])
        values = [found[name] for name in ("body", "attempt", "question", "figure", "diagram", "steps")]
        led = [gr.update(visible=tab in found["onward"]) for tab in ONWARD]
        return [*values, message.NOTHING, *ends, gr.update(visible=bool(found["onward"])), *led]

    gr.on(
        [run.click, text.submit, page.current.change],
        show,
        [page.current, text, settings],
        outputs,
        js=SETTINGS,
        trigger_mode="always_last",
        **LOOKING,
    )
    back.click(None, None, None, js=MOVE.replace("BY", "-1"))
    onward.click(None, None, None, js=MOVE.replace("BY", "1"))
    attempt.click(None, None, None, js=TRY)


def default(facts: Facts) -> str:
    """A text of one line that the model knows every character of."""
    suggestions = prompts.examples(facts)
    return next((one for one in suggestions if len(one) > 9 and "\n" not in one), suggestions[0] if suggestions else "")
