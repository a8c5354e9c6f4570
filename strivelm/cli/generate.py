"""Lets a model write.

python scripts/generate.py --start "To" --steps 200 --temp 0.5 --top_k 10
python scripts/generate.py --model runs/mine --seed 7
"""

import sys
from dataclasses import dataclass

import tyro

from strivelm import SamplingConfig, generate, load_model
from strivelm.generation import new_seed


@dataclass(frozen=True)
class Flags:
    """Let a model write. The text goes to standard output, everything else to standard error."""

    start: str | None = None
    """What it goes on from; several characters are fine. Without it the model begins after a line break, which can be
    given as $'\\n' in most shells."""
    steps: int = 200
    """How many characters to write."""
    temp: float = 1.0
    """Temperature: below 1 bolder, above 1 more surprising, 0 always the most likely character."""
    top_k: int = 0
    """Choose among the k most likely characters only; 0 keeps all."""
    top_p: float = 1.0
    """Choose among the most likely characters that together reach this probability; 1 keeps all."""
    seed: int | None = None
    """One seed gives one text; a new one is drawn, and named, if none is given."""
    model: str = "bundled"
    """bundled, a folder, owner/name or owner/name@revision on the Hub."""


def run(flags: Flags) -> None:
    """Writes the start and what the model makes of it, character by character."""
    seed = new_seed() if flags.seed is None else flags.seed
    config = SamplingConfig(flags.steps, flags.temp, flags.top_k, flags.top_p, seed)
    model = load_model(flags.model)
    start = model.tokenizer.encode_leniently(flags.start or model.tokenizer.start)
    if start.unknown:
        print(f"note: {start.report}", file=sys.stderr)
    if not start.ids:
        start = model.tokenizer.encode_leniently(model.tokenizer.start)
        print(f"note: nothing of the start is left, so the model begins after {start.text!r}", file=sys.stderr)
    sys.stdout.write(start.text)
    for step in generate(model, start.ids, config):
        sys.stdout.write(model.tokenizer.chars[step.id])
        sys.stdout.flush()
    sys.stdout.write("\n")
    print(f"seed {seed}", file=sys.stderr)


def main() -> None:
    """Reads the flags and runs."""
    run(tyro.cli(Flags, description=__doc__))
