"""Writes a model for other tools."""

import checkout  # noqa: F401  (finds the package beside this folder)

from strivelm.cli.console import call

if __name__ == "__main__":
    call("export")
