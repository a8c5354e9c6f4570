"""Recognises a file by its content, whatever its name, and reads it as UTF-8 text or says why it can't.

It reads gzip, bzip2 and xz, a ZIP archive of one file, UTF-16 and UTF-32 with a byte order mark, and any encoding that
the user names. Files without text (PDF, Word, pictures, archives of many files, pointers of git-lfs) are refused with a
sentence that says what to do; HTML is read with a note.
"""

import bz2
import codecs
import gzip
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import IO

PIECE = 1 << 20  # bytes read at a time
HEAD = 4096  # bytes by which a file is recognised

Parts = Iterator[tuple[bytes, int | None]]
"""Bytes that can be read only once, part by part, each with the total number of bytes (None if unknown). The first part
is empty.

An iterator turns its own errors into CorpusErrors, so that they are not confused with those of its reader.
"""

AS_TEXT = "save its words as plain text (.txt, UTF-8) and pass that"
KINDS = {
    b"%PDF-": f"a PDF; {AS_TEXT}, for example by pdftotext FILE.pdf FILE.txt",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": f"a document of Microsoft Office; open it there, {AS_TEXT}",
    b"{\\rtf": f"rich text (RTF); open it in a word processor, {AS_TEXT}",
    b"PAR1": "a Parquet table; write its column of text into a .txt file and pass that",
    b"SQLite format 3\0": "an SQLite database; write its text into a .txt file and pass that",
    b"\x28\xb5\x2f\xfd": "compressed with zstd; unpack it first: zstd -d FILE.zst",
    b"7z\xbc\xaf\x27\x1c": "a 7-Zip archive; unpack it first, and pass the files in it",
    b"Rar!": "a RAR archive; unpack it first, and pass the files in it",
    b"\x89PNG": "a picture (PNG); there is no text in it",
    b"\xff\xd8\xff": "a picture (JPEG); there is no text in it",
    b"GIF8": "a picture (GIF); there is no text in it",
    b"\x7fELF": "a program; there is no text in it",
}
"""The first bytes of files without plain text, each with what the file is and what to do with it."""
LFS = b"version https://git-lfs.github.com/spec/"
MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
OFFICE = {"word/document.xml": "Word", "xl/workbook.xml": "Excel", "ppt/presentation.xml": "PowerPoint"}
PACKED = {b"\x1f\x8b": ("gzip", gzip.open), b"BZh": ("bzip2", bz2.open), b"\xfd7zXZ\0": ("xz", lzma.open)}


class CorpusError(ValueError):
    """A text can't be read, or can't be trained on. The message says why and what to do."""


def as_text(
    file: IO[bytes], what: str, encoding: str | None, store: Callable[[Parts, str], IO[bytes]]
) -> tuple[IO[bytes], tuple[str, ...]]:
    """A file of UTF-8 text made from a file of any kind, and notes on it, in sentences.

    Args:
        file: a file that can be read more than once; it is closed if another one is returned.
        what: its name in messages.
        encoding: of the text; None recognises UTF-8, UTF-16 and UTF-32 by their byte order marks.
        store: makes a file from parts.

    Raises:
        CorpusError: it is not text, or not in that encoding; the message says what it is and what to do.
    """
    try:
        return _as_text(file, what, encoding, store)
    except BaseException:
        file.close()
        raise


def _as_text(
    file: IO[bytes], what: str, encoding: str | None, store: Callable[[Parts, str], IO[bytes]]
) -> tuple[IO[bytes], tuple[str, ...]]:
    head = file.read(HEAD)
    file.seek(0)
    for mark, (name, opener) in PACKED.items():
        if head.startswith(mark):
            inner = store(_unpacked(opener(file), what, name), what)
            file.close()
            found, notes = as_text(inner, what, encoding, store)
            return found, (f"It was unpacked ({name}).", *notes)
    if head.startswith(b"PK\x03\x04"):
        archive, member = _only_member(file, what)
        inner = store(_unpacked(_opened(archive, member, what), what, "ZIP"), what)
        file.close()
        found, notes = as_text(inner, f"{member} in {what}", encoding, store)
        return found, (f"The one file in the ZIP archive was read: {_line(member)}.", *notes)
    if head.startswith(LFS):
        raise CorpusError(f"{what} is only a pointer of git-lfs, not the text itself; fetch that with git lfs pull")
    if head[257:262] == b"ustar":
        raise CorpusError(f"{what} is a tar archive; unpack it first, and pass the files in it: tar -xf")
    for mark, kind in KINDS.items():
        if head.startswith(mark):
            raise CorpusError(f"{what} is {kind}")
    name = encoding or next((name for mark, name in MARKS if head.startswith(mark)), None)
    if name is None:
        _check_without_mark(head, what)
        return file, _markup(head)
    found = store(_decoded(file, what, name), what)
    file.close()
    how = f"It was read as {name}." if encoding else f"It was read as {name.upper()}, as its byte order mark says."
    return found, (how, *_markup(found.read(HEAD)))


