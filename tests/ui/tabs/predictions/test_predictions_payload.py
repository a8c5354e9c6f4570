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
from strivelm.ui.core.models import facts_of
from strivelm.ui.tabs.predictions import ablation, attribution, lens, losses, losses_position, payload, tab

TEXT = "It is a day."


def asked(**said) -> str:
    return json.dumps({name: str(value) for name, value in said.items()})


def floats(text: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), "<f4")


def chances(text: str) -> np.ndarray:
    return (np.frombuffer(base64.b64decode(text), "<u2") / 65535) ** 2


def looked(opened, text, said="{}") -> dict:
    found = {}
    for part in payload.look(opened, text, said):
        found |= part
    return {name: json.loads(value) if name in ("losses", "lens", "attribution", "ablation") else value
            for name, value in found.items()}  # fmt: skip


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
    shown = looked(counted, TEXT)["losses"]
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
    shown = looked(noise, TEXT)["losses"]
    assert shown["tables"] == []
    assert "no n-gram tables" in shown["note"]


def test_the_lens_is_inspections(noise, monkeypatch):
    shown = looked(noise, TEXT)["lens"]
    found = inspection.logit_lens(noise.model, TEXT)
    assert tuple(shown["depths"]) == found.depths
    assert shown["top"] == "".join(char for row in found.top_chars for place in row for char in place)
    p = found.top_probabilities.numpy()
    # Half a step of √p each way: an error of √p/65535 at most.
    assert (np.abs(chances(shown["top_p"]).reshape(p.shape) - p) <= np.sqrt(p) / 65535 + 1e-7).all()
    assert np.allclose(floats(shown["kl"]).reshape(found.kl.shape), found.kl, rtol=1e-6)
    assert (shown["appears"], shown["settles"]) == (found.appears.tolist(), found.settles.tolist())
    assert torch.equal(ran(shown["python"], noise, monkeypatch)["found"].logits, found.logits)


@pytest.mark.parametrize(("char", "against"), [("", ""), ("e", ""), ("e", "mean"), ("e", "=a"), ("", "==")])
def test_the_parts_sum_to_the_logit(noise, monkeypatch, char, against):
    shown = json.loads(payload.speaker(noise, TEXT, asked(at=4, char=char, against=against))["attribution"])
    with torch.no_grad():
        logits = noise.model(torch.tensor([noise.model.tokenizer.encode(TEXT[:5])]))[0][0, -1]
    index = noise.model.tokenizer.encode
    mine = logits[index(char)[0]] if char else logits.max()
    less = {"": 0.0, "mean": logits.mean(), "=a": logits[index("a")[0]], "==": 0.0}[against]  # "=" is not known
    assert sum(shown["parts"]) == pytest.approx(float(mine - less), abs=1e-4)
    assert shown["total"] == pytest.approx(shown["logit"], abs=1e-4)
    assert shown["names"] == ["token embedding", "position embedding", "0.0", "0.1", "MLP 0", "final LayerNorm's bias"]
    p = logits.double().softmax(-1).sort(descending=True).values
    assert np.allclose(chances(shown["p"]), p, atol=1e-4)
    assert set(shown["likely"]) == set(noise.model.tokenizer.chars)
    found = ran(shown["python"], noise, monkeypatch)["found"]
    assert list(found.parts.values()) == pytest.approx(shown["parts"])


@pytest.mark.parametrize("how", ["zero", "mean"])
def test_switching_off_is_ablates(noise, monkeypatch, how):
    said = asked(at=3, off="0.1,0.m", how=how)
    shown = json.loads(payload.part(noise, TEXT, said)["ablation"])
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
    shown = looked(noise, TEXT)["ablation"]
    assert shown["loss_before"] == shown["loss_after"]
    assert not floats(shown["kl"]).any()
    assert [before for _, before, _ in shown["next"]] == [after for _, _, after in shown["next"]]


@pytest.mark.parametrize("how", ["zero", "mean"])
def test_the_map_of_this_text_is_ablation_maps(noise, monkeypatch, how):
    (part,) = payload.survey(noise, TEXT, asked(how=how))
    shown = json.loads(part["ablation"])["map"]
    (found,) = inspection.ablation_map(noise.model, TEXT, TEXT if how == "mean" else None)
    assert (shown["heads"], shown["mlps"]) == (found.heads.tolist(), found.mlps.tolist())
    assert shown["heads_error"] == [[None, None]]
    assert "one window" in shown["said"]
    without = inspection.ablate(noise.model, TEXT, ["0.1"], [], TEXT if how == "mean" else None)
    assert shown["heads"][0][1] == pytest.approx(without.loss_after - without.loss_before, abs=1e-5)
    assert torch.equal(ran(shown["python"], noise, monkeypatch)["found"].heads, found.heads)


