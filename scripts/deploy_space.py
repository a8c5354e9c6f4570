"""Makes a Space that opens your models, or brings it up to date, and waits until it runs."""

import checkout  # noqa: F401  (finds the package beside this folder)

from strivelm.cli.console import call

if __name__ == "__main__":
    call("deploy")
