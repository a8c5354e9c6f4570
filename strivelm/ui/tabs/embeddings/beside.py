"""Two models in the Embeddings tab: both maps of the characters, the second turned onto the first, and neighbours."""

from pathlib import Path

from strivelm import inspection
from strivelm.inspection.vectors import CLASSES
from strivelm.loading import OpenModel
from strivelm.ui import limits
from strivelm.ui.components.view import View
from strivelm.ui.core import codec, costs
from strivelm.ui.core.models import names_of
from strivelm.ui.core.python_lines import of_two_models
from strivelm.ui.core.questions import question

HERE = Path(__file__).parent
NEIGHBOURS = 5
"""How many neighbours of each character are compared."""
TEMPLATE = """
<section class="view two" aria-label="Both models' maps of the characters">
  <h3 class="both-models"></h3>
  <p class="sorry" role="status"></p>
  <div class="compared">
    <p class="verdict"></p>
    <div class="columns">
      <div><h4 class="name-first"></h4><canvas class="strivelm-plot" data-which="0"></canvas></div>
      <div><h4 class="name-second"></h4><canvas class="strivelm-plot" data-which="1"></canvas></div>
    </div>
    <p class="quiet turned"></p>
    <div class="columns">
      <div><h4 class="near-title"></h4><ol class="near" data-which="0"></ol></div>
      <div><h4>in <span class="name-second"></span></h4><ol class="near" data-which="1"></ol></div>
    </div>
    <p class="saying" aria-live="polite"></p>
    <p class="notes"></p>
    <div class="tools"></div>
  </div>
</section>
"""
VIEW = View(
    HERE,
    "embeddings_beside",
    TEMPLATE,
    parts=("shared", "beside/beside_view"),
    styles=("embeddings", "beside/beside_view"),
)


@question("embeddings.beside", cached=True, costs=costs.embeddings_of_two)
def beside(opened: OpenModel, beside: OpenModel) -> dict:
    """The maps of the characters that two models know, the second turned onto the first, and neighbours in both.

    Raises ValueError, a sentence, where they know too few characters in common.
    """
    models, names = (opened.model, beside.model), names_of(opened, beside)
    found = inspection.compare_embeddings(*models, NEIGHBOURS, limits.CHARACTERS, names)
    spaces = [inspection.token_space(one, one.tokenizer.encode("".join(found.chars))) for one in models]
    maps = [inspection.pca(space.vectors, 2) for space in spaces]
    turned = inspection.procrustes(maps[0].coordinates, maps[1].coordinates)
    number = {char: i for i, char in enumerate(found.chars)}
    near = [[[number[char] for char in row] for row in of] for of in found.neighbours]
    imports = ["from strivelm.inspection import compare_embeddings, pca, procrustes, token_space"]
    lines = (
        f"found = compare_embeddings(model, beside, {NEIGHBOURS}, {limits.CHARACTERS})",
        'chars = "".join(found.chars)',
        "first, second = (token_space(one, one.tokenizer.encode(chars)).vectors for one in (model, beside))",
        "maps = procrustes(pca(first, 2).coordinates, pca(second, 2).coordinates)  # maps.turned is the second map",
        "print(maps.residual, maps.chance, found.procrustes.residual, found.procrustes.chance)",
        "place = found.chars.index({char})",
        "print(found.neighbours[0][place], found.neighbours[1][place], found.both[place], found.shared, found.chance)",
    )
    return {
        "names": list(names),
        "chars": "".join(found.chars),
        "classes": codec.u8([CLASSES.index(name) for name in spaces[0].classes]),
        "class_names": list(CLASSES),
        "coordinates": [codec.f32(maps[0].coordinates), codec.f32(turned.turned)],
        "components": turned.turned.shape[1],
        "explained": [one.explained.sum().item() for one in maps],
        "map_residual": turned.residual,
        "map_chance": turned.chance,
        "residual": found.procrustes.residual,
        "chance": found.procrustes.chance,
        "k": found.k,
        "near": [codec.u16(of) for of in near],
        "shared": found.shared,
        "shared_chance": found.chance,
        "notes": list(inspection.notes_on(*models, 0, names, ("embeddings",))),
        "python": of_two_models(opened, beside, imports, lines),
    }
