"""What the Embeddings tab asks about all steps of a training: neighbours, purity and lengths at every step."""

import torch

from strivelm import inspection
from strivelm.loading import OpenModel
from strivelm.ui import limits
from strivelm.ui.core import codec, costs
from strivelm.ui.core.questions import question
from strivelm.ui.tabs.embeddings.payload import frequencies, most_frequent

NEAREST = 3
"""How many neighbours of each character are listed at each step."""
LEAST_SHARE = 0.2
"""By how much a share or a cosine has to change at one stroke to be pointed at."""


@question("embeddings.training", seconds=limits.SECONDS, cached=True, costs=costs.characters(limits.CHARACTERS))
def training(opened: list[OpenModel]) -> dict:
    """Of the characters at every step: each one's nearest neighbours, and how often these are of its class.

    `near` and `cosine` are (step, character, neighbour), of the characters `chars`; `purity` and `chance` are by step,
    of classes, the same letter in the other case left out; `jump` is the step after which the purity changed at one
    stroke (`inspection.phase_change`), or None.

    Raises ValueError, a sentence, where the models know different characters.
    """
    if len({one.model.tokenizer.chars for one in opened}) > 1:
        raise ValueError("These steps know different characters, so that they can't be followed.")
    share = next((found for one in opened if (found := frequencies(one))), None)
    shown = most_frequent(opened[0].model.vocab_size, share, limits.CHARACTERS)
    spaces = [inspection.token_space(one.model, shown) for one in opened]
    near = [inspection.nearest(space, NEAREST) for space in spaces]
    kinds = [inspection.purity(space, "class", False) for space in spaces]
    purity = [found.purity for found in kinds]
    return {
        "chars": "".join(spaces[0].chars),
        "neighbours": near[0].points.shape[1],
        "near": codec.u16(torch.stack([found.points for found in near])),
        "cosine": codec.cosines(torch.stack([found.cosine for found in near])),
        "purity": codec.finites(torch.tensor(purity)),
        "chance": codec.finites(torch.tensor([found.chance for found in kinds])),
        "jump": inspection.phase_change(purity, LEAST_SHARE),
    }


@question("embeddings.positions_training", seconds=limits.SECONDS, cached=True, costs=costs.positions)
def positions_training(opened: list[OpenModel]) -> dict:
    """Of the position embeddings at every step: their mean length, what of it differs from their mean, and how many
    directions they use in effect; beside it the mean length of a character's embedding."""
    found = [inspection.positions(one.model) for one in opened]
    columns = {
        "norm": [one.norms.mean().item() for one in found],
        "from_mean": [one.from_mean.mean().item() for one in found],
        "token_norm": [one.token_norm for one in found],
        "participation": [one.participation for one in found],
    }
    return {name: codec.finites(torch.tensor(values)) for name, values in columns.items()}
