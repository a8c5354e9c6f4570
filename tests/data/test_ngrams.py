"""N-gram losses against counting by hand, closed forms, and the published figures of tiny Shakespeare."""

import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load, save

from strivelm.data.corpus import load_corpus
from strivelm.data.ngrams import MAX_CHARACTERS, MAX_FILE_BYTES, SMOOTHING, NGrams, count_ngrams, ladder

SHAKESPEARE = Path(__file__).resolve().parents[3] / "shared" / "data" / "tinyshakespeare.txt"
TEXTS = st.lists(st.integers(0, 4), min_size=5, max_size=60)


def by_hand(train, validation, vocab_size, n, alpha):
    """The definition, with dictionaries."""
    grams = Counter(tuple(train[i : i + n]) for i in range(len(train) - n + 1))
    contexts = Counter()
    for gram, count in grams.items():
        contexts[gram[:-1]] += count
    losses = []
    for i in range(len(validation) - n + 1):
        gram = tuple(validation[i : i + n])
        losses.append(-math.log((grams[gram] + alpha) / (contexts[gram[:-1]] + alpha * vocab_size)))
    return sum(losses) / len(losses)


@given(TEXTS, TEXTS)
def test_the_ladder_is_that_of_counting_by_hand(train, validation):
    rungs = ladder(train, validation, 5)
    assert rungs.pop("uniform") == math.log(5)
    assert rungs == {
        name: pytest.approx(by_hand(train, validation, 5, n, alpha)) for name, (n, alpha) in SMOOTHING.items()
    }


def test_a_vocabulary_of_all_unicode_does_not_overflow():
    train = [1_114_111, 5, 1_114_110, 5] * 10
    for name, (n, alpha) in SMOOTHING.items():
        expected = by_hand(train, train, 1_114_112, n, alpha)
        assert ladder(train, train, 1_114_112)[name] == pytest.approx(expected)


def test_nothing_counted_guesses_uniformly():
    assert ladder([], [0, 1, 2], 7) == {"uniform": math.log(7)}


def test_ladder_leaves_out_what_the_text_is_too_short_for():
    assert list(ladder([0, 1, 0, 1], [0, 1], 2)) == ["uniform", "unigram", "bigram"]
    assert list(ladder([0, 1], [], 2)) == ["uniform"]
    assert ladder(torch.tensor([0, 1, 0, 1]), torch.tensor([0, 1]), 2)["uniform"] == math.log(2)


@pytest.fixture(scope="module")
def shakespeare():
    if not SHAKESPEARE.is_file():
        pytest.skip(f"{SHAKESPEARE} is not on this machine")
    return load_corpus(str(SHAKESPEARE))


FIGURES = {"uniform": 4.174, "unigram": 3.347, "bigram": 2.482, "trigram": 2.046, "4-gram": 1.784, "5-gram": 1.770}


def test_tiny_shakespeares_ladder(shakespeare):
    rungs = ladder(shakespeare.train, shakespeare.validation, len(shakespeare.tokenizer))
    assert {name: round(loss, 3) for name, loss in rungs.items()} == FIGURES


# -- tables to keep ----------------------------------------------------------------------------------------------------


def kept(train, vocab_size, **limits):
    """The tables after a file: written, and read again."""
    return NGrams.from_bytes(count_ngrams(train, vocab_size, **limits).to_bytes(), vocab_size)


def test_tiny_shakespeares_tables_in_a_small_file_have_the_ladders_losses(shakespeare):
    V = len(shakespeare.tokenizer)
    content = count_ngrams(shakespeare.train, V).to_bytes()
    assert len(content) < 1_000_000
    tables = NGrams.from_bytes(content, V)
    assert tables.characters == len(shakespeare.train)
    losses = tables.surprisal(shakespeare.validation)
    assert {name: round(float(np.nanmean(loss)), 3) for name, loss in losses.items()} == FIGURES
    for name, (n, _) in SMOOTHING.items():
        assert np.isnan(losses[name][: n - 1]).all()


@given(TEXTS, st.lists(st.integers(0, 4), max_size=30))
def test_each_characters_surprisal_is_that_of_counting_by_hand(train, text):
    tables = kept(train, 5)
    found = tables.surprisal(text)
    assert tuple(found) == tables.names == ("uniform", *SMOOTHING)
    assert found["uniform"] == pytest.approx([math.log(5)] * len(text))
    for name, (n, alpha) in SMOOTHING.items():
        assert np.isnan(found[name][: n - 1]).all()
        for at in range(n - 1, len(text)):
            expected = by_hand(train, text[at - n + 1 : at + 1], 5, n, alpha)
            assert found[name][at] == pytest.approx(expected, rel=1e-12)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=40), st.integers(1, 5))
def test_every_table_holds_every_run_and_its_count(train, longest):
    tables = kept(train, 4, longest=longest)
    assert tables.longest == min(longest, len(train))
    assert tables.characters == len(train)
    for n in range(1, tables.longest + 1):
        grams, counts = tables.table(n)
        expected = Counter(tuple(train[i : i + n]) for i in range(len(train) - n + 1))
        assert list(zip(map(tuple, grams.tolist()), counts.tolist(), strict=True)) == sorted(expected.items())
    for n in (0, tables.longest + 1):
        with pytest.raises(ValueError, match=f"there is no table of {n}-grams here; n goes from 1 to"):
            tables.table(n)


def test_tables_of_all_unicode_do_not_overflow():
    train = [1_114_111, 5, 1_114_110, 5, 0] * 10
    tables = kept(torch.tensor(train), 1_114_112)
    assert tables.grams.dtype == np.uint32
    for name, (n, alpha) in SMOOTHING.items():
        expected = by_hand(train, train, 1_114_112, n, alpha)
        assert np.nanmean(tables.surprisal(train)[name]) == pytest.approx(expected, rel=1e-12)


