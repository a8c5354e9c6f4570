"""What becomes of a text, small or large, and every way in which one can be wrong or too short."""

import codecs
import hashlib
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import pytest
import torch
from hypothesis import assume, example, given
from hypothesis import strategies as st

from strivelm.config import Sizes
from strivelm.data import sources
from strivelm.data.corpus import SHAKESPEARE_SHA256, CorpusError, batch, corpus_from_text, load_corpus
from strivelm.training import new_model, train
from strivelm.training.config import TrainConfig

HOUSE = Path(__file__).resolve().parents[2]
SHAKESPEARE = HOUSE.parent / "shared" / "data" / "tinyshakespeare.txt"


def test_bundled_corpus_is_what_a_first_model_needs():
    corpus = load_corpus("bundled")
    assert corpus.name == "fables"
    assert 110_000 < corpus.characters < 150_000
    assert len(corpus.tokenizer) < 65  # plain words: letters and little else
    assert set(corpus.tokenizer.chars) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ \n.,:;!?'-")
    assert corpus.text.encode() == sources.FABLES.read_bytes()


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


@pytest.mark.parametrize(
    ("characters", "dtype"),
    [
        (256, torch.uint8),
        (257, torch.int16),
        (32_768, torch.int16),
        (32_769, torch.int32),
        (65_537, torch.int32),
    ],
)
def test_ids_of_many_characters_are_the_smallest_that_can_be_gathered(characters, dtype):
    corpus = corpus_from_text("".join(map(chr, range(0x10000, 0x10000 + characters))), "many characters")
    ids = torch.cat([corpus.train, corpus.validation])
    assert ids.dtype == dtype
    assert torch.equal(batch(ids, torch.tensor([0]), characters - 1)[0][0], torch.arange(characters - 1))


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


@pytest.mark.skipif(not SHAKESPEARE.is_file(), reason=f"{SHAKESPEARE} is not on this machine")
def test_tiny_shakespeare_as_published():
    corpus = load_corpus(str(SHAKESPEARE))
    assert (corpus.name, corpus.sha256) == ("tiny Shakespeare", SHAKESPEARE_SHA256)
    assert (corpus.characters, len(corpus.tokenizer)) == (1_115_394, 65)
    assert (len(corpus.train), len(corpus.validation)) == (1_003_854, 111_540)


@pytest.fixture
def all_is_large(monkeypatch):
    """Makes texts of more than 16 bytes large ones, read 7 bytes at a time."""
    monkeypatch.setattr(sources, "LARGE", 16)
    monkeypatch.setattr(sources, "PIECE", 7)


def outcome(load):
    """What a corpus is, in every respect; or what was wrong with the text."""
    try:
        corpus = load()
    except CorpusError as error:
        return str(error).split(";")[0]  # what comes after is a guess, from the piece that is at hand
    ids = [(part.dtype, part.tolist()) for part in (corpus.train, corpus.validation)]
    return corpus.name, corpus.sha256, corpus.tokenizer, ids, corpus.notes


def read_at_once(content: bytes):
    """The corpus of bytes, as Python's own decoder reads them."""
    mark = 3 if content.startswith(b"\xef\xbb\xbf") else 0
    try:
        text = content[mark:].decode()
    except UnicodeDecodeError as error:
        place = error.start + mark
        raise CorpusError(f"text is not UTF-8 text: byte {content[place]:#04x} at place {place:,}") from None
    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    notes = () if plain == text else ("Line ends of Windows or old Macs were read as plain line breaks.",)
    return corpus_from_text(plain, "text", hashlib.sha256(content).hexdigest(), notes)


ODD = st.text(st.sampled_from("\r\n\ufeffaé漢😀"), max_size=40).map(str.encode)
DAMAGED = st.lists(ODD | st.binary(max_size=4) | st.just("\ud800".encode(errors="surrogatepass"))).map(b"".join)
MANY = st.integers(250, 300).map(lambda n: "".join(map(chr, range(9, 9 + n))).encode())


@example(b"\xef\xbb\xbf", 1, 0)
@example(b"\xef\xbb\xbfx", 1, 0)
@example(b"\xef\xbb\xbf\xef\xbb\xbfab", 3, 0)
@example(b"\xef\xbb\xbfab\xe9", 2, 0)
@example(b"ab\r\ncd\r\r\n", 3, 0)
@example(b"abc\r", 4, 0)
@given(ODD | DAMAGED | MANY | st.binary(max_size=40), st.integers(1, 9), st.sampled_from([0, 1 << 20]))
def test_a_text_in_pieces_is_the_corpus_that_it_is_at_once(content, piece, large):
    assume(not content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, b"\xff\xd8\xff", b"BZh", b"\x1f\x8b")))
    assume(content.count(0) < 5)  # many look like UTF-16
    expected = outcome(lambda: read_at_once(content))
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        patch.setattr(sources, "LARGE", large)
        patch.setattr(sources, "PIECE", piece)
        patch.chdir(folder)
        Path("text").write_bytes(content)
        assert outcome(lambda: load_corpus("text", "cache")) == expected
        assert outcome(lambda: load_corpus("text", "cache")) == expected, "the second time too"
        assert large == 0 or not Path("cache").exists()


