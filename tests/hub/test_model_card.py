"""The model card, read as a Markdown parser and the Hub read it: what it shows, and that nothing in a name acts."""

from functools import cache

import pytest
from huggingface_hub import ModelCard
from hypothesis import example, given
from hypothesis import strategies as st

from strivelm import GPT

MODEL = GPT(vocab_size=5, block_size=8, n_layer=1, n_head=1, n_embd=4, chars="abcd\n")
BEST = {"step": 2994, "train": 1.1366, "validation": 1.4394, "seconds": 4702.8}
RUNGS = {"uniform": 4.174, "4-gram": 1.784, "5-gram": 1.77}
RUN = {
    "corpus": {"name": "tiny Shakespeare", "characters": 1_115_394, "sha256": "86c4e6aa"},
    "best": BEST,
    "ngrams": RUNGS,
    "curve": True,
    "command": "python scripts/train.py --data 'my text.txt'",
    "machine": {"device": "cpu", "threads": 2, "precision": "bfloat16", "torch": "2.13.0+cpu", "python": "3.11.7"},
    "seconds": 4702.8,
    "sample": "ROMEO:\nTo be\n",
}
ACTING = st.text(st.sampled_from("ab `~\\*_[]()<>!&;:#|$-=+\"'/@.1\n\r\t\x00\u2028\u202e"), max_size=30)


def card(**told):
    return str(MODEL.generate_model_card(**told))


@cache
def harmless(*names):
    """The card of these parts of RUN."""
    return card(**{name: RUN[name] for name in names})


def tokens(text):
    """What a CommonMark parser with tables and strikethrough makes of a card's body, the nested tokens flat."""
    markdown_it = pytest.importorskip("markdown_it")
    parser = markdown_it.MarkdownIt("commonmark").enable(["table", "strikethrough"])
    blocks = parser.parse(ModelCard(text).text)
    return [token for block in blocks for token in (block, *(block.children or []))]


def kinds(text):
    """How often each kind of token is there, text and soft line breaks aside."""
    found = [token.type for token in tokens(text) if token.type not in ("text", "text_special", "softbreak")]
    return {kind: found.count(kind) for kind in found}


def cells(text):
    """The table's rows as lists of what stands in their cells."""
    flat, rows = tokens(text), []
    for i, token in enumerate(flat):
        if token.type == "tr_open":
            rows.append([])
        if token.type in ("td_open", "th_open"):
            rows[-1].append("".join(part.content for part in flat[i + 1].children))
    return rows


def test_a_card_without_a_run_says_what_the_model_is_and_how_to_use_it():
    assert "1 layers, 1 heads,\n4 wide, context 8" in card()
    assert [line for line in card().splitlines() if line.startswith("## ")] == ["## Use it", "## Limits"]
    assert "image" not in kinds(card())
    assert "table_open" not in kinds(card())


def test_a_card_with_a_run_shows_all_of_it():
    text = card(**RUN)
    assert "Trained on tiny Shakespeare (1,115,394 characters, sha256 `86c4e6aa`).\n" in text
    assert "step 2994, the best by validation loss:\n1.439 nats per character\n(training 1.137).\n" in text
    (image,) = [token for token in tokens(text) if token.type == "image"]
    assert (image.attrs["src"], image.content) == ("loss.png", "Loss curve")
    assert cells(text) == [
        ["", "validation loss, nats per character"],
        ["uniform", "4.174"],
        ["4-gram", "1.784"],
        ["5-gram", "1.770"],
        ["this model", "1.439"],
    ]
    blocks = [(token.info, token.content) for token in tokens(text) if token.type == "fence"]
    assert blocks[:2] == [("text", RUN["sample"]), ("sh", RUN["command"] + "\n")]
    trained = "Trained in 78 min on cpu, 2 threads, bfloat16, with torch 2.13.0+cpu and Python 3.11.7.\n"
    assert trained.replace("_", r"\_") in text
    assert "\n\n\n" not in text


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("corpus", "Trained on tiny Shakespeare"),
        ("best", "The weights are those of step 2994"),
        ("curve", "![Loss curve](loss.png)"),
        ("command", "whatever presets and defaults may become:\n\n```sh\npython"),
        ("machine", "## How it was trained\n\nTrained on cpu, 2 threads"),
        ("seconds", "## How it was trained\n\nTrained in 78 min.\n"),
        ("sample", "## What it writes\n\nDrawn from the model, unedited:\n\n```text\nROMEO"),
    ],
)
def test_each_part_is_there_when_it_is_given_and_only_then(name, shown):
    assert shown in card(**{name: RUN[name]})
    assert shown not in card(**{other: value for other, value in RUN.items() if other != name})
    assert shown not in card(**RUN | {name: None})


