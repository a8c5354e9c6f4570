"""A model's youth: what the small model that kept snapshots writes after one text, from one seed, at each age."""

import math
from collections.abc import Sequence

import torch

from strivelm.generation import SamplingConfig, generate
from strivelm.loading import COME_ALONG, OpenModel
from strivelm.steps import folders
from strivelm.ui.core.models import facts_of
from strivelm.ui.core.reading import start_from
from strivelm.ui.tabs.learn.lessons import blocks

WRITTEN = 48
"""How many characters each writes."""
TEMPERATURE = SamplingConfig().temperature
"""At which temperature: the usual one."""


def refs() -> list[str]:
    """The references of all snapshots, the youngest first."""
    return [f"film@{name}" for name in folders(COME_ALONG["film"])]


def film(ages: Sequence[OpenModel], text: str, seed: int) -> list[dict]:
    """The pictures of the film: what each model writes after the text, and how good it is by then.

    Each has its step, its validation loss in nats or None, and among how many characters it is as hard to choose.
    """
    found = []
    for opened in ages:
        start, loss = start_from(opened.model, text), opened.validation_loss
        with torch.inference_mode():
            new = [one.id for one in generate(opened.model, start.ids, SamplingConfig(WRITTEN, seed=seed))]
        found.append(
            {
                "step": facts_of(opened).step,
                "loss": None if loss is None else float(f"{loss:.4g}"),
                "among": None if loss is None else blocks.number(math.exp(loss), 2),
                "text": opened.model.tokenizer.decode(new),
            }
        )
    return found


def lines(seed: int) -> tuple[str, ...]:
    """Python that writes the same after `text`."""
    return (
        f"for ref in {refs()}:",
        f"    print(ref, repr(load_model(ref).generate(text, {WRITTEN}, seed={seed})))",
    )