def test_ids_of_a_large_text_are_one_file_which_is_found_again(all_is_large, tmp_path):
    (tmp_path / "text").write_text("A text of thirty-five bytes or so.\n")
    reports = []

    def load():
        reports.clear()
        return load_corpus(str(tmp_path / "text"), tmp_path / "cache", lambda *report: reports.append(report))

    corpus = load()
    assert reports == [(done, 35, what) for what in ("reading", "encoding") for done in range(7, 36, 7)]
    assert corpus.train.untyped_storage().data_ptr() == corpus.validation.untyped_storage().data_ptr()
    (ids,) = (tmp_path / "cache").iterdir()
    assert corpus.sha256 in ids.name
    assert ids.read_bytes() == bytes(torch.cat([corpus.train, corpus.validation]).tolist())
    assert load().text == corpus.text
    assert {what for *_, what in reports} == {"reading"}

    ids.unlink()  # not written into: it is mapped
    ids.write_bytes(b"spoilt")
    assert load().text == corpus.text
    assert {what for *_, what in reports} == {"reading", "encoding"}


def test_a_large_text_trains_as_a_small_one_does(all_is_large, tmp_path):
    (tmp_path / "text").write_text("The fox saw the crow. " * 20)
    large = load_corpus(str(tmp_path / "text"), tmp_path / "cache")
    losses = []
    for corpus in (large, corpus_from_text(large.text, "text", large.sha256)):
        model = new_model(corpus, Sizes(block_size=8, n_layer=1, n_head=1, n_embd=8), 0)
        *_, finished = train(model, corpus, TrainConfig(max_steps=3, batch_size=2, eval_interval=1))
        losses.append([(e.train, e.validation) for e in finished.evaluations])
    assert losses[0] == losses[1]


@pytest.mark.parametrize("later", ["b" * 100_000 + "a" * 200_000, "a" * 299_999 + "c", "a" * 200_000])
def test_a_file_that_changes_while_it_is_read_is_refused(later, tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "LARGE", 0)
    monkeypatch.setattr(sources, "PIECE", 100_000)
    path = tmp_path / "text"
    path.write_text("a" * 200_000 + "b" * 100_000)

    def change(done, total, what):
        if what == "reading" and done == total:
            path.write_text(later)

    with pytest.raises(CorpusError, match="text changed while it was read; try again when nothing writes to it"):
        load_corpus(str(path), tmp_path / "cache", change)
    assert not list((tmp_path / "cache").iterdir())


def test_what_a_killed_process_left_is_swept_once_it_is_old(all_is_large, tmp_path):
    (tmp_path / "text").write_text("A text whose reader is killed.")
    script = """
import os, signal
from strivelm.data import corpus, sources
sources.LARGE, sources.PIECE = 16, 7
corpus.load_corpus("text", "cache", lambda done, total, what: what == "encoding" and os.kill(os.getpid(), 9))
"""
    environment = os.environ | {"PYTHONPATH": str(HOUSE)}
    assert subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env=environment).returncode == -9
    (left,) = (tmp_path / "cache").iterdir()
    corpus = load_corpus(str(tmp_path / "text"), tmp_path / "cache")
    assert corpus.text == "A text whose reader is killed."
    (ids,) = {*(tmp_path / "cache").iterdir()} - {left}
    assert left.exists(), "it may be another process's that still writes"

    os.utime(left, (0, 0))
    ids.unlink()
    load_corpus(str(tmp_path / "text"), tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == [ids]


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="the peak of memory is read from Linux's /proc")
def test_a_large_text_needs_a_fraction_of_its_size(tmp_path):
    (tmp_path / "text").write_text("Sixty million bytes, or nearly so.\n" * (60_000_000 // 35))
    # VmHWM and not getrusage: that one begins with what the process that started this one had in memory.
    script = """
import re
from pathlib import Path
from strivelm.data import corpus, sources
def peak():
    return 1024 * int(re.search("VmHWM:[^0-9]*([0-9]+) kB", Path("/proc/self/status").read_text())[1])
corpus.load_corpus("bundled")
sources.LARGE, before = 1 << 20, peak()
print(corpus.load_corpus("text", "cache").characters, peak() - before)
"""
    environment = os.environ | {"PYTHONPATH": str(HOUSE)}
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    characters, growth = map(int, done.stdout.split())
    assert characters == (tmp_path / "text").stat().st_size
    assert growth < 0.75 * characters, "some 30 MB, however long the text"
    assert done.stderr == "", "no warning of what can't be written"


def test_batch_is_windows_and_the_characters_after_them():
    ids = torch.arange(100, dtype=torch.uint8)
    inputs, targets = batch(ids, torch.tensor([0, 7, 91]), 8)
    assert inputs.tolist() == [list(range(s, s + 8)) for s in (0, 7, 91)]
    assert torch.equal(targets, inputs + 1)
    assert inputs.dtype == torch.long
