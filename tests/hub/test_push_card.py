"""A card that somebody edited on the Hub, and what a push of a better model makes of it."""

import json

import pytest
import yaml
from hub.store import File

from strivelm.hub.client import HubError


def metadata(readme):
    return yaml.safe_load(readme.decode().split("---\n")[1])


@pytest.fixture
def edit(hub, files):
    """The function that changes the README on the Hub, as somebody does in a browser."""

    def commit(change, revision="main"):
        readme = change(files(revision)["README.md"].decode())
        hub.store.repos["models", "alice/one"].commit(revision, {"README.md": File(readme.encode())}, "edited")

    return commit


@pytest.fixture
def better(run_folder, make_model):
    """The function that lets the run get better: another card, another loss, a table of losses."""

    def improve(loss=1.5):
        best = {"step": 80, "train": 1.4, "validation": loss, "seconds": 20.0}
        (run_folder / "README.md").unlink()
        told = {"corpus": {"name": "a text", "sha256": "0" * 64, "characters": 1000}, "best": best}
        make_model(seed=9).save_pretrained(run_folder, model_card_kwargs=told | {"ngrams": {"uniform": 3.0}})
        (run_folder / "training.json").write_text(json.dumps({"best": best}))

    return improve


def test_a_card_that_nobody_edited_is_replaced(push, better, files):
    better(2.0)
    push()
    better(1.5)
    push()
    readme = files()["README.md"].decode()
    assert "1.500 nats per character" in readme
    assert "2.000" not in readme
    assert metadata(readme.encode())["model-index"][0]["results"][0]["metrics"][0]["value"] == 1.5


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_an_edited_card_keeps_its_prose_and_gets_its_figures(push, better, edit, end, files):
    better(2.0)
    push()
    edit(
        lambda text: (text.replace("## Limits", "## My own words\n\nA model for Ada.\n\n## Limits")).replace("\n", end)
    )
    for loss in (1.5, 1.25):  # once edited, always edited
        better(loss)
        push()
        readme = files()["README.md"].decode()
        assert "A model for Ada." in readme
        assert f"| **this model** | **{loss:.3f}** |{end}" in readme
        assert readme.count("**this model**") == 1
        assert "(training 1.400)." in readme
        assert yaml.safe_load(readme.split("---")[1])["model-index"][0]["results"][0]["metrics"][0]["value"] == loss


def test_a_card_written_anew_stays_word_for_word(push, better, edit, files):
    push()
    edit(lambda _: "---\nlicense: apache-2.0\ntags:\n- mine\nlanguage: en\n---\nOnly this.\n")
    better()
    push()
    readme = files()["README.md"].decode()
    assert readme.endswith("---\nOnly this.\n")
    told = metadata(readme.encode())
    assert told["license"] == "apache-2.0"
    assert told["language"] == "en"
    assert told["tags"][0] == "mine"
    assert "strivelm" in told["tags"]
    assert told["model-index"][0]["results"][0]["metrics"][0]["value"] == 1.5
    push(license="mit")
    assert metadata(files()["README.md"])["license"] == "mit"


def test_metadata_that_somebody_changed_stays_where_the_text_was_not_touched(push, better, edit, files):
    push()
    edit(lambda text: text.replace("library_name:", "license: cc0-1.0\nlanguage: en\nlibrary_name:"))
    better()
    push()
    readme = files()["README.md"]
    assert metadata(readme)["license"] == "cc0-1.0"
    assert metadata(readme)["language"] == "en"
    assert b"1.500 nats per character" in readme


def test_results_that_somebody_else_measured_stay(push, better, edit, files):
    push()
    other = {"type": "accuracy", "value": 0.5, "name": "next character"}
    result = {"task": {"type": "text-generation"}, "dataset": {"name": "b", "type": "b"}, "metrics": [other]}

    def add(text):
        told = metadata(text.encode())
        told["model-index"][0]["results"].append(result)
        return f"---\n{yaml.safe_dump(told)}---\n" + text.split("---\n", 2)[2]

    edit(add)
    better()
    push()
    results = metadata(files()["README.md"])["model-index"][0]["results"]
    assert [r["metrics"][0]["value"] for r in results] == [1.5, 0.5]


def test_a_repo_made_in_a_browser_gets_the_whole_card_and_keeps_its_license(hub, push, files):
    repo = hub.store.create("models", "alice/one", hub.store.people["hf_alice"])
    repo.commit("main", {"README.md": File(b"---\nlicense: apache-2.0\n---\n")}, "made")
    push()
    readme = files()["README.md"]
    assert metadata(readme)["license"] == "apache-2.0"
    assert b"# A character-level GPT" in readme


def test_a_card_whose_metadata_is_spoilt_is_not_overwritten(push, edit, files):
    push()
    edit(lambda _: "---\nlicense: [\n---\nprecious words\n")
    with pytest.raises(
        HubError, match=r"the metadata at the top of alice/one's README\.md can't be read .*; correct it"
    ):
        push()
    assert b"precious words" in files()["README.md"]
