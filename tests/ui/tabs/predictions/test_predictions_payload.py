"""What the tab Predictions shows: its numbers are inspection's, its Python gives the same, nothing hostile gets out."""

import base64
import contextlib
import io
import json
import math

import numpy as np
import pytest
import torch

from strivelm import OpenModel, inspection
from strivelm.data.ngrams import count_ngrams
from strivelm.ui.core import samples
from strivelm.ui.core.dispatcher import Dispatcher
from strivelm.ui.core.models import Models
from strivelm.ui.tabs.predictions import ablation, attribution, lens, losses, losses_position, payload

TEXT = "It is a day."


def floats(text: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), "<f4")


def chances(text: str) -> np.ndarray:
    return (np.frombuffer(base64.b64decode(text), "<u2") / 65535) ** 2


def together(pieces) -> dict:
    """The pieces of an answer, put together as the view does."""
    found = {}
    for piece in pieces:
        found |= piece
    return found


def ran(python: str, opened: OpenModel, monkeypatch) -> dict:
    """What the lines leave behind, with `opened` behind the name that they load."""

    def by_name(ref):
        assert ref == "noise"
        return opened

    monkeypatch.setattr("strivelm.open_model", by_name)
    monkeypatch.setattr("strivelm.load_model", lambda ref: by_name(ref).model)
    names = {}
    with contextlib.redirect_stdout(io.StringIO()):
        exec(python, names)
    return names


@pytest.fixture(scope="module")
def counted(noise) -> OpenModel:
    """`noise` with n-gram tables of a small text."""
    opened = OpenModel("noise", noise.model, noise.training)
    ids = noise.model.tokenizer.encode("It is a day, it is a night. " * 20)
    opened.__dict__["ngrams"] = count_ngrams(ids, noise.model.vocab_size)
    return opened


def test_losses_are_those_of_surprisal(counted, monkeypatch):
    shown = payload.losses(counted, TEXT)
    found = inspection.surprisal(counted.model, TEXT, counted.ngrams)
    assert np.allclose(floats(shown["nats"]), found.model, rtol=1e-6, equal_nan=True)
    assert np.allclose(floats(shown["entropy"]), found.entropy, rtol=1e-6, equal_nan=True)
    assert floats(shown["rank"]).tolist() == found.rank.tolist()
    assert shown["mean"] == found.mean
    assert shown["tables"] == ["uniform", "unigram", "bigram", "trigram", "4-gram", "5-gram"]
    assert np.allclose(floats(shown["table_nats"]).reshape(6, -1), found.tables, rtol=1e-6, equal_nan=True)
    assert shown["table_means"][0] == pytest.approx(shown["ln_v"]) == pytest.approx(math.log(counted.model.vocab_size))
    with torch.no_grad():
        p = counted.model(torch.tensor([counted.model.tokenizer.encode(TEXT)]))[0].double().softmax(-1)[0]
    best = p.topk(5)
    assert np.allclose(chances(shown["top_p"]).reshape(-1, 5), best.values, atol=2 / 65535)
    assert shown["top"] == counted.model.tokenizer.decode(best.indices.flatten().tolist())
    assert ran(shown["python"], counted, monkeypatch)["found"].mean == shown["mean"]


def test_a_model_without_tables_says_so(noise):
    shown = payload.losses(noise, TEXT)
    assert shown["tables"] == []
    assert "no n-gram tables" in shown["note"]


def test_the_lens_is_inspections(noise, monkeypatch):
    shown = payload.lens(noise, TEXT)
    found = inspection.logit_lens(noise.model, TEXT)
    assert tuple(shown["depths"]) == found.depths
    assert shown["top"] == "".join(char for row in found.top_chars for place in row for char in place)
    p = found.top_probabilities.numpy()
    # Half a step of √p each way: an error of √p/65535 at most.
    assert (np.abs(chances(shown["top_p"]).reshape(p.shape) - p) <= np.sqrt(p) / 65535 + 1e-7).all()
    assert np.allclose(floats(shown["kl"]).reshape(found.kl.shape), found.kl, rtol=1e-6)
    assert (shown["appears"], shown["settles"]) == (found.appears.tolist(), found.settles.tolist())
    assert torch.equal(ran(shown["python"], noise, monkeypatch)["found"].logits, found.logits)


