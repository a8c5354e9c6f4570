"""How one character is chosen: each step against arithmetic of its own, the last against the draw."""

import base64
import math

import numpy as np
import pytest
import torch

from strivelm import OpenModel, SamplingConfig
from strivelm.generation import distribution, draw, uniforms
from strivelm.loading import open_model
from strivelm.ui.core import prompts
from strivelm.ui.core.codec import dumps
from strivelm.ui.core.models import facts_of
from strivelm.ui.tabs.generate import one_character, sampling_steps, sampling_steps_payload

SETTINGS = [
    (0.9, 40, 1.0),
    (0.5, 10, 0.8),
    (2.0, 0, 0.05),
    (1.0, 0, 1.0),
    (0, 40, 0.9),
    (0.05, 1, 0.5),
    (1.3, 500, 1.0),
]


def numbers(text):
    return np.frombuffer(base64.b64decode(text), dtype=np.float32)


def looked_at(opened, setting, text="The", seed="7"):
    return sampling_steps_payload.sampling_steps(opened, text, *setting, seed)


@pytest.mark.parametrize("setting", SETTINGS)
def test_stages_are_what_the_formulas_say(noise, setting):
    value = looked_at(noise, setting)
    temperature, k, p = setting
    logits = numbers(value["logits"]).astype(np.float64)
    order = np.argsort(-logits, kind="stable")
    V = len(logits)

    expected = np.exp(logits - logits.max())
    expected /= expected.sum()
    np.testing.assert_allclose(numbers(value["stages"]["model"]), expected, rtol=1e-4, atol=1e-7)
    if temperature == 0:
        expected = (np.arange(V) == order[0]).astype(float)
    else:
        expected = np.exp((logits - logits.max()) / temperature)
        expected /= expected.sum()
    np.testing.assert_allclose(numbers(value["stages"]["temperature"]), expected, rtol=1e-4, atol=1e-7)
    if k:
        expected[order[k:]] = 0
        expected /= expected.sum()
    np.testing.assert_allclose(numbers(value["stages"]["top_k"]), expected, rtol=1e-4, atol=1e-7)
    needed = 1 + next((i for i, held in enumerate(np.cumsum(expected[order])) if held >= p), V - 1)
    if p < 1:
        expected[order[needed:]] = 0
        expected /= expected.sum()
    np.testing.assert_allclose(numbers(value["stages"]["top_p"]), expected, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("setting", SETTINGS)
def test_the_last_stage_is_the_distribution_and_draws_what_is_written(noise, setting):
    value = looked_at(noise, setting, "The", "7")
    model = noise.model
    logits = model(torch.tensor([model.tokenizer.encode("The")]))[0][0, -1].detach()
    expected = distribution(logits, SamplingConfig(1, *setting))
    last = torch.from_numpy(numbers(value["stages"]["top_p"]).copy())
    torch.testing.assert_close(last, expected, rtol=1e-4, atol=1e-6)
    assert value["numbers"][0] == next(uniforms(7))
    char = value["chars"][draw(last, value["numbers"][0])]
    assert "The" + char == model.generate("The", 1, *setting, seed=7)


def test_appending_with_the_next_numbers_writes_the_seeds_text(noise):
    text = "A"
    for place in range(25):  # within the context
        value = looked_at(noise, (0.9, 40, 0.95), text)
        last = torch.from_numpy(numbers(value["stages"]["top_p"]).copy())
        text += value["chars"][draw(last, value["numbers"][place])]
    assert text == noise.model.generate("A", 25, 0.9, 40, 0.95, seed=7)


def test_an_empty_seed_is_drawn(noise):
    value = looked_at(noise, SETTINGS[0], seed="")
    assert value["numbers"][0] == next(uniforms(value["seed"]))
    assert len(value["numbers"]) == sampling_steps_payload.DRAWS


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("A", 9, 0, 1.0, ""), "The temperature is 9"),
        (("A", 1, 0, 0, ""), "The setting top_p is 0"),
        (("A", 1, -1, 1, ""), "The setting top_k is -1"),
        (("A", 1, 0, 1, "x"), "The setting seed is 'x'"),
        (("x" * 3000, 1, 0, 1, ""), "The prompt has 3,000 characters"),
    ],
)
def test_what_can_not_be_done_is_said_in_a_sentence(noise, arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        sampling_steps_payload.sampling_steps(noise, *arguments)


@pytest.mark.parametrize(
    "sizes",
    [
        {"chars": "ab", "block_size": 1, "n_head": 1},
        {"chars": "\n 01"},
        {"chars": "".join(map(chr, range(0x4E00, 0x4E00 + 5000)))},
    ],
)
@pytest.mark.parametrize("prompt", ["", "<script>alert(1)</script>${x}{{y}}", "ab" * 40])
def test_small_and_odd_models(make_open, sizes, prompt):
    opened = make_open(**sizes)
    value = looked_at(OpenModel("odd", opened.model, {}), (0.9, 40, 0.9), prompt, "")
    V = len(sizes["chars"])
    assert {name: len(numbers(text)) for name, text in value["stages"].items()} == dict.fromkeys(value["stages"], V)
    assert math.isclose(numbers(value["stages"]["top_p"]).sum(), 1, rel_tol=1e-5)
    assert len(dumps(value)) < V + 5 * V * 6 + 10_000  # the characters, and four bytes a number in base64
    assert value["notes"]


@pytest.mark.parametrize("setting", SETTINGS)
def test_the_python_lines_make_the_same_choice(noise, capsys, monkeypatch, setting):
    monkeypatch.setattr("strivelm.load_model", lambda ref: {"noise": noise.model}[ref])
    value = looked_at(noise, setting)
    exec(value["python"], {})
    *rows, last = capsys.readouterr().out.splitlines()
    shown = [numbers(value["logits"]), *(numbers(value["stages"][name]) for name in ("temperature", "top_k", "top_p"))]
    order = np.argsort(-shown[0], kind="stable")
    assert len(rows) == 20
    for row, id in zip(rows, order, strict=False):
        char, *found = row.rsplit(" ", 4)
        assert char == repr(value["chars"][id])
        np.testing.assert_allclose([float(one) for one in found], [step[id] for step in shown], atol=6e-5)
    u, char = value["numbers"][0], noise.model.generate("The", 1, *setting, seed=7)[3:]
    assert last == f"{u} {char!r}"


@pytest.mark.parametrize("ref", ["bundled", "film"])
def test_the_section_begins_where_top_k_and_top_p_can_be_seen_to_cut(ref):
    opened = open_model(ref)
    begin = [value for *_, value in one_character.SETTINGS]
    for prompt in prompts.examples(facts_of(opened)):
        value = looked_at(opened, begin, prompt)
        hot, few, last = (numbers(value["stages"][name]) for name in ("temperature", "top_k", "top_p"))
        kept = [int((stage > 0).sum()) for stage in (hot, few, last)]
        assert kept[0] > 20 > kept[1] > kept[2] >= 2, (prompt, kept)
        assert hot[few == 0].sum() > 0.001, prompt


def test_the_view_as_a_file_holds_no_raw_text(make_open):
    hostile = "<script>alert(1)</script>"
    value = looked_at(make_open(chars="".join(dict.fromkeys(hostile))), SETTINGS[0], hostile)
    page = sampling_steps.VIEW.html(value)
    assert value["text"] == hostile
    assert "<script>alert" not in page
    assert "src=" not in page
