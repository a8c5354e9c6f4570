"""Two models in the Learn tab: their sizes side by side, and where their numbers are."""

from pathlib import Path

from strivelm.inspection.architecture import OUTSIDE, Architecture, architecture
from strivelm.loading import OpenModel
from strivelm.ui.components.view import View
from strivelm.ui.core.models import Facts, facts_of, names_of
from strivelm.ui.core.python_lines import of_two_models
from strivelm.ui.core.questions import question
from strivelm.words import plural

HERE = Path(__file__).parent
TEMPLATE = """
<section class="two" aria-label="How both models are built">
  <h3 class="both-models"></h3>
  <p class="sorry" role="status"></p>
  <div class="compared">
    <p class="verdict"></p>
    <div class="columns">
      <div><h4>How they are built (bold: what differs)</h4>
        <div class="scroll"><table class="facts"></table></div></div>
      <div><h4>Where their learnt numbers ([parameters](term:parameter)) are</h4>
        <div class="scroll"><table class="parts"></table></div>
        <p class="quiet">V characters, T of [context](term:context), L [layers](term:layer), C numbers wide.</p></div>
    </div>
    <div class="tools"></div>
  </div>
</section>
"""
VIEW = View(HERE, "learn_beside", TEMPLATE, parts=("beside/beside_view",), styles=("beside/beside_view",))


@question("learn.beside", device=False)
def beside(opened: OpenModel, beside: OpenModel) -> dict:
    """The sizes of two models, and how many numbers each part has."""
    one, other = architecture(opened.model), architecture(beside.model)
    lines = (
        "for one in (model, beside):",
        "    found = architecture(one)",
        "    print(found.total, dict(zip(found.names, (n * k for n, k in zip(found.counted, found.times)))))",
    )
    return {
        "names": list(names_of(opened, beside)),
        "facts": [list(row) for row in zip(*map(_facts, map(facts_of, (opened, beside))), strict=True)],
        "parts": [
            {"name": name, "form": form, "counts": [count, count_beside], "shapes": [shape, shape_beside]}
            for name, form, count, count_beside, shape, shape_beside in zip(
                one.names, _forms(one), _counts(one), _counts(other), _shapes(one), _shapes(other), strict=True
            )
        ],
        "totals": [one.total, other.total],
        "python": of_two_models(opened, beside, ["from strivelm.inspection.architecture import architecture"], lines),
    }


def _facts(facts: Facts) -> list[list[str]]:
    """What the header says of a model: [name, value] each."""
    loss = facts.validation_loss
    return [
        ["Parameters", f"{facts.parameters:,}"],
        ["Layers", f"{facts.layers:,}"],
        ["Heads in a layer", f"{facts.heads:,}"],
        ["Width", f"{facts.width:,}"],
        ["Context", plural(facts.context, "character")],
        ["Vocabulary", plural(len(facts.vocabulary), "character")],
        ["Learnt from", facts.corpus or "not recorded"],
        ["Training step", "not recorded" if facts.step is None else f"{facts.step:,}"],
        ["Validation loss", "not measured" if loss is None else f"{loss:.3f} nats"],
    ]


def _forms(found: Architecture) -> list[str]:
    return [form if part in OUTSIDE else f"L × ({form})" for part, form in zip(found.parts, found.forms, strict=True)]


def _counts(found: Architecture) -> list[int]:
    return [count * times for count, times in zip(found.counted, found.times, strict=True)]


def _shapes(found: Architecture) -> list[str]:
    """The shapes of each part's tensors, in words."""
    return [
        (f"{times} × " if times > 1 and shapes else "") + ", ".join(" × ".join(map(str, shape)) for shape in shapes)
        for shapes, times in zip(found.shapes, found.times, strict=True)
    ]
