"""What One character asks: the probabilities after each of the steps that `generation.distribution` takes.

Every stage is `distribution` itself under the settings that are in force by then, and what the visitor's browser draws
from the last one is what `generation.draw` draws: the probabilities go there bit by bit.
"""

import itertools

import torch

from strivelm.generation import UNTOUCHED, SamplingConfig, distribution, generate, new_seed, uniforms
from strivelm.loading import OpenModel
from strivelm.ui import limits
from strivelm.ui.core import codec
from strivelm.ui.core.models import facts_of
from strivelm.ui.core.python_lines import load_line
from strivelm.ui.core.questions import question
from strivelm.ui.core.reading import start_from

DRAWS = 200
"""How many numbers of a seed's stream go along: one for each character that is appended."""


@question("generate.sampling_steps")
def sampling_steps(
    opened: OpenModel, prompt: str, temperature: float, top_k: int, top_p: float, seed: int | str | None = None
) -> dict:
    """How the character after a prompt is chosen: its logits, the probabilities after each step, the random numbers.

    Raises ValueError, a sentence, for what can't be done.
    """
    config = limits.checked_sampling(1, temperature, top_k, top_p, seed)
    seed = new_seed() if config.seed is None else config.seed
    start = start_from(opened.model, limits.checked_prompt(prompt))
    logits = next(generate(opened.model, start.ids, config)).logits
    return {
        "model": facts_of(opened).name,
        "text": start.text,
        "chars": opened.model.tokenizer.chars,
        "temperature": config.temperature,
        "top_k": config.top_k or 0,
        "top_p": 1.0 if config.top_p is None else config.top_p,
        "seed": seed,
        "numbers": list(itertools.islice(uniforms(seed), DRAWS)),
        "logits": codec.f32(logits),
        "stages": {name: codec.f32(p) for name, p in stages(logits, config).items()},
        "python": python_of_steps(opened, start.text, config, seed),
        "notes": list(start.notes),
    }


def stages(logits: torch.Tensor, config: SamplingConfig) -> dict[str, torch.Tensor]:
    """The probabilities (V,) that the model itself gives, and those after temperature, after top-k, and after top-p."""
    hot = SamplingConfig(temperature=config.temperature, top_k=0)
    few = SamplingConfig(temperature=config.temperature, top_k=config.top_k)
    given = {"model": UNTOUCHED, "temperature": hot, "top_k": few, "top_p": config}
    return {name: distribution(logits, setting) for name, setting in given.items()}


def python_of_steps(opened: OpenModel, text: str, config: SamplingConfig, seed: int) -> str:
    """The lines that make the same choice."""
    setting = f"temperature={config.temperature!r}, top_k={config.top_k!r}, top_p={config.top_p!r}, seed={seed}"
    return (
        "from strivelm import SamplingConfig, generate, load_model\n"
        "from strivelm.generation import distribution, draw, uniforms\n\n"
        f"{load_line(opened)}\n"
        f"config = SamplingConfig(1, {setting})\n"
        f"logits = next(generate(model, model.tokenizer.encode({text!r}), config)).logits\n"
        f"hot = SamplingConfig(temperature={config.temperature!r}, top_k=0)  # step 2\n"
        f"few = SamplingConfig(temperature={config.temperature!r}, top_k={config.top_k!r})  # step 3\n"
        "steps = [logits, *(distribution(logits, setting) for setting in (hot, few, config))]\n"
        "for id in logits.argsort(descending=True, stable=True)[:20].tolist():\n"
        "    print(repr(model.tokenizer.chars[id]), *(f'{step[id].item():.4f}' for step in steps))\n"
        "u = next(uniforms(config.seed))\n"
        "print(u, repr(model.tokenizer.chars[draw(steps[-1], u)]))\n"
    )
