"""The page's picker, before a Hub: a model comes with its progress, or a sentence says why it doesn't."""

import json

import pytest


@pytest.fixture
def picked(client):
    """The function that types a reference into the picker: what the page says and shows, one update after another."""

    def call(ref):
        return [{**row, "said": json.loads(row["said"])} for row in client("picked", ref)]

    return call


def test_a_model_of_the_hub_is_opened_with_progress(hub, publish, run_folder, picked):
    commit = publish(run_folder)
    rows = picked("alice/one@main")
    assert rows[0]["said"]["text"] == "Opening alice/one@main…"
    assert any(" MB received." in row["said"]["text"] for row in rows)
    assert rows[-1]["current"] == rows[-1]["asked"] == "alice/one@main"
    assert rows[-1]["said"]["text"] == ""
    header = json.loads(rows[-1]["header"])
    assert header["name"] == ["Model", "alice/one@main, step 40"]
    assert dict(header["facts"])["Learnt from"] == "a text"
    assert hub.store.repos["models", "alice/one"].branches["main"] == commit


@pytest.mark.parametrize(
    ("ref", "reason"),
    [
        ("nobody/nothing", "nobody/nothing"),
        ("alice/secret", "alice/secret"),  # a private one can't be told from one that is missing
        ("alice/one@gone", "has no such revision"),
        ("nobody", "is no model"),
    ],
)
def test_what_can_not_be_opened_says_why_and_the_model_stays(hub, publish, run_folder, picked, ref, reason):
    publish(run_folder)
    publish(run_folder, "alice/secret")
    hub.store.repos["models", "alice/secret"].private = True
    last = picked(ref)[-1]
    assert (last["current"], last["header"], last["asked"]) == (None, None, "noise")
    assert last["said"]["kind"] == "error"
    assert reason in last["said"]["text"]
    assert last["said"]["text"].endswith("noise stays open.")


def test_a_model_without_a_vocabulary_is_refused(hub, publish, make_model, tmp_path, picked):
    make_model(chars=None, vocab_size=8).save_pretrained(tmp_path / "mute")
    publish(tmp_path / "mute", "alice/mute")
    assert "vocabulary" in picked("alice/mute")[-1]["said"]["text"]


def test_finite_weights_that_say_nothing_are_refused_in_a_sentence(hub, publish, make_model, tmp_path, picked):
    wild = make_model()
    for parameter in wild.parameters():
        parameter.data.fill_(1e30)
    wild.head.weight.data[0] = -1e30
    wild.save_pretrained(tmp_path / "wild")
    publish(tmp_path / "wild", "alice/wild")
    last = picked("alice/wild")[-1]
    assert "alice/wild is damaged" in last["said"]["text"]
    assert last["said"]["text"].endswith("noise stays open.")


def test_no_token_goes_with_what_a_visitor_asks_for(hub, publish, run_folder, picked, variables):
    publish(run_folder)
    hub.store.repos["models", "alice/one"].private = True
    with variables(HF_TOKEN="hf_alice"):  # the owner of the page could read it
        assert picked("alice/one")[-1]["said"]["kind"] == "error"
