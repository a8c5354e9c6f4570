"""The files of a model folder: their names, atomic writing, and reading JSON that is not trusted."""

import errno
import glob
import json
import os
import secrets
import time
from contextlib import suppress
from pathlib import Path

CONFIG, WEIGHTS, GENERATION_CONFIG = "config.json", "model.safetensors", "generation_config.json"
TOKENIZER, TOKENIZER_CONFIG = "tokenizer.json", "tokenizer_config.json"
SHARDS = "model.safetensors.index.json"
"""Where transformers says which of several files holds which weight, when it has split model.safetensors."""
ADAPTER = "adapter_config.json"
"""What PEFT leaves in a folder that holds no model but what is to be added to one."""
PICKLES = (".bin", ".pt", ".pth", ".ckpt")
"""How the names of files end that torch.load reads, and that can hold code."""
MAX_JSON_BYTES = 32 << 20
ABANDONED = 600.0
"""Seconds after which a half-written file is no longer somebody's at work."""


class CheckpointError(ValueError):
    """A folder, file or repo holds no model of ours, or a damaged one. The message says what and where."""


def write_together(contents: dict[Path, bytes]) -> None:
    """Writes files that belong together: each whole beside its place first, then all renamed into place.

    What a process that was killed left half-written beside them goes.

    Raises OSError that names the path (a full disk, a read-only folder, a folder in the way) and says whether what was
    there before is unharmed: it is, unless a rename failed after another one, or the machine died between the two.
    """
    staged: dict[Path, Path] = {}
    path, placed = None, 0
    try:
        for path, content in contents.items():
            if path.is_dir():
                raise IsADirectoryError(errno.EISDIR, "a folder of that name is in the way")
            staged[path] = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
            with open(staged[path], "xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        for path, temporary in staged.items():
            os.replace(temporary, path)
            placed += 1
            sweep(path.parent, f".{glob.escape(path.name)}.{'[0-9a-f]' * 8}")
    except OSError as error:
        before = "other files beside it are new already" if placed else "what was there before is unharmed"
        raise OSError(error.errno, f"could not write {path}: {error.strerror}; {before}") from error
    finally:
        for temporary in staged.values():
            with suppress(OSError):  # what went wrong above is what a person has to know
                temporary.unlink(missing_ok=True)


def sweep(folder: Path, pattern: str) -> None:
    """Removes a folder's files of that pattern that nobody has written to for long; what can't be removed stays."""
    with suppress(OSError):
        for path in folder.glob(pattern):
            with suppress(OSError):
                if time.time() - path.lstat().st_mtime > ABANDONED:
                    path.unlink()


def write_atomically(path: Path, content: bytes) -> None:
    """Writes one file whole or not at all. Raises OSError as `write_together` does."""
    write_together({path: content})


def to_json(content: object) -> bytes:
    """JSON in UTF-8, indented for people."""
    return (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode()


def write_json(path: Path, content: object) -> None:
    """Writes JSON atomically, readable by people and in UTF-8."""
    write_atomically(path, to_json(content))


def read_json(path: Path) -> dict:
    """A JSON object from a file, with or without the mark that some editors put before it.

    Raises CheckpointError where there is none, or something else.
    """
    try:
        if path.stat().st_size > MAX_JSON_BYTES:
            raise CheckpointError(f"{path} has {path.stat().st_size:,} bytes; expected at most {MAX_JSON_BYTES:,}")
        content = json.loads(path.read_text("utf-8-sig"))
    except FileNotFoundError:
        raise CheckpointError(f"{path.parent} holds no {path.name}; is it a model folder?") from None
    except CheckpointError:
        raise
    except UnicodeDecodeError as error:
        raise CheckpointError(f"{path} is not readable JSON: {error}; save it as UTF-8") from error
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} is not readable JSON: {error}") from error
    if not isinstance(content, dict):
        raise CheckpointError(f"{path} holds a {type(content).__name__}; expected an object with keys and values")
    return content
