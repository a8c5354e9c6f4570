"""Writing for the Generate tab: the sheet that is shown, going on, forced characters, what stands in the corpus."""

import json
import math
from itertools import pairwise

import pytest

from strivelm import GPT, OpenModel, SamplingConfig, generate, inspection
from strivelm.data.corpus import load_corpus
from strivelm.loading import open_model
from strivelm.ui import limits
from strivelm.ui.components import message
from strivelm.ui.core import codec
from strivelm.ui.tabs.generate import overlap, payload, write
from strivelm.ui.tabs.generate import text as sheets

SETTINGS = (30, 1.2, 20, 0.95, "3")  # how many, temperature, top-k, top-p, seed


def last(updates):
    """The sheet at the end."""
    return list(updates)[-1][0]


def lines(value):
    return [json.loads(line) for line in value.split("\n") if line]


def characters(value):
    return [line for line in lines(value) if isinstance(line, list)]


def text_of(value):
    return "".join(char for char, *_ in characters(value))


# -- the prompt --------------------------------------------------------------------------------------------------------


def test_an_empty_prompt_begins_after_a_line_break_and_says_so(noise, make_open):
    start = payload.start_from(noise.model, "")
    assert (start.text, start.notes) == ("\n", ("The prompt is empty, so the model begins after a line break.",))
    without = make_open(chars="xy", vocab_size=2).model
    assert payload.start_from(without, "").text == "x"
    assert "'x', the first character it knows" in payload.start_from(without, "").notes[0]
    assert payload.pieces(without, "", payload.start_from(without, "")) == [("x", "read")]


def test_unknown_characters_are_left_out_named_and_shown(noise):
    start = payload.start_from(noise.model, "a\u00e9b")
    assert start.text == "ab"
    assert "'\u00e9' (U+00E9) at 1" in start.notes[0]
    assert f"It knows the {noise.model.vocab_size} characters of its training text" in start.notes[0]
    assert payload.pieces(noise.model, "a\u00e9b", start) == [("a", "read"), ("\u00e9", "unknown"), ("b", "read")]
    nothing = payload.start_from(noise.model, "漢")
    assert nothing.text == "\n"
    assert "It knows no character of the prompt" in nothing.notes[1]
    assert payload.pieces(noise.model, "漢", nothing) == [("漢", "unknown"), ("\n", "read")]


def test_a_prompt_beyond_the_context_is_read_from_its_end_and_says_so(noise):
    start = payload.start_from(noise.model, "x" * 33)
    assert "sees at most 32" in start.notes[0]
    assert payload.pieces(noise.model, "x" * 33, start) == [("x", "unread"), ("x" * 32, "read")]
    assert not payload.start_from(noise.model, "x" * 32).notes


# -- a text anew -------------------------------------------------------------------------------------------------------


def test_the_tab_writes_what_the_model_writes_and_shows_the_seed(noise):
    updates = list(payload.anew(noise, "A", 20, 1.0, 0, 1.0, "3"))
    assert updates[0][2] == "3"
    assert [update[1:] for update in updates[1:]] == [(None, None)] * (len(updates) - 1)
    value = updates[-1][0]
    assert "A" + text_of(value) == noise.model.generate("A", 20, 1.0, top_k=0, seed=3)
    head, run, end = lines(value)[0], lines(value)[1], lines(value)[-1]
    assert head == {"model": "noise", "context": 32, "loss": 3.5, "prompt": [["A", "read"]], "read": "A"}
    assert run == {"from": 0, "temperature": 1.0, "top_k": 0, "top_p": 1.0, "seed": 3}
    assert end["ended"] == "complete"


def test_a_sheet_only_grows(make_open):
    values = [value for value, _, _ in payload.anew(make_open(slow=True), "A", 60, 1.0, 0, 1.0, "3")]
    assert len(values) > 5
    assert all(after.startswith(before) for before, after in pairwise(values))
    assert not any("ended" in line for value in values[:-1] for line in lines(value) if isinstance(line, dict))


