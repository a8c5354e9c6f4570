"""Limits, facts, prompts and writing: the parts behind the page, without a server."""

import json
import math

import pytest

from strivelm import OpenModel, SamplingConfig
from strivelm.ui import limits, prompts, writing
from strivelm.ui.models import Models, facts_of
from strivelm.ui.tabs import generate
from strivelm.ui.views import dumps, header, message
from strivelm.ui.views.text import Text


def test_prompts_keep_their_text_and_get_plain_line_breaks():
    assert limits.checked_prompt("a\r\nb\rc\n") == "a\nb\nc\n"
    assert limits.checked_prompt(None) == ""
    assert len(limits.checked_prompt("x" * limits.PROMPT_CHARACTERS)) == limits.PROMPT_CHARACTERS


def test_settings_come_from_sliders_and_fields():
    assert limits.checked_sampling(300.0, 1, 40.0, 1, " 12 ") == SamplingConfig(300, 1, 40, 1, 12)
    assert limits.checked_sampling(20, 0.0, 0, 0.5, "").seed is None
    assert limits.checked_sampling(20, 0.0, 0, 0.5, None).seed is None


@pytest.mark.parametrize("seed", ["abc", "-1", "1.5", "9" * 19, "9" * 400, "\u00b2", True, math.nan, [], {}])
def test_a_seed_that_is_none_is_refused_in_a_sentence(seed):
    with pytest.raises(ValueError, match=r"The setting seed is .*expected a whole number from 0 to"):
        limits.checked_sampling(20, 1, 0, 1, seed)


@pytest.mark.parametrize("value", [None, "x", True, math.nan, math.inf, [], {}])
@pytest.mark.parametrize("place", range(4))
def test_no_setting_gets_through_that_means_nothing(place, value):
    settings = [100, 1.0, 10, 1.0, 1]
    settings[place] = value
    if value is None and place > 1:
        limits.checked_sampling(*settings)  # no truncation at all
        return
    with pytest.raises(ValueError, match="expected"):
        limits.checked_sampling(*settings)


def test_facts_are_the_models_own(noise, tmp_path):
    facts = facts_of(noise)
    assert facts.parameters == sum(p.numel() for p in noise.model.parameters())
    assert (facts.layers, facts.heads, facts.width, facts.context) == (1, 2, 16, 32)
    assert facts.uniform_loss == pytest.approx(-math.log(1 / len(facts.vocabulary)))
    assert (facts.corpus, facts.validation_loss) == ("noise", 3.5)
    assert facts_of(OpenModel(str(tmp_path), noise.model, {})).name == tmp_path.name


@pytest.mark.parametrize("training", [{}, {"corpus": "x", "best": []}, {"corpus": {"name": 3}}, {"best": {}}])
def test_a_record_that_is_missing_or_odd_is_said_to_be_missing(noise, training):
    facts = facts_of(OpenModel("noise", noise.model, training))
    assert (facts.corpus, facts.validation_loss) == (None, None)
    shown = header.shown(facts)
    assert shown["measured"] == "not measured"
    assert shown["share"] is None
    assert ["Learnt from", "not recorded"] in shown["facts"]


def test_a_loss_that_is_no_number_counts_as_not_measured(noise):
    assert facts_of(OpenModel("noise", noise.model, {"best": {"validation": math.nan}})).validation_loss is None


def test_the_header_reads_the_loss_beside_a_guess(noise):
    shown = header.shown(facts_of(noise))
    size = len(noise.model.config.chars)
    assert shown["measured"] == "3.50 nats per character"
    assert shown["guess"] == f"(uniform guessing: ln {size} = {math.log(size):.2f})"
    assert shown["share"] == pytest.approx(3.5 / math.log(size))
    assert "among 33.1 characters, not 62" in shown["meaning"]  # e^3.5


@pytest.mark.parametrize("chars", ["ab", " \n", "漢字仮名交", "\nABCDEFGHIKLMNOPRSTUVYabcdefghiklmnoprstuvwxyz ,:!'.-"])
def test_examples_can_be_read_by_the_model(make_open, chars):
    opened = make_open(chars=chars, vocab_size=len(chars))
    chosen = prompts.examples(facts_of(opened))
    assert len(chosen) <= prompts.COUNT
    assert all(one and set(one) <= set(chars) for one in chosen)
    assert len(set(chosen)) == len(chosen)


