"""What a text may come as: each kind is read where that is meant, else named with what to do."""

import bz2
import codecs
import gzip
import http.server
import io
import lzma
import os
import tarfile
import threading
import urllib.parse
import zipfile

import pytest

from strivelm.data import sources
from strivelm.data.corpus import load_corpus
from strivelm.data.formats import CorpusError, guess

TEXT = "Über den Fluß: 10 £.\nEin Fuchs kam und trank. \n" * 30


def zipped(*exact, **files):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in files.items():
            archive.writestr(name.replace("__", "/").replace("_", "."), text)
        for name in exact:
            archive.writestr(name, b"\0\x05\x16\x07")
    return content.getvalue()


def tarred():
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a.txt"))
    return content.getvalue()


READ = {
    "utf-8": (TEXT.encode(), None),
    "utf-8 with a mark": (codecs.BOM_UTF8 + TEXT.encode(), None),
    "utf-16": (TEXT.encode("utf-16"), "UTF-16"),
    "utf-16, big end first": (codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"), "UTF-16"),
    "utf-32": (TEXT.encode("utf-32"), "UTF-32"),
    "gzip": (gzip.compress(TEXT.encode()), "unpacked"),
    "bzip2": (bz2.compress(TEXT.encode()), "unpacked"),
    "xz": (lzma.compress(TEXT.encode()), "unpacked"),
    "zip of one text": (zipped(folder__book_txt=TEXT), "ZIP archive was read: folder/book.txt"),
    "zip made on macOS": (
        zipped("__MACOSX/._book.txt", "a/.DS_Store", book_txt=TEXT),
        "ZIP archive was read: book.txt",
    ),
    "zip made to be split": (b"PK\x07\x08" + zipped(book_txt=TEXT), "ZIP archive was read: book.txt"),
    "gzip of utf-16": (gzip.compress(TEXT.encode("utf-16")), "UTF-16"),
}
REFUSED = {
    "pdf": (b"%PDF-1.7\n\xe2\xe3 stream", "is a PDF; save its words as plain text"),
    "pdf after blanks": (codecs.BOM_UTF8 + b"\n %PDF-1.7\n", "is a PDF; save its words as plain text"),
    "postscript": (b"%!PS-Adobe-3.0\n", "is a PostScript document; save its words as plain text"),
    "word": (zipped(word__document_xml="<w>"), "is a document of Microsoft Word; open it there"),
    "old word": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "is a document of Microsoft Office"),
    "open document": (zipped(content_xml="<o>", mimetype="x"), "is an OpenDocument file"),
    "e-book": (zipped(**{"META-INF__container_xml": "<c>", "a_html": "b"}), "is an e-book"),
    "rtf": (b"{\\rtf1 words}", "is rich text"),
    "lfs": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
        "is only a pointer of git-lfs.*git lfs pull",
    ),
    "zip of several": (zipped(a_txt="a", b_txt="b"), "is a ZIP archive of 2 files: a.txt, b.txt; unpack it and pass"),
    "empty zip": (zipped(a_="").replace(b"PK\x03\x04", b"PK\x03\x04")[:20], "is a damaged ZIP archive"),
    "zip of nothing": (zipped(), "is a ZIP archive without a file in it"),
    "damaged gzip": (gzip.compress(TEXT.encode())[:-20], r"can't be unpacked \(gzip\).*damaged"),
    "tar": (tarred(), "is a tar archive; unpack it first"),
    "parquet": (b"PAR1" + b"\0" * 20, "is a Parquet table"),
    "picture": (b"\x89PNG\r\n\x1a\n" + b"\0" * 20, r"is a picture \(PNG\)"),
    "latin-1": (TEXT.encode("latin-1"), "is not UTF-8 text: byte 0xdc at place 0; it is probably Latin-1: --encoding"),
    "windows": (
        TEXT.replace("Fuchs", "\u201eFuchs\u201c").encode("cp1252"),
        "it is probably Windows-1252: --encoding cp1252",
    ),
    "russian": ("Лиса пришла к реке. ".encode("cp1251") * 9, ".* try --encoding cp1251"),
    "utf-16 without a mark": (
        TEXT.encode("utf-16-le"),
        "is probably UTF-16 text without its byte order mark: --encoding utf-16-le",
    ),
    "utf-16 of Cyrillic without a mark, which is valid UTF-8": (
        ("Лиса пришла к реке.\n" * 9).encode("utf-16-be"),
        "is probably UTF-16 text without its byte order mark: --encoding utf-16-be",
    ),
    "utf-16 of Chinese without a mark": (
        ("道可道非常道\n" * 9).encode("utf-16-le"),
        "is probably UTF-16 text.*utf-16-le",
    ),
    "utf-32 without a mark": (TEXT.encode("utf-32-be"), "is probably UTF-32 text.*--encoding utf-32-be"),
    "noise": (bytes(range(256)) * 4, "it is probably no text at all"),
}


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("kind", READ)
def test_what_is_a_text_is_read(tmp_path, monkeypatch, kind, large):
    if large:
        monkeypatch.setattr(sources, "LARGE", 64)
        monkeypatch.setattr(sources, "PIECE", 50)
    content, note = READ[kind]
    (tmp_path / "text").write_bytes(content)
    corpus = load_corpus(str(tmp_path / "text"), tmp_path / "cache")
    assert corpus.text == TEXT
    assert (note is None and corpus.notes == ()) or note in " ".join(corpus.notes)


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_none_is_named(tmp_path, kind):
    content, message = REFUSED[kind]
    (tmp_path / "text").write_bytes(content)
    with pytest.raises(CorpusError, match=message if message.startswith("it ") else rf"text {message}") as caught:
        load_corpus(str(tmp_path / "text"), tmp_path / "cache")
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize(("kind", "encoding"), [("latin-1", "latin-1"), ("utf-16 without a mark", "utf-16-le")])
def test_an_encoding_that_is_named_is_used(tmp_path, kind, encoding):
    (tmp_path / "text").write_bytes(REFUSED[kind][0])
    corpus = load_corpus(str(tmp_path / "text"), encoding=encoding)
    assert corpus.text == TEXT
    assert f"It was read as {encoding}." in corpus.notes
    with pytest.raises(CorpusError, match="is not ascii text"):
        load_corpus(str(tmp_path / "text"), encoding="ascii")
    for none in ("klingon", "hex", "rot13"):
        with pytest.raises(CorpusError, match=f"there is no encoding called '{none}'; expected one that Python knows"):
            load_corpus(str(tmp_path / "text"), encoding=none)