def test_the_numbers_are_those_of_an_inspection_and_of_the_settings(noise):
    _, temperature, k, p, _ = SETTINGS
    value = last(payload.anew(noise, "A", *SETTINGS))
    text = "A" + text_of(value)
    surprisal = inspection.surprisal(noise.model, text[:32]).model[1:]
    logits = inspection.trace(noise.model, text[:32], keep={"logits"}).logits
    for i, (char, nats, drawn, others) in enumerate(characters(value)[:31]):
        assert nats == pytest.approx(surprisal[i].item(), rel=1e-3)
        said = logits[i].softmax(-1)
        order = said.argsort(descending=True, stable=True)[: sheets.ALTERNATIVES].tolist()
        assert sorted(other for other, _, _ in others) == sorted(noise.model.tokenizer.chars[j] for j in order)
        # temperature and top-k, by hand; what top-p keeps is one of these, scaled
        hot = (logits[i] / temperature).softmax(-1)
        hot[hot.argsort(descending=True)[k:]] = 0
        hot /= hot.sum()
        ordered = hot.sort(descending=True).values
        kept = int((ordered.cumsum(-1) - ordered < p).sum())
        scale = ordered[:kept].sum()
        for other, before, after in others:
            j = noise.model.tokenizer.encode(other)[0]
            assert before == pytest.approx(said[j].item(), rel=1e-3)
            assert after == pytest.approx((hot[j] / scale).item() if hot[j] >= ordered[kept - 1] else 0, rel=2e-3)
        if char in (other for other, _, _ in others):
            assert drawn in [after for other, _, after in others if other == char]


def test_an_empty_seed_is_drawn_and_shown_and_brings_the_text_back(noise):
    updates = list(payload.anew(noise, "A", 20, 1.0, 0, 1.0, ""))
    assert updates[0][2].isdecimal()
    assert text_of(last(payload.anew(noise, "A", 20, 1.0, 0, 1.0, updates[0][2]))) == text_of(updates[-1][0])


def test_writing_ends_when_its_time_is_over(noise, monkeypatch):
    monkeypatch.setattr(limits, "SECONDS", 0.0)
    end = list(payload.write(noise.model, [0], SamplingConfig(500, seed=1)))[-1]
    assert (end.ended, len(end.text)) == ("time", 1)
    assert lines(last(payload.anew(noise, "A", *SETTINGS)))[-1]["ended"] == "time"


@pytest.mark.parametrize(
    "sizes",
    [
        {"chars": "ab", "vocab_size": 2},
        {"chars": "".join(map(chr, range(0x4E00, 0x4E00 + 5000))), "vocab_size": 5000},
        {"chars": "\n<>${}שלום😀", "vocab_size": 11, "block_size": 1},
    ],
)
def test_any_vocabulary_and_context_can_be_written(make_open, sizes):
    opened = make_open(**sizes)
    value = last(payload.anew(opened, "", 40, 1.0, 0, 1.0, "1"))
    assert len(characters(value)) == 40
    assert all(len(others) == min(8, sizes["vocab_size"]) for _, _, _, others in characters(value))
    assert "<" not in value
    assert len(text_of(last(payload.on(opened, value, 40, 1.0, 0, 1.0, "1")))) == 80


# -- on from there -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prompt", ["A", "To be, or not to be, that is the question"])
@pytest.mark.parametrize("stopped", [5, 40])
def test_what_is_continued_becomes_what_one_run_would_have_written(noise, prompt, stopped):
    value = last(payload.anew(noise, prompt, stopped, *SETTINGS[1:]))
    value = last(payload.on(noise, value, 90 - stopped, *SETTINGS[1:]))  # far beyond the context of 32
    whole = last(payload.anew(noise, prompt, 90, *SETTINGS[1:]))
    assert text_of(value) == text_of(whole)
    for (_, nats, *_), (_, expected, *_) in zip(characters(value), characters(whole), strict=True):
        assert nats == pytest.approx(expected, rel=2e-3)


def test_a_stopped_text_goes_on_as_well(noise):
    whole = last(payload.anew(noise, "A", *SETTINGS))
    stopped = "\n".join(whole.split("\n")[:12]) + '\n{"seconds": 0.1}\n{"ended": "stopped"}\n'
    assert len(text_of(stopped)) == 10
    value = last(payload.on(noise, stopped, 20, *SETTINGS[1:]))
    assert text_of(value) == text_of(whole)
    assert [line["from"] for line in lines(value) if "from" in line] == [0, 10]
    assert [line["ended"] for line in lines(value) if "ended" in line] == ["complete"]


