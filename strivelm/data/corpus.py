"""How a text becomes ids, and how these are divided: into training, validation, and batches.

The model is trained on the first 90 % of a text and evaluated on the last 10 %.
"""

import codecs
import hashlib
import io
import os
import secrets
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import IO

import numpy as np
import torch

from strivelm.data import sources
from strivelm.data.formats import guess
from strivelm.data.sources import SHAKESPEARE_SHA256, CorpusError, Report
from strivelm.tokenizer import CharTokenizer, UnknownCharacterError

TRAIN_FRACTION = 0.9
IDS = "ids-v1-"  # how names of files of ids begin; the version is that of the encoding
ABANDONED = 3600  # seconds without a write after which an unfinished file counts as a killed process's


@dataclass(frozen=True, eq=False)
class Corpus:
    """A text as ids, split for training and validation."""

    name: str
    """Its name for people: "fables", "tiny Shakespeare", a file's name, an address."""
    sha256: str
    """The hash of its bytes, which identifies the text."""
    tokenizer: CharTokenizer
    """Its vocabulary: the text's characters, sorted."""
    train: torch.Tensor
    """The first 90 % as ids, (N,): uint8, int16 or int32, the smallest that holds them. A large text's are a read-only
    view of a file."""
    validation: torch.Tensor
    """The last 10 % likewise; empty if the text is too short to leave two characters for it."""
    notes: tuple[str, ...] = ()
    """What was noticed while reading, in sentences."""

    @property
    def characters(self) -> int:
        """How long the text is."""
        return len(self.train) + len(self.validation)

    @property
    def text(self) -> str:
        """The text itself. It is built in memory: don't use it for a large one."""
        return self.tokenizer.decode(torch.cat([self.train, self.validation]))

    def window(self, block_size: int) -> int:
        """The length of a training window in characters: the context, or less if the text is shorter."""
        return min(block_size, len(self.train) - 1)

    def warnings(self, block_size: int) -> list[str]:
        """What a person should know before a model with this context is trained on this text, in sentences."""
        found = list(self.notes)
        if len(self.train) <= block_size:
            found.append(
                f"The training text has {len(self.train)} characters, less than one context of {block_size} and the "
                f"character after it: windows are {self.window(block_size)} long, and the model's later "
                "positions stay untrained. A longer text or a smaller --block-size would help."
            )
        if not len(self.validation):
            found.append(
                f"The text has only {self.characters} characters: none can be spared for validation, so overfitting "
                "can't be seen. The weights of the last step are kept."
            )
        elif len(self.validation) <= block_size:
            found.append(
                f"The validation text has {len(self.validation)} characters, less than one context of {block_size} and "
                f"the character after it: its loss is that of {len(self.validation) - 1} predictions, a rough guide. "
                "A longer text or a smaller --block-size would help."
            )
        return found


def corpus_from_text(text: str, name: str, sha256: str | None = None, notes: tuple[str, ...] = ()) -> Corpus:
    """The corpus of a text; its last 10 % are for validation: at least 2 characters, or none.

    Raises CorpusError for a text of fewer than two characters, in which there is nothing to predict.
    """
    _check_length(len(text), name)
    try:
        tokenizer = CharTokenizer.of(text)
    except ValueError as error:
        raise CorpusError(f"{name}: {error}") from None
    ids = np.empty(len(text), _id_type(tokenizer))
    for at in range(0, len(text), sources.PIECE):  # encoding needs 30 bytes for a character
        ids[at : at + sources.PIECE] = tokenizer.encode_array(text[at : at + sources.PIECE])
    sha256 = sha256 or hashlib.sha256(text.encode()).hexdigest()
    return _split(name, sha256, tokenizer, torch.from_numpy(ids), notes)


def _check_length(characters: int, name: str) -> None:
    if characters < 2:
        raise CorpusError(
            f"{name} holds {'only one' if characters else 'no'} character; at least 2 are needed to have one to predict"
        )


