"""The scripts, called in this process or in one of their own."""

import contextlib
import importlib.util
import io
import os
import subprocess
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from unittest import mock

import torch

ROOT = Path(__file__).resolve().parents[1]
SMALL = ["--n-layer", "1", "--n-head", "2", "--n-embd", "16", "--block-size", "16", "--batch-size", "4"]


@dataclass
class Done:
    """What a command left behind."""

    returncode: int
    stdout: str
    stderr: str


@contextlib.contextmanager
def _standing_as(name: str, module: ModuleType):
    """Puts a module where tyro looks for the help texts. What it imports stays: torch can't be imported twice."""
    before = sys.modules[name]
    sys.modules[name] = module
    try:
        yield
    finally:
        sys.modules[name] = before


def run(script: str, *args: str | Path) -> Done:
    """A script in this process, which spares the seconds of importing torch."""
    spec = importlib.util.spec_from_file_location("__main__", ROOT / "scripts" / script)
    module = importlib.util.module_from_spec(spec)
    out, err, code, threads = io.StringIO(), io.StringIO(), 0, torch.get_num_threads()
    with (
        mock.patch.object(sys, "argv", [str(ROOT / "scripts" / script), *map(str, args)]),
        mock.patch.object(sys, "path", [str(ROOT / "scripts"), *sys.path]),
        _standing_as(spec.name, module),
        warnings.catch_warnings(),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            spec.loader.exec_module(module)
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else 1
            err.write(f"{stop.code}\n" if isinstance(stop.code, str) else "")  # as the interpreter does
        finally:
            torch.set_num_threads(threads)
    return Done(code, out.getvalue(), err.getvalue())


def run_alone(script: str, *args: str | Path) -> Done:
    """A script in a process of its own, as a user calls it; no traceback may ever be in its output."""
    running = start(script, *args)
    out, err = running.communicate()
    assert "Traceback" not in err, err
    return Done(running.returncode, out, err)


def start(script: str, *args: str | Path, encoding: str = "utf-8") -> subprocess.Popen:
    """A script, started in a process of its own, its output as lines of text as soon as they are written."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONIOENCODING": encoding, "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, ROOT / "scripts" / script, *map(str, args)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, text=True, encoding="utf-8", env=environment, cwd=ROOT, **pipes)
