"""The card's metadata, and a card on the Hub brought up to date: what a person wrote there is never lost."""

import re

import pytest
import yaml
from huggingface_hub import ModelCard
from hypothesis import example, given
from hypothesis import strategies as st

from strivelm import GPT
from strivelm.data.sources import SHAKESPEARE_SHA256
from strivelm.hub.model_card import METRIC, prepared

MODEL = GPT(vocab_size=5, block_size=8, n_layer=1, n_head=1, n_embd=4, chars="abcd\n")
BEST = {"step": 10, "train": 1.5, "validation": 1.23456, "seconds": 1.0}
CORPUS = {"name": "a text", "characters": 10, "sha256": "ab" * 32}
PLACE = ("alice/one", "main")
OURS = str(MODEL.generate_model_card(best=BEST, ngrams={"uniform": 2.0}))


def card(**told):
    return str(MODEL.generate_model_card(**told))


def metadata(text):
    return yaml.safe_load(text.split("---\n")[1])


@pytest.mark.parametrize(
    ("corpus", "datasets"),
    [
        ({"sha256": SHAKESPEARE_SHA256, "name": "input.txt"}, ["karpathy/tiny_shakespeare"]),
        ({"name": "hf://datasets/owner/some-data/folder/a.txt"}, ["owner/some-data"]),
        ({"name": "hf://datasets/owner/some-data@main/a.txt"}, ["owner/some-data"]),
        ({"name": "hf://datasets/owner"}, None),
        ({"name": "https://huggingface.co/datasets/owner/name/a.txt"}, None),
        ({"name": "a text"}, None),
        ({"name": None}, None),
    ],
)
def test_a_corpus_is_named_as_a_dataset_where_the_hub_has_it(corpus, datasets):
    told = metadata(card(corpus=CORPUS | corpus, best=BEST))
    assert told.get("datasets") == datasets
    (result,) = told["model-index"][0]["results"]
    assert result["dataset"]["type"] == (datasets[0] if datasets else "text")


def test_the_loss_is_a_result_that_the_hub_reads_back():
    data = ModelCard(card(corpus=CORPUS, best=BEST)).data
    (result,) = data.eval_results
    assert (result.metric_type, result.metric_value, result.metric_name) == ("loss", 1.2346, METRIC)
    assert (result.task_type, result.dataset_name, result.dataset_split) == ("text-generation", "a text", "validation")


@pytest.mark.parametrize("best", [None, BEST | {"validation": None}])
def test_without_a_validation_loss_there_is_no_result(best):
    assert "model-index" not in metadata(card(corpus=CORPUS, best=best))


def test_one_card_says_nothing_of_another():
    before = card()
    card(corpus=CORPUS | {"sha256": SHAKESPEARE_SHA256}, best=BEST)
    assert card() == before


def test_a_card_says_where_it_is():
    text = prepared(card(), None, "alice/one", "step-10")
    assert text.count('from_pretrained("alice/one", revision="step-10")') == 3
    assert "owner/name" not in text


def test_what_is_prepared_again_is_the_same():
    first = prepared(card(corpus=CORPUS, best=BEST), None, *PLACE)
    assert prepared(card(corpus=CORPUS, best=BEST), first, *PLACE) == first


def test_line_ends_and_blanks_at_them_are_no_edit():
    first = prepared(card(best=BEST), None, *PLACE)
    touched = first.replace("\n", "  \r\n").replace("---  ", "---") + "\n\n"
    touched = re.sub(r"(?s)^---\r\n(.*?)\r\n---\r\n", lambda m: m[0].replace("  \r\n", "\n").replace("\r", ""), touched)
    again = prepared(card(best=BEST | {"validation": 1.0}), touched, *PLACE)
    assert "1.000 nats per character" in again


WORDS = st.text(st.sampled_from("ab |-#*`\n:.{}[]<>\\\r\té漢"), min_size=1, max_size=60).filter(str.strip)


@given(WORDS)
@example("| | validation loss, nats per character |\n|---|---|\n| mine | 9 |\n")
@example("---\na: b\n---\n")
@example(r"\1 \g<0>")
def test_what_somebody_wrote_stays_to_the_letter_but_for_the_table(words):
    text = prepared(OURS, f"---\nlicense: cc0-1.0\n---\n{words}", *PLACE)
    body = ModelCard(text).text
    if METRIC in words:
        assert "| uniform | 2.000 |" in body
        assert "mine" not in body
    else:
        assert body.replace("\r\n", "\n").replace("\r", "\n") == words.replace("\r\n", "\n").replace("\r", "\n")
    again = prepared(OURS, text, *PLACE)
    assert ModelCard(again).text == body


@given(
    st.dictionaries(
        st.sampled_from(["license", "language", "thumbnail", "x-mine"]), st.sampled_from(["mit", "en", "other"])
    )
)
def test_metadata_that_the_run_does_not_decide_stays(theirs):
    there = f"---\n{yaml.safe_dump(theirs or {'x-mine': 'en'})}---\nwords\n"
    told = metadata(prepared(OURS, there, *PLACE))
    assert theirs.items() <= told.items()
    assert told["library_name"] == "strivelm"
    assert told["model-index"][0]["name"] == "one"


@pytest.mark.parametrize("theirs", ["---\n[\n---\nx", "---\n- a\n---\nx", "---\na: b: c\n---\nx"])
def test_metadata_that_can_not_be_read_is_an_error(theirs):
    with pytest.raises(
        ValueError, match=r"the metadata at the top of alice/one's README\.md can't be read .*; correct it"
    ):
        prepared(card(), theirs, *PLACE)