def _id_type(tokenizer: CharTokenizer) -> np.dtype:
    """The smallest type for its ids by which torch can index; uint8 is the only unsigned one."""
    return np.dtype(np.uint8) if len(tokenizer) <= 256 else np.min_scalar_type(-len(tokenizer))


def _split(name: str, sha256: str, tokenizer: CharTokenizer, ids: torch.Tensor, notes: tuple[str, ...]) -> Corpus:
    at = int(len(ids) * TRAIN_FRACTION)
    if at < 2 or len(ids) - at < 2:
        at = len(ids)
    return Corpus(name, sha256, tokenizer, ids[:at], ids[at:], notes)


def load_corpus(
    source: str | Sequence[str] = "bundled",
    cache_dir: str | Path | None = None,
    progress: Report | None = None,
    encoding: str | None = None,
) -> Corpus:
    """The corpus that a name stands for, or the concatenation of several.

    A text of more than `sources.LARGE` bytes is never in memory as a whole: it is read twice, piece by piece, and its
    ids are written to a file in the cache folder, which is mapped into memory and used again the next time.

    Args:
        source: "bundled" (fables written for this project), "shakespeare" (tiny Shakespeare, downloaded once and
            cached), a file, a folder of .txt files, an http(s) address, or "hf://datasets/owner/name/file.txt" on the
            Hub. What a file may be: `strivelm.data.formats`.
        cache_dir: where tiny Shakespeare, large downloads and the ids of large texts are kept; None means
            $STRIVELM_CACHE, else ~/.cache/strivelm.
        progress: called after each piece of about a megabyte with the bytes done, the bytes in all (None if unknown),
            and what was done: "fetching" (from the web, the Hub, a pipe or several files) or "unpacking", then
            "reading", then for a large text without a file of ids "encoding". Each counts from 0.
        encoding: of the text; None means UTF-8, or what a byte order mark says.

    Raises:
        CorpusError: no such file, no network, another text than expected, no text, too short, the disk is full.
    """
    progress = progress or (lambda done, total, what: None)
    file, name, notes = sources.open_sources(source, cache_dir, progress, encoding)
    source = source if isinstance(source, str) else " ".join(source)
    with file:
        if file.seek(0, os.SEEK_END) > sources.LARGE:
            corpus = _mapped(file, source, name, sources.cache_folder(cache_dir), progress)
        else:
            reading = _Reading(file, source, "reading", progress)
            text = "".join(reading)
            corpus = corpus_from_text(text, name, reading.sha256, reading.notes)
    name = "tiny Shakespeare" if corpus.sha256 == SHAKESPEARE_SHA256 else corpus.name
    return replace(corpus, name=name, notes=(*notes, *corpus.notes))


class _Reading:
    """A file's text in pieces, without a byte order mark and with plain line breaks; the file's hash when all are read.

    Iterating raises CorpusError: the file can't be read, or is not UTF-8.
    """

    def __init__(self, file: IO[bytes], source: str, what: str, progress: Report):
        self._file, self._source, self._what, self._progress = file, source, what, progress
        self._hash = hashlib.sha256()
        self._lines = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder("utf-8")(), translate=True)

    def __iter__(self) -> Iterator[str]:
        size, done, begun = self._file.seek(0, os.SEEK_END), 0, False
        self._file.seek(0)
        while True:
            try:
                content = self._file.read(sources.PIECE)
            except OSError as error:
                raise CorpusError(f"{self._source} can't be read: {error}") from error
            self._hash.update(content)
            done += len(content)
            text = self._decoded(content, done)
            if text:
                yield text if begun else text.removeprefix("\ufeff")
                begun = True
            if not content:
                return
            self._progress(done, size, self._what)

    def _decoded(self, content: bytes, done: int) -> str:
        try:
            return self._lines.decode(content, final=not content)
        except UnicodeDecodeError as error:
            place = (
                done - len(error.object) + error.start
            )  # object: this piece, after the undecoded end of the last one
            raise CorpusError(
                f"{self._source} is not UTF-8 text: byte {error.object[error.start]:#04x} at place {place:,}; "
                f"{guess(error.object)}, or save it as UTF-8 and try again"
            ) from None

    @property
    def sha256(self) -> str:
        """The hash of the bytes read."""
        return self._hash.hexdigest()

    @property
    def notes(self) -> tuple[str, ...]:
        """What was noticed while reading, in sentences."""
        if "\r" in "".join(self._lines.newlines or ()):
            return ("Line ends of Windows or old Macs were read as plain line breaks.",)
        return ()


