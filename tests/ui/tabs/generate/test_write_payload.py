"""What Write asks: pieces of a text, going on, forced characters; the public endpoint; what stands in the corpus."""

import json
import math
from itertools import pairwise

import pytest

from strivelm import GPT, OpenModel, SamplingConfig, generate, inspection
from strivelm.data.corpus import load_corpus
from strivelm.data.fingerprint import LENGTHS
from strivelm.loading import open_model
from strivelm.ui import limits
from strivelm.ui.core.dispatcher import Dispatcher
from strivelm.ui.core.models import Models
from strivelm.ui.core.questions import QUESTIONS
from strivelm.ui.tabs.generate import overlap, payload
from strivelm.ui.tabs.generate import text as view
from strivelm.ui.tabs.generate.asked import Asked

SETTINGS = (30, 1.2, 20, 0.95, "3")  # how many, temperature, top-k, top-p, seed


def asked(opened, prompt, *settings, **more):
    """The pieces of an answer, as JSON brings them."""
    return json.loads(json.dumps(list(payload.write(opened, prompt, Asked(*settings), **more))))


def characters(pieces):
    return [one for piece in pieces[1:] for one in piece["characters"]]


def text_of(pieces):
    return "".join(char for char, *_ in characters(pieces))


# -- the prompt --------------------------------------------------------------------------------------------------------


def test_an_empty_prompt_begins_after_a_line_break_and_says_so(noise, make_open):
    start = payload.start_from(noise.model, "")
    assert (start.text, start.notes) == ("\n", ("The prompt is empty, so the model begins after a line break.",))
    without = make_open(chars="xy", vocab_size=2).model
    assert payload.start_from(without, "").text == "x"
    assert "'x', the first character it knows" in payload.start_from(without, "").notes[0]
    assert payload.pieces(without, "", payload.start_from(without, "")) == [["x", "read"]]


def test_unknown_characters_are_left_out_named_and_shown(noise):
    start = payload.start_from(noise.model, "a\u00e9b")
    assert start.text == "ab"
    assert "'\u00e9' (U+00E9) at 1" in start.notes[0]
    assert f"knows only the {noise.model.vocab_size} characters of its training text" in start.notes[0]
    assert payload.pieces(noise.model, "a\u00e9b", start) == [["a", "read"], ["\u00e9", "unknown"], ["b", "read"]]
    nothing = payload.start_from(noise.model, "漢")
    assert nothing.text == "\n"
    assert "It knows no character of the prompt" in nothing.notes[1]
    assert payload.pieces(noise.model, "漢", nothing) == [["漢", "unknown"], ["\n", "read"]]


def test_a_prompt_beyond_the_context_is_read_from_its_end_and_says_so(noise):
    start = payload.start_from(noise.model, "x" * 33)
    assert "sees at most 32" in start.notes[0]
    assert payload.pieces(noise.model, "x" * 33, start) == [["x", "unread"], ["x" * 32, "read"]]
    assert not payload.start_from(noise.model, "x" * 32).notes


# -- a text anew -------------------------------------------------------------------------------------------------------


def test_it_writes_what_the_model_writes_and_says_at_once_what_is_known(noise):
    pieces = asked(noise, "A", 20, 1.0, 0, 1.0, "3")
    assert pieces[0] == {
        "model": "noise",
        "load": "model = load_model('noise')",
        "context": 32,
        "loss": 3.5,
        "prompt": "A",
        "pieces": [["A", "read"]],
        "read": "A",
        "notes": [],
        "from": 0,
        "temperature": 1.0,
        "top_k": 0,
        "top_p": 1.0,
        "seed": 3,
    }
    assert "A" + text_of(pieces) == noise.model.generate("A", 20, 1.0, top_k=0, seed=3)
    assert pieces[-1]["ended"] == "complete"


def test_pieces_bring_only_what_is_new_and_come_by_the_clock(make_open):
    pieces = asked(make_open(slow=True), "A", 60, 1.0, 0, 1.0, "3")
    assert len(pieces) > 5
    assert len(characters(pieces)) == 60
    assert not any("ended" in piece for piece in pieces[:-1])
    times = [piece["seconds"] for piece in pieces[1:]]
    assert all(after - before >= limits.CLOCK - 0.001 for before, after in pairwise(times[:-1]))


