"""Where a text's bytes come from: the bundled file, a file, a pipe, the web, the Hub; and the folder that caches.

What is small stays in memory. What is larger than LARGE never does: it is read where it lies, or fetched to the disk.
"""

import hashlib
import http.client
import os
import stat
import tempfile
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from strivelm.checkpoint import write_atomically

FABLES = Path(__file__).parents[1] / "assets" / "fables.txt"
SHAKESPEARE_URL = "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt"
SHAKESPEARE_SHA256 = "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"
MAX_BYTES = 64 << 30
LARGE = 64 << 20  # bytes; a text of no more stays in memory
PIECE = 1 << 20  # bytes read at a time
TIMEOUT = 30  # seconds without an answer

Report = Callable[[int, int | None, str], None]
"""Hears of progress: bytes done, bytes in all (None where nobody knows), and what is being done to them."""


class CorpusError(ValueError):
    """A text can't be had, or can't be trained on. The message says why and what to do."""


def open_source(source: str, cache_dir: str | Path | None, progress: Report) -> tuple[BinaryIO, str]:
    """A file of the source's bytes, which can be read more than once, and what a person calls it.

    Arguments and errors are those of `load_corpus`.
    """
    if source == "bundled":
        return FABLES.open("rb"), "fables"
    if source == "shakespeare":
        return _shakespeare(cache_dir, progress), "tiny Shakespeare"
    if source.startswith(("http://", "https://")):
        return _fetched(_from_web(source), source, cache_dir, progress), source
    if source.startswith("hf://"):
        return _fetched(_from_hub(source), source, cache_dir, progress), source
    return _local(Path(source), cache_dir, progress), Path(source).name


def cache_folder(cache_dir: str | Path | None) -> Path:
    """Where downloads and the ids of large texts are kept. All of it can be deleted: what is needed is made anew.

    Raises CorpusError where it would lie in a home that nobody knows.
    """
    try:
        return Path(cache_dir or os.environ.get("STRIVELM_CACHE") or "~/.cache/strivelm").expanduser()
    except RuntimeError:
        words = "the cache would be ~/.cache/strivelm, but HOME is not set; set HOME or STRIVELM_CACHE"
        raise CorpusError(words) from None


@contextmanager
def kept_in(folder: Path, what: str) -> Iterator[None]:
    """Turns what goes wrong while writing into the cache into a CorpusError that says what to do."""
    try:
        yield
    except OSError as error:
        raise CorpusError(
            f"{what} can't be kept in {folder}: {error.strerror or error}; make room there, or set STRIVELM_CACHE "
            "to a folder that can be written"
        ) from error


def _local(path: Path, cache_dir: str | Path | None, progress: Report) -> BinaryIO:
    try:
        file = path.open("rb")
    except FileNotFoundError:
        raise CorpusError(
            f"there is no file {path}; --data takes 'bundled', 'shakespeare', a file, an http(s) address "
            "or hf://datasets/owner/name/file.txt"
        ) from None
    except (OSError, ValueError) as error:
        raise CorpusError(f"{path} can't be read: {error}") from error
    status = os.fstat(file.fileno())
    if not stat.S_ISREG(status.st_mode):  # a pipe, which can be read only once
        return _fetched(_from_pipe(file, path), str(path), cache_dir, progress)
    if status.st_size > MAX_BYTES:
        file.close()
        raise CorpusError(f"{path} has {status.st_size:,} bytes; at most {MAX_BYTES:,} can be read")
    return file


def _shakespeare(cache_dir: str | Path | None, progress: Report) -> BinaryIO:
    path = cache_folder(cache_dir) / "tinyshakespeare.txt"
    if path.is_file():
        file = path.open("rb")
        if _is_shakespeare(file):
            return file
        file.close()
    file = _fetched(_from_web(SHAKESPEARE_URL), SHAKESPEARE_URL, cache_dir, progress)
    if not _is_shakespeare(file):
        size = file.seek(0, os.SEEK_END)
        file.close()
        raise CorpusError(
            f"{SHAKESPEARE_URL} sent another text than tiny Shakespeare ({size:,} bytes); nothing was kept. "
            "Try again later, or pass a file of your own with --data FILE"
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, file.read())
    except OSError:
        pass  # a cache that can't be written costs the next download, not this run
    return file


def _is_shakespeare(file: BinaryIO) -> bool:
    file.seek(0)
    digest = hashlib.file_digest(file, "sha256").hexdigest()
    file.seek(0)
    return digest == SHAKESPEARE_SHA256


Parts = Iterator[tuple[bytes, int | None]]
"""What can be read only once, in parts; with each the number of bytes in all, where that is known. The first is empty.

An iterator turns its own errors into CorpusErrors, so that those of its reader are not taken for them.
"""


def _fetched(parts: Parts, source: str, cache_dir: str | Path | None, progress: Report) -> BinaryIO:
    """The parts as one file: in memory, or where they are many a nameless one on the disk, gone when it is closed."""
    folder, size, total = cache_folder(cache_dir), 0, None
    with ExitStack() as on_error:
        file = tempfile.SpooledTemporaryFile(dir=folder)  # noqa: SIM115 (the caller closes it)
        on_error.callback(_drop, file)
        for part, total in parts:
            expected = max(size + len(part), total or 0)
            if expected > MAX_BYTES:
                raise CorpusError(f"{source} sends more than {MAX_BYTES:,} bytes; download it and cut it to size")
            with kept_in(folder, f"what {source} sends"):
                if expected > LARGE:
                    folder.mkdir(parents=True, exist_ok=True)
                    file.rollover()  # to the disk; the second time it does nothing
                file.write(part)
            size += len(part)
            progress(size, total, "fetching")
        if total is not None and size != total:
            raise CorpusError(f"{source} broke off after {size:,} of {total:,} bytes; try again")
        with kept_in(folder, f"what {source} sends"):
            file.seek(0)
        on_error.pop_all()
    return file


def _drop(file: BinaryIO) -> None:
    with suppress(OSError):  # closing writes what is left, to a disk that may be full
        file.close()


def _from_web(url: str) -> Parts:
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT) as response:
            promised = response.headers.get("Content-Length", "")
            total = int(promised) if promised.isdigit() else None
            yield b"", total
            while part := response.read(PIECE):
                yield part, total
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise CorpusError(
            f"{url} can't be downloaded: {getattr(error, 'reason', error)}. "
            "Without a network, train on the text that came along: --data bundled"
        ) from error


def _from_hub(source: str) -> Parts:
    from huggingface_hub import HfFileSystem  # brings fsspec, which nothing else here needs

    try:
        with HfFileSystem().open(source, "rb") as file:
            yield b"", file.size
            while part := file.read(PIECE):
                yield part, file.size
    except Exception as error:  # fsspec and the Hub client raise many kinds; each means that the text can't be had
        raise CorpusError(
            f"{source} can't be read from the Hub: {str(error).strip() or type(error).__name__}"
        ) from error


def _from_pipe(file: BinaryIO, path: Path) -> Parts:
    try:
        with file:
            yield b"", None
            while part := file.read(PIECE):
                yield part, None
    except OSError as error:
        raise CorpusError(f"{path} can't be read: {error}") from error
