"""Texts to begin with: a model can read them, whatever it knows and however little it sees."""

import string

import pytest

from strivelm import OpenModel
from strivelm.ui.core import prompts
from strivelm.ui.core.models import facts_of

KINDS = (prompts.passage, prompts.lines, prompts.sentence, prompts.line)


@pytest.mark.parametrize("block_size", [1, 8, 256])
@pytest.mark.parametrize("chars", ["a", "ab", " \n", "漢字仮名交", "\n<>${}", string.printable])
@pytest.mark.parametrize("kind", KINDS)
def test_a_text_is_within_the_vocabulary_and_the_context(make_open, kind, chars, block_size):
    chars = "".join(sorted(set(chars)))
    text = kind(facts_of(make_open(chars=chars, vocab_size=len(chars), block_size=block_size)))
    assert 0 < len(text) <= block_size
    assert set(text) <= set(chars)


@pytest.mark.parametrize("kind", KINDS)
def test_letters_of_a_strange_alphabet_come_again(make_open, kind):
    chars = "".join(map(chr, range(0x4E00, 0x4E00 + 5000)))
    text = kind(facts_of(make_open(chars=chars, vocab_size=5000)))
    assert all(text.count(char) > 1 for char in text[:4])


@pytest.mark.parametrize("kind", [prompts.passage, prompts.lines, prompts.line])
def test_texts_sound_like_what_the_model_has_learnt_from(noise, kind):
    def text(corpus):
        return kind(facts_of(OpenModel("x", noise.model, {"corpus": {"name": corpus}})))

    assert text("fables") != text("tiny Shakespeare") == text("input.txt")


@pytest.mark.parametrize("chars", ["ab", " \n", "漢字仮名交", "\nABCDEFGHIKLMNOPRSTUVYabcdefghiklmnoprstuvwxyz ,:!'.-"])
def test_examples_can_be_read_by_the_model(make_open, chars):
    opened = make_open(chars=chars, vocab_size=len(chars))
    chosen = prompts.examples(facts_of(opened))
    assert len(chosen) <= prompts.COUNT
    assert all(one.strip() and set(one) <= set(chars) for one in chosen)
    assert len(set(chosen)) == len(chosen)


def test_examples_follow_the_corpus(noise):
    def first(name):
        return prompts.examples(facts_of(OpenModel("x", noise.model, {"corpus": {"name": name}})))

    assert first("tinyshakespeare.txt")[0] == "ROMEO:\n"
    assert first("fables")[0] == "Once upon a time"
    mixed = first("input.txt")
    assert set(mixed) & set(prompts.SHAKESPEARE)
    assert set(mixed) & set(prompts.FABLES)
