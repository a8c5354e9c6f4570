"""Words, separators, lines and names against regular expressions, and the weights on them against plain loops."""

import math
import re

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from samples import uniform

from strivelm.inspection.attention import PARTS, STANDS_OUT, patterns
from strivelm.inspection.text_parts import line_beginnings, speaker_names, word_numbers

WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
NAME = re.compile(
    r"^(?=[^:\n]*[^\W\d_])((?:[^\W_]|[ .'’-])+):(?=[ \t]*$)|^(?=[^:\n]*[^\W\d_])((?:[^\W_a-zäßж]|[ .'’-])+):", re.M
)
TEXTS = st.text(st.sampled_from("abAB9 .:\n'-,äßЖж_漢"), min_size=2, max_size=24)


def parts_by_expression(text):
    """For each part the places of its characters: words as spans, the others as sets."""
    words = [match.span() for match in WORD.finditer(text)]
    inside = {i for start, end in words for i in range(start, end)}
    lines = [match.start() for match in re.finditer(r"(?<=\n)[^\n]", text)]
    names = [match.span() for match in NAME.finditer(text)]
    return words, set(range(len(text))) - inside, lines, names


@given(TEXTS)
def test_parts_are_those_that_regular_expressions_find(text):
    words, separators, lines, names = parts_by_expression(text)
    numbers = word_numbers(text)
    expected = [-1] * len(text)
    for number, (start, end) in enumerate(words):
        expected[start:end] = [number] * (end - start)
    assert numbers == expected
    assert {i for i, number in enumerate(numbers) if number < 0} == separators
    assert line_beginnings(text) == lines
    assert speaker_names(text) == names


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("ROMEO:\nO night", ["ROMEO:"]),
        ("First Citizen:\nWe are here.\n\nMENENIUS: Well.\n", ["First Citizen:", "MENENIUS:"]),
        ("He said this, thus:\nI know.", []),  # a comma makes it a sentence
        ("and so: no", []),
        ("DON JOHN’S MAN:  \nAy.", ["DON JOHN’S MAN:"]),
        ("12: 30", []),
        (": a", []),
        ("МАША: да", ["МАША:"]),
        ("王：好", ["王："]),
    ],
)
def test_who_speaks(text, names):
    assert [text[start:end] for start, end in speaker_names(text)] == names


def test_an_apostrophe_inside_belongs_to_the_word():
    assert word_numbers("o'er 'tis e\u0301t 1a") == [0, 0, 0, 0, -1, -1, 1, 1, 1, -1, 2, 2, 2, -1, 3, 3]


def by_hand(A, text):
    """The mean weight on each part, by loops over queries and keys, and how many queries could show it."""
    words, separators, lines, names = parts_by_expression(text)

    def wanted(name, query):
        if name == "separators":
            return [key for key in range(1, query + 1) if key in separators]
        if name == "word_beginnings":
            return [start for start, _ in words if 1 <= start <= query]
        if name == "this_word":
            own = [span for span in words if span[0] <= query < span[1]]
            return list(range(own[0][0], query)) if own else []
        if name == "line_beginnings":
            return [key for key in lines if key <= query]
        return [key for start, end in names if end <= query for key in range(max(1, start), end)]

    scores, queries = {}, {}
    for name in PARTS:
        sums = [
            sum(A[query][key] for key in wanted(name, query)) for query in range(1, len(text)) if wanted(name, query)
        ]
        scores[name], queries[name] = sum(sums) / len(sums) if sums else math.nan, len(sums)
    return scores, queries


