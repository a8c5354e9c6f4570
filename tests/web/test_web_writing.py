"""What a browser writes is what Python writes: the same random numbers, the same characters, the same figures."""

import random

import pytest
import torch

from strivelm import SamplingConfig, generate, inspection, load_model
from strivelm.generation import MAX_SEED
from strivelm.inspection import Without
from strivelm.loading import COME_ALONG


def config_of(rng, count):
    """Settings as a visitor may choose them, the usual ones more often."""
    return SamplingConfig(
        count,
        rng.choice([0, 0.05, 0.5, 0.9, 0.9, 1.0, 1.3, 2.0]),
        rng.choice([0, 0, 1, 5, 40, 40, 1000]),
        rng.choice([1.0, 1.0, 0.95, 0.5, 0.05]),
        rng.choice([0, 1, rng.randrange(10**6), 2**32, MAX_SEED]),
    )


def asked(ids, config, **more):
    names = ("temperature", "top_k", "top_p", "seed")
    settings = {name: getattr(config, name) for name in names} | {"count": config.max_new_tokens}
    return {"ids": ids, "config": settings} | more


def test_the_random_numbers_are_python_s(node):
    seeds = [0, 1, 7, 2**31, 2**32 - 1, 2**32, 123456789012345, MAX_SEED]
    found = node(*({"do": "uniforms", "seed": seed, "first": 3, "count": 700} for seed in seeds))
    for seed, numbers in zip(seeds, found, strict=True):
        stream = random.Random(seed)
        assert [stream.random() for _ in range(703)][3:] == numbers


def same_texts(node, model, folder, plain, many, longest, seed=1):
    """Writes texts of many settings both ways, several beside each other; all that is told of them is compared."""
    rng, texts, expected = random.Random(seed), [], []
    lengths = [1, 3, max(1, model.block_size - 1), 2 * model.block_size]
    for _ in range(many):
        ids = [rng.randrange(model.vocab_size) for _ in range(rng.choice(lengths))]
        config = config_of(rng, rng.randrange(1, longest))
        texts.append(asked(ids, config))
        expected.append(list(generate(model, ids, config)))
    groups = [{"do": "write", "texts": texts[i : i + 4]} for i in range(0, many, 4)]
    _, *found = node({"do": "open", "at": str(folder), "plain": plain}, *groups)
    for steps, written in zip(expected, (text for group in found for text in group), strict=True):
        assert [step.id for step in steps] == [id for id, *_ in written]
        for step, (_, nats, drawn, others) in list(zip(steps, written, strict=True))[-3:]:
            assert nats == pytest.approx(step.surprisal, abs=2e-5)
            assert drawn == pytest.approx(step.sampled_probability, abs=1e-5)
            same = step.alternatives(8)
            assert [p for _, p, _ in others] == pytest.approx([p for _, p, _ in same], abs=1e-5)
            assert [q for *_, q in others] == pytest.approx([q for *_, q in same], abs=1e-5)


def test_texts_of_the_film_s_model(node, plain):
    same_texts(node, load_model("film"), COME_ALONG["film"], plain, many=12 if plain else 100, longest=300)


def test_texts_of_the_bundled_model(node, plain):
    same_texts(node, load_model("bundled"), COME_ALONG["bundled"], plain, many=1 if plain else 8, longest=300)


@pytest.mark.parametrize(
    "sizes",
    [
        {},
        {"block_size": 1, "n_layer": 1},
        {"block_size": 2},
        {"block_size": 7, "n_head": 3, "n_embd": 21, "n_layer": 3},
        {"block_size": 40, "n_head": 1, "n_embd": 5},
        {"block_size": 100, "chars": "".join(map(chr, range(0x4E00, 0x4E00 + 700))), "n_embd": 48},
    ],
    ids=str,
)
def test_texts_of_small_models(node, saved, plain, sizes):
    same_texts(node, *saved(**sizes), plain, many=16, longest=3 * 40)


