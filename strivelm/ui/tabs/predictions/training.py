"""What the Predictions tab asks about all steps of a training: losses and the depth at which predictions settle."""

import torch

from strivelm import inspection
from strivelm.loading import OpenModel
from strivelm.ui import limits
from strivelm.ui.core import codec, costs
from strivelm.ui.core.questions import question

LEAST_NATS = 0.5
"""By how many nats a loss has to change at one stroke to be pointed at."""


@question("predictions.training", seconds=limits.SECONDS, cached=True, costs=costs.lens_costs)
def training(opened: list[OpenModel], text: str) -> dict:
    """Of a text at every step: each character's surprisal, their mean, and where each place's prediction settles.

    `nats` are (step, character) in nats, NaN for the first character; `mean` is by step; `settles` (step, place) are
    depths of the logit lens, counted from 0, of `depths` in all. `jumps` and `mean_jump` name the step after which a
    character's surprisal, or the mean, changed at one stroke (`inspection.phase_change`).

    Raises ValueError, a sentence, for a text that is too long or has an unknown character.
    """
    text = limits.checked_prompt(text)
    ids = [one.model.tokenizer.encode(text) for one in opened]
    lenses = [inspection.logit_lens(one.model, read, top=1) for one, read in zip(opened, ids, strict=True)]
    settles = torch.stack([found.settles for found in lenses])
    value = {"depths": max(len(found.depths) for found in lenses), "settles": codec.u8(settles)}
    if len(ids[0]) < 2:
        return value | {"nats": None, "mean": [None] * len(opened), "jumps": [None], "mean_jump": None}
    read = [inspection.surprisal(one.model, some) for one, some in zip(opened, ids, strict=True)]
    nats, means = torch.stack([found.model for found in read]), [found.mean for found in read]
    return value | {
        "nats": codec.f32(nats),
        "mean": codec.finites(torch.tensor(means)),
        "jumps": [inspection.phase_change(column, LEAST_NATS) for column in nats.T],
        "mean_jump": inspection.phase_change(means, LEAST_NATS),
    }
