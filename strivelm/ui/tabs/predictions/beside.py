"""Two models on one text in the Predictions tab: who expected each character more, and both logit lenses.

The first section's view, `predictions_beside`, shows what the question "predictions.beside" answers; the lenses are the
answers to "predictions.lens" of each model.
"""

from pathlib import Path

from strivelm import inspection
from strivelm.loading import OpenModel
from strivelm.ui.components.view import View
from strivelm.ui.core import codec, costs
from strivelm.ui.core.models import names_of
from strivelm.ui.core.python_lines import of_two_models
from strivelm.ui.core.questions import question
from strivelm.ui.core.reading import seen_by_both
from strivelm.ui.tabs.predictions.payload import lens

HERE = Path(__file__).parent
TEMPLATE = """
<section class="view two" aria-label="Both models on this text">
  <h3 class="both-models"></h3>
  <p class="sorry" role="status"></p>
  <div class="compared">
    <p class="verdict"></p>
    <p class="quiet">Each character has the colour of the model that expected it more; plain: both alike. The
      difference is that of their [surprisals](term:surprisal).</p>
    <div class="legend"></div>
    <div class="text"></div>
    <p class="saying" aria-live="polite"></p>
    <div class="columns">
      <div>
        <h4>The lead of <span class="name-first"></span> so far, in [nats](term:nat)</h4>
        <div class="plot lead-plot"></div>
        <p class="quiet">The sum of the differences. Where it rises, <span class="name-first"></span> expected the text
          more; where it falls, <span class="name-second"></span> did.</p>
      </div>
      <div>
        <h4>How far apart their expectations are ([KL divergence](term:KL divergence), nats)</h4>
        <div class="plot kl-plot"></div>
        <p class="quiet apart"></p>
      </div>
    </div>
    <p class="notes"></p>
    <div class="tools"></div>
  </div>
</section>
"""
VIEW = View(
    HERE,
    "predictions_beside",
    TEMPLATE,
    parts=("predicted", "beside/beside_view"),
    styles=("predicted", "beside/beside_view"),
)
LENS_TEMPLATE = """
<section class="view two" aria-label="Both logit lenses">
  <h3 class="both-models"></h3>
  <p class="sorry" role="status"></p>
  <div class="compared">
    <p class="quiet">The [logit lens](term:logit lens) of each model on the same text: how the answer forms, row by row.
      Point at a column; the other lens shows the same place.</p>
    <div class="legend"></div>
    <div class="lenses"></div>
    <p class="saying" aria-live="polite"></p>
    <p class="notes"></p>
    <div class="tools"></div>
  </div>
</section>
"""
LENS = View(
    HERE,
    "lens_beside",
    LENS_TEMPLATE,
    parts=("predicted", "lens_cells", "beside/beside_view"),
    styles=("predicted", "lens", "beside/beside_view"),
)


@question("predictions.beside", costs=costs.predictions_of_two)
def beside(opened: OpenModel, beside: OpenModel, text: str) -> dict:
    """What two models expected of each character of a text, their differences, and how sure the mean of these is.

    Raises ValueError, a sentence, for a text that is too long, of one character, or of none that both know.
    """
    start, names = seen_by_both(opened, beside, text), names_of(opened, beside)
    if len(start.text) < 2:
        raise ValueError("One character: nothing came before it, so no model expected it more; type a second one.")
    found = inspection.compare_predictions(opened.model, beside.model, start.text, names)
    notes = inspection.notes_on(opened.model, beside.model, len(start.text), names, ("predictions",))
    lines = (
        f"found = compare_predictions(model, beside, {start.text!r})",
        "print(found.total, found.mean, found.error, found.wins, found.surprisals)",
        'print(found.to_frame("chars", "difference", "kl", "kl_reverse"))',
    )
    return {
        "names": list(names),
        "text": "".join(found.chars),
        "nats": codec.f32(found.surprisal),
        "difference": codec.f32(found.difference),
        "kl": codec.f32(found.kl),
        "kl_reverse": codec.f32(found.kl_reverse),
        "total": found.total,
        "mean": found.mean,
        "error": codec.finite(found.error),
        "wins": list(found.wins),
        "means": list(found.surprisals),
        "mean_kl": found.mean_kl,
        "mean_kl_reverse": found.mean_kl_reverse,
        "common": len(found.common),
        "notes": [*start.notes, *notes],
        "python": of_two_models(opened, beside, ["from strivelm.inspection import compare_predictions"], lines),
    }


@question("predictions.both_lenses", costs=costs.lenses_of_two)
def both_lenses(opened: OpenModel, beside: OpenModel, text: str) -> dict:
    """The logit lenses of two models on one text, each as `lens` gives it.

    Raises ValueError, a sentence, for a text that is too long, or of none that both know.
    """
    start, names = seen_by_both(opened, beside, text), names_of(opened, beside)
    T = min(opened.model.block_size, beside.model.block_size)
    read = start.text[-T:]
    notes = list(start.notes)
    if len(start.text) > T:
        notes.append(f"Shown are the last {T:,} characters, as many as both see at a time.")
    lenses = [lens(one, read) for one in (opened, beside)]
    lines = (
        f"text = {read!r}",
        "for found in (logit_lens(model, text), logit_lens(beside, text)):",
        '    print(found.to_frame("top_chars", "top_probabilities"), found.to_frame("kl"))',
    )
    return {
        "names": list(names),
        "text": read,
        "lenses": lenses,
        "notes": notes,
        "python": of_two_models(opened, beside, ["from strivelm.inspection import logit_lens"], lines),
    }
