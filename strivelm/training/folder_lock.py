"""One training at a time in a folder: a lock that goes with its process, however that ends."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

LOCK = ".training.lock"


class FolderTakenError(OSError):
    """Another training writes into the folder."""


@contextlib.contextmanager
def locked(folder: str | Path) -> Iterator[None]:
    """Makes the folder, and keeps other trainings out of it until the block is left. An empty one is removed again.

    Where the file system knows no locks, nobody is kept out.

    Raises:
        FolderTakenError: another training is in it.
        OSError: the folder can't be made or written.
    """
    path = Path(folder) / LOCK
    path.parent.mkdir(parents=True, exist_ok=True)
    file = _taken(path)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # Windows deletes no open file
            path.unlink(missing_ok=True)
        os.close(file)
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
            path.parent.rmdir()  # only where nothing was written


def check_free(folder: str | Path) -> None:
    """Raises FolderTakenError where another training is in the folder. Writes nothing."""
    path = Path(folder) / LOCK
    with contextlib.suppress(FileNotFoundError, NotADirectoryError, PermissionError):
        file = os.open(path, os.O_RDWR)
        try:
            _lock(file, path)
        finally:
            os.close(file)


def _taken(path: Path) -> int:
    """The lock file, open and locked."""
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            _lock(file, path)
            with contextlib.suppress(OSError):
                if os.path.samestat(os.fstat(file), os.stat(path)):  # else its holder removed it in between
                    os.truncate(file, 0)
                    os.write(file, f"{os.getpid()}\n".encode())
                    return file
        except BaseException:
            os.close(file)
            raise
        os.close(file)


def _lock(file: int, path: Path) -> None:
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        raise FolderTakenError(
            f"another training{_holder(file)} writes into {path.parent}; wait until it has ended, or pass another --out"
        ) from None
    except OSError:
        return  # a file system without locks


def _holder(file: int) -> str:
    """Which process has the lock, where it could write that down."""
    try:
        os.lseek(file, 0, os.SEEK_SET)
        return f" (process {int(os.read(file, 20))})"
    except (OSError, ValueError):  # on Windows nobody else can read a locked file
        return ""
