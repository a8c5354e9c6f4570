"""Guesses at the next character: they save passes over the weights, and change no text."""

import ctypes
import random
from collections import Counter, defaultdict
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strivelm import SamplingConfig, generate, load_model, native
from strivelm.data.ngrams import count_ngrams
from strivelm.generation import distribution, draw, uniforms
from strivelm.guessing import ORDER, Guesses, counted, guesses_of
from strivelm.streams import Streams, Text


@pytest.fixture(scope="module", autouse=True)
def needs_c():
    try:
        native.library()
    except native.UnavailableError as error:
        pytest.skip(f"a C compiler is not on this machine ({error})")


def texts_of(model, guesses, configs, prompts, forced=None, off=()):
    """What streams write side by side, and in how many calls into C that make one pass each."""
    streams, found, passes = Streams(native.weights(model), len(configs), 2 * len(configs), guesses), {}, 0

    def decide(config):
        return lambda logits, u: draw(distribution(logits, config), u)

    for config, prompt in zip(configs, prompts, strict=True):
        text = Text(uniforms(config.seed), forced or {}, 0, decide(config))
        streams.join(prompt, config.max_new_tokens, (config.temperature, config.top_k, config.top_p), text, off)
        found[text] = []
    while streams.left:
        for one in streams.write(0):  # no time: a pass
            found[one.text].append((one.id, one.told and one.told()))
        passes += 1
    return list(found.values()), passes


def wild(model):
    """Guesses that are any ids at all, also of contexts that were never met."""
    guesses, stream = Guesses(), random.Random(3)
    entries = (ctypes.c_uint64 * (native.library().strivelm_guesses_bytes() // 8)).from_address(guesses.address)
    for context in range(model.vocab_size):
        for id in (stream.randrange(model.vocab_size), 60_000):
            native.library().strivelm_teach(
                guesses.address,
                *(1, 1, ctypes.addressof(ctypes.c_int32(context)), ctypes.addressof(ctypes.c_int32(id))),
                ctypes.addressof(ctypes.c_int32(stream.randrange(1, 9))),
            )
    assert any(entries)
    return guesses


@given(st.data())
def test_guesses_change_no_text(make_model, data):
    model = make_model(n_layer=2, n_head=2, n_embd=16, block_size=data.draw(st.sampled_from([1, 2, 5, 16])))
    texts = data.draw(st.integers(1, 6))
    configs = [
        SamplingConfig(
            data.draw(st.integers(1, 60)),
            data.draw(st.sampled_from([0, 0.5, 1.0])),
            data.draw(st.sampled_from([None, 2])),
            data.draw(st.sampled_from([None, 0.8])),
            seed,
        )
        for seed in range(texts)
    ]
    prompts = [data.draw(st.lists(st.integers(0, model.vocab_size - 1), min_size=1, max_size=9)) for _ in configs]
    forced = data.draw(st.dictionaries(st.integers(0, 20), st.integers(0, model.vocab_size - 1), max_size=3))
    off = data.draw(st.sampled_from([(), ((0, 1), (1, 2))]))
    without, _ = texts_of(model, None, configs, prompts, forced, off)
    for guesses in (Guesses(), guesses_of(model), wild(model)):
        assert texts_of(model, guesses, configs, prompts, forced, off)[0] == without


@pytest.mark.parametrize("temperature", [0, 0.7, 1.0])
def test_right_guesses_save_passes(temperature):
    model, configs = load_model("bundled"), [SamplingConfig(500, temperature, 40, None, 5)]
    (without,), passes = texts_of(model, None, configs, [[1]])
    (found,), fewer = texts_of(model, guesses_of(model), configs, [[1]])
    assert found == without
    assert passes == 500
    assert 500 / 3 <= fewer < 500 / 1.5  # two guesses a pass at most


def test_texts_that_were_written_are_learnt_from(make_model):
    model = make_model(n_layer=1, n_head=1, n_embd=8, block_size=8)
    config, guesses = SamplingConfig(200, 0, seed=1), Guesses()  # the likeliest characters soon go round in a circle
    first = texts_of(model, guesses, [config], [[1]])[1]
    assert texts_of(model, guesses, [config], [[1]])[1] <= first < 200


def test_what_mostly_came_next_is_guessed():
    stream = random.Random(8)
    text = [stream.choices(range(6), (1 + a, 2, 5, 1, 3, 2 * a))[0] for a in (i % 4 for i in range(3000))]
    guesses, followed = Guesses(), defaultdict(Counter)
    guesses.teach(count_ngrams(text, 6))
    for i in range(1, len(text)):
        for order in range(1, min(ORDER, i) + 1):
            followed[tuple(text[i - order : i])][text[i]] += 1
    checked = wrong = 0
    for context, what in followed.items():
        (id, times), *others = what.most_common()
        if times >= 2 and (not others or others[0][1] < times):
            checked += 1
            wrong += guesses.after(context) != id
    assert checked > 200
    assert wrong <= 0.02 * checked  # two contexts may have one place in the table
    assert guesses.after([7, *text[:4]]) == guesses.after(text[:4])  # by the last four
    assert Guesses().after([1, 2]) is None


def test_an_id_beyond_the_table_is_not_kept(make_model):
    guesses = Guesses()
    guesses.teach(SimpleNamespace(**vars(count_ngrams([1, 70_000] * 9, 70_001)), longest=2))
    assert guesses.after([1]) is None
    assert guesses.after([70_000]) == 1


def test_damaged_counts_are_no_obstacle(make_model):
    def broken():
        raise ValueError("not sorted")

    model = make_model(n_layer=1, n_embd=8)
    counted(model, broken)
    assert len(list(generate(model, [1], SamplingConfig(20, seed=1)))) == 20


def test_a_model_and_its_guesses_go_together(make_model):
    import gc
    import weakref

    model = make_model(n_layer=1, n_embd=8)
    counted(model, lambda: None)
    guesses = guesses_of(model)
    assert guesses is guesses_of(model)
    kept = weakref.ref(model)
    del model
    gc.collect()
    assert kept() is None
