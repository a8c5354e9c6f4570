"""A model's youth: what the small model that kept snapshots writes after one text, from one seed, at each age."""

import math
from functools import cache, lru_cache

import torch

from strivelm.generation import SamplingConfig, generate
from strivelm.loading import COME_ALONG, OpenModel, open_model
from strivelm.ui.core.reading import start_from
from strivelm.ui.tabs.learn.lessons import blocks

WRITTEN = 48
"""How many characters each writes."""


@cache
def steps() -> tuple[int, ...]:
    """The step of every snapshot, the youngest first."""
    return tuple(
        sorted(int(path.name.removeprefix("step-")) for path in (COME_ALONG["film"] / "snapshots").glob("step-*"))
    )


@cache
def ages() -> tuple[tuple[int, OpenModel], ...]:
    """(step, model) of every snapshot, the youngest first; opened once."""
    return tuple((step, open_model(f"film@step-{step}")) for step in steps())


@lru_cache(maxsize=64)
def written(text: str, seed: int) -> tuple[tuple[int, float | None, str], ...]:
    """(step, validation loss, what it writes after the text) of each age."""
    found = []
    for step, opened in ages():
        start = start_from(opened.model, text)
        with torch.inference_mode():
            new = generate(opened.model, start.ids, SamplingConfig(WRITTEN, seed=seed))
            found.append((step, opened.validation_loss, opened.model.tokenizer.decode([one.id for one in new])))
    return tuple(found)


def film(text: str, seed: int) -> list[dict]:
    """The pictures of the film, the youngest first: what the model writes after the text, and how good it is by then.

    Each has its step, its validation loss in nats or None, and among how many characters it is as hard to choose.
    """
    return [
        {
            "step": step,
            "loss": None if loss is None else float(f"{loss:.4g}"),
            "among": None if loss is None else blocks.number(math.exp(loss), 2),
            "text": wrote,
        }
        for step, loss, wrote in written(text, seed)
    ]


def lines(seed: int) -> tuple[str, ...]:
    """Python that writes the same after `text`."""
    return (
        f"for step in {steps()}:",
        "    young = load_model(f'film@step-{step}')",
        f"    print(step, repr(young.generate(text, {WRITTEN}, seed={seed})))",
    )