def test_a_text_and_its_utf_16_are_one_text(tmp_path):
    for name, encoding in (("a", "utf-8"), ("b", "utf-16")):
        (tmp_path / name).write_text(TEXT, encoding)
    assert len({load_corpus(str(tmp_path / name)).sha256 for name in "ab"}) == 1


def test_html_is_read_with_a_note(tmp_path):
    page = "\n <!DOCTYPE html>\n<html><body>" + TEXT + "</body></html>"
    (tmp_path / "page").write_text(page, "utf-8")
    corpus = load_corpus(str(tmp_path / "page"))
    assert corpus.text == page
    assert "This is HTML: its markup is learnt like any other text. To train on its words alone" in corpus.notes[0]


@pytest.mark.parametrize(
    "start", ["<p>", "<!-- saved -->\n<BODY class=a>", "<div\nid='b'>", "<head><title>c</title>", "<h1>"]
)
def test_a_piece_of_html_has_the_same_note(tmp_path, start):
    (tmp_path / "page").write_text(start + TEXT, "utf-8")
    assert "This is HTML" in load_corpus(str(tmp_path / "page")).notes[0]


@pytest.mark.parametrize("start", ["<", "<3 ", "<pad>", "a <p> ", "# <b>"])
def test_a_text_with_a_bracket_is_no_html(tmp_path, start):
    (tmp_path / "text").write_text(start + TEXT, "utf-8")
    assert load_corpus(str(tmp_path / "text")).notes == ()


def test_bytes_that_no_text_holds_are_noted(tmp_path):
    (tmp_path / "sound").write_bytes(b"RIFF\x24\0\0\0WAVEfmt " + bytes(99))
    assert "it may be no text at all" in load_corpus(str(tmp_path / "sound")).notes[0]


