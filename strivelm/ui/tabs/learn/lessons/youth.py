"""A model's youth: what the small model that kept snapshots writes after one text, from one seed, at each age."""

from functools import cache, lru_cache

import torch

from strivelm.generation import SamplingConfig, generate
from strivelm.loading import COME_ALONG, OpenModel, open_model
from strivelm.ui.core.reading import start_from
from strivelm.ui.tabs.learn.lessons import blocks

WRITTEN = 48
"""How many characters each writes."""


@cache
def ages() -> tuple[tuple[int, OpenModel], ...]:
    """(step, model) of every snapshot, the youngest first; opened once."""
    steps = sorted(int(path.name.removeprefix("step-")) for path in (COME_ALONG["film"] / "snapshots").glob("step-*"))
    return tuple((step, open_model(f"film@step-{step}")) for step in steps)


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


def film(text: str, seed: int) -> dict:
    """The youth as a table."""
    rows = [
        [f"{step:,}", "–" if loss is None else blocks.number(loss), {"passage": wrote}]
        for step, loss, wrote in written(text, seed)
    ]
    note = (
        f"The model called film, 420,480 numbers, which kept twelve snapshots of its youth. Each writes {WRITTEN} "
        f"characters after your text, all from one seed ({seed}), at temperature 0.8."
    )
    return blocks.table("One model at twelve ages", ["step", "validation loss", "writes"], rows, note)


def lines(text: str, seed: int) -> str:
    """Python that writes the same."""
    return (
        "from strivelm import load_model\n\n"
        f"for step in {tuple(step for step, _ in ages())}:\n"
        f"    model = load_model(f'film@step-{{step}}')\n"
        f"    print(step, repr(model.generate({text!r}, {WRITTEN}, seed={seed})))\n"
    )
