"""What the commands share: errors as one sentence, and output that works on every terminal and pipe.

Import it before anything heavy: until `guarded` runs, Ctrl-C ends the process silently.
"""

import gc
import importlib
import io
import os
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from strivelm.cli import environment

signal.signal(signal.SIGINT, signal.SIG_DFL)  # else Ctrl-C while torch is imported prints a traceback

EXTRAS: dict[str, str] = {
    **dict.fromkeys(("gradio", "httpx", "pandas", "starlette"), "app"),
    **dict.fromkeys(("tyro", "tqdm", "matplotlib", "PIL"), "train"),
    "onnx": "onnx",
    "gguf": "gguf",
}
"""The extra of the package that installs each optional library."""
ALONE = ("onnx", "gguf")
"""Those that requirements.txt leaves out."""


def guarded(main: Callable[[], None]) -> None:
    """Runs a script's main; errors of input and lack of memory end it with one sentence."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    environment.open_streams()
    warnings.showwarning = lambda message, *_, **__: print(f"warning: {message}", file=sys.stderr)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a character that the terminal can't encode is shown as its code
            stream.reconfigure(errors="backslashreplace")
    try:
        environment.prepare()
        main()
    except ModuleNotFoundError as error:
        library = (error.name or "strivelm").partition(".")[0]
        if library == "strivelm":
            raise
        extra = f'pip install "strivelm[{EXTRAS[library]}]", in a clone ' if library in EXTRAS else ""
        install = library if library in ALONE else "-r requirements.txt"
        sys.exit(f"error: this needs {library}, which is not installed: {extra}pip install {install}")
    except BrokenPipeError:
        silence()
        sys.exit(1)
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "memory" not in str(error):
            raise
        first_line = str(error).strip().split("\n")[0]
        sys.exit(f"error: it does not fit in memory ({first_line}); smaller sizes or a smaller batch would help")
    except KeyboardInterrupt:
        sys.exit(130)


def silence() -> None:
    """Redirects standard output to os.devnull, after its reader (`head`, say) has ended."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def call(command: str) -> None:
    """Runs a command of this package, its imports included: `call("train")` is `strivelm train`."""

    def run():
        with without_collections():
            module = importlib.import_module(f"strivelm.cli.{command}")
        module.main()

    guarded(run)


@contextmanager
def without_collections() -> Iterator[None]:
    """Collects no garbage inside: importing torch and Gradio leaves little, and looking takes a sixth of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()  # what is imported stays, and need not be searched later
        if enabled:
            gc.enable()
