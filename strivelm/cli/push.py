"""Puts a model on the Hub.

python scripts/push.py runs/mine owner/name
python scripts/push.py runs/mine owner/name --private --snapshots
python scripts/push.py runs/mine owner/name --dry-run
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
    dry_run: bool = False
    """Do all that a push does but send: check the files, the token, the name and the card, and show what would go."""


def say(done: int, total: int, revision: str) -> None:
    """Prints which revision comes next."""
    if revision:
        print(f"{done + 1} of {total}: {revision}", flush=True)


def show(flags: Flags) -> None:
    """Prints what a push would bring."""
    address, planned = publish.plan(
        flags.folder,
        flags.repo,
        private=flags.private or None,
        revision=flags.revision,
        snapshots=flags.snapshots,
        license=flags.license,
    )
    for one in planned:
        for name, size in one.sent.items():
            print(f"{size:>14,}  {name}")
        removed = f", {', '.join(one.removed)} would go" if one.removed else ""
        print(f"{sum(one.sent.values()):>14,}  bytes in {len(one.sent)} files to the revision {one.branch}{removed}")
        print(f"license {one.license or 'as the card there says, or none'}")
    print(f"visibility {'private' if flags.private else 'as it is (of a new repo: your default, mostly public)'}")
    print(f"Nothing was sent. Without --dry-run it goes to {address}")


def run(flags: Flags) -> None:
    """Pushes, and prints where to."""
    if flags.dry_run:
        return show(flags)
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
