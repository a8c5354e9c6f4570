"""Turns a checkpoint of the seed project into a model folder.

python scripts/import_checkpoint.py checkpoints/out.pt runs/imported
"""

from dataclasses import dataclass
from pathlib import Path

import tyro

from strivelm import GPT
from strivelm.checkpoint import load_seed_checkpoint


@dataclass(frozen=True)
class Flags:
    """Turn a seed project's checkpoint into a model folder that StriveLM and transformers load."""

    source: tyro.conf.Positional[Path]
    """The .pt file that the seed project's train.py wrote; no code in it is run."""
    out: tyro.conf.Positional[Path]
    """The folder that becomes the model."""
    overwrite: bool = False
    """Replace a model that the folder already holds."""


def run(flags: Flags) -> None:
    """Reads, checks, writes, and says what it was."""
    config, state = load_seed_checkpoint(flags.source)
    if not flags.overwrite and (flags.out / "model.safetensors").exists():
        raise FileExistsError(f"{flags.out} already holds a model; pass --overwrite to replace it")
    if flags.overwrite:
        (flags.out / "README.md").unlink(missing_ok=True)  # the card of the model that goes
    model = GPT(**vars(config))
    model.load_state_dict(state)
    model.save_pretrained(flags.out)
    print(
        f"{flags.out}: {config.n_layer} layers, {config.n_head} heads, {config.n_embd} wide, context "
        f"{config.block_size}, {model.num_parameters():,} parameters, {config.vocab_size} characters"
    )


def main() -> None:
    """Reads the flags and runs."""
    run(tyro.cli(Flags, description=__doc__))
