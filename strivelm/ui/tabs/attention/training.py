"""What the Attention tab asks about all steps of a training: the scores of each head at every step."""

import torch

from strivelm import inspection
from strivelm.loading import OpenModel
from strivelm.ui import limits
from strivelm.ui.core import codec, costs
from strivelm.ui.core.questions import question

LEAST_DISTANCE, LEAST_SHARE = 2.0, 0.2
"""By how much a score has to change at one stroke to be pointed at: a distance in characters, others in shares."""


@question("attention.training", seconds=limits.SECONDS, cached=True, costs=costs.patterns)
def training(opened: list[OpenModel], text: str) -> dict:
    """The scores of all heads on a text at every step: by score and head, a value for each model that is given.

    `scores` has them by name, a list of values for each head; `jumps` for each head the model after which the score
    changed at one stroke (`inspection.phase_change`), or None; `uniform` what uniform attention gives.

    Raises ValueError, a sentence, for what is no text, and where the models are not alike.
    """
    text = limits.checked_prompt(text)
    shapes = {(one.model.config.n_layer, one.model.config.n_head) for one in opened}
    if len(shapes) > 1:
        raise ValueError("These steps have different numbers of layers and heads, so that heads can't be followed.")
    found = [one for one in (_patterns(one, text) for one in opened) if one is not None]
    if len(found) < len(opened):
        return {"scores": {}, "jumps": {}, "uniform": {}}
    names = list(found[0].uniform)
    stacked = {name: torch.stack([getattr(one, name) for one in found]).flatten(1).T for name in names}  # (heads, S)
    return {
        "scores": {name: [codec.finites(row) for row in scores] for name, scores in stacked.items()},
        "jumps": {
            name: [inspection.phase_change(row, _least(name)) for row in scores] for name, scores in stacked.items()
        },
        "uniform": {name: codec.finite(value) for name, value in found[0].uniform.items()},
    }


def _least(name: str) -> float:
    return LEAST_DISTANCE if name == "mean_distance" else LEAST_SHARE


def _patterns(opened: OpenModel, text: str) -> inspection.Patterns | None:
    """The patterns on a text; None for one of a single character."""
    recorded = inspection.trace(opened.model, opened.model.tokenizer.encode(text), keep={"attention"})
    if len(recorded.ids) < 2:
        return None
    chars = None if opened.model.config.chars is None else recorded.chars
    return inspection.patterns(recorded.attention, recorded.ids, chars)
