"""Creates or updates a Space that opens your models, and waits until it runs.

python scripts/deploy_space.py owner/space --model owner/name
python scripts/deploy_space.py owner/space --model owner/name --hardware zero-a10g --private
python scripts/deploy_space.py owner/space --model owner/name --dry-run
"""

import sys
from dataclasses import dataclass

import tyro

from strivelm.space import deploy


@dataclass(frozen=True)
class Flags:
    """Create or update a Space that opens your models, and wait until it runs.

    What it holds already is not sent again; settings without a flag stay as they are. The token is the one of
    `hf auth login`, or HF_TOKEN.
    """

    space: tyro.conf.Positional[str]
    """owner/space on the Hub; made if missing."""
    model: str | None = None
    """The model that the page opens: owner/name, owner/name@revision, film or bundled (a new Space's default)."""
    models: str | None = None
    """Further models that the page offers, separated by commas: a/b,c/d@step-500; "" offers none."""
    hardware: str | None = None
    """What it runs on: cpu-basic (the Hub's default), zero-a10g, t4-small, …"""
    private: bool = False
    """Make the Space private."""
    timeout: float = 1800.0
    """Seconds to wait until the Space runs."""
    dry_run: bool = False
    """Change nothing: check the checkout, the token, the name, the models and the metadata, and show which files,
    variables and hardware the Space would get."""


def show(flags: Flags) -> None:
    """Prints what a deployment would change."""
    planned = deploy.plan(
        flags.space,
        model=flags.model,
        models=flags.models,
        hardware=flags.hardware,
        private=flags.private or None,
    )
    for name, size in planned.sent.items():
        print(f"{size:>12,}  {name}")
    there = "which is there" if planned.exists else "which would be made"
    print(f"{sum(planned.sent.values()):>12,}  bytes in {len(planned.sent)} files would go to {flags.space}, {there}")
    for name in planned.removed:
        print(f"{'removed':>12}  {name}")
    for key, value in planned.variables.items():
        print(f"variable {key}={value}" if value else f"variable {key} would be removed")
    print(f"hardware {planned.hardware or 'as it is (of a new Space: cpu-basic)'}")
    print(f"visibility {'private' if flags.private else 'as it is (of a new Space: your default, mostly public)'}")
    print(f"Nothing was changed. Without --dry-run it goes to {planned.address}")


def run(flags: Flags) -> None:
    """Deploys, and prints the address."""
    if flags.dry_run:
        return show(flags)
    try:
        address = deploy.deploy(
            flags.space,
            model=flags.model,
            models=flags.models,
            hardware=flags.hardware,
            private=flags.private or None,
            timeout=flags.timeout,
            report=lambda words: print(words, flush=True),
        )
    except deploy.FailedError as error:
        print(*error.log, sep="\n", file=sys.stderr)
        raise
    print(f"The Space runs at {address}")


def main() -> None:
    """Reads the flags and runs."""
    run(tyro.cli(Flags, description=__doc__))
