"""Characters to ids and back, over all of Unicode."""

import pickle
import re

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from strivelm import CharTokenizer, UnknownCharacterError
from strivelm.tokenizer import describe_unknown, display

ANY = st.text(st.characters(exclude_categories=["Cs"]))  # every code point that a file can store
SOME = ANY.filter(bool)


@given(SOME)
@example("e\u0301é\n\r\t 😀\U0010ffff\x00")
def test_decoding_gives_back_any_text(text):
    tokenizer = CharTokenizer.of(text)
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids) == text
    assert sorted(set(ids)) == list(range(len(tokenizer)))
    assert tokenizer.chars == "".join(sorted(set(text)))


@given(SOME, st.randoms(use_true_random=False))
def test_a_characters_id_is_its_place(text, random):
    chars = list(set(text))
    random.shuffle(chars)
    tokenizer = CharTokenizer("".join(chars))
    assert tokenizer.encode(text) == [chars.index(char) for char in text]


@given(SOME, st.randoms(use_true_random=False))
def test_encode_array_is_encode(text, random):
    chars = list(set(text))
    random.shuffle(chars)
    tokenizer = CharTokenizer("".join(chars))
    assert tokenizer.encode_array(text).tolist() == tokenizer.encode(text)
    assert tokenizer.encode_array("").tolist() == []


@pytest.mark.parametrize(("size", "dtype"), [(1, np.uint8), (256, np.uint8), (257, np.uint16), (65_537, np.uint32)])
def test_encode_array_takes_the_smallest_type_that_fits(size, dtype):
    chars = "".join(map(chr, range(0x10000, 0x10000 + size)))
    ids = CharTokenizer(chars).encode_array(chars[-1])
    assert ids.dtype == dtype
    assert ids.tolist() == [size - 1]


@given(SOME, ANY)
def test_both_ways_to_encode_refuse_the_same_texts_with_the_same_words(known, text):
    tokenizer = CharTokenizer.of(known)
    places = {char: tuple(i for i, c in enumerate(text) if c == char) for char in text if char not in known}
    assert tokenizer.unknown(text) == places
    if places:
        messages = []
        for encode in (tokenizer.encode, tokenizer.encode_array):
            with pytest.raises(UnknownCharacterError) as caught:
                encode(text)
            assert caught.value.places == places
            messages.append(str(caught.value))
        assert messages[0] == messages[1]
    else:
        assert tokenizer.decode(tokenizer.encode(text)) == text


@given(SOME, ANY)
def test_lenient_encoding_loses_nothing_without_a_word(known, text):
    tokenizer = CharTokenizer.of(known)
    left_out, replaced = tokenizer.encode_leniently(text), tokenizer.encode_leniently(text, known[0])
    assert left_out.text == "".join(c for c in text if c in known)
    assert replaced.text == "".join(c if c in known else known[0] for c in text)
    for encoding in (left_out, replaced):
        assert encoding.ids == tokenizer.encode(encoding.text)
        assert encoding.unknown == tokenizer.unknown(text)
        assert bool(encoding.report) == (encoding.text != text)


def test_an_unknown_character_is_named_with_its_places():
    with pytest.raises(UnknownCharacterError) as caught:
        CharTokenizer("abc").encode("aZbZ")
    assert str(caught.value) == (
        "This character is not in the model's vocabulary: 'Z' at 1, 3. The model knows 3 characters: 'abc'"
    )
    assert caught.value.places == {"Z": (1, 3)}


def test_many_unknown_characters_are_summed_up():
    words = describe_unknown(CharTokenizer("a").unknown("zzzzzzz yxwvu"))
    assert words == (
        "These 7 characters are not in the model's vocabulary: 'z' at 0, 1, 2, 3, 4 and 2 more; ' ' at 7; 'y' at 8; "
        "'x' at 9; 'w' at 10; and 2 other characters."
    )
    assert describe_unknown({}) == ""


def test_the_report_says_what_was_done():
    tokenizer = CharTokenizer("ab ")
    assert tokenizer.encode_leniently("aéb").report == (
        "This character is not in the model's vocabulary: 'é' (U+00E9) at 1. It was left out."
    )
    assert tokenizer.encode_leniently("aéb", " ").report.endswith("at 1. Each was replaced by ' '.")
    assert tokenizer.encode_leniently("ab").report == ""


