"""Commands to print, in the form in which this process was started, so that they run when they are copied."""

import os
import shlex
import shutil
import sys
from pathlib import Path

SCRIPTS = {"train": "train.py", "generate": "generate.py", "push": "push.py"}


def command(name: str, *arguments: str | os.PathLike[str]) -> str:
    """A command of this package with arguments, for a shell in the current folder.

    A script of a clone if one was started (python scripts/generate.py …), else strivelm generate ….
    """
    return " ".join([_start(name), *(shlex.quote(os.fspath(argument)) for argument in arguments)])


def _start(name: str) -> str:
    started = Path(sys.argv[0])
    if started.suffix == ".py" and (script := started.with_name(SCRIPTS[name])).is_file():
        try:
            script = script.resolve().relative_to(Path.cwd())
        except ValueError:
            script = script.absolute()
        return f"{_python()} {shlex.quote(str(script))}"
    return f"strivelm {name}" if shutil.which("strivelm") else f"{_python()} -m strivelm {name}"


def _python() -> str:
    """The word by which a shell finds this Python."""
    for word in ("python", "python3"):
        found = shutil.which(word)
        if found and os.path.exists(sys.executable) and os.path.abspath(found) == os.path.abspath(sys.executable):
            return word
    return shlex.quote(sys.executable) if sys.executable else "python"