def guess(content: bytes) -> str:
    """The end of a sentence: which 8-bit encoding a text that is not UTF-8 probably has, and which flag reads it."""
    if b"\0" in content or sum(byte < 9 for byte in content) > len(content) / 100:
        return "it is probably no text at all"
    letters = sum(byte >= 128 or bytes((byte,)).isalpha() for byte in content)
    strange = sum(byte >= 128 for byte in content)
    if strange > 0.4 * letters and strange > 8:
        return "it is probably of a script like Cyrillic or Greek in an older encoding: try --encoding cp1251 (Russian)"
    likely = "cp1252" if any(0x80 <= byte < 0xA0 for byte in content) else "latin-1"
    name = "Windows-1252" if likely == "cp1252" else "Latin-1"
    return f"it is probably {name}: --encoding {likely} reads that"


def readable(name: str) -> str:
    """A file's name as valid text: what is not UTF-8 in it is replaced."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _line(name: str) -> str:
    return " ".join(readable(name).split())[:120]


def _unpacked(file: IO[bytes], what: str, name: str) -> Parts:
    try:
        with file:
            yield b"", None
            while part := file.read(PIECE):
                yield part, None
    except (OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, RuntimeError, NotImplementedError) as e:
        raise CorpusError(f"{what} can't be unpacked ({name}): {e}; it is damaged, or needs a password") from e


def _only_member(file: IO[bytes], what: str) -> tuple[zipfile.ZipFile, str]:
    """An archive and the name of its only file. Raises CorpusError for a document, or an archive of many."""
    try:
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise CorpusError(f"{what} is a damaged ZIP archive: {error}") from error
    names = [entry.filename for entry in archive.infolist() if not entry.is_dir()]
    for name, program in OFFICE.items():
        if name in names:
            raise CorpusError(f"{what} is a document of Microsoft {program}; open it there, {AS_TEXT}")
    if "META-INF/container.xml" in names:
        raise CorpusError(
            f"{what} is an e-book (EPUB); {AS_TEXT}, for example by pandoc FILE.epub -t plain -o FILE.txt"
        )
    if "content.xml" in names:
        raise CorpusError(f"{what} is an OpenDocument file; open it in its program, {AS_TEXT}")
    if len(names) != 1:
        some = ", ".join(map(_line, names[:4])) + (", …" if len(names) > 4 else "")
        raise CorpusError(
            f"{what} is a ZIP archive of {len(names)} files{': ' if names else ''}{some}; unpack it and pass the ones "
            "to train on: --data a.txt b.txt, or a folder of .txt files"
        )
    return archive, names[0]


def _opened(archive: zipfile.ZipFile, member: str, what: str) -> IO[bytes]:
    try:
        return archive.open(member)
    except (RuntimeError, NotImplementedError, zipfile.BadZipFile) as error:
        raise CorpusError(f"{what} can't be unpacked (ZIP): {error}; it is damaged, or needs a password") from error


def _decoded(file: IO[bytes], what: str, encoding: str) -> Parts:
    try:
        " ".encode(encoding)  # raises for codecs that are no text encodings, such as hex
        decoder = codecs.getincrementaldecoder(encoding)()
    except (LookupError, ValueError):
        raise CorpusError(
            f"there is no encoding called {encoding!r}; expected one that Python knows: utf-8, utf-16, latin-1, "
            "cp1252, cp1251, shift_jis, …"
        ) from None
    yield b"", None
    while True:
        content = file.read(PIECE)
        try:
            text = decoder.decode(content, final=not content)
        except UnicodeError as error:
            raise CorpusError(f"{what} is not {encoding} text: {error}; name another --encoding") from None
        yield text.encode(errors="replace"), None
        if not content:
            return


def _check_without_mark(head: bytes, what: str) -> None:
    """Raises CorpusError for a text that looks like UTF-16 without its byte order mark."""
    for start, name in ((1, "utf-16-le"), (0, "utf-16-be")):
        others = head[1 - start :: 2]
        if len(head) > 16 and head[start::2].count(0) > 0.4 * len(others) and others.count(0) < 0.05 * len(others):
            raise CorpusError(
                f"{what} is probably UTF-16 text without its byte order mark: --encoding {name} reads that"
            )


def _markup(head: bytes) -> tuple[str, ...]:
    """A note if a text begins like a web page."""
    start = head.removeprefix(codecs.BOM_UTF8).lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html")) or (start.startswith(b"<?xml") and b"<html" in start):
        return (
            "This is HTML: its markup is learnt like any other text. To train on its words alone, save the page as "
            "plain text in a browser and pass that.",
        )
    if start.startswith(b"<?xml"):
        return ("This is XML: its markup is learnt like any other text.",)
    return ()