@pytest.mark.parametrize(("char", "against"), [(None, None), ("e", None), ("e", "mean"), ("e", "a"), (None, "a")])
def test_the_parts_sum_to_the_logit(noise, monkeypatch, char, against):
    shown = payload.attribution(noise, TEXT, 4, char, against)
    with torch.no_grad():
        logits = noise.model(torch.tensor([noise.model.tokenizer.encode(TEXT[:5])]))[0][0, -1]
    index = noise.model.tokenizer.encode
    mine = logits[index(char)[0]] if char else logits.max()
    less = {None: 0.0, "mean": logits.mean(), "a": logits[index("a")[0]]}[against]
    assert sum(shown["parts"]) == pytest.approx(float(mine - less), abs=1e-4)
    assert shown["total"] == pytest.approx(shown["logit"], abs=1e-4)
    assert shown["names"] == ["token embedding", "position embedding", "0.0", "0.1", "0.m", "final LayerNorm's bias"]
    p = logits.double().softmax(-1).sort(descending=True).values
    assert np.allclose(chances(shown["p"]), p, atol=1e-4)
    assert set(shown["likely"]) == set(noise.model.tokenizer.chars)
    found = ran(shown["python"], noise, monkeypatch)["found"]
    assert list(found.parts.values()) == pytest.approx(shown["parts"])


@pytest.mark.parametrize("how", ["zero", "mean"])
def test_switching_off_is_ablates(noise, monkeypatch, how):
    shown = payload.ablation(noise, TEXT, "0.1,0.m", how, 3)
    found = inspection.ablate(noise.model, TEXT, ["0.1"], [0], TEXT if how == "mean" else None, 3)
    assert (shown["loss_before"], shown["loss_after"]) == (found.loss_before, found.loss_after)
    assert np.allclose(floats(shown["before"]), found.surprisal_before, rtol=1e-6, equal_nan=True)
    assert np.allclose(floats(shown["after"]), found.surprisal_after, rtol=1e-6, equal_nan=True)
    assert np.allclose(floats(shown["kl"]), found.kl, rtol=1e-6)
    index = noise.model.tokenizer.encode
    assert {char for char, _, _ in shown["next"]} >= set(found.changed)
    for char, before, after in shown["next"]:
        assert (before, after) == (found.before[index(char)[0]].item(), found.after[index(char)[0]].item())
    assert shown["method"] == how
    assert shown["loss_before"] != shown["loss_after"]
    assert ran(shown["python"], noise, monkeypatch)["found"].loss_after == shown["loss_after"]


def test_nothing_off_changes_nothing(noise):
    shown = payload.ablation(noise, TEXT)
    assert shown["loss_before"] == shown["loss_after"]
    assert not floats(shown["kl"]).any()
    assert [before for _, before, _ in shown["next"]] == [after for _, _, after in shown["next"]]


@pytest.mark.parametrize("how", ["zero", "mean"])
def test_the_map_of_this_text_is_ablation_maps(noise, monkeypatch, how):
    shown = together(payload.survey(noise, TEXT, how))
    (found,) = inspection.ablation_map(noise.model, TEXT, TEXT if how == "mean" else None)
    assert (shown["heads"], shown["mlps"]) == (found.heads.tolist(), found.mlps.tolist())
    assert shown["heads_error"] == [[None, None]]
    assert "one window" in shown["said"]
    without = inspection.ablate(noise.model, TEXT, ["0.1"], [], TEXT if how == "mean" else None)
    assert shown["heads"][0][1] == pytest.approx(without.loss_after - without.loss_before, abs=1e-5)
    assert torch.equal(ran(shown["python"], noise, monkeypatch)["found"].heads, found.heads)


def test_the_map_of_a_longer_text_has_standard_errors_and_says_which(make_open, monkeypatch):
    noise = make_open()
    monkeypatch.setattr(samples, "OWN_CHARACTERS", 200)
    shown = together(payload.survey(noise))
    assert all(error > 0 for error in shown["heads_error"][0])
    assert shown["windows"] <= payload.MAP_WINDOWS
    assert "the model wrote itself" in shown["said"]
    assert ran(shown["python"], noise, monkeypatch)["found"].heads.tolist() == shown["heads"]


def test_the_loss_by_position_is_inspections_and_says_of_what(make_open, monkeypatch):
    noise = make_open()
    monkeypatch.setattr(samples, "OWN_CHARACTERS", 300)
    shown = together(payload.loss_by_position(noise))
    *_, found = inspection.loss_by_position(noise.model, samples.sample(noise).ids, payload.POSITION_WINDOWS)
    assert shown["bin_mean"] == found.bin_mean.tolist()
    assert shown["bin_error"] == found.bin_error.tolist()
    assert not shown["held_out"]
    assert "301 characters that the model wrote itself" in shown["said"]
    assert ran(shown["python"], noise, monkeypatch)["found"].loss == shown["loss"]


def test_validation_text_is_taken_where_it_is_the_models(make_open):
    from strivelm.data.corpus import load_corpus

    fables = load_corpus("bundled")
    opened = make_open(chars=fables.tokenizer.chars)
    assert not samples.sample(opened).held_out  # it does not say that it has learnt from them
    opened.training["corpus"] = {"name": "fables", "sha256": fables.sha256}
    found = samples.sample(opened)
    assert found.held_out
    assert torch.equal(found.ids, fables.validation.long())
    assert "validation text of fables" in found.description