def test_examples_follow_the_corpus(noise):
    def first(name):
        return prompts.examples(facts_of(OpenModel("x", noise.model, {"corpus": {"name": name}})))

    assert first("tinyshakespeare.txt")[0] == "ROMEO:\n"
    assert first("fables")[0] == "Once upon a time"
    mixed = first("input.txt")
    assert set(mixed) & set(prompts.SHAKESPEARE)
    assert set(mixed) & set(prompts.FABLES)


def test_an_empty_prompt_begins_after_a_line_break_and_says_so(noise, make_open):
    start = writing.start_from(noise.model, "")
    assert (start.text, start.notes) == ("\n", ("The prompt is empty, so the model begins after a line break.",))
    without = make_open(chars="xy", vocab_size=2).model
    assert writing.start_from(without, "").text == "x"
    assert "'x', the first character it knows" in writing.start_from(without, "").notes[0]


def test_unknown_characters_are_left_out_and_named(noise):
    start = writing.start_from(noise.model, "a\u00e9b")
    assert start.text == "ab"
    assert "'\u00e9' (U+00E9) at 1" in start.notes[0]
    nothing = writing.start_from(noise.model, "漢")
    assert nothing.text == "\n"
    assert "Nothing of the prompt is left" in nothing.notes[1]


def test_a_prompt_beyond_the_context_is_read_from_its_end_and_says_so(noise):
    assert "sees at most 32" in writing.start_from(noise.model, "x" * 33).notes[0]
    assert not writing.start_from(noise.model, "x" * 32).notes


def test_writing_ends_when_its_time_is_over(noise, monkeypatch):
    monkeypatch.setattr(limits, "SECONDS", 0.0)
    last = list(writing.write(noise.model, [0], SamplingConfig(500, seed=1)))[-1]
    assert last.ended == "time"
    assert len(last.text) == 1
    assert writing.summary(1, last.seconds, 1, "time").startswith("Time is up after 0 seconds: 1 character,")


def speak(opened, prompt="A", count=20, temperature=1.0, top_k=0, top_p=1.0, seed="3"):
    return list(generate.speak(Models(opened), prompt, count, temperature, top_k, top_p, seed))


def test_the_tab_writes_what_the_model_writes_and_shows_the_seed(noise):
    rows = speak(noise, seed="3")
    assert rows[0][2] == "3"
    first, last = Text.loads(rows[0][0]), Text.loads(rows[-1][0])
    assert first.writing
    assert (last.writing, last.status.startswith("Finished: 20 characters")) == (False, True)
    assert last.prompt + last.text == noise.model.generate("A", 20, 1.0, seed=3)


def test_an_empty_seed_is_drawn_and_shown_and_brings_the_text_back(noise):
    rows = speak(noise, seed="")
    again = speak(noise, seed=rows[0][2])
    assert rows[0][2].isdecimal()
    assert Text.loads(rows[-1][0]).text == Text.loads(again[-1][0]).text


def test_a_wrong_setting_leaves_text_and_seed_alone(noise):
    ((page, said, seed),) = speak(noise, seed="x")
    assert json.loads(said) == {
        "kind": "error",
        "text": "The setting seed is 'x'; expected a whole number from 0 to 9007199254740991.",
    }
    assert page == seed == {"__type__": "update"}


def test_a_stopped_text_is_summed_up_and_the_buttons_come_back():
    stopped = Text("A", "bcd", "Writing…", True, 1.5, 7).dumps()
    page, said, go, stop = generate.settle(stopped, message.WAITING)
    assert Text.loads(page) == Text("A", "bcd", "Stopped: 3 characters, 2 a second, seed 7", False, 1.5, 7)
    assert said == message.NOTHING
    assert (go["interactive"], stop["interactive"]) == (True, False)
    assert generate.settle(page, message.error("no"))[:2] == (page, message.error("no"))


def test_json_for_a_view_holds_no_tag():
    text = "<script>alert(1)</script>"
    assert "<" not in dumps({"text": text})
    assert json.loads(dumps({"text": text})) == {"text": text}