def test_a_text_is_the_same_in_company_forced_and_continued(node, saved, plain):
    model, folder = saved(block_size=20)
    config, start = SamplingConfig(50, 0.9, 10, 0.95, 7), [1, 2, 3]
    forced = {0: 5, 13: 4, 30: 9}
    parts = [(0, 1), (1, 2)]  # head 1 of layer 0, the MLP of layer 1
    whole = [step.id for step in generate(model, start, config)]
    changed = [step.id for step in generate(model, start, config, forced=forced)]
    rest = [step.id for step in generate(model, start + whole, config, first=50)]
    off = [step.id for step in generate(Without(model, [(0, 1)], [1]), start, config)]
    found = node.one(
        {"do": "open", "at": str(folder), "plain": plain},
        {
            "do": "write",
            "texts": [
                asked(start, config),
                asked(start, config, forced=list(forced.items())),
                asked(start + whole, config, first=50),
                asked(start, config, off=parts),
            ],
        },
    )
    assert [[id for id, *_ in text] for text in found] == [whole, changed, rest, off]
    assert off != whole


# -- looking -----------------------------------------------------------------------------------------------------------


def opened(name, saved):
    if name in COME_ALONG:
        return load_model(name), COME_ALONG[name]
    return saved(n_layer=6, n_head=6, n_embd=384, block_size=64, std=0.03)


@pytest.mark.parametrize("name", ["film", "bundled", "6 x 384"])
def test_attention_and_each_depth_are_python_s(node, saved, name, plain):
    model, folder = opened(name, saved)
    text = "".join(model.tokenizer.chars[(7 * i) % model.vocab_size] for i in range(40))
    found = node.one(
        {"do": "open", "at": str(folder), "plain": plain},
        {"do": "look", "text": text, "attention": True, "depths": True},
    )
    traced, lens = inspection.trace(model, text, keep={"attention", "logits"}), inspection.logit_lens(model, text)
    attention = torch.tensor(found["attention"]).view_as(traced.attention)
    torch.testing.assert_close(attention, traced.attention, rtol=0, atol=1e-5)
    depths = torch.tensor(found["depths"]).view_as(lens.logits)
    torch.testing.assert_close(depths.softmax(-1), lens.probabilities, rtol=0, atol=1e-5)
    torch.testing.assert_close(torch.tensor(found["logits"]).view(40, -1), depths[-1], rtol=0, atol=0)


def test_more_characters_than_are_read_at_a_time(node):
    """decoder.c reads 96 rows at a time; what it keeps of each has its own place."""
    model, text = load_model("film"), "To be, or not to be: that is the question. " * 3
    text = text[:120]
    found = node.one(
        {"do": "open", "at": str(COME_ALONG["film"])}, {"do": "look", "text": text, "attention": True, "depths": True}
    )
    traced, lens = inspection.trace(model, text, keep={"attention"}), inspection.logit_lens(model, text)
    attention = torch.tensor(found["attention"]).view_as(traced.attention)
    torch.testing.assert_close(attention, traced.attention, rtol=0, atol=1e-5)
    depths = torch.tensor(found["depths"]).view_as(lens.logits).softmax(-1)
    torch.testing.assert_close(depths, lens.probabilities, rtol=0, atol=1e-5)


@pytest.mark.parametrize("length", [2, 16, 17, 24, 25, 26, 60])
def test_surprisal_is_python_s_past_the_context_too(node, saved, plain, length):
    model, folder = saved()  # its context is 16
    chars = model.tokenizer.chars
    text = "".join(chars[i * i % len(chars)] for i in range(length))
    found = node.one({"do": "open", "at": str(folder), "plain": plain}, {"do": "surprisal", "text": text})
    expected = inspection.surprisal(model, text).model[1:].tolist()
    assert found == pytest.approx(expected, abs=1e-5)


def test_what_a_text_is_too_long_for_is_a_sentence(node, saved):
    _, folder = saved()
    found = node({"do": "open", "at": str(folder)}, {"do": "look", "text": "A" * 17}, {"do": "look", "text": "Z"})
    assert "17 characters; expected 1 to 16" in str(found[1])
    assert "'Z' at 0" in str(found[2])