def test_what_was_said_of_the_prompt_is_said_again(noise):
    first, *rest = payload.anew(noise, "A\u00e9", *SETTINGS)
    again = next(payload.on(noise, rest[-1][0], *SETTINGS))
    bent = next(payload.force(noise, rest[-1][0], 3, "x", *SETTINGS))
    assert again[1] == bent[1] == first[1] == payload.start_from(noise.model, "A\u00e9").notes


def test_an_empty_seed_goes_on_with_the_texts_own(noise):
    value = last(payload.anew(noise, "A", 10, *SETTINGS[1:]))
    assert text_of(last(payload.on(noise, value, 10, *SETTINGS[1:4], ""))) == text_of(
        last(payload.on(noise, value, 10, *SETTINGS[1:]))
    )


def test_a_forced_character_stands_and_what_was_before_it_stays(noise):
    value = last(payload.anew(noise, "A", *SETTINGS))
    char, _, _, others = characters(value)[12]
    other, before, after = next(row for row in others if row[0] != char)
    bent = last(payload.force(noise, value, 12, other, *SETTINGS))
    assert characters(bent)[:12] == characters(value)[:12]
    forced = characters(bent)[12]
    assert (forced[0], forced[4]) == (other, 1)
    assert forced[1] == pytest.approx(-math.log(before), abs=2e-3)
    assert forced[2] == pytest.approx(after, rel=2e-3)
    assert len(text_of(bent)) == 30
    assert all(len(line) == 4 for i, line in enumerate(characters(bent)) if i != 12)
    model = noise.model
    config = SamplingConfig(30, *SETTINGS[1:4], seed=3)
    ids = model.tokenizer.encode("A")
    steps = generate(model, ids, config, forced={12: model.tokenizer.encode(other)[0]})
    assert text_of(bent) == model.tokenizer.decode([step.id for step in steps])
    # the last one as well, and a text that was longer than what is asked for stays as long
    assert len(text_of(last(payload.force(noise, bent, 29, "e", 20, *SETTINGS[1:])))) == 30
    assert characters(last(payload.force(noise, bent, 0, "\n", *SETTINGS)))[0][0] == "\n"


def test_what_can_not_be_done_is_said_in_a_sentence(noise, make_open):
    value = last(payload.anew(noise, "A", *SETTINGS))
    other = OpenModel("other", make_open(chars="ab", vocab_size=2).model, {})
    full = value.replace("\n[", '\n["x",1,1,[]]' * limits.TEXT_CHARACTERS + "\n[", 1)
    cases = [
        (lambda: payload.anew(noise, "A", 20, 1, 0, 1, "x"), "The setting seed is 'x'"),
        (lambda: payload.on(noise, "", *SETTINGS), "There is no text yet"),
        (lambda: payload.on(noise, None, *SETTINGS), "There is no text yet"),
        (lambda: payload.on(noise, "{", *SETTINGS), "The text can't be read"),
        (lambda: payload.on(noise, "[1]\n{}", *SETTINGS), "The text can't be read"),
        (lambda: payload.on(noise, '{"model": 1}', *SETTINGS), "The text can't be read"),
        (lambda: payload.on(noise, value.replace('\n["', '\n["xx', 1), *SETTINGS), "The text can't be read"),
        (lambda: payload.on(noise, value.replace('"read": "A"', '"read": ""'), *SETTINGS), "can't be read"),
        (lambda: payload.on(other, value, *SETTINGS), "The text was written by noise, and other is open now"),
        (lambda: payload.on(noise, full, *SETTINGS), "no more are kept here"),
        (lambda: payload.force(noise, value, 30, "e", *SETTINGS), "expected a whole number from 0 to 29"),
        (lambda: payload.force(noise, value, None, "e", *SETTINGS), "expected a whole number from 0 to 29"),
        (lambda: payload.force(noise, value, 1, "ee", *SETTINGS), "expected a single one"),
        (lambda: payload.force(noise, value, 1, None, *SETTINGS), "expected a single one"),
        (lambda: payload.force(noise, value, 1, "漢", *SETTINGS), "not in the model's vocabulary"),
    ]
    for ask, sentence in cases:
        with pytest.raises(ValueError, match=sentence):
            assert not list(ask()), sentence


