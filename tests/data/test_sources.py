"""Where a text's bytes come from: every source, whatever its size, and the cache folder, whatever its state."""

import hashlib
import http.server
import io
import os
import resource
import subprocess
import sys
import threading
from contextlib import contextmanager

import huggingface_hub
import pytest

from strivelm.data import sources
from strivelm.data.corpus import CorpusError, load_corpus


class Site(http.server.BaseHTTPRequestHandler):
    """A tiny web site: /text is whole, /short promises more than it sends, all else is missing."""

    text = "A small text.\nIt has two lines.\n" * 4
    requests = 0

    def do_GET(self):
        type(self).requests += 1
        content = self.text.encode()
        self.send_response(200 if self.path in ("/text", "/short") else 404)
        self.send_header("Content-Length", str(len(content) + (100 if self.path == "/short" else 0)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


@pytest.fixture
def site():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_bad_files_are_named(tmp_path):
    with pytest.raises(CorpusError, match=r"there is no file .*nowhere.txt; --data takes 'bundled'"):
        load_corpus(str(tmp_path / "nowhere.txt"))
    with pytest.raises(CorpusError, match=r"is a folder without a \.txt file"):
        load_corpus(str(tmp_path))
    with pytest.raises(CorpusError):
        load_corpus("a\0b")
    (tmp_path / "latin.txt").write_bytes("café au lait".encode("latin-1"))
    with pytest.raises(CorpusError, match=r"not UTF-8 text: byte 0xe9 at place 3; .* or save it as UTF-8"):
        load_corpus(str(tmp_path / "latin.txt"))


def test_too_large_a_file_is_refused(tmp_path):
    (tmp_path / "large.txt").touch()
    os.truncate(tmp_path / "large.txt", sources.MAX_BYTES + 1)
    with pytest.raises(CorpusError, match="has 68,719,476,737 bytes; at most 68,719,476,736 can be read"):
        load_corpus(str(tmp_path / "large.txt"))


def test_web_address(site):
    assert load_corpus(f"{site}/text").text == Site.text


def test_web_address_that_fails(site):
    with pytest.raises(CorpusError, match=r"/missing can't be downloaded: .*--data bundled"):
        load_corpus(f"{site}/missing")
    with pytest.raises(CorpusError, match=r"broke off after|can't be downloaded"):
        load_corpus(f"{site}/short")
    with pytest.raises(CorpusError, match="can't be downloaded"):
        load_corpus("http://127.0.0.1:9/text")


def test_shakespeare_is_checked_and_cached(site, tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "SHAKESPEARE_URL", f"{site}/text")
    with pytest.raises(CorpusError, match="sent another text than tiny Shakespeare"):
        load_corpus("shakespeare", cache_dir=tmp_path)
    assert not list(tmp_path.iterdir())

    monkeypatch.setattr(sources, "SHAKESPEARE_SHA256", hashlib.sha256(Site.text.encode()).hexdigest())
    assert load_corpus("shakespeare", cache_dir=tmp_path).name == "tiny Shakespeare"
    asked = Site.requests
    assert load_corpus("shakespeare", cache_dir=tmp_path).text == Site.text
    assert Site.requests == asked, "the second time comes from the cache"

    (tmp_path / "tinyshakespeare.txt").write_text("spoilt")
    assert load_corpus("shakespeare", cache_dir=tmp_path).text == Site.text
    assert Site.requests == asked + 1, "a spoilt cache is fetched anew"


def test_unwritable_cache_costs_only_the_next_download(site, tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "SHAKESPEARE_URL", f"{site}/text")
    monkeypatch.setattr(sources, "SHAKESPEARE_SHA256", hashlib.sha256(Site.text.encode()).hexdigest())
    (tmp_path / "file").write_text("in the way")
    assert load_corpus("shakespeare", cache_dir=tmp_path / "file").text == Site.text


def test_hub_path_without_a_network_says_so(tmp_path):
    code = "from strivelm.data.corpus import load_corpus; load_corpus('hf://datasets/owner/name/file.txt')"
    environment = os.environ | {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path), "PYTHONPATH": "."}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=120)
    assert "CorpusError: hf://datasets/owner/name/file.txt can't be read from the Hub" in done.stderr


@pytest.fixture
def all_is_large(monkeypatch):
    """Makes texts of more than 64 bytes large ones, read 50 bytes at a time."""
    monkeypatch.setattr(sources, "LARGE", 64)
    monkeypatch.setattr(sources, "PIECE", 50)