def test_the_numbers_are_those_of_an_inspection_and_of_the_settings(noise):
    _, temperature, k, p, _ = SETTINGS
    pieces = asked(noise, "A", *SETTINGS)
    text = "A" + text_of(pieces)
    surprisal = inspection.surprisal(noise.model, text[:32]).model[1:]
    logits = inspection.trace(noise.model, text[:32], keep={"logits"}).logits
    for i, (char, nats, drawn, others) in enumerate(characters(pieces)[:31]):
        assert nats == pytest.approx(surprisal[i].item(), rel=1e-3)
        said = logits[i].softmax(-1)
        order = said.argsort(descending=True, stable=True)[: payload.ALTERNATIVES].tolist()
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
    pieces = asked(noise, "A", 20, 1.0, 0, 1.0, "")
    assert text_of(asked(noise, "A", 20, 1.0, 0, 1.0, pieces[0]["seed"])) == text_of(pieces)


def test_writing_ends_when_its_time_is_over(noise, monkeypatch):
    monkeypatch.setattr(limits, "SECONDS", 0.0)
    pieces = asked(noise, "A", limits.MOST_CHARACTERS, *SETTINGS[1:])  # more than are there at the first look
    assert pieces[-1]["ended"] == "time"
    assert 1 <= len(characters(pieces)) < limits.MOST_CHARACTERS


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
    pieces = asked(opened, "", 40, 1.0, 0, 1.0, "1")
    assert len(characters(pieces)) == 40
    assert all(len(others) == min(8, sizes["vocab_size"]) for _, _, _, others in characters(pieces))
    assert len(text_of(asked(opened, "", 40, 1.0, 0, 1.0, "1", text=text_of(pieces)))) == 40


# -- on from there -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prompt", ["A", "To be, or not to be, that is the question", "caf\u00e9", ""])
@pytest.mark.parametrize("stopped", [1, 5, 40])
def test_what_is_continued_becomes_what_one_run_would_have_written(noise, prompt, stopped):
    whole = asked(noise, prompt, 90, *SETTINGS[1:])  # far beyond the context of 32
    before = text_of(whole)[:stopped]
    after = asked(noise, prompt, 90 - stopped, *SETTINGS[1:], text=before)
    assert before + text_of(after) == text_of(whole)
    assert (after[0]["from"], after[0]["notes"]) == (stopped, whole[0]["notes"])
    for (_, nats, *_), (_, expected, *_) in zip(characters(after), characters(whole)[stopped:], strict=True):
        assert nats == pytest.approx(expected, rel=2e-3)


def test_a_forced_character_stands_and_the_text_goes_on_from_it(noise):
    whole = asked(noise, "A", *SETTINGS)
    char, _, _, others = characters(whole)[12]
    other, before, after = next(row for row in others if row[0] != char)
    kept = text_of(whole)[:12]
    bent = asked(noise, "A", 18, *SETTINGS[1:], text=kept, forced=[[12, other]])
    forced = characters(bent)[0]
    assert (forced[0], forced[4]) == (other, 1)
    assert forced[1] == pytest.approx(-math.log(before), abs=2e-3)
    assert forced[2] == pytest.approx(after, rel=2e-3)
    assert all(len(one) == 4 for one in characters(bent)[1:])
    model = noise.model
    config = SamplingConfig(30, *SETTINGS[1:4], seed=3)
    steps = generate(model, model.tokenizer.encode("A"), config, forced={12: model.tokenizer.encode(other)[0]})
    assert kept + text_of(bent) == model.tokenizer.decode([step.id for step in steps])
    # several at once, from the beginning, give the same text: so a link can name them
    both = asked(noise, "A", *SETTINGS, forced=[[12, other], [20, "e"]])
    steps = generate(
        model,
        model.tokenizer.encode("A"),
        config,
        forced={12: model.tokenizer.encode(other)[0], 20: model.tokenizer.encode("e")[0]},
    )
    assert text_of(both) == model.tokenizer.decode([step.id for step in steps])