def test_a_ladder_needs_a_validation_loss_to_stand_beside():
    assert "table_open" in kinds(card(ngrams=RUNGS, best=BEST))
    assert "table_open" not in kinds(card(ngrams=RUNGS))
    assert "table_open" not in kinds(card(ngrams={}, best=BEST))
    text = card(ngrams=RUNGS, best=BEST | {"validation": None})
    assert "table_open" not in kinds(text)
    assert "The weights are those of step 2994, the last: 1.137 nats per character in training.\n" in text


def test_a_snapshot_is_not_called_the_best():
    text = card(best=BEST, snapshot=True)
    assert "The weights are those of step 2994, a snapshot on the way:\n1.439 nats per character\n" in text
    assert "the best" not in text


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 s"), (42.7, "43 s"), (99.4, "99 s"), (100.0, "2 min"), (5_940.0, "99 min"), (11_000.0, "3.1 h")],
)
def test_times_are_said_as_a_person_would(seconds, said):
    assert f"Trained in {said}.\n" in card(seconds=seconds)


@pytest.mark.parametrize(
    ("machine", "said"),
    [
        ({"device": "cpu", "threads": 1, "torch": "2.8", "python": "3.12"}, "cpu, 1 thread, with"),
        (
            {"device": "NVIDIA H100", "threads": 8, "precision": "bfloat16", "compile": "on"},
            "NVIDIA H100, bfloat16, compiled, with",
        ),
        ({"device": "mps", "threads": 8, "precision": "float32", "compile": "off"}, "mps, float32, with"),
    ],
)
def test_the_machine_is_said_with_what_mattered(machine, said):
    assert f"Trained on {said}" in card(machine=machine)


@given(ACTING)
@example("](javascript:alert(1))")
@example("<script>alert(1)</script>")
@example("x\n---\nlicense: mit\n---\n# a heading")
@example("{{ 7 * 7 }} {% raw %}")
@example("https://example.org/a_b_c.txt")
def test_a_corpus_name_is_text_and_nothing_else(name):
    text = card(corpus=RUN["corpus"] | {"name": name})
    assert kinds(text) == kinds(harmless("corpus"))
    seen = "".join(token.content for token in tokens(text) if token.type in ("text", "text_special"))
    expected = "".join(c for c in " ".join(name.split()) if c.isprintable())
    assert " ".join(f"Trained on {expected} (1,115,394 characters".split()) in " ".join(seen.split())
    assert ModelCard(text).data.to_dict() == ModelCard(harmless("corpus")).data.to_dict()


@given(ACTING)
@example("a|b")
def test_a_rungs_name_stays_in_its_cell(name):
    rows = cells(card(best=BEST, ngrams={name: 2.5}))
    assert [len(row) for row in rows] == [2, 2, 2]
    assert rows[1][1] == "2.500"


@given(ACTING)
@example("```\n# not a heading\n```")
@example("`" * 40)
@example("\r" * 200 + "x")
@example("\n\n x \n\n")
@example("---\nlicense: mit\n---\n")
def test_a_sample_stays_in_its_block_whatever_the_model_wrote(sample):
    text = card(sample=sample + "x", command=sample + "x")
    blocks = [token.content for token in tokens(text) if token.type == "fence"]
    lines = (sample + "x\n").replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "\ufffd")
    assert blocks[:2] == [lines, lines]
    assert kinds(text) == kinds(harmless("sample", "command"))
    assert text.startswith("---\nlibrary_name: strivelm\n")