@given(TEXTS, st.integers(0, 99), st.sampled_from([0.0, 1.0, 30.0]))
def test_the_weight_on_each_part_is_its_definition(text, seed, sharpness):
    T = len(text)
    scores = torch.randn(1, 2, T, T, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)) * sharpness
    attention = scores.masked_fill(torch.ones(T, T, dtype=torch.bool).triu(1), -math.inf).softmax(-1)
    found = patterns(attention, torch.tensor([ord(char) for char in text]), text)
    chance, queries = by_hand(uniform(T).tolist(), text)
    assert {name: found.uniform[name] for name in PARTS} == pytest.approx(chance, abs=1e-12, nan_ok=True)
    assert {name: found.queries[name] for name in PARTS} == queries
    for head in range(2):
        expected, _ = by_hand(attention[0, head].tolist(), text)
        found_here = {name: getattr(found, name)[0, head].item() for name in PARTS}
        assert found_here == pytest.approx(expected, abs=1e-12, nan_ok=True)


SPEECH = "ANNE:\nThe fox is old, and I am not.\nPAUL:\nThe night is long; the day is not.\nANNE: Come home.\n"


def spread(text, keys_of):
    """Attention (1, 1, T, T) that spreads each query's weight alike over some keys; on all that it sees where none."""
    T = len(text)
    attention = torch.zeros(1, 1, T, T, dtype=torch.float64)
    for query in range(T):
        keys = keys_of(query) or range(query + 1)
        attention[0, 0, query, list(keys)] = 1 / len(keys)
    return attention


@pytest.mark.parametrize(
    ("keys_of", "word"),
    [
        (lambda i: [j for j in range(1, i + 1) if not SPEECH[j].isalpha()], "separators"),
        (
            lambda i: [j for j in range(1, i + 1) if SPEECH[j].isalpha() and not SPEECH[j - 1].isalpha()],
            "word beginnings",
        ),
        (lambda i: [j for j in range(1, i + 1) if SPEECH[j - 1] == "\n"], "line beginnings"),
        (lambda i: [j for j in range(1, i) if SPEECH.rfind(" ", 0, i) < j and SPEECH[j].isalpha()], "inside this word"),
        (lambda i: [j for j in range(1, 5) if i > 5], "speaker names"),
    ],
)
def test_a_head_that_looks_at_a_part_is_named_for_it(keys_of, word):
    ids = torch.tensor([ord(char) for char in SPEECH])
    found = patterns(spread(SPEECH, keys_of), ids, SPEECH)
    assert found.verdict == ((word,),) == found.closest
    score, chance = found.named_score(0, 0)
    assert (score - chance) / (1 - chance) == pytest.approx(found.strength.item())
    assert found.strength.item() >= STANDS_OUT
    assert patterns(spread(SPEECH, keys_of), ids).verdict != ((word,),)  # without the characters nobody knows


def test_a_pattern_of_one_place_comes_before_those_that_hold_it():
    ids = torch.tensor([ord(char) for char in SPEECH])
    mostly_before = 0.9 * spread(SPEECH, lambda i: [max(i - 1, 0)]) + 0.1 * spread(SPEECH, lambda i: [max(i - 2, 0)])
    found = patterns(mostly_before, ids, SPEECH)
    inside = (found.this_word - found.uniform["this_word"]) / (1 - found.uniform["this_word"])
    assert inside.item() > found.strength.item() > STANDS_OUT
    assert found.verdict == (("previous character",),)
    assert found.named_score(0, 0)[0] == found.previous_character.item()


def test_what_is_closest_to_a_head_without_a_name():
    ids = torch.tensor([ord(char) for char in SPEECH])
    little = 0.4 * spread(SPEECH, lambda i: [j for j in range(1, i + 1) if not SPEECH[j].isalpha()])
    found = patterns(little + 0.6 * uniform(len(SPEECH)), ids, SPEECH)
    assert (found.verdict, found.closest) == ((("none",),), (("separators",),))
    assert found.named_score(0, 0) is None
    assert found.closest_score(0, 0) == (found.separators.item(), found.uniform["separators"])


def test_characters_that_do_not_fit_are_a_sentence():
    with pytest.raises(ValueError, match="there are 2 characters for 3 ids; give one for each"):
        patterns(uniform(3)[None, None], torch.arange(3), "ab")
