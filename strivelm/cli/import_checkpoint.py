"""Turns a checkpoint of the seed project, or of nanoGPT, into a model folder.

python scripts/import_checkpoint.py checkpoints/out.pt runs/imported
python scripts/import_checkpoint.py nanoGPT/out-shakespeare-char/ckpt.pt runs/imported --meta meta.pkl
"""

from dataclasses import dataclass
from pathlib import Path

import tyro

from strivelm import GPT, foreign


@dataclass(frozen=True)
class Flags:
    """Turn a checkpoint of the seed project, or of nanoGPT, into a model folder that StriveLM and transformers load."""

    source: tyro.conf.Positional[Path]
    """The .pt file that the other project's train.py wrote; no code in it is run."""
    out: tyro.conf.Positional[Path]
    """The model folder to write."""
    meta: Path | None = None
    """nanoGPT's meta.pkl, which holds the vocabulary; if not given, the one beside the .pt file."""
    overwrite: bool = False
    """Replace a model that the folder already holds."""


def run(flags: Flags) -> None:
    """Reads and checks the checkpoint, writes the model folder, and prints what it is."""
    found = foreign.read(flags.source, flags.meta)
    config = found.config
    if not flags.overwrite and (flags.out / "model.safetensors").exists():
        raise FileExistsError(f"{flags.out} already holds a model; pass --overwrite to replace it")
    if flags.overwrite:
        (flags.out / "README.md").unlink(missing_ok=True)  # the replaced model's card
    model = GPT(**vars(config))
    model.load_state_dict(found.state)
    model.save_pretrained(flags.out)
    print(
        f"{flags.out}: {config.n_layer} layers, {config.n_head} heads, {config.n_embd} wide, context "
        f"{config.block_size}, {model.num_parameters():,} parameters, {config.vocab_size} characters, "
        f"from {found.project}"
    )
    if found.note:
        print(f"note: {found.note}")


def main() -> None:
    """Reads the flags and runs."""
    run(tyro.cli(Flags, description=__doc__))