def test_where_the_file_would_grow_too_large_the_longest_tables_are_left_out_whole():
    train = np.random.default_rng(0).integers(0, 200, 4000)
    whole, limited = kept(train, 200), kept(train, 200, max_bytes=10_000)
    assert (whole.longest, limited.longest) == (5, 1)
    assert limited.names == ("uniform", "unigram")
    two = count_ngrams(train, 200, max_bytes=13_000)
    assert (two.longest, len(two.to_bytes()) <= 13_000) == (2, True)
    for name in two.names:
        np.testing.assert_array_equal(two.surprisal(train)[name], whole.surprisal(train)[name])
    assert count_ngrams(train, 200, max_bytes=0).longest == 1


def test_a_text_of_one_character_has_unigrams_only():
    tables = kept([2], 3)
    assert tables.names == ("uniform", "unigram")
    assert tables.surprisal([2, 0])["unigram"] == pytest.approx([-math.log(2 / 4), -math.log(1 / 4)])
    assert tables.surprisal([])["unigram"].shape == (0,)
    assert kept([0], 1).surprisal([0, 0])["unigram"] == pytest.approx([0, 0])


def test_what_can_not_be_counted_or_looked_up():
    with pytest.raises(ValueError, match="the text is empty"):
        count_ngrams([], 5)
    with pytest.raises(ValueError, match="longest is 6; expected a whole number from 1 to 5"):
        count_ngrams([1, 2], 5, longest=6)
    for ids in ([0, 5], [-1, 2]):
        with pytest.raises(ValueError, match=r"the text's ids go from .*; expected ids from 0 to 4"):
            count_ngrams(ids, 5)
        with pytest.raises(ValueError, match=r"the text's ids go from .*; expected ids from 0 to 4"):
            count_ngrams([1, 2], 5).surprisal(ids)  # id 5 would pass for another run's 0


def changed(**tensors):
    """A sound file of 3-grams for a vocabulary of 9, with other tensors in it; None leaves one out."""
    sound = load(count_ngrams([0, 1, 2, 0, 1, 2, 3, 0], 9, longest=3).to_bytes())
    return save({name: tensor for name, tensor in (sound | tensors).items() if tensor is not None})


def test_the_file_that_is_changed_is_sound():
    tables = NGrams.from_bytes(changed(), 9)
    assert (tables.grams.shape, tables.counts.tolist(), tables.tail.tolist()) == ((5, 3), [2, 1, 1, 1, 1], [3, 0])


GRAMS = np.array([[0, 1, 2], [1, 2, 0], [1, 2, 3], [2, 0, 1], [2, 3, 0]], dtype=np.uint8)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no readable safetensors file"),
        (changed()[:-1], "no readable safetensors file"),
        (bytes(MAX_FILE_BYTES + 1), "has 10,000,001 bytes; expected at most 10,000,000"),
        (changed(tail=None), r"holds \['counts', 'grams'\]; expected counts, grams and tail"),
        (changed(more=GRAMS), "holds .*'more'.*; expected counts, grams and tail"),
        (changed(grams=GRAMS.ravel()), r"shapes are \[\(15,\), \(5,\), \(2,\)\]; expected \(N, n\)"),
        (changed(grams=GRAMS[:0], counts=np.zeros(0, np.uint8)), "with N at least 1"),
        (changed(grams=np.zeros((5, 6), np.uint8), tail=np.zeros(5, np.uint8)), "n from 1 to 5"),
        (changed(grams=np.zeros((5, 0), np.uint8)), "n from 1 to 5"),
        (changed(counts=np.ones(4, np.uint8)), r"shapes are .*\(4,\)"),
        (changed(tail=np.zeros(3, np.uint8)), r"shapes are .*\(3,\)"),
        (changed(grams=GRAMS.astype(np.uint16)), "are U16, U8, U8; expected U8 for the ids of 9 characters"),
        (changed(grams=GRAMS.astype(np.float32)), "are F32, U8, U8"),
        (changed(tail=np.zeros(2, np.int8)), "are U8, I8, U8"),
        (changed(counts=np.ones(5, np.float64)), "are U8, U8, F64; .* and one of U8, U16, U32 for counts"),
        (changed(counts=np.ones(5, np.uint64)), "are U8, U8, U64"),
        (changed(grams=GRAMS + np.uint8(6)), "the n-gram file's ids go from 0 to 9; expected ids from 0 to 8"),
        (changed(tail=np.array([0, 9], np.uint8)), "ids go from 0 to 9"),
        (changed(counts=np.array([1, 1, 0, 1, 1], np.uint8)), "counts must be at least 1 each"),
        (changed(counts=np.full(5, MAX_CHARACTERS // 5 + 1, np.uint32)), "at most 5,000,000 in all"),
        (changed(grams=GRAMS[::-1].copy()), "not sorted, or one occurs twice"),
        (changed(grams=GRAMS[[0, 1, 1, 3, 4]]), "not sorted, or one occurs twice"),
    ],
)
def test_a_file_that_is_not_what_it_should_be(content, message):
    with pytest.raises(ValueError, match=message):
        NGrams.from_bytes(content, 9)


@given(st.binary(max_size=40), st.integers(0, 400))
def test_a_damaged_file_is_read_or_refused_and_nothing_else(noise, at):
    content = bytearray(changed())
    content[at : at + len(noise)] = noise
    try:
        tables = NGrams.from_bytes(bytes(content), 9)
    except ValueError:
        return
    assert all(np.isfinite(losses[5:]).all() for losses in tables.surprisal([0, 8, 1, 2, 3, 0, 1]).values())