@pytest.mark.parametrize("chars", ["ab", "\n<script>${}", "שלום😀\u0301 ", "漢字仮名交"])
def test_texts_of_any_vocabulary_and_of_one_character(make_open, chars):
    chars = "".join(sorted(set(chars)))
    opened = make_open(chars=chars, vocab_size=len(chars))
    for text in (chars, chars[0], "", "é"):
        shown = payload.losses(opened, text)
        assert len(payload.lens(opened, text)["appears"]) == len(shown["text"]) > 0
        assert payload.attribution(opened, text)["char"] in chars
        assert shown["many"] == min(5, len(chars))
    assert payload.losses(opened, chars[0])["mean"] is None
    assert payload.ablation(opened, chars[0])["loss_before"] is None
    with pytest.raises(ValueError, match="one character has no loss"):
        list(payload.survey(opened, chars[0]))


OF_A_TEXT = (payload.losses, payload.lens, payload.attribution, payload.ablation)


@pytest.mark.parametrize("ask", OF_A_TEXT)
def test_a_long_text_is_read_from_its_end_and_one_that_is_too_long_refused(noise, ask):
    shown = ask(noise, "x" * 20 + "a" * 32)
    assert shown["text"] == "a" * 32
    assert "the end" in "".join(shown["notes"])
    with pytest.raises(ValueError, match="at most 2,000"):
        ask(noise, "a" * 2001)


def test_a_large_vocabulary_travels_in_bounds(make_open):
    chars = "".join(map(chr, range(0x4E00, 0x4E00 + 5000)))
    opened = make_open(chars=chars, vocab_size=5000)
    assert len(payload.attribution(opened, chars[:30])["likely"]) == 5000
    others = (payload.losses, payload.lens, payload.ablation)
    assert sum(len(json.dumps(ask(opened, chars[:30]), ensure_ascii=False)) for ask in others) < 30_000


@pytest.mark.parametrize(
    ("ask", "given", "match"),
    [
        (payload.attribution, {"at": 99}, "no position 99; expected one from 0 to 11"),
        (payload.attribution, {"char": "漢"}, "漢"),
        (payload.attribution, {"against": "漢"}, "漢"),
        (payload.ablation, {"at": -13}, "no position -13"),
        (payload.ablation, {"parts": "9.9"}, "no part '9.9'; expected heads from 0.0 to 0.1 and MLPs from 0.m to 0.m"),
        (payload.ablation, {"parts": "m0"}, "no part 'm0'"),
        (payload.ablation, {"how": "median"}, "expected zero or mean"),
    ],
)
def test_what_is_not_there_is_refused(noise, ask, given, match):
    with pytest.raises((ValueError, IndexError), match=match):
        ask(noise, TEXT, **given)


def test_a_map_in_another_way_is_refused(noise):
    with pytest.raises(ValueError, match="expected zero or mean"):
        list(payload.survey(noise, TEXT, "median"))


def test_a_part_is_switched_off_once(noise):
    shown = payload.ablation(noise, TEXT, "0.1, 0.1,0.m,0.m")
    assert (shown["heads_off"], shown["mlps_off"]) == (["0.1"], [0])


def test_a_view_as_a_file_holds_no_text_as_markup(make_open):
    text = "<script>${}</script>"
    chars = "".join(sorted(set(text)))
    opened = make_open(chars=chars, vocab_size=len(chars))
    for module, ask in zip((losses, lens, attribution, ablation), OF_A_TEXT, strict=True):
        page = module.VIEW.html(ask(opened, text))
        assert text not in page
        assert "https://" not in page.replace("https://huggingface.co", "")
    assert "null" in losses_position.VIEW.html(None)


def test_long_answers_are_measured_once_for_all_who_ask(make_open, monkeypatch):
    opened = make_open()
    models = Models(opened)
    dispatcher, calls = Dispatcher(models), []
    measure = inspection.loss_by_position
    monkeypatch.setattr(samples, "OWN_CHARACTERS", 300)
    monkeypatch.setattr(inspection, "loss_by_position", lambda *given: calls.append(given) or measure(*given))
    first, second = (list(dispatcher.stream("predictions.loss_by_position", [models.own], {})) for _ in range(2))
    assert first == second
    assert len(calls) == 1
    left = dispatcher.stream("predictions.survey", [models.own], {"text": TEXT})
    next(left)
    left.close()  # an answer that somebody did not wait for is not kept
    assert len(list(dispatcher.stream("predictions.survey", [models.own], {"text": TEXT}))) == 2
