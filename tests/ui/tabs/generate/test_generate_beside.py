"""Two models that write side by side: each text is what its model writes alone, and the other's surprisal of it."""

import json

import pytest
from two_models import ran

from strivelm import inspection
from strivelm.generation import uniforms
from strivelm.ui import limits
from strivelm.ui.tabs.generate import beside
from strivelm.ui.tabs.generate.asked import Asked

SETTING = (0.9, 20, 0.95)


def written(one, other, prompt="The fox", count=40, seed="5", setting=SETTING):
    """The head, both texts, their numbers put together, and the last piece."""
    head, *pieces = json.loads(json.dumps(list(beside.beside(one, other, prompt, Asked(count, *setting, seed)))))
    texts = ["".join(piece["columns"][i]["text"] for piece in pieces) for i in (0, 1)]
    joined = {name: [x for piece in pieces for x in piece[name]] for name in ("numbers", "partings")}
    return head, texts, joined, pieces[-1]


def test_each_text_is_what_its_model_writes_alone(film, bundled):
    head, texts, joined, last = written(film, bundled, count=150)
    assert [column["name"] for column in head["columns"]] == ["film", "bundled"]
    assert (head["model"], head["seed"], last["ended"]) == ("film beside bundled", 5, "complete")
    for one, text in zip((film, bundled), texts, strict=True):
        assert "The fox" + text == one.model.generate("The fox", 150, *SETTING, seed=5)
    stream = uniforms(5)
    assert joined["numbers"] == pytest.approx([next(stream) for _ in range(150)], abs=1e-6)
    apart = next(i for i, (a, b) in enumerate(zip(*texts, strict=True)) if a != b)
    assert joined["partings"] == [{"at": apart, "groups": [[0], [1]]}]


def test_the_other_models_surprisal_is_that_of_reading_the_text(film, young):
    _, texts, _, last = written(film, young, count=150)  # beyond the context of 128
    for text, other, nats in zip(texts, (young, film), last["others"], strict=True):
        expected = inspection.surprisal(other.model, "The fox" + text).model[len("The fox") :]
        assert nats == pytest.approx(expected.tolist(), abs=1e-4)


def test_the_lines_write_the_same(film, young):
    head, texts, _, last = written(film, young)
    names = ran(head["python"])
    assert names["texts"] == texts
    means = [float(line) for line in names["out"].splitlines()[-2:]]
    assert means == pytest.approx([sum(nats) / len(nats) for nats in last["others"]], abs=1e-3)


def test_a_model_beside_itself_writes_the_same_text(film):
    head, texts, joined, last = written(film, film)
    assert texts[0] == texts[1]
    assert joined["partings"] == []
    assert last["others"][0] == last["others"][1]
    assert [column["name"] for column in head["columns"]] == ["film", "film again"]


def test_of_other_vocabularies_what_is_not_known_has_no_surprisal(noise, stranger):
    head, texts, _, last = written(noise, stranger, prompt="The x", count=30)
    assert "Their vocabularies differ" in " ".join(head["notes"])
    assert "stranger: This character is not in the model's vocabulary: 'x'" in " ".join(head["notes"])
    for text, other, nats in zip(texts, (stranger, noise), last["others"], strict=True):
        assert [value is None for value in nats] == [char not in other.model.tokenizer for char in text]
    known = "".join(char for char in texts[0] if char in stranger.model.tokenizer)
    expected = inspection.surprisal(stranger.model, "The " + known).model[4:].tolist()
    assert [value for value in last["others"][0] if value is not None] == pytest.approx(expected, abs=1e-4)


def test_at_most_so_many_are_written_side_by_side(noise, monkeypatch):
    monkeypatch.setattr(limits, "TOGETHER", 20)
    head, texts, *_ = written(noise, noise, count=50)
    assert [len(text) for text in texts] == [20, 20]
    assert "Side by side at most 20 characters" in head["notes"][-1]


def test_what_can_not_be_written_is_a_sentence(noise, stranger):
    with pytest.raises(ValueError, match="temperature is 9"):
        list(beside.beside(noise, stranger, "a", Asked(20, 9.0, 20, 1.0)))
