"""Where text comes from: every source, every way in which a text can be wrong or too short."""

import hashlib
import http.server
import os
import re
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from strivelm import corpus as corpus_module
from strivelm.corpus import SHAKESPEARE_SHA256, CorpusError, batch, corpus_from_text, load_corpus

SHAKESPEARE = Path(__file__).resolve().parents[2] / "shared" / "data" / "tinyshakespeare.txt"


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


def test_bundled_corpus_is_what_a_first_model_needs():
    corpus = load_corpus("bundled")
    assert corpus.name == "fables"
    assert 110_000 < corpus.characters < 150_000
    assert len(corpus.tokenizer) < 65  # plain words: letters and little else
    assert set(corpus.tokenizer.chars) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ \n.,:;!?'-")
    assert corpus.text.encode() == corpus_module.FABLES.read_bytes()


def test_bundled_corpus_has_a_steady_form_and_repeats_no_sentence():
    pieces = load_corpus("bundled").text.strip("\n").split("\n\n\n")
    titles = [piece.split("\n")[0] for piece in pieces]
    lines = [line for piece in pieces for line in piece.split("\n")[1:] if line]
    assert len(pieces) > 150
    assert not [title for title, times in Counter(titles).items() if times > 1]
    assert not [line for line, times in Counter(lines).items() if times > 1]
    assert max(map(len, lines)) <= 90
    for piece in pieces:
        fable = piece.split("\n")[-1].startswith("And so they say: ")
        speaking = re.findall(r"^[A-Z][A-Za-z ]+: ", piece, re.MULTILINE)
        assert fable or len(speaking) >= 8, piece


def test_split_is_nine_to_one_and_ids_are_small():
    corpus = load_corpus("bundled")
    assert len(corpus.train) == int(0.9 * corpus.characters)
    assert corpus.train.dtype == corpus.validation.dtype == torch.uint8
    many = corpus_from_text("".join(map(chr, range(0x4E00, 0x4E00 + 400))), "many characters")
    assert many.train.dtype == torch.int32
    assert many.text == "".join(map(chr, range(0x4E00, 0x4E00 + 400)))


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=2, max_size=300))
def test_any_text_down_to_two_characters_can_be_split_and_read_back(text):
    corpus = corpus_from_text(text, "any")
    assert corpus.text == text
    assert len(corpus.train) >= 2
    assert len(corpus.validation) == 0 or len(corpus.validation) >= 2


@pytest.mark.parametrize("text", ["", "x"])
def test_too_short_a_text_is_refused(text, tmp_path):
    (tmp_path / "short.txt").write_text(text)
    with pytest.raises(CorpusError, match=r"short.txt holds (no|only one) character; at least 2 are needed"):
        load_corpus(str(tmp_path / "short.txt"))


def test_warnings_say_what_a_short_text_means():
    tiny = corpus_from_text("abcab", "tiny").warnings(block_size=64)
    assert re.search("training text has 5 characters, less than one context of 64", tiny[0])
    assert re.search("only 5 characters: none can be spared for validation", tiny[1])
    short = corpus_from_text("abcdefghij" * 61, "short").warnings(block_size=64)
    assert len(short) == 1
    assert re.search("validation text has 61 characters.*its loss is that of 60 predictions, a rough guide", short[0])
    assert load_corpus("bundled").warnings(block_size=256) == []


def test_file_with_windows_line_ends_and_byte_order_mark(tmp_path):
    path = tmp_path / "windows.txt"
    path.write_bytes("\ufeffone\r\ntwo\r\n".encode())
    corpus = load_corpus(str(path))
    assert corpus.text == "one\ntwo\n"
    assert corpus.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert "plain line breaks" in corpus.warnings(1)[0]


def test_bad_files_are_named(tmp_path):
    with pytest.raises(CorpusError, match=r"there is no file .*nowhere.txt; --data takes 'bundled'"):
        load_corpus(str(tmp_path / "nowhere.txt"))
    with pytest.raises(CorpusError, match="can't be read"):
        load_corpus(str(tmp_path))
    with pytest.raises(CorpusError):
        load_corpus("a\0b")
    (tmp_path / "latin.txt").write_bytes("café au lait".encode("latin-1"))
    with pytest.raises(CorpusError, match="not UTF-8 text: byte 0xe9 at place 3; save it as UTF-8"):
        load_corpus(str(tmp_path / "latin.txt"))


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
    monkeypatch.setattr(corpus_module, "SHAKESPEARE_URL", f"{site}/text")
    with pytest.raises(CorpusError, match="sent another text than tiny Shakespeare"):
        load_corpus("shakespeare", cache_dir=tmp_path)
    assert not list(tmp_path.iterdir())

    monkeypatch.setattr(corpus_module, "SHAKESPEARE_SHA256", hashlib.sha256(Site.text.encode()).hexdigest())
    assert load_corpus("shakespeare", cache_dir=tmp_path).name == "tiny Shakespeare"
    asked = Site.requests
    assert load_corpus("shakespeare", cache_dir=tmp_path).text == Site.text
    assert Site.requests == asked, "the second time comes from the cache"

    (tmp_path / "tinyshakespeare.txt").write_text("spoilt")
    assert load_corpus("shakespeare", cache_dir=tmp_path).text == Site.text
    assert Site.requests == asked + 1, "a spoilt cache is fetched anew"


def test_unwritable_cache_costs_only_the_next_download(site, tmp_path, monkeypatch):
    monkeypatch.setattr(corpus_module, "SHAKESPEARE_URL", f"{site}/text")
    monkeypatch.setattr(corpus_module, "SHAKESPEARE_SHA256", hashlib.sha256(Site.text.encode()).hexdigest())
    (tmp_path / "file").write_text("in the way")
    assert load_corpus("shakespeare", cache_dir=tmp_path / "file").text == Site.text


def test_hub_path_without_a_network_says_so(tmp_path):
    code = "from strivelm.corpus import load_corpus; load_corpus('hf://datasets/owner/name/file.txt')"
    environment = os.environ | {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path), "PYTHONPATH": "."}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=120)
    assert "CorpusError: hf://datasets/owner/name/file.txt can't be read from the Hub" in done.stderr


@pytest.mark.skipif(not SHAKESPEARE.is_file(), reason=f"{SHAKESPEARE} is not on this machine")
def test_tiny_shakespeare_as_published():
    corpus = load_corpus(str(SHAKESPEARE))
    assert (corpus.name, corpus.sha256) == ("tiny Shakespeare", SHAKESPEARE_SHA256)
    assert (corpus.characters, len(corpus.tokenizer)) == (1_115_394, 65)
    assert (len(corpus.train), len(corpus.validation)) == (1_003_854, 111_540)


def test_batch_is_windows_and_the_characters_after_them():
    ids = torch.arange(100, dtype=torch.uint8)
    inputs, targets = batch(ids, torch.tensor([0, 7, 91]), 8)
    assert inputs.tolist() == [list(range(s, s + 8)) for s in (0, 7, 91)]
    assert torch.equal(targets, inputs + 1)
    assert inputs.dtype == torch.long