def _mapped(file: IO[bytes], source: str, name: str, folder: Path, progress: Report) -> Corpus:
    """The corpus of a large text: read for its vocabulary and hash, then again to write its ids."""
    reading, chars, count = _Reading(file, source, "reading", progress), set(), 0
    for text in reading:
        chars.update(text)
        count += len(text)
    _check_length(count, name)
    tokenizer = CharTokenizer.of("".join(chars))
    dtype = _id_type(tokenizer)
    path = folder / f"{IDS}{reading.sha256}.{dtype}"
    writing = partial(sources.cache_errors, folder, f"the {count * dtype.itemsize:,} bytes of ids of {name}")
    with writing():
        there = path.is_file() and path.stat().st_size == count * dtype.itemsize
    if not there:
        _write(path, _encoded(file, source, reading.sha256, tokenizer, progress), writing)
    with writing():
        array = np.memmap(path, dtype, "r")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns that the array is read-only; nothing here writes into a corpus
        ids = torch.from_numpy(array)
    return _split(name, reading.sha256, tokenizer, ids, reading.notes)


def _encoded(
    file: IO[bytes], source: str, sha256: str, tokenizer: CharTokenizer, progress: Report
) -> Iterator[np.ndarray]:
    reading = _Reading(file, source, "encoding", progress)
    try:
        for text in reading:
            yield tokenizer.encode_array(text).astype(_id_type(tokenizer), copy=False)
        changed = reading.sha256 != sha256
    except UnknownCharacterError:
        changed = True
    if changed:
        raise CorpusError(f"{source} changed while it was read; try again when nothing writes to it")


def _write(path: Path, pieces: Iterator[np.ndarray], writing: Callable[[], AbstractContextManager]) -> None:
    """Writes the pieces into one file, completely or not at all, and removes unfinished files of killed processes.

    `writing` is a context manager that translates errors of the file, not those that `pieces` raises.
    """
    staged = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with writing():
        path.parent.mkdir(parents=True, exist_ok=True)
        _sweep(path.parent)
        file = open(staged, "xb")  # noqa: SIM115 (closing it is one of the writes that can fail)
    try:
        for piece in pieces:
            with writing():
                file.write(piece.data)
        with writing():
            file.flush()
            os.fsync(file.fileno())
            file.close()
            os.replace(staged, path)
    finally:
        with suppress(OSError):
            file.close()
        staged.unlink(missing_ok=True)


def _sweep(folder: Path) -> None:
    for left in folder.glob(f".{IDS}*"):
        with suppress(OSError):  # removed already, or another user's
            if time.time() - left.stat().st_mtime > ABANDONED:
                left.unlink()


def windows(characters: int, length: int, starts: torch.Tensor | None = None) -> list[tuple[torch.Tensor, int]]:
    """Windows of a text that don't overlap, as (starts, length): those of full length, then the shorter last one.

    Args:
        starts: the starts of those wanted, ascending; None for all.
    """
    starts = torch.arange(0, characters, length) if starts is None else starts
    whole = starts[starts + length <= characters]
    return [(some, n) for some, n in ((whole, length), (starts[len(whole) :], characters % length)) if len(some)]


def batch(ids: torch.Tensor, starts: torch.Tensor, length: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Inputs and targets, (B, length) each: the windows of ids that begin at starts (B,), in one gather."""
    windows = ids[starts[:, None] + torch.arange(length + 1, device=starts.device)].long()
    return windows[:, :-1], windows[:, 1:]
