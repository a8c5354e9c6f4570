"""Two models on one text in the Attention tab: the maps of all heads of both, and which heads look alike."""

from pathlib import Path

from strivelm import inspection
from strivelm.loading import OpenModel
from strivelm.ui import limits
from strivelm.ui.components.view import View
from strivelm.ui.core import codec, costs
from strivelm.ui.core.models import names_of
from strivelm.ui.core.python_lines import of_two_models
from strivelm.ui.core.questions import question
from strivelm.ui.core.reading import seen_by_both

HERE = Path(__file__).parent
TEMPLATE = """
<section class="two" aria-label="Both models' heads on this text">
  <h3 class="both-models"></h3>
  <p class="sorry" role="status"></p>
  <div class="compared">
    <p class="quiet">Each small map is one [head](term:head) reading the same text. Choose a head of either model: the
      heads of the other that look at the same characters stand out.</p>
    <div class="columns grids">
      <div><h4 class="name-first"></h4><div class="grid" data-which="0" role="group"></div></div>
      <div><h4 class="name-second"></h4><div class="grid" data-which="1" role="group"></div></div>
    </div>
    <p class="verdict" aria-live="polite"></p>
    <div class="columns">
      <div><h4 class="title" data-which="0"></h4><canvas class="large" data-which="0"></canvas></div>
      <div><h4 class="title" data-which="1"></h4><canvas class="large" data-which="1"></canvas></div>
    </div>
    <p class="saying" aria-live="polite"></p>
    <h4 class="ranked"></h4>
    <ol class="similar"></ol>
    <p class="quiet">Overlap: the share of their attention that two heads give to the same characters. 1: the same map.
      The lines in the bars: what a head of the other model drawn at random has, and what a head that reads all alike
      ([uniform](term:uniform)) has. <span class="chance"></span></p>
    <p class="notes"></p>
    <div class="tools"></div>
  </div>
</section>
"""
VIEW = View(HERE, "attention_beside", TEMPLATE, parts=("beside/beside_view",), styles=("beside/beside_view",))


@question("attention.beside", costs=costs.heads_of_two)
def beside(opened: OpenModel, beside: OpenModel, text: str) -> dict:
    """The weights of all heads of two models on one text, and the overlap of each with each.

    Of a text that is longer than a context, or too large to send, the end is read.

    Raises ValueError, a sentence, for a text that is too long, of one character, or of none that both know.
    """
    start, names = seen_by_both(opened, beside, text), names_of(opened, beside)
    models = opened.model, beside.model
    T = min(model.block_size for model in models)
    length = min(len(start.text), T)
    if length < 2:
        raise ValueError("One character can only look at itself, so there is nothing to compare; type a second one.")
    most = costs.most_read(models[0], lambda one, T: costs.heads_of_two(one, models[1], T), length)
    read = start.text[-min(length, most) :]
    notes = [*start.notes, *inspection.notes_on(*models, len(start.text), names, ("heads",))]
    if most < length:
        notes.append(f"As there are so many heads, only the last {most:,} characters are read.")
    traces = [inspection.trace(model, read, keep={"attention"}) for model in models]
    found = inspection.head_similarity(*models, *traces, max_bytes=limits.LOOK_MEMORY)
    L, H, M, K = found.overlap.shape
    table = found.overlap.reshape(L * H, M * K)
    lines = (
        f"found = head_similarity(model, beside, {read!r})",
        "{chosen}",
        "print(found.average, found.uniform, found.chance)  # beside a random head, and uniform attention",
    )
    return {
        "names": list(names),
        "text": "".join(found.chars),
        "sizes": [[L, H], [M, K]],
        "maps": [codec.weights(trace.attention.float().cpu().flatten(0, 1)) for trace in traces],
        "overlap": codec.f32(table),
        "average": [codec.f32(table.mean(1)), codec.f32(table.mean(0))],
        "uniform": [codec.f32(found.uniform), codec.f32(found.other_uniform)],
        "chance": found.chance,
        "first": int((found.best - found.average.maximum(found.uniform)).argmax()),
        "notes": notes,
        "python": of_two_models(opened, beside, ["from strivelm.inspection import head_similarity"], lines),
    }
