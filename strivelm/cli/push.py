"""Puts a model on the Hub.

python scripts/push.py runs/mine owner/name
python scripts/push.py runs/mine owner/name --private --snapshots
"""

from dataclasses import dataclass
from pathlib import Path

import tyro

from strivelm.hub import publish


@dataclass(frozen=True)
class Flags:
    """Put a model on the Hub: weights, config, tokenizer, card, loss curve and the record of its training.

    What is there already is not sent again. The token is the one of `hf auth login`, or HF_TOKEN.
    """

    folder: tyro.conf.Positional[Path]
    """The run or the model folder."""
    repo: tyro.conf.Positional[str]
    """owner/name on the Hub; made if missing."""
    private: bool = False
    """Keep strangers out."""
    revision: str | None = None
    """A branch to push to, made if missing; main if not given."""
    snapshots: bool = False
    """Push each of the run's snapshots, too, as the revision step-N."""
    license: str | None = None
    """The license that the card names, such as cc0-1.0; if not given, what it names already, if anything."""


def say(done: int, total: int, revision: str) -> None:
    """Prints which revision comes next."""
    if revision:
        print(f"{done + 1} of {total}: {revision}", flush=True)


def run(flags: Flags) -> None:
    """Pushes, and prints where to."""
    address = publish.push(
        flags.folder,
        flags.repo,
        private=flags.private or None,
        revision=flags.revision,
        snapshots=flags.snapshots,
        license=flags.license,
        progress=say,
    )
    print(f"The model is at {address}")


def main() -> None:
    """Reads the flags and runs."""
    run(tyro.cli(Flags, description=__doc__))
