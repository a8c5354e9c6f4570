"""How the snapshots of a training are named: folders snapshots/step-N of a run, and revisions step-N on the Hub."""

import re
from pathlib import Path

__all__ = ["NAME", "SNAPSHOTS", "folder_of", "folders", "name_of", "step_of"]

SNAPSHOTS = "snapshots"
"""The folder of a run that holds them."""
NAME = re.compile(r"step-(0|[1-9][0-9]{0,11})")
"""The name of a snapshot."""


def name_of(step: int) -> str:
    """The name of a step's snapshot: "step-55"."""
    return f"step-{step}"


def step_of(name: str) -> int:
    """The N of step-N; -1 for another name."""
    return int(name.removeprefix("step-")) if NAME.fullmatch(name) else -1


def folder_of(run: str | Path, step: int) -> Path:
    """Where a run's folder holds a step's snapshot."""
    return Path(run, SNAPSHOTS, name_of(step))


def folders(run: str | Path) -> dict[str, Path]:
    """The snapshots that a run's folder holds, by name, in the order of the steps."""
    found = [path for path in Path(run, SNAPSHOTS).glob("step-*") if NAME.fullmatch(path.name) and path.is_dir()]
    return {path.name: path for path in sorted(found, key=lambda path: step_of(path.name))}
