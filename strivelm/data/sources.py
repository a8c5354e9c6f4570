"""Where a text's bytes come from: the bundled file, files, folders, a pipe, the web, the Hub; and the cache folder.

Small texts stay in memory. Those larger than LARGE are read from their file, or fetched to a file.
"""

import codecs
import hashlib
import http.client
import os
import stat
import tempfile
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, Any, cast

from strivelm.checkpoint import write_atomically
from strivelm.data import formats
from strivelm.data.formats import CorpusError, Parts

__all__ = ["CorpusError", "Parts", "Report", "cache_errors", "cache_folder", "open_sources"]
FABLES = Path(__file__).parents[1] / "assets" / "fables.txt"
SHAKESPEARE_URL = "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt"
SHAKESPEARE_SHA256 = "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"
MAX_BYTES = 64 << 30
LARGE = 64 << 20  # bytes; a text of no more stays in memory
PIECE = 1 << 20  # bytes read at a time
TIMEOUT = 30  # seconds without an answer

Report = Callable[[int, int | None, str], None]
"""Called with the bytes done, the bytes in all (None if unknown), and what is being done to them."""


def open_sources(
    sources: str | Sequence[str], cache_dir: str | Path | None, progress: Report, encoding: str | None = None
) -> tuple[IO[bytes], str, tuple[str, ...]]:
    """A file of UTF-8 text that can be read more than once, its name for people, and notes on it.

    Several sources are joined into one text, each beginning on a new line. Arguments and errors are those of
    `load_corpus`.
    """
    named = [sources] if isinstance(sources, str) else list(sources)
    if not named:
        raise CorpusError("there is no text; --data takes 'bundled', 'shakespeare', files, folders or addresses")
    paths = [path for source in named for path in _files_of(source)]
    if len(paths) == 1:
        return _opened(paths[0], cache_dir, progress, encoding)
    notes: list[str] = []
    file = _fetched(_joined(paths, cache_dir, progress, encoding, notes), "the files", cache_dir, progress)
    names = [formats.readable(Path(path).name) for path in paths]
    notes.insert(0, f"It is made of {len(paths)} texts: {', '.join(names[:5])}{', …' if len(names) > 5 else ''}.")
    name = (
        formats.readable(Path(named[0]).resolve().name) if len(named) == 1 else f"{names[0]} and {len(names) - 1} more"
    )
    return file, name, tuple(dict.fromkeys(notes))


def _files_of(source: str) -> list[str]:
    """The source itself, or the .txt files of a folder, sorted by name."""
    if "://" in source or source in ("bundled", "shakespeare") or not os.path.isdir(source):
        return [source]
    paths = [path for path in sorted(Path(source).rglob("*")) if path.suffix.lower() == ".txt" and path.is_file()]
    if not paths:
        raise CorpusError(f"{source} is a folder without a .txt file; pass the files to train on: --data a.md b.md")
    return list(map(str, paths))


def _joined(
    paths: list[str], cache_dir: str | Path | None, progress: Report, encoding: str | None, notes: list[str]
) -> Parts:
    yield b"", None
    end = b"\n"
    for path in paths:
        file, name, noticed = _opened(path, cache_dir, progress, encoding)
        notes += [f"{name}: {note}" for note in noticed]
        decoder = codecs.getincrementaldecoder("utf-8")()
        with file:
            if end != b"\n":
                yield b"\n", None
            first = True
            while part := file.read(PIECE):
                end = part[-1:]
                try:
                    decoder.decode(part)
                except UnicodeDecodeError:
                    hint = formats.guess(part)
                    raise CorpusError(f"{path} is not UTF-8 text; {hint}, or save it as UTF-8 and try again") from None
                yield part.removeprefix(codecs.BOM_UTF8) if first else part, None
                first = False


def _opened(
    source: str, cache_dir: str | Path | None, progress: Report, encoding: str | None
) -> tuple[IO[bytes], str, tuple[str, ...]]:
    """One source's text, its name, and notes on it."""
    if source == "bundled":
        return FABLES.open("rb"), "fables", ()
    if source == "shakespeare":
        return _shakespeare(cache_dir, progress), "tiny Shakespeare", ()
    if source.startswith(("http://", "https://")):
        file, name = _fetched(_from_web(source), source, cache_dir, progress), source
    elif source.startswith("hf://"):
        file, name = _fetched(_from_hub(source), source, cache_dir, progress), source
    else:
        file, name = _local(Path(source), cache_dir, progress), formats.readable(Path(source).name)

    def store(parts: Parts, what: str) -> IO[bytes]:
        return _fetched(parts, what, cache_dir, progress, "unpacking")

    found, notes = formats.as_text(file, source, encoding, store)
    found.seek(0)
    return found, name, notes