def test_a_long_text_is_bounded_and_can_be_bent_early(noise, monkeypatch):
    monkeypatch.setattr(limits, "TEXT_CHARACTERS", 50)
    monkeypatch.setattr(limits, "MOST_CHARACTERS", 40)
    assert len(text_of(asked(noise, "A", 40, *SETTINGS[1:], text="x" * 30))) == 20
    assert len(text_of(asked(noise, "A", 49, *SETTINGS[1:], text="x", forced=[[1, "e"]]))) == 49
    with pytest.raises(ValueError, match="expected a whole number from 1 to 40"):
        asked(noise, "A", 49, *SETTINGS[1:], text="x")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"seed": "x"}, "The setting seed is 'x'"),
        ({"count": 0}, "The number of characters to write is 0"),
        ({"temperature": 9.0}, "The temperature is 9.0"),
        ({"prompt": "x" * 2001}, "shorten it by 1"),
        ({"text": "x" * limits.TEXT_CHARACTERS}, "no more are kept here"),
        ({"text": "x漢"}, "not in the model's vocabulary"),
        ({"forced": [[30, "e"]]}, "The place is 30; expected a whole number from 0 to 29"),
        ({"forced": [[0, "e"]], "text": "ab"}, "The place is 0; expected a whole number from 2 to 31"),
        ({"forced": [["e", 1]]}, "The place is 'e'"),
        ({"forced": [[1]]}, "The place is None"),
        ({"forced": [[1, "ee"]]}, "expected a single one"),
        ({"forced": [[1, 2]]}, "expected a single one"),
        ({"forced": [[1, "漢"]]}, "not in the model's vocabulary"),
    ],
)
def test_what_can_not_be_done_is_said_in_a_sentence(noise, change, sentence):
    names = ("count", "temperature", "top_k", "top_p", "seed")
    given = {"prompt": "A", **dict(zip(names, SETTINGS, strict=True))} | change
    with pytest.raises(ValueError, match=sentence):
        Dispatcher(Models(noise)).ask("generate.write", ["noise"], given)


def test_a_gpu_is_lent_for_as_long_as_the_text_may_take():
    for name, count in (("generate.write", "count"), ("api.generate", "max_new_tokens")):
        question = QUESTIONS[name]
        given = {one.name: 100 if one.name == count else one.default for one in question.arguments}
        assert question.gpu_limit(given) == limits.seconds_to_write(100) < question.longest(given)


def test_the_endpoint_streams_what_the_model_writes(noise):
    pieces = list(payload.generate_text(noise, "The fox", 60, 0.9, 20, 0.95, 5))
    assert "The fox" + pieces[-1] == noise.model.generate("The fox", 60, 0.9, 20, 0.95, seed=5)
    with pytest.raises(ValueError, match="The prompt is empty"):
        next(payload.generate_text(noise, ""))


def test_a_text_as_a_file_holds_no_tag(make_open):
    opened = make_open(chars="<script>/ab", vocab_size=11)
    head, *rest = asked(opened, "<script>a</script>", 200, 1.0, 0, 1.0, "1")
    page = view.VIEW.html({"head": head, "runs": [], "characters": characters([head, *rest]), "ended": "complete"})
    assert page.count("<script>") == page.count("</script>") == 1


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
    found = overlap.overlap(opened, read, text)
    assert (found["spans"], found["of"]) == ([(-10, 40)], len(text))  # begins in the prompt; seven are too few
    assert "fables" in found["source"]
    assert overlap.overlap(opened, "", train[5000:7000])["spans"] == [(0, 2000)]
    assert list(found["unseen"]) == list(LENGTHS)


def test_unseen_text_is_measured_by_brute_force_too(fables):
    opened, corpus = fables
    train = corpus.tokenizer.decode(corpus.train.tolist())
    unseen = corpus.tokenizer.decode(corpus.validation.tolist())[: overlap.UNSEEN]
    for least, measured in overlap.overlap(opened, "", "A fox")["unseen"].items():
        inside = set()
        for at in range(len(unseen) - least + 1):
            if unseen[at : at + least] in train:
                inside.update(range(at, at + least))
        assert measured == pytest.approx(len(inside) / len(unseen))


def test_a_model_that_does_not_bring_its_text_says_so(noise):
    found = overlap.overlap(OpenModel("x", noise.model, {"corpus": {"name": "secret", "sha256": "0" * 64}}), "a", "b")
    assert found["spans"] is None
    assert "secret, which it does not bring along" in found["note"]
    assert "was not recorded" in overlap.overlap(OpenModel("x", noise.model, {}), "a", "b")["note"]
    for wrong in (("a" * 3000, "a"), ("a", "a" * (limits.TEXT_CHARACTERS + 1))):
        with pytest.raises(ValueError, match="expected at most"):
            overlap.overlap(noise, *wrong)


def test_the_film_learnt_from_a_text_that_is_named():
    assert overlap.overlap(open_model("film"), "", "A fox")["of"] == 5


def test_without_the_text_its_fingerprint_tells(monkeypatch):
    opened = open_model("film")
    monkeypatch.setattr(overlap, "training_text", lambda opened: None)
    found = overlap.overlap(opened, "KING RICHARD", " III:\nzq#xv###")
    assert (found["spans"], found["of"]) == ([(-12, 18)], 14)
    assert list(found["unseen"]) == list(LENGTHS)
    assert found["unseen"][8] > 0.8 > found["unseen"][12] > 0.5 > found["unseen"][16]  # eight in a row say nothing
    assert "fingerprint" in found["note"]
    assert "tiny Shakespeare" in found["source"]