def test_a_large_vocabulary_does_not_flood_the_message():
    with pytest.raises(UnknownCharacterError, match="The model knows 5,000 characters: ") as caught:
        CharTokenizer("".join(map(chr, range(0x4E00, 0x4E00 + 5000)))).encode("a")
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("char", "shown"),
    [("a", "'a'"), (" ", "' '"), ("\n", r"'\n' (U+000A)"), ("é", "'é' (U+00E9)"), ("\u200b", r"'\u200b' (U+200B)")],
)
def test_a_message_shows_characters_that_do_not_show(char, shown):
    assert display(char) == shown


@pytest.mark.parametrize(
    ("chars", "words"),
    [
        ("", "chars is ''; expected a string of at least one character"),
        (["a"], r"chars is \['a'\]; expected a string"),
        (None, "chars is None; expected a string"),
        ("abcb", "chars holds 'b' twice; expected distinct characters"),
        ("a\ud83d", r"chars holds '\\ud83d' \(U\+D83D\), half of a surrogate pair; remove it"),
    ],
)
def test_an_impossible_vocabulary_is_refused(chars, words):
    with pytest.raises(ValueError, match=words):
        CharTokenizer(chars)


def test_half_a_surrogate_pair_in_a_text_is_an_unknown_character():
    for encode in (CharTokenizer("ab").encode, CharTokenizer("ab").encode_array):
        with pytest.raises(UnknownCharacterError, match=r"'\\udc80' \(U\+DC80\) at 1"):
            encode("a\udc80")


@pytest.mark.parametrize("replacement", ["Z", "ab", "é"])
def test_a_replacement_that_is_no_character_of_the_vocabulary_is_refused(replacement):
    words = f"replacement is {replacement!r}; expected one character of the vocabulary, or ''"
    with pytest.raises(ValueError, match=re.escape(words)):
        CharTokenizer("abc").encode_leniently("aZ", replacement)


@pytest.mark.parametrize("ids", [[1, 0, 2], (1, 0, 2), np.array([1, 0, 2], np.uint8), torch.tensor([1, 0, 2])])
def test_ids_of_any_kind_are_decoded(ids):
    assert CharTokenizer("abc").decode(ids) == "bac"


def test_no_ids_are_no_text():
    assert CharTokenizer("abc").decode([]) == CharTokenizer("abc").decode(torch.tensor([])) == ""


@pytest.mark.parametrize("wrong", [-1, 3])
def test_an_id_outside_the_vocabulary_is_named(wrong):
    with pytest.raises(ValueError, match=f"id {wrong} is outside the vocabulary; expected ids from 0 to 2"):
        CharTokenizer("abc").decode([0, wrong])


def test_a_batch_of_ids_is_refused():
    with pytest.raises(ValueError, match=r"ids have shape \(1, 2\); expected \(T,\), one text at a time"):
        CharTokenizer("abc").decode(torch.tensor([[0, 1]]))


def test_tokenizers_are_equal_where_their_vocabularies_are():
    assert CharTokenizer("ab") == CharTokenizer("ab") != CharTokenizer("ba")
    assert len({CharTokenizer("ab"), CharTokenizer("ab"), CharTokenizer("ba")}) == 2
    assert "a" in CharTokenizer("ab")
    assert "c" not in CharTokenizer("ab")
    assert repr(CharTokenizer("a\n")) == r"CharTokenizer('a\n')"


def test_the_error_crosses_a_process_border():
    """ZeroGPU runs model work in another process, and exceptions come back pickled."""
    with pytest.raises(UnknownCharacterError) as caught:
        CharTokenizer("abc").encode("abx")
    again = pickle.loads(pickle.dumps(caught.value))
    assert str(again) == str(caught.value)
    assert again.places == {"x": (2,)}


def test_a_text_starts_after_a_line_break_or_the_first_character():
    assert CharTokenizer("ab\n").start == "\n"
    assert CharTokenizer("ba").start == "b"