def test_the_tab_says_what_was_wrong_and_leaves_text_and_seed_alone(noise):
    told = write._told(lambda *arguments: payload.anew(noise, *arguments))
    ((page, said, seed),) = told("A", 20, 1, 0, 1, "x")
    assert json.loads(said) == {
        "kind": "error",
        "text": "The setting seed is 'x'; expected a whole number from 0 to 9007199254740991.",
    }
    assert page == seed == {"__type__": "update"}
    first, *rest = told("A\u00e9", 20, 1, 0, 1, "5")
    assert (first[1], first[2]) == (message.note(*payload.start_from(noise.model, "A\u00e9").notes), "5")
    assert all(row[1] == row[2] == {"__type__": "update"} for row in rest)


def test_a_text_as_a_file_holds_no_tag(make_open):
    opened = make_open(chars="<script>/ab", vocab_size=11)
    value = last(payload.anew(opened, "<script>a</script>", 200, 1.0, 0, 1.0, "1"))
    page = sheets.VIEW.html(value)
    assert page.count("<script>") == page.count("</script>") == 1
    assert page == sheets.VIEW._standalone()(value)
    assert sheets.VIEW.component("").value == ""


# -- what stands in the training text ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def fables():
    """A model that says it was trained on the fables."""
    corpus = load_corpus("bundled")
    model = GPT(
        chars=corpus.tokenizer.chars, vocab_size=len(corpus.tokenizer), block_size=8, n_layer=1, n_head=1, n_embd=8
    )
    return OpenModel("fables", model, {"corpus": {"name": "fables", "sha256": corpus.sha256}}), corpus


def test_runs_that_stand_in_the_training_text_are_found(fables):
    opened, corpus = fables
    train = corpus.tokenizer.decode(corpus.train.tolist())
    copied = train[1000:1040]
    read, text = "x" + copied[:10], copied[10:] + "qqq" + train[50:57]
    found = overlap.known(opened, read, text)
    assert (found["spans"], found["of"]) == ([(-10, 40)], len(text))  # begins in the prompt; seven are too few
    assert "fables" in found["source"]
    assert overlap.known(opened, "", train[5000:7000])["spans"] == [(0, 2000)]
    assert found["unseen"].keys() == set(overlap.LEAST)


def test_unseen_text_is_measured_by_brute_force_too(fables):
    opened, corpus = fables
    train = corpus.tokenizer.decode(corpus.train.tolist())
    unseen = corpus.tokenizer.decode(corpus.validation.tolist())[: overlap.UNSEEN]
    for least, measured in overlap.known(opened, "", "A fox")["unseen"].items():
        inside = set()
        for at in range(len(unseen) - least + 1):
            if unseen[at : at + least] in train:
                inside.update(range(at, at + least))
        assert measured == pytest.approx(len(inside) / len(unseen))


def test_a_model_that_does_not_bring_its_text_says_so(noise):
    found = overlap.known(OpenModel("x", noise.model, {"corpus": {"name": "secret", "sha256": "0" * 64}}), "a", "b")
    assert found["spans"] is None
    assert "secret, which it does not bring along" in found["said"]
    assert "was not recorded" in overlap.known(OpenModel("x", noise.model, {}), "a", "b")["said"]
    for wrong in ((None, "a"), ("a", 3), ("a" * 3000, "a"), ("a", "a" * (limits.TEXT_CHARACTERS + 1))):
        with pytest.raises(ValueError, match="text"):
            overlap.known(noise, *wrong)
    assert codec.dumps(found)


def test_the_film_learnt_from_a_text_that_is_named():
    assert overlap.known(open_model("film"), "", "A fox")["of"] == 5


def test_without_the_text_its_fingerprint_tells(monkeypatch):
    opened = open_model("film")
    monkeypatch.setattr(overlap, "training_text", lambda opened: None)
    found = overlap.known(opened, "KING RICHARD", " III:\nzq#xv###")
    assert (found["spans"], found["of"]) == ([(-12, 18)], 14)
    assert list(found["unseen"]) == [8]
    assert 0.5 < found["unseen"][8] < 1
    assert "fingerprint" in found["said"]
    assert "tiny Shakespeare" in found["source"]