@contextmanager
def full_disk(room):
    """A stretch in which no file of this process can grow beyond so many bytes; pytest's own output must be outside."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


class HubFile(io.BytesIO):
    """What HfFileSystem opens: a file that knows its size."""

    size = len(Site.text)


@pytest.fixture
def hub(monkeypatch):
    """A Hub whose every file holds Site.text."""
    files = type("Files", (), {"open": lambda self, path, mode: HubFile(Site.text.encode())})
    monkeypatch.setattr(huggingface_hub, "HfFileSystem", files)
    return "hf://datasets/owner/name/file.txt"


@pytest.fixture
def pipe(tmp_path):
    """A pipe through which Site.text comes, once."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    threading.Thread(target=path.write_text, args=(Site.text,), daemon=True).start()
    return str(path)


def test_hub_file(hub):
    assert load_corpus(hub).text == Site.text


def test_pipe(pipe):
    assert load_corpus(pipe).text == Site.text


@pytest.mark.parametrize("kind", ["web", "hub", "pipe"])
def test_large_texts_are_fetched_to_the_disk_and_only_their_ids_stay(kind, all_is_large, request, tmp_path):
    source = f"{request.getfixturevalue('site')}/text" if kind == "web" else request.getfixturevalue(kind)
    reports, cache = [], tmp_path / "cache"
    corpus = load_corpus(source, cache, lambda *report: reports.append(report))
    assert corpus.text == Site.text
    (left,) = cache.iterdir()
    assert left.stat().st_size == len(Site.text)
    total = None if kind == "pipe" else 128
    assert reports[:4] == [(done, total, "fetching") for done in (0, 50, 100, 128)]
    assert reports[4:7] == [(done, 128, "reading") for done in (50, 100, 128)]
    assert reports[7:] == [(done, 128, "encoding") for done in (50, 100, 128)]


def test_small_texts_leave_no_file(site, hub, pipe, tmp_path):
    for source in (f"{site}/text", hub, pipe, "bundled"):
        load_corpus(source, tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("kind", ["web", "hub", "pipe"])
def test_more_than_may_be_read_is_cut_off(kind, request, monkeypatch):
    monkeypatch.setattr(sources, "MAX_BYTES", 100)
    source = f"{request.getfixturevalue('site')}/text" if kind == "web" else request.getfixturevalue(kind)
    with pytest.raises(CorpusError, match="sends more than 100 bytes; download it and cut it to size"):
        load_corpus(source)


def test_a_large_download_that_breaks_off_leaves_no_file(site, all_is_large, tmp_path):
    with pytest.raises(CorpusError, match=r"/short broke off after 128 of 228 bytes|can't be downloaded"):
        load_corpus(f"{site}/short", tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("room", [10, 20_000])
@pytest.mark.parametrize("kind", ["file", "web"])
def test_a_full_disk_is_said_and_nothing_is_left(kind, room, site, all_is_large, tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "PIECE", 12_000)
    monkeypatch.setattr(Site, "text", "A long text\n" * 3000)
    (tmp_path / "text").write_text(Site.text)
    source = str(tmp_path / "text") if kind == "file" else f"{site}/text"
    what = "the 36,000 bytes of ids of text" if kind == "file" else f"what {source} sends"
    sentence = f"{what} can't be kept in .*cache: File too large; make room there, or set"
    with full_disk(room), pytest.raises(CorpusError, match=sentence):
        load_corpus(source, tmp_path / "cache")
    assert not list((tmp_path / "cache").iterdir())


def test_an_unwritable_cache_is_said(site, all_is_large, tmp_path, monkeypatch):
    (tmp_path / "text").write_text(Site.text)
    monkeypatch.setenv("STRIVELM_CACHE", str(tmp_path / "text"))
    for source in (str(tmp_path / "text"), f"{site}/text"):
        with pytest.raises(
            CorpusError, match=r"kept in .*text: .*; make room there, or set STRIVELM_CACHE to a folder"
        ):
            load_corpus(source)


@pytest.mark.parametrize("stage", ["fetching", "reading", "encoding"])
def test_what_a_reader_of_progress_raises_is_its_own_and_leaves_no_file(stage, site, all_is_large, tmp_path):
    def going_away(done, total, what):
        if what == stage and done > 50:
            raise BrokenPipeError("nobody reads")

    with pytest.raises(BrokenPipeError, match="nobody reads"):
        load_corpus(f"{site}/text", tmp_path, going_away)
    assert not list(tmp_path.iterdir())
