"""`strivelm COMMAND …`: one command for everything that the package does."""

import sys

from strivelm.cli import console  # before anything heavy

COMMANDS = {
    "app": ("page", "open the page on a model"),
    "train": ("train", "train a model on a text"),
    "generate": ("generate", "generate text with a model"),
    "push": ("push", "push a model to the Hub"),
    "verify": ("verify", "check that a model's snapshots are what they are said to be"),
    "deploy": ("deploy", "deploy the page as a Space"),
    "export": ("export", "write a model for other tools: ONNX, GGUF, an end token"),
    "import": ("import_checkpoint", "turn a checkpoint of another project into a model folder"),
}
"""Each command: the module of this folder whose `main` it runs, and what it does."""


def main() -> None:
    """Runs the command that the first argument names, with the arguments after it."""
    name, *rest = sys.argv[1:] or ["--help"]
    if name in ("-h", "--help"):
        lines = [f"  strivelm {name:<9} {purpose}" for name, (_, purpose) in COMMANDS.items()]
        print("usage: strivelm COMMAND …\n", *lines, "\nstrivelm COMMAND --help says more.", sep="\n")
        return
    if name not in COMMANDS:
        sys.exit(f"error: there is no command {name!r}; expected one of {', '.join(COMMANDS)}")
    sys.argv = [f"strivelm {name}", *rest]
    console.call(COMMANDS[name][0])
