"""What the commands share: errors in one sentence, and output that no terminal and no pipe can break.

Import it before anything heavy: until `guarded` runs, Ctrl-C ends the process without a word.
"""

import importlib
import io
import os
import signal
import sys
import warnings
from collections.abc import Callable

from strivelm.cli import surroundings

signal.signal(signal.SIGINT, signal.SIG_DFL)  # else Ctrl-C in the seconds that torch takes to load prints its insides

EXTRAS = dict.fromkeys(("gradio", "httpx", "pandas"), "app") | dict.fromkeys(
    ("tyro", "tqdm", "matplotlib", "PIL"), "train"
)
"""Which of the package's extras brings a library that is not there."""


def guarded(main: Callable[[], None]) -> None:
    """Runs a script's main; what goes wrong by its input, or for want of memory, ends it with a sentence."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    surroundings.open_streams()
    warnings.showwarning = lambda message, *_, **__: print(f"warning: {message}", file=sys.stderr)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal that lacks a character shows its code instead
            stream.reconfigure(errors="backslashreplace")
    try:
        surroundings.prepare()
        main()
    except ModuleNotFoundError as error:
        library = (error.name or "strivelm").partition(".")[0]
        if library == "strivelm":
            raise
        extra = f'pip install "strivelm[{EXTRAS[library]}]", in a clone ' if library in EXTRAS else ""
        sys.exit(f"error: this needs {library}, which is not installed: {extra}pip install -r requirements.txt")
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
    """Sends standard output nowhere, after its reader (`head`, say) has gone."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def call(command: str) -> None:
    """Runs a command of this package, its imports included: `call("train")` is `strivelm train`."""
    guarded(lambda: importlib.import_module(f"strivelm.cli.{command}").main())
