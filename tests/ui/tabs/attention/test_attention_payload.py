"""Attention for a visitor: what is sent is what the trace says, within the coding's stated error."""

import base64
import json
import math
import re

import numpy as np
import pytest
import torch
from known_heads import PLANTED, TEXT, planted

from strivelm import inspection
from strivelm.inspection import trace
from strivelm.loading import open_model
from strivelm.ui import limits
from strivelm.ui.core import codec, prompts
from strivelm.ui.core.dispatcher import Dispatcher
from strivelm.ui.core.models import Models, facts_of
from strivelm.ui.tabs.attention import payload
from strivelm.ui.tabs.attention.attention import VIEW

HOSTILE = "<script>alert(1)</script>${a}{{b}}"


@pytest.fixture(scope="module")
def opened():
    return planted()


def floats(text):
    return np.frombuffer(base64.b64decode(text), "<f4")


def unpacked(text, T):
    """Maps (N, T, T) of base64 of bytes, by a loop over the triangle."""
    codes = list(base64.b64decode(text))
    maps = np.zeros((len(codes) // (T * (T + 1) // 2), T, T))
    places = [(n, q, k) for n in range(len(maps)) for q in range(T) for k in range(q + 1)]
    for place, code in zip(places, codes, strict=True):
        maps[place] = (code / 255) ** 2
    return maps


def test_every_weight_is_sent_within_the_codings_error(make_open):
    opened = make_open(n_layer=2, n_head=2)
    text = "The fox: a test, twice."
    T = len(text)
    value = payload.attention(opened, text)
    weights = trace(opened.model, text).attention
    expected = torch.cat([weights.flatten(0, 1), weights.mean(1)]).double().numpy()
    found = unpacked(value["maps"], T)
    assert found.shape == (2 * 2 + 2, T, T)
    assert (abs(found - expected) <= np.sqrt(expected) / 255 + 1 / 510**2 + 1e-7).all()
    rolled = inspection.rollout(weights)
    both = torch.stack([rolled.weights[-1], rolled.uniform[-1]]).numpy()
    rollouts = unpacked(value["judged"]["rollout"], T)
    assert (abs(rollouts - both) <= np.sqrt(both) / 255 + 1 / 510**2 + 1e-7).all()
    assert (value["text"], value["layers"], value["heads"]) == (text, 2, 2)


def test_36_heads_on_256_characters_are_sent_in_two_megabytes():
    weights = torch.full((42, 256, 256), 1 / 256)
    assert len(codec.weights(weights)) == math.ceil(42 * 256 * 257 / 2 / 3) * 4 < 2_000_000


def test_planted_heads_are_called_what_they_are(opened):
    judged = payload.attention(opened, TEXT)["judged"]
    words = [one["word"] if one["named"] else "none" for one in judged["heads"]]
    assert words == [word for row in PLANTED for word in row]
    T = len(TEXT)
    chance = sum(1 / seen for seen in range(2, T + 1)) / (T - 1)
    for one in judged["heads"]:
        if one["named"]:
            assert one["score"] > 0.95
            assert one["chance"] == pytest.approx(chance)
        else:
            assert one["score"] == pytest.approx(one["chance"], abs=1e-5)  # of what is closest
            assert one["scores"]["entropy"] == pytest.approx(1, abs=1e-5)


def test_the_tab_begins_with_the_head_that_stands_out_most(opened):
    judged = payload.judged(opened, TEXT)
    strengths = [one["strength"] for one in judged["heads"]]
    assert judged["first"] == strengths.index(max(strengths))
    assert judged["heads"][judged["first"]]["named"]
    assert payload.judged(opened, "a")["first"] is None


def test_the_text_to_begin_with_shows_a_head_for_separators_in_the_model_that_comes_along():
    bundled = open_model("bundled")
    text = prompts.passage(facts_of(bundled))
    assert 24 <= len(text) <= 40  # all of it can be named at a map's edges
    judged = payload.judged(bundled, text)
    found = judged["heads"][12]  # layer 3, head 0
    assert (found["word"], found["named"], found["part"]) == ("separators", True, True)
    weights, ends = trace(bundled.model, text).attention[3, 0].tolist(), " ;."
    queries = [q for q in range(1, len(text)) if any(char in ends for char in text[1 : q + 1])]
    shares = [sum(weights[q][k] for k in range(1, q + 1) if text[k] in ends) for q in queries]
    alike = [sum(text[k] in ends for k in range(1, q + 1)) / (q + 1) for q in queries]
    assert found["score"] == pytest.approx(sum(shares) / len(queries), abs=1e-6)
    assert found["chance"] == pytest.approx(sum(alike) / len(queries))
    assert found["score"] > 0.7 > 0.3 > found["chance"]
    assert sum(one["named"] for one in judged["heads"]) >= 4


def test_induction_and_copying_are_the_models_and_measured_once(make_open, monkeypatch):
    opened = make_open(n_layer=2)
    first = payload.circuits(opened)
    found, copies = inspection.induction(opened.model), inspection.copying(opened.model)
    assert first["induction"] == found.score.flatten().tolist()
    assert first["copying"] == copies.score.flatten().tolist()
    assert first["named"] == []
    dispatcher = Dispatcher(Models(opened))
    assert dispatcher.ask("attention.circuits", [opened.ref], {}) == first
    monkeypatch.setattr(inspection, "induction", None)
    assert dispatcher.ask("attention.circuits", [opened.ref], {}) == first


@pytest.mark.parametrize("query", [0, 7, 22])
def test_a_row_is_told_with_the_models_own_numbers(make_open, query):
    opened = make_open(n_layer=2, n_head=2)
    model, text, T = opened.model, "The fox: a test, twice.", 23
    found = payload.row(opened, text, 0, 1, query)
    # layer 0 by hand: embeddings, LayerNorm, the head's own slices of the fused matrix
    ids = torch.tensor(model.tokenizer.encode(text))
    block, hd = model.blocks[0], 8
    with torch.no_grad():
        read = block.ln1(model.tok.weight[ids] + model.pos.weight[:T]).double()
        q = block.qkv.weight[hd : 2 * hd].double() @ read[query]
        keys = read @ block.qkv.weight[16 + hd : 16 + 2 * hd].double().T
    np.testing.assert_allclose(floats(found["query"]), q, atol=1e-5)
    np.testing.assert_allclose(floats(found["keys"]).reshape(-1, hd), keys[: query + 1], atol=1e-5)
    scores = (keys @ q / math.sqrt(hd)).numpy()
    np.testing.assert_allclose(floats(found["scores"]), scores, atol=1e-5)
    powers = np.exp(scores[: query + 1])
    np.testing.assert_allclose(floats(found["attention"]), powers / powers.sum(), atol=1e-6)
    assert found["divisor"] == math.sqrt(hd)


@pytest.mark.parametrize("name", ["1.0", "mean1", "rollout", "uniform"])
def test_a_whole_map_can_be_had_exactly(make_open, name):
    opened = make_open(n_layer=2, n_head=2)
    text = "The fox"
    weights = trace(opened.model, text).attention
    rolled = inspection.rollout(weights)
    expected = {"1.0": weights[1, 0], "mean1": weights[1].mean(0), "rollout": rolled.weights[-1]}
    expected = (expected | {"uniform": rolled.uniform[-1]})[name].float()
    found = floats(payload.exact(opened, text, name)["weights"])
    assert found.tolist() == [expected[q, k].item() for q in range(7) for k in range(q + 1)]


@pytest.mark.parametrize(
    ("chars", "sizes"),
    [
        ("ab", {}),
        ("".join(map(chr, range(0x4E00, 0x4E00 + 5_000))), {}),
        (" \n", {"n_layer": 1, "n_head": 1}),
        ("0123456789", {"block_size": 1}),
        ("xyz", {"block_size": 2}),
    ],
)
def test_models_of_every_kind_begin_with_a_text_and_are_drawn(make_open, chars, sizes):
    opened = make_open(chars=chars, vocab_size=len(chars), **sizes)
    begin = prompts.passage(facts_of(opened))
    assert 0 < len(begin) <= opened.model.block_size
    assert set(begin) <= set(chars)
    for text in (begin, begin[0], "", begin * 40):
        value = payload.attention(opened, text[:1_900])
        T = len(value["text"])
        maps = unpacked(value["maps"], T)
        # a row sums to 1, but for the coding
        assert abs(maps.sum(-1) - 1).max() < 0.01 * T
        assert (value["judged"]["heads"] is None) == (T == 1)
        json.dumps(value, allow_nan=False)


def test_what_was_changed_in_a_text_is_said(opened):
    assert payload.attention(opened, "a" * 33)["notes"] == [
        "The prompt has 33 characters, and this model sees at most 32 at a time: it reads only the end."
    ]
    unknown = payload.attention(opened, "aZb")
    assert unknown["text"] == "ab"
    assert "'Z' at 1. It was left out." in unknown["notes"][0]
    with pytest.raises(ValueError, match="expected text"):
        payload.attention(opened, 7)


def test_a_text_that_is_too_long_is_a_sentence(opened):
    with pytest.raises(ValueError, match="shorten it by 1"):
        payload.maps(opened, "x" * (limits.PROMPT_CHARACTERS + 1))


def test_questions_are_answered_by_name_or_with_a_sentence(opened):
    ask = Dispatcher(Models(opened)).ask
    row, whole = {"text": TEXT, "layer": 0, "head": 0}, {"text": TEXT}
    found = ask("attention.row", ["planted"], row | {"query": 5})
    assert floats(found["attention"])[4] > 0.99
    weights = ask("attention.exact", ["planted"], whole | {"map": "0.0"})["weights"]
    assert floats(weights)[5 * 6 // 2 + 4] == floats(found["attention"])[4]
    assert ask("attention.circuits", ["planted"], {})["uniform"] == payload.circuits(opened)["uniform"]


@pytest.mark.parametrize(
    ("name", "of", "given", "sentence"),
    [
        ("row", "planted", {"text": TEXT, "layer": 9, "head": 0, "query": 0}, "9"),
        ("row", "planted", {"text": TEXT, "layer": 0, "head": 0, "query": 99}, "there is no position 99"),
        ("row", "planted", {"text": TEXT, "layer": 0, "head": 0}, "needs the argument query"),
        ("row", "planted", {"text": TEXT, "layer": 0, "head": 0, "query": None}, "query of attention.row is None"),
        ("exact", "planted", {"text": TEXT, "map": "9.9"}, "There is no map '9.9'"),
        ("exact", "planted", {"text": TEXT, "map": "-1.0"}, "There is no map '-1.0'"),
        ("exact", "planted", {"text": "Z", "map": "0.0"}, "'Z'"),
        ("exact", 7, {"text": TEXT, "map": "0.0"}, "The model is"),
        ("weights", "planted", {"text": TEXT}, "There is no question 'attention.weights'"),
    ],
)
def test_what_can_not_be_answered_is_a_sentence(opened, name, of, given, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)):
        Dispatcher(Models(opened)).ask(f"attention.{name}", [of], given)


def test_a_file_of_its_own_holds_no_markup_of_the_text(make_open):
    opened = make_open(chars="".join(sorted(set(HOSTILE))), vocab_size=len(set(HOSTILE)), block_size=64)
    page = VIEW.html(payload.attention(opened, HOSTILE))
    assert "<script>alert" not in page
    assert page.count("<script>") == 1
    assert "iframe" in VIEW.show(payload.attention(opened, HOSTILE))._repr_html_()