def cache_folder(cache_dir: str | Path | None) -> Path:
    """Where downloads and the ids of large texts are kept. All of it can be deleted: what is needed is made again.

    Raises CorpusError if it would be in the home folder and HOME is not set.
    """
    try:
        return Path(cache_dir or os.environ.get("STRIVELM_CACHE") or "~/.cache/strivelm").expanduser()
    except RuntimeError:
        words = "the cache would be ~/.cache/strivelm, but HOME is not set; set HOME or STRIVELM_CACHE"
        raise CorpusError(words) from None


@contextmanager
def cache_errors(folder: Path, what: str) -> Iterator[None]:
    """Turns an OSError while writing into the cache into a CorpusError that says what to do."""
    try:
        yield
    except OSError as error:
        raise CorpusError(
            f"{what} can't be kept in {folder}: {error.strerror or error}; make room there, or set STRIVELM_CACHE "
            "to a folder that can be written"
        ) from error


def _local(path: Path, cache_dir: str | Path | None, progress: Report) -> IO[bytes]:
    try:
        file = path.open("rb")
    except FileNotFoundError:
        raise CorpusError(
            f"there is no file {path}; --data takes 'bundled', 'shakespeare', files, folders of .txt files, http(s) "
            "addresses or hf://datasets/owner/name/file.txt"
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


def _shakespeare(cache_dir: str | Path | None, progress: Report) -> IO[bytes]:
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
        pass  # without a cache the next run downloads it again
    return file


def _is_shakespeare(file: IO[bytes]) -> bool:
    file.seek(0)
    digest = hashlib.sha256()
    while part := file.read(PIECE):
        digest.update(part)
    file.seek(0)
    return digest.hexdigest() == SHAKESPEARE_SHA256


def _fetched(
    parts: Parts, source: str, cache_dir: str | Path | None, progress: Report, doing: str = "fetching"
) -> IO[bytes]:
    """The parts as one file: in memory or, if they are large, a temporary file on disk, removed when it is closed."""
    folder, size, total = cache_folder(cache_dir), 0, None
    with ExitStack() as on_error:
        file = tempfile.SpooledTemporaryFile(dir=str(folder))  # noqa: SIM115 (the caller closes it)
        on_error.callback(_close_quietly, file)
        for part, total in parts:
            expected = max(size + len(part), total or 0)
            if expected > MAX_BYTES:
                raise CorpusError(f"{source} sends more than {MAX_BYTES:,} bytes; download it and cut it to size")
            with cache_errors(folder, f"what {source} sends"):
                if expected > LARGE:
                    folder.mkdir(parents=True, exist_ok=True)
                    file.rollover()  # to disk; a second call does nothing
                file.write(part)
            size += len(part)
            progress(size, total, doing)
        if total is not None and size != total:
            raise CorpusError(f"{source} broke off after {size:,} of {total:,} bytes; try again")
        with cache_errors(folder, f"what {source} sends"):
            file.seek(0)
        on_error.pop_all()
    return file


def _close_quietly(file: IO[bytes]) -> None:
    with suppress(OSError):  # closing flushes, to a disk that may be full
        file.close()


def _from_web(url: str) -> Parts:
    try:
        with urllib.request.urlopen(_ascii(url), timeout=TIMEOUT) as response:
            promised = response.headers.get("Content-Length", "")
            total = int(promised) if promised.isdigit() else None
            yield b"", total
            while part := response.read(PIECE):
                yield part, total
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise CorpusError(
            f"{url} can't be downloaded: {getattr(error, 'reason', error)}. "
            "Without a network, train on the bundled text: --data bundled"
        ) from error


def _ascii(url: str) -> str:
    """An address as a request needs it: a host that is not ASCII in punycode, all else percent-encoded."""
    parts = urllib.parse.urlsplit(url)
    host = parts.netloc if parts.netloc.isascii() else parts.netloc.encode("idna").decode()
    path, query = (urllib.parse.quote(part, safe="/%:@!$&'()*+,;=?~") for part in (parts.path, parts.query))
    return urllib.parse.urlunsplit((parts.scheme, host, path, query, ""))


def _from_hub(source: str) -> Parts:
    from huggingface_hub import HfFileSystem  # imports fsspec, which nothing else here needs

    try:
        with cast(Any, HfFileSystem().open(source, "rb")) as file:  # its declared type knows no size
            yield b"", file.size
            while part := file.read(PIECE):
                yield part, file.size
    except Exception as error:  # fsspec and the Hub client raise many kinds; each means that the text can't be read
        raise CorpusError(
            f"{source} can't be read from the Hub: {str(error).strip() or type(error).__name__}"
        ) from error


def _from_pipe(file: IO[bytes], path: Path) -> Parts:
    try:
        with file:
            yield b"", None
            while part := file.read(PIECE):
                yield part, None
    except OSError as error:
        raise CorpusError(f"{path} can't be read: {error}") from error
