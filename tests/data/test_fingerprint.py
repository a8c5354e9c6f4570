"""The fingerprint of a text against the text: nothing is missed, little is made up, a file brings it back."""

import random

import numpy as np
import pytest
from safetensors.numpy import save

from strivelm.data.corpus import load_corpus
from strivelm.data.fingerprint import RUN, Fingerprint, fingerprint
from strivelm.data.sources import FABLES, cache_folder
from strivelm.loading import BUNDLED


@pytest.fixture(scope="module")
def halves():
    """The fables' training text and their unseen end."""
    corpus = load_corpus("bundled")
    return corpus.tokenizer.decode(corpus.train.tolist()), corpus.tokenizer.decode(corpus.validation.tolist())


@pytest.fixture(scope="module")
def made(halves):
    return fingerprint(*halves, "f" * 64)


def test_what_stands_in_the_text_is_never_missed_and_little_is_made_up(made, halves):
    train, unseen = halves
    runs = {train[i : i + RUN] for i in range(len(train) - RUN + 1)}
    assert made.contains(train).all()
    rng = random.Random(1)
    noise = "".join(rng.choices(sorted(set(train)), k=100_000))
    for text in (unseen, noise):
        truth = np.array([text[i : i + RUN] in runs for i in range(len(text) - RUN + 1)])
        said = made.contains(text)
        assert said[truth].all()
        assert (said & ~truth).sum() / (~truth).sum() < 0.005
    assert 0.002 < made.false_positive_rate < 0.005


def test_spans_are_the_parts_in_which_every_run_is_known(made, halves):
    train, _ = halves
    text = "#" * 9 + train[100:140] + "#" * 9 + train[7:15] + train[900:906]
    inside = np.zeros(len(text), bool)
    for start, length in made.spans(text):
        inside[start : start + length] = True
        assert made.contains(text[start : start + length]).all()
    expected = np.zeros(len(text), bool)
    for i in np.flatnonzero(made.contains(text)):
        expected[i : i + RUN] = True
    assert (inside == expected).all()
    assert inside[9:49].all()
    assert made.spans("") == made.spans("short") == []


def test_the_unseen_share_is_that_of_its_spans(made, halves):
    covered = sum(length for _, length in fingerprint(halves[0], "", "x").spans(halves[1]))
    assert made.unseen[RUN] <= covered / len(halves[1])
    assert 0.3 < made.unseen[RUN] < 1
    assert set(fingerprint("abc", "", "x").unseen.values()) == {0}


def test_chance_is_counted_character_by_character_for_each_length(made, halves):
    inside = made.contains(halves[1])
    for length, share in made.unseen.items():
        count = 0
        for i in range(len(halves[1])):  # a character counts where some run of this length that holds it stands there
            starts = range(max(0, i - length + 1), min(i, len(halves[1]) - length) + 1)
            count += any(inside[start : start + length - RUN + 1].all() for start in starts)
        assert share == pytest.approx(count / len(halves[1]))
    assert list(made.unseen.values()) == sorted(made.unseen.values(), reverse=True)


def test_a_file_from_before_there_were_several_lengths_is_read(made, tmp_path):
    path = tmp_path / "old.safetensors"
    path.write_bytes(save({"bits": made.bits}, {"sha256": made.sha256, "unseen": "0.5", "run": str(RUN)}))
    assert Fingerprint.from_file(path).unseen == {RUN: 0.5}


def test_a_file_brings_it_back_and_another_file_is_refused(made, tmp_path):
    path = tmp_path / "fingerprint.safetensors"
    path.write_bytes(made.to_bytes())
    again = Fingerprint.from_file(path)
    assert (again.bits == made.bits).all()
    assert (again.sha256, again.unseen) == (made.sha256, made.unseen)
    for content in (b"", b"x" * 100, path.read_bytes()[:-1], (BUNDLED / "ngrams.safetensors").read_bytes()):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="fingerprint"):
            Fingerprint.from_file(path)


def test_the_one_that_comes_along_is_tiny_shakespeares():
    path = FABLES.parent / "tinyshakespeare.fingerprint.safetensors"
    assert path.stat().st_size < 1_000_000
    found = Fingerprint.from_file(path)
    assert found.spans("KING RICHARD III:\n#") == [(0, 18)]
    text = cache_folder(None) / "tinyshakespeare.txt"
    if text.is_file():
        corpus = load_corpus(str(text))
        train, unseen = (corpus.tokenizer.decode(part.tolist()) for part in (corpus.train, corpus.validation))
        made = fingerprint(train, unseen, corpus.sha256)  # the file's own metadata have no fixed order
        assert np.array_equal(made.bits, found.bits)
        assert (made.sha256, made.unseen) == (found.sha256, found.unseen)
