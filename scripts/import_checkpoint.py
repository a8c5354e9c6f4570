"""Turns a checkpoint of the seed project, or of nanoGPT, into a model folder."""

import checkout  # noqa: F401  (finds the package beside this folder)

from strivelm.cli.console import call

if __name__ == "__main__":
    call("import_checkpoint")