def test_a_name_of_several_lines_is_written_as_one(tmp_path):
    (tmp_path / "a\nb \x1b[31m.txt").write_text(TEXT, "utf-8")
    assert load_corpus(str(tmp_path / "a\nb \x1b[31m.txt")).name == "a b \ufffd[31m.txt"


def test_several_files_are_one_text_each_on_lines_of_its_own(tmp_path):
    parts = {"b.txt": "second\n", "a.txt": "first", "c.txt.gz": "third"}
    (tmp_path / "b.txt").write_bytes(codecs.BOM_UTF8 + b"second\n")
    (tmp_path / "a.txt").write_text("first")
    (tmp_path / "c.txt.gz").write_bytes(gzip.compress(b"third"))
    corpus = load_corpus([str(tmp_path / name) for name in parts])
    assert corpus.text == "second\nfirst\nthird"
    assert corpus.name == "b.txt and 2 more"
    assert "It is made of 3 texts: b.txt, a.txt, c.txt.gz." in corpus.notes
    assert any(note.startswith("c.txt.gz: It was unpacked") for note in corpus.notes)
    (tmp_path / "d.txt").write_bytes("é".encode("latin-1") * 9 + b"abcdefghijklmnop")
    with pytest.raises(CorpusError, match=r"d.txt is not UTF-8 text; it is probably Latin-1"):
        load_corpus([str(tmp_path / name) for name in (*parts, "d.txt")])
    with pytest.raises(CorpusError, match="there is no text; --data takes"):
        load_corpus([])


def test_a_folder_is_its_texts_in_the_order_of_their_names(tmp_path):
    folder = tmp_path / "books"
    (folder / "more").mkdir(parents=True)
    (folder / "2.txt").write_text("two")
    (folder / "1.txt").write_text("one")
    (folder / "more" / "3.TXT").write_text("three")
    (folder / "picture.png").write_bytes(b"\x89PNG")
    corpus = load_corpus(str(folder))
    assert (corpus.text, corpus.name) == ("one\ntwo\nthree", "books")
    (tmp_path / "none").mkdir()
    with pytest.raises(CorpusError, match=r"none is a folder without a .txt file; pass the files"):
        load_corpus(str(tmp_path / "none"))


def test_what_macos_puts_beside_each_file_is_no_text(tmp_path):
    (tmp_path / "a.txt").write_text(TEXT, "utf-8")
    (tmp_path / "__MACOSX").mkdir()
    (tmp_path / "__MACOSX" / "._a.txt").write_bytes(b"\0\x05\x16\x07\xff")
    assert load_corpus(str(tmp_path)).text == TEXT


def test_a_name_that_is_not_utf_8_can_be_written_down(tmp_path):
    path = os.path.join(os.fsencode(tmp_path), b"caf\xe9.txt")
    with open(path, "wb") as file:
        file.write(TEXT.encode())
    corpus = load_corpus(os.fsdecode(path))
    assert corpus.name == "caf\ufffd.txt"
    corpus.name.encode()


class Site(http.server.BaseHTTPRequestHandler):
    """A site whose only page has an address that is not ASCII."""

    def do_GET(self):
        found = urllib.parse.unquote(self.path) == "/тексты/a b.txt?q=é"
        self.send_response(200 if found else 404)
        self.end_headers()
        self.wfile.write(TEXT.encode() if found else b"")

    def log_message(self, *_):
        pass


@pytest.mark.parametrize("path", ["/тексты/a b.txt?q=é", "/%D1%82%D0%B5%D0%BA%D1%81%D1%82%D1%8B/a%20b.txt?q=%C3%A9"])
def test_an_address_that_is_not_ascii_works(path):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        assert load_corpus(f"http://127.0.0.1:{server.server_port}{path}").text == TEXT
    finally:
        server.shutdown()
        server.server_close()


def test_a_host_that_is_not_ascii_is_asked_in_punycode():
    assert sources._ascii("https://bücher.example/ä") == "https://xn--bcher-kva.example/%C3%A4"


def test_a_guess_needs_more_than_a_few_letters():
    assert "Latin-1" in guess("Ärger".encode("latin-1"))
