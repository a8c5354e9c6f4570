"""Limits and facts: the parts behind the page, without a server."""

import json
import math

import pytest

from strivelm import OpenModel, SamplingConfig
from strivelm.ui import limits
from strivelm.ui.components import header
from strivelm.ui.core.codec import dumps
from strivelm.ui.core.models import facts_of


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
    assert shown["meaning"].startswith("guessing would be ln")
    assert [name for name, _, _ in shown["ladder"]] == ["guessing"]
    assert ["Learnt from", "not recorded"] in shown["facts"]


def test_a_loss_that_is_no_number_counts_as_not_measured(noise):
    assert facts_of(OpenModel("noise", noise.model, {"best": {"validation": math.nan}})).validation_loss is None


def test_the_header_reads_the_loss_beside_a_guess(noise):
    shown = header.shown(facts_of(noise))
    size = len(noise.model.config.chars)
    assert shown["measured"] == "3.50 nats per character"
    assert shown["meaning"] == f"as unsure as a fair choice among 33 characters, not {size}"  # e^3.5
    assert shown["ladder"] == [
        ["guessing", f"{math.log(size):.2f}", 1.0],
        ["this model", "3.50", pytest.approx(3.5 / math.log(size))],
    ]


def test_the_header_says_the_model_in_a_few_words_from_its_numbers(noise):
    count = sum(p.numel() for p in noise.model.parameters())
    assert header.short(facts_of(noise)) == [
        f"{count:,} [numbers](term:parameter)",
        "learnt noise",
        "as unsure as choosing among 33 letters",
    ]
    assert header.choices(math.log(4)) == "4"
    assert header.choices(1.0) == "2.7"
    assert header.choices(1e9)  # and no overflow


def test_json_for_a_view_holds_no_tag():
    text = "<script>alert(1)</script>"
    assert "<" not in dumps({"text": text})
    assert json.loads(dumps({"text": text})) == {"text": text}


@pytest.mark.parametrize(
    ("characters", "seconds"), [(100, 7), (2000, 45), (10**9, 60), (None, 60), ("many", 60), (-1, 60), (math.nan, 60)]
)
def test_the_time_that_is_asked_for_follows_the_work(characters, seconds):
    assert limits.seconds_to_write(characters) == seconds
