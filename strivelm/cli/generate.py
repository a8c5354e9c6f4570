"""Generates text.

strivelm generate --prompt "To" --max-new-tokens 200 --temperature 0.5 --top-k 10
strivelm generate --model runs/mine --seed 7
"""

import sys
from dataclasses import dataclass
from typing import Annotated

import tyro

from strivelm import SamplingConfig, generate, load_model
from strivelm.generation import DEFAULTS, HELP, new_seed


def _setting(name: str, *aliases: str):
    return tyro.conf.arg(help=HELP[name], aliases=aliases)


@dataclass(frozen=True)
class Flags:
    """Generate text. The text goes to standard output, everything else to standard error."""

    prompt: Annotated[str | None, tyro.conf.arg(aliases=("--start",))] = None
    """The text to continue. Without it the model begins after a line break, which most shells write as $'\\n'."""
    max_new_tokens: Annotated[int, _setting("max_new_tokens", "--steps")] = DEFAULTS.max_new_tokens
    temperature: Annotated[float, _setting("temperature", "--temp")] = DEFAULTS.temperature
    top_k: Annotated[int, _setting("top_k")] = DEFAULTS.top_k or 0
    top_p: Annotated[float, _setting("top_p")] = DEFAULTS.top_p or 1.0
    seed: Annotated[int | None, _setting("seed")] = DEFAULTS.seed
    model: str = "bundled"
    """bundled, film, a folder, owner/name or owner/name@revision on the Hub."""


def run(flags: Flags) -> None:
    """Prints the prompt and its continuation, character by character."""
    seed = new_seed() if flags.seed is None else flags.seed
    config = SamplingConfig(flags.max_new_tokens, flags.temperature, flags.top_k, flags.top_p, seed)
    model = load_model(flags.model)
    start = model.tokenizer.encode_leniently(flags.prompt or model.tokenizer.start)
    if start.unknown:
        print(f"note: {start.report}", file=sys.stderr)
    if not start.ids:
        start = model.tokenizer.encode_leniently(model.tokenizer.start)
        print(f"note: the model knows no character of the prompt, so it begins after {start.text!r}", file=sys.stderr)
    sys.stdout.write(start.text)
    for step in generate(model, start.ids, config):
        sys.stdout.write(model.tokenizer.chars[step.id])
        sys.stdout.flush()
    sys.stdout.write("\n")
    print(f"seed {seed}", file=sys.stderr)


def main() -> None:
    """Reads the flags and runs."""
    run(tyro.cli(Flags, description=__doc__))
