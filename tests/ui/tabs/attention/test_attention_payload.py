"""Attention for a visitor: what is sent is what the trace says, within the coding's stated error."""

import base64
import json
import math

import numpy as np
import pytest
import torch
from known_heads import PLANTED, TEXT, planted

from strivelm import inspection
from strivelm.inspection import trace
from strivelm.ui import limits
from strivelm.ui.core.gpu import Work
from strivelm.ui.core.models import Models, facts_of
from strivelm.ui.tabs.attention import payload, tab
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
    assert len(payload.coded(weights)) == math.ceil(42 * 256 * 257 / 2 / 3) * 4 < 2_000_000


def test_planted_heads_are_called_what_they_are(opened):
    judged = payload.attention(opened, TEXT)["judged"]
    words = [one["word"] for one in judged["heads"]]
    assert words == [word for row in PLANTED for word in row]
    T = len(TEXT)
    chance = sum(1 / seen for seen in range(2, T + 1)) / (T - 1)
    for one in judged["heads"]:
        if one["word"] != "none":
            assert one["score"] > 0.95
            assert one["chance"] == pytest.approx(chance)
        else:
            assert (one["score"], one["chance"]) == (None, None)
            assert one["scores"]["entropy"] == pytest.approx(1, abs=1e-5)


def test_induction_and_copying_are_the_models_and_measured_once(make_open, monkeypatch):
    opened = make_open(n_layer=2)
    first = payload.circuits(opened)
    found, copies = inspection.induction(opened.model), inspection.copying(opened.model)
    assert first["induction"] == found.score.flatten().tolist()
    assert first["copying"] == copies.score.flatten().tolist()
    assert first["named"] == []
    monkeypatch.setattr(inspection, "induction", None)
    assert payload.circuits(opened) is first


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
    begin = payload.default_text(facts_of(opened))
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


def test_the_tab_shows_maps_or_says_what_cannot_be_done(opened):
    view, said = tab.look(opened, TEXT)
    assert json.loads(view) == payload.maps(opened, TEXT)
    assert json.loads(said)["kind"] == ""
    view, said = tab.look(opened, "x" * (limits.PROMPT_CHARACTERS + 1))
    assert view == {"__type__": "update"}
    assert json.loads(said)["kind"] == "error"


def test_questions_are_answered_by_name_or_with_a_sentence(opened):
    work = Work(Models(opened))
    works = {name: work(getattr(payload, name)) for name in tab.WANTED}
    about = {"name": "x", "model": "planted", "text": TEXT}
    row, whole = about | {"what": "row", "layer": 0, "head": 0}, about | {"what": "exact"}
    found = tab.answered(works, row | {"query": 5})
    assert found["name"] == "x"
    assert floats(found["attention"])[4] > 0.99
    weights = tab.answered(works, whole | {"map": "0.0"})["weights"]
    assert floats(weights)[5 * 6 // 2 + 4] == floats(found["attention"])[4]
    assert tab.answered(works, about | {"what": "circuits"})["uniform"] == payload.circuits(opened)["uniform"]
    for wrong, sentence in (
        (row | {"layer": 9, "query": 0}, "9"),
        (row | {"query": 99}, "there is no position 99"),
        (row, "incomplete"),
        (row | {"query": None}, "incomplete"),
        (whole | {"map": "9.9"}, "There is no map '9.9'"),
        (whole | {"map": "-1.0"}, "There is no map '-1.0'"),
        (whole | {"map": "0.0", "text": "Z"}, "'Z'"),
        (whole | {"map": "0.0", "model": 7}, "The model is"),
        (about | {"what": "weights"}, "incomplete"),
        ({}, "incomplete"),
    ):
        found = tab.answered(works, wrong)
        assert set(found) == {"name", "error"}
        assert sentence in found["error"]


def test_a_file_of_its_own_holds_no_markup_of_the_text(make_open):
    opened = make_open(chars="".join(sorted(set(HOSTILE))), vocab_size=len(set(HOSTILE)), block_size=64)
    page = VIEW.html(payload.attention(opened, HOSTILE))
    assert "<script>alert" not in page
    assert page.count("<script>") == 1
    assert "iframe" in VIEW.show(payload.attention(opened, HOSTILE))._repr_html_()
