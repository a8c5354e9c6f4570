"""Creates or updates a Space that opens your models, and waits until it runs."""

import checkout  # noqa: F401  (finds the package beside this folder)

from strivelm.cli.console import call

if __name__ == "__main__":
    call("deploy")
