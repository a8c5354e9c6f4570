"""Shared runs against a search over all of them."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from strivelm.inspection.text_overlap import MAX_SOURCE, MAX_TEXT, shared_spans

LETTERS = st.text("abc", max_size=25)


def by_hand(text, source, least):
    """All runs that stand in the source and are no part of a longer such run at that place in the text."""
    shared = [
        (start, end)
        for start in range(len(text))
        for end in range(start + least, len(text) + 1)
        if text[start:end] in source
    ]
    return sorted(
        (start, end - start)
        for start, end in shared
        if not any(a <= start and end <= b and (a, b) != (start, end) for a, b in shared)
    )


@given(LETTERS, LETTERS, st.integers(1, 4), st.integers(1, 3))
def test_shared_runs_are_those_of_a_search_over_all(text, source, least, places):
    found = shared_spans(text, source, least, places)
    expected = by_hand(text, source, least)
    assert list(zip(found.start.tolist(), found.length.tolist(), strict=True)) == expected
    assert found.spans == len(expected)
    assert found.longest == max((n for _, n in expected), default=0)
    covered = {at for start, n in expected for at in range(start, start + n)}
    assert found.share == pytest.approx(len(covered) / max(1, len(text)))
    for run, where, (start, n) in zip(found.text, found.places, expected, strict=True):
        assert run == text[start : start + n]
        assert list(where) == [at for at in range(len(source)) if source.startswith(run, at)][:places]


@given(st.text(min_size=1, max_size=30))
def test_a_text_shares_all_with_itself(text):
    found = shared_spans(text, text, 1)
    assert (found.text, found.places[0][0], found.share) == ((text,), 0, 1)


def test_a_planted_run_is_found_where_it_stands():
    source = "".join(chr(97 + i * i % 23) for i in range(500)) + "To be, or not to be: that" + "xyz" * 50
    found = shared_spans("?" * 30 + "To be, or not to be: that is" + "!" * 30, source)
    assert found.text == ("To be, or not to be: that",)
    assert (found.start.tolist(), found.places) == ([30], ((500,),))
    assert found.share == 25 / 88


def test_repetitions_take_no_more_time_than_other_texts():
    found = shared_spans("a" * 20_000, "a" * 200_000, places=2)
    assert (found.spans, found.longest, found.share, found.places) == (1, 20_000, 1.0, ((0, 1),))
    found = shared_spans("ab" * 5000, "ba" * 50_000 + "b" + "ab" * 10)
    assert (found.spans, found.longest) == (1, 10_000)


def test_of_many_runs_the_longest_are_listed_in_the_texts_order():
    text = "aaaa.bb.ccc.dddd"
    found = shared_spans(text, "aaaa bb ccc dddd", least=2, most=3)
    assert (found.text, found.spans, found.longest) == (("aaaa", "ccc", "dddd"), 4, 4)
    assert found.share == 13 / 16


def test_where_nothing_is_shared():
    for text, source in (("", "abc"), ("abc", ""), ("abc", "xyz")):
        found = shared_spans(text, source, 1)
        assert (found.spans, found.longest, found.share, found.text) == (0, 0, 0, ())
        assert found.start.dtype == torch.int64
        assert found.to_dict()["start"] == []


def test_what_is_not_searched():
    with pytest.raises(ValueError, match="the text has 50,001 characters; expected at most 50,000, pass a part of it"):
        shared_spans("a" * (MAX_TEXT + 1), "a")
    with pytest.raises(ValueError, match="the source has 10,000,001 characters"):
        shared_spans("a", "a" * (MAX_SOURCE + 1))
    for name in ("least", "places", "most"):
        with pytest.raises(ValueError, match=f"{name} is 0; expected a whole number from 1"):
            shared_spans("a", "a", **{name: 0})
