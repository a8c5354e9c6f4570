"""The wiring of texts that grow side by side: buttons, a message, the columns view, and what starts and stops them."""

import json
from collections.abc import Callable, Iterator

import gradio as gr

from strivelm.loading import OpenModel
from strivelm.ui import limits
from strivelm.ui.components import message
from strivelm.ui.core import codec
from strivelm.ui.core.page import Page
from strivelm.ui.tabs.generate import columns

# Run in the browser, so that the buttons answer the press and not the server.
PRESSED = f"""() => [
  {{__type__: "update", interactive: false}}, {{__type__: "update", interactive: true}}, {json.dumps(message.WAITING)}
]"""


def build(
    page: Page, name: str, label: str, hint: str, written: Callable[..., Iterator], inputs: list, seed: gr.Textbox
) -> gr.events.Dependency:
    """Adds the buttons `run-NAME` and `stop-NAME`, a message and the view `NAME-view`.

    What comes back has happened when there is another model and what the former one wrote is gone; see `rewrite`.

    Args:
        label: what stands on the button.
        hint: what the view says before anything is written.
        written: a function of an open model and the inputs that yields (the view's value, notes, the seed).
        seed: shows the seed that was drawn.
    """
    with gr.Row(elem_classes="actions"):
        run = gr.Button(label, variant="primary", elem_id=f"run-{name}", scale=3, min_width=120)
        stop = gr.Button("Stop", interactive=False, elem_id=f"stop-{name}", scale=1, min_width=80)
    said = message.view(f"{name}-message")
    empty = columns.nothing(hint, f"run-{name}")
    view = columns.VIEW.component(empty, elem_id=f"{name}-view")

    private = {"show_progress": "hidden", "api_visibility": "private"}
    run.click(None, None, [run, stop, said], js=PRESSED)
    writing = run.click(
        page.work(_told(written), limits.SECONDS),
        [page.current, *inputs],
        [view, said, seed],
        concurrency_id="writing",
        concurrency_limit=limits.CONCURRENT,
        **private,
    )

    def settle(ref: str, value: str, message_: str) -> tuple:
        """View, message and buttons at rest; what a former model was stopped at goes away."""
        kept = columns.settled(value, page.models.facts(ref).name) or codec.dumps(empty)
        heard = message.NOTHING if message_ == message.WAITING else message_
        return kept, heard, gr.update(interactive=True), gr.update(interactive=False)

    # Whatever happened, the buttons come back: `then` runs after the end and after a cancel, `failure` after a refusal
    # by a full queue and after an error.
    for after in (writing.then, writing.failure):
        after(settle, [page.current, view, said], [view, said, run, stop], queue=False, **private)
    stop.click(None, cancels=[writing])

    changed = page.current.change(None, cancels=[writing])
    return changed.then(lambda: (codec.dumps(empty), message.NOTHING), None, [view, said], **private)


def rewrite(name: str, after: gr.events.Dependency) -> None:
    """Writes the section's texts anew after something has happened, if it is open."""
    after.then(None, None, None, js=f"() => strivelm.press('run-{name}', 40)")


def _told(written: Callable[..., Iterator]) -> Callable[..., Iterator]:
    """What is written as values of the view, the message and the seed field; an error is said, and the text stays."""

    def tell(opened: OpenModel, *arguments) -> Iterator[tuple]:
        try:
            for value, notes, seed in written(opened, *arguments):
                yield codec.dumps(value), message.note(*notes), str(seed)
        except ValueError as wrong:
            yield gr.skip(), message.error(str(wrong)), gr.skip()

    return tell