def test_the_map_of_a_longer_text_has_standard_errors_and_says_which(noise, monkeypatch):
    monkeypatch.setattr(samples, "OWN_CHARACTERS", 200)
    *_, part = payload.survey(noise, TEXT, asked(where="long"))
    shown = json.loads(part["ablation"])["map"]
    assert all(error > 0 for error in shown["heads_error"][0])
    assert shown["windows"] <= payload.MAP_WINDOWS
    assert "the model wrote itself" in shown["said"]
    assert ran(shown["python"], noise, monkeypatch)["found"].heads.tolist() == shown["heads"]


def test_the_loss_by_position_is_inspections_and_says_of_what(noise, monkeypatch):
    monkeypatch.setattr(samples, "OWN_CHARACTERS", 300)
    *_, value = payload.by_position(noise)
    shown = json.loads(value["position"])
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
    assert "validation text of fables" in found.said


@pytest.mark.parametrize("chars", ["ab", "\n<script>${}", "שלום😀\u0301 ", "漢字仮名交"])
def test_texts_of_any_vocabulary_and_of_one_character(make_open, chars):
    chars = "".join(sorted(set(chars)))
    opened = make_open(chars=chars, vocab_size=len(chars))
    for text in (chars, chars[0], "", "é"):
        shown = looked(opened, text)
        assert shown["losses"]["text"] == shown["read"]
        assert len(shown["lens"]["appears"]) == len(shown["read"]) > 0
        assert shown["attribution"]["char"] in chars
        assert shown["losses"]["many"] == min(5, len(chars))
    one = looked(opened, chars[0])
    assert (one["losses"]["mean"], one["ablation"]["loss_before"]) == (None, None)
    with pytest.raises(ValueError, match="one character has no loss"):
        list(payload.survey(opened, chars[0], "{}"))


def test_a_long_text_is_read_from_its_end_and_one_that_is_too_long_refused(noise):
    shown = looked(noise, "x" * 20 + "a" * 32)
    assert shown["read"] == "a" * 32
    assert "reads the end" in shown["notes"]
    with pytest.raises(ValueError, match="at most 2,000"):
        looked(noise, "a" * 2001)


def test_a_large_vocabulary_travels_in_bounds(make_open):
    chars = "".join(map(chr, range(0x4E00, 0x4E00 + 5000)))
    shown = looked(make_open(chars=chars, vocab_size=5000), chars[:30])
    assert len(shown["attribution"]["likely"]) == 5000
    assert sum(len(json.dumps(shown[name], ensure_ascii=False)) for name in ("losses", "lens", "ablation")) < 30_000


@pytest.mark.parametrize(
    "said",
    ["", "[]", "{", '{"at": "99", "char": "漢", "against": "=漢", "off": "9.9,x,0.,.m,-1.0,1e9.m", "how": "?"}',
     '{"at": "-1", "char": "ab", "against": "=", "off": "²", "how": null}', '{"at": null, "off": []}'],
)  # fmt: skip
def test_what_means_nothing_here_is_left_out(noise, said):
    assert payload.understood(noise, 12, said) == payload.Asked(11, None, None, (), (), False)


def test_a_part_is_named_once(noise):
    found = payload.understood(noise, 12, asked(off="0.1,0.1,0.m,0.m,0.01", how="mean", at=0))
    assert found == payload.Asked(0, None, None, ("0.1",), (0,), True)


def test_default_texts_can_be_read(noise, make_open):
    assert "\n" in payload.default_text(facts_of(noise))
    for chars in ("ab", " \n", "漢字"):
        text = payload.default_text(facts_of(make_open(chars=chars, vocab_size=2)))
        assert text
        assert set(text) <= set(chars)


def test_a_view_as_a_file_holds_no_text_as_markup(make_open):
    text = "<script>${}</script>"
    chars = "".join(sorted(set(text)))
    shown = looked(make_open(chars=chars, vocab_size=len(chars)), text)
    for module, name in ((losses, "losses"), (lens, "lens"), (attribution, "attribution"), (ablation, "ablation")):
        page = module.VIEW.html(shown[name])
        assert text not in page
        assert "https://" not in page.replace("https://huggingface.co", "")
    assert "null" in losses_position.VIEW.html(None)


def test_what_cannot_be_done_is_said(noise):
    run = tab._streamed(lambda ref, text, said: payload.look(noise, text, said), ("read", "notes", "losses"))
    (update,) = run("noise", "a" * 2001, "{}")
    assert json.loads(update[1])["kind"] == "error"
    first, *_ = run("noise", "a漢", "{}")
    assert first[0] == "a"
    assert "漢" in json.loads(first[1])["text"]
