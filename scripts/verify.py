"""Looks whether a model's snapshots are what they are said to be."""

import checkout  # noqa: F401  (finds the package beside this folder)

from strivelm.cli.console import call

if __name__ == "__main__":
    call("verify")
