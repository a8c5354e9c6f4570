"""Pushes a model to the Hub.

python scripts/push.py runs/mine owner/name
python scripts/push.py runs/mine owner/name --private --snapshots
python scripts/push.py runs/mine owner/name --dry-run
"""

from dataclasses import dataclass
from pathlib import Path

import tyro

from strivelm.hub import publish, run_state


@dataclass(frozen=True)
class Flags:
    """Push a model to the Hub: weights, config, tokenizer, card, loss curve and the record of its training.

    What is there already is not sent again. The token is the one of `hf auth login`, or HF_TOKEN.
    """

    folder: tyro.conf.Positional[Path]
    """A run's folder or a model folder."""
    repo: tyro.conf.Positional[str]
    """owner/name on the Hub; made if missing."""
    private: bool = False
    """Make the repo private."""
    revision: str | None = None
    """A branch to push to, made if missing; main if not given."""
    snapshots: bool = False
    """Also push each of the run's snapshots, as the revision step-N."""
    state: bool = False
    """Also push the state of a run that is not finished, so that `train --resume owner/name` goes on from it."""
    license: str | None = None
    """The license for the card, such as cc0-1.0; if not given, the card's license stays as it is."""
    dry_run: bool = False
    """Send nothing: check the files, the token, the name and the card, and show what would be sent."""


def say(done: int, total: int, revision: str) -> None:
    """Prints which revision comes next."""
    if revision:
        print(f"{done + 1} of {total}: {revision}", flush=True)


def show(flags: Flags) -> None:
    """Prints what a push would change."""
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
        removed = f", {', '.join(one.removed)} would be removed" if one.removed else ""
        print(f"{sum(one.sent.values()):>14,}  bytes in {len(one.sent)} files to the revision {one.branch}{removed}")
        print(f"license {one.license or 'as the card there says, or none'}")
    if flags.state:
        size = run_state.state_file(flags.folder).stat().st_size
        print(f"{size:>14,}  bytes of state to the revision {run_state.BRANCH}")
    print(f"visibility {'private' if flags.private else 'as it is (of a new repo: your default, mostly public)'}")
    print(f"Nothing was sent. Without --dry-run it goes to {address}")


def run(flags: Flags) -> None:
    """Pushes, and prints the address."""
    if flags.state:
        run_state.state_file(flags.folder)
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
    if flags.state:
        run_state.push_state(flags.folder, flags.repo, private=flags.private or None)
        print(f"the state to resume from: revision {run_state.BRANCH}")
    print(f"The model is at {address}")


def main() -> None:
    """Reads the flags and runs."""
    run(tyro.cli(Flags, description=__doc__))
