"""N-gram losses against counting by hand, closed forms, and the published figures of tiny Shakespeare."""

import math
from collections import Counter
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from strivelm.corpus import load_corpus
from strivelm.ngrams import ladder, ngram_loss

SHAKESPEARE = Path(__file__).resolve().parents[2] / "shared" / "data" / "tinyshakespeare.txt"
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


@given(TEXTS, TEXTS, st.integers(1, 5), st.sampled_from([1.0, 0.1, 0.01]))
def test_loss_is_that_of_counting_by_hand(train, validation, n, alpha):
    assert ngram_loss(train, validation, 5, n, alpha) == pytest.approx(by_hand(train, validation, 5, n, alpha))


def test_a_vocabulary_of_all_unicode_does_not_overflow():
    train = [1_114_111, 5, 1_114_110, 5] * 10
    assert ngram_loss(train, train, 1_114_112, 5, 0.01) == pytest.approx(by_hand(train, train, 1_114_112, 5, 0.01))


def test_an_empty_table_guesses_uniformly():
    assert ngram_loss([], [0, 1, 2], 7, 2, 1.0) == pytest.approx(math.log(7))


def test_what_can_not_be_counted():
    with pytest.raises(ValueError, match="validation has 2 characters; at least 3 are needed for 3-grams"):
        ngram_loss([1, 2, 3], [1, 2], 5, 3, 1.0)
    for alpha in (0.0, -1.0, math.nan):
        with pytest.raises(ValueError, match=r"alpha is .*; expected a number above 0"):
            ngram_loss([1, 2, 3], [1, 2], 5, 1, alpha)


def test_ladder_leaves_out_what_the_text_is_too_short_for():
    assert list(ladder([0, 1, 0, 1], [0, 1], 2)) == ["uniform", "unigram", "bigram"]
    assert list(ladder([0, 1], [], 2)) == ["uniform"]
    assert ladder(torch.tensor([0, 1, 0, 1]), torch.tensor([0, 1]), 2)["uniform"] == math.log(2)


@pytest.mark.skipif(not SHAKESPEARE.is_file(), reason=f"{SHAKESPEARE} is not on this machine")
def test_tiny_shakespeares_ladder():
    corpus = load_corpus(str(SHAKESPEARE))
    rungs = ladder(corpus.train, corpus.validation, len(corpus.tokenizer))
    expected = {"uniform": 4.174, "unigram": 3.347, "bigram": 2.482, "trigram": 2.046, "4-gram": 1.784, "5-gram": 1.770}
    assert {name: round(loss, 3) for name, loss in rungs.items()} == expected
