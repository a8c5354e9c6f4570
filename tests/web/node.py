"""The modules of strivelm/web, asked in Node (drive.mjs)."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from strivelm.web import script

NODE = shutil.which("node")


class Node:
    """A folder with copies of the modules, where Node takes them for ES modules."""

    def __init__(self, folder: Path):
        if NODE is None:
            pytest.skip("node was not found; install Node.js 20 or later to test what the scripts compute")
        self.folder = folder
        for path in script.HERE.glob("*"):
            if path.suffix in (".js", ".wasm"):
                shutil.copy(path, folder)
        (folder / "package.json").write_text('{"type": "module"}')

    def __call__(self, *asked: dict) -> list:
        """The answers, an Error's message as a ValueError in its place."""
        (self.folder / "asked.json").write_text(json.dumps(asked))
        command = [NODE, "--expose-gc", str(Path(__file__).parent / "drive.mjs"), str(self.folder)]
        done = subprocess.run(
            [*command, str(self.folder / "asked.json"), str(self.folder / "answers.json")],
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert done.returncode == 0, done.stderr
        found = json.loads((self.folder / "answers.json").read_text("utf-8"))
        return [one["answer"] if "answer" in one else RefusedError(one["error"], one["kind"]) for one in found]

    def one(self, *asked: dict) -> object:
        """The last answer."""
        return self(*asked)[-1]


class RefusedError(ValueError):
    """What a module threw: its message, and the class of its error."""

    def __init__(self, message: str, kind: str):
        super().__init__(message)
        self.kind = kind
