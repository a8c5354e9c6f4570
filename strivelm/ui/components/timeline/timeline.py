"""The timeline: where an open model stands in its training, and the handle that opens its other steps.

Its value, for a model with a life: of and best (the name and the step of the model that training ended with), stops
([reference, step, loss, what the header shows]), losses ([step, loss] of every evaluation), ladder ([name of an n-gram
table, its loss]), together (whether the page opens all in advance), open and step (of the model that it was asked of).
For the bundled model: open, and offer, the reference of the small model that can be seen learning. For others: null.
"""

from collections.abc import Iterator
from pathlib import Path

import gradio as gr

from strivelm.loading import OpenModel
from strivelm.ui.components import header, message
from strivelm.ui.components.view import View
from strivelm.ui.core.life import lived
from strivelm.ui.core.models import Models, facts_of, name_of
from strivelm.ui.core.page import OPENING, QUIET, Page
from strivelm.ui.core.questions import question

HERE = Path(__file__).parent
TEMPLATE = """
<section aria-label="The model’s training" hidden>
  <div class="drive">
    <button type="button" class="strivelm-tool play">▶ Play</button>
    <select class="strivelm-field" aria-label="Steps a second">
      <option value="1">1 a second</option><option value="2" selected>2 a second</option>
      <option value="4">4 a second</option><option value="8">8 a second</option>
    </select>
    <button type="button" class="strivelm-tool curves" hidden
      title="Opens all steps, and shows beside the numbers of every tab how they came to be">Curves</button>
  </div>
  <div class="film">
    <p class="where"></p>
    <div class="plot" role="slider" tabindex="0" aria-label="Step of the training" aria-orientation="horizontal"></div>
  </div>
</section>
<p class="offer" hidden><button type="button" class="strivelm-tool">▶ See a small one learn</button>
  <span>Twelve snapshots of its training, from noise to words, in every tab.</span></p>
<p class="note" role="status"></p>
"""
VIEW = View(HERE, "timeline", TEMPLATE, parts=("timeline_plot", "timeline_moves"))
OFFERED = "film@step-0"
"""What the bundled model offers."""
UNIFORM = "guessing"


@question("model.life", device=False, hub=True)
def life(opened: OpenModel) -> dict | None:
    """The value of the timeline for a model. Raises ValueError, a sentence, where the Hub does not say."""
    found = lived(opened)
    if found is None:
        return {"offer": OFFERED, "open": opened.ref} if opened.ref == "bundled" else None
    first = found.stops[0]
    ladder = [(name, nats) for name, nats in first.ladder if name != "uniform"]
    return {
        "of": found.of,
        "best": found.best,
        "open": name_of(opened.ref),
        "step": facts_of(opened).step,
        "stops": [[one.name, one.step, one.validation_loss, header.shown(one)] for one in found.stops],
        "losses": [list(pair) for pair in found.losses],
        "ladder": [[UNIFORM, first.uniform_loss], *map(list, ladder)],
        "together": found.together,
    }


@question("model.open", device=False)
def opens(opened: OpenModel) -> dict:
    """Only opens a model, so that what is asked of it next need not wait. Raises ValueError where that can't be."""
    return {"name": name_of(opened.ref)}


def build(models: Models) -> gr.HTML:
    """Adds the timeline to the page that is being built; of a model from the Hub it is asked for in the browser."""
    own = models.get(models.own)
    return VIEW.component(life(own) if own.commit is None else None, elem_id="timeline")


def wire(page: Page, summary: gr.HTML, line: gr.HTML, picker: gr.Dropdown, everything: list) -> None:
    """Has the page's components follow when the handle has come to rest.

    Args:
        summary, line, picker: the header's components.
        everything: the open model's reference, what is usual for it, and the linked components.
    """
    models = page.models
    follows = [one.component for one in page.linked if one.follow]
    rest = gr.Button("The handle has come to rest", visible="hidden", elem_id="timeline-rest")
    asked = gr.Textbox(visible="hidden", label="The step that it has come to")

    def settle(ref: str, now: str, *values) -> Iterator[list]:
        try:
            facts = models.facts(ref)
        except ValueError as wrong:
            kept = [gr.skip()] * len(page.outputs)
            yield [gr.skip(), gr.skip(), message.error(f"{wrong} {now} stays open."), gr.skip(), *kept]
            return
        yield [ref, header.dumps(facts), message.NOTHING, ref, *page.renewed(now, ref, values)]

    settle.slow = lambda data: not models.is_local(data[0] if data else None)
    event = rest.click(
        settle,
        [asked, page.current, *follows],
        [page.current, summary, line, picker, *page.outputs],
        js="(_, ...rest) => [strivelm.timeline.rests(), ...rest]",
        trigger_mode="always_last",
        **(QUIET | OPENING),
    )
    followed = "(model, usual, ...values) => { strivelm.timeline.followed(model, usual, values); }"
    event.then(None, everything, None, js=followed)
