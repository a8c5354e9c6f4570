"""What can be done with a text that was written: looked at, bent, continued, taken along."""

import json
import math
import re

import pytest
from browser.generate_tab import text_of
from browser.taken_along import alone, lines_of, ran, saved
from browser.visitor import pick

from strivelm import inspection, load_model

pytestmark = pytest.mark.browser

VIEW = "#generate-text"
NEW = f"{VIEW} .page .new"


def finished(page, characters):
    """Waits until so many characters stand there and the buttons rest; gives the text."""
    page.wait_for_function(
        f"document.querySelector('{VIEW} .status').textContent.startsWith('Finished: {characters} characters')"
    )
    page.wait_for_selector("#run-generate:enabled")
    return text_of(page, NEW)


@pytest.fixture
def written(visit, address):
    """A page on which 60 characters stand, and these."""
    page = visit(f"{address}?text=A&seed=7&count=60&temperature=1.2&top_k=20&top_p=0.9&tab=generate")
    return page, finished(page, 60)


def test_a_link_brings_prompt_settings_and_text(written, model):
    page, text = written
    assert text == model.generate("A", 60, 1.2, top_k=20, top_p=0.9, seed=7)[1:]
    shown = [page.input_value(f"#{name} input[type=number]") for name in ("temperature", "top-k", "top-p", "count")]
    assert [float(value) for value in shown] == [1.2, 20, 0.9, 60]
    assert page.input_value("#prompt textarea") == "A"
    for part in ("text=A", "seed=7", "count=60", "temperature=1.2", "top_k=20", "top_p=0.9"):
        assert part in page.url


def test_every_character_has_the_colour_and_the_numbers_of_its_surprisal(written, model):
    page, text = written
    expected = inspection.surprisal(model, ("A" + text)[:32]).model[1:].tolist()
    for place in (0, 9, 30):
        page.hover(f"{NEW} > span:nth-child({place + 1})")
        page.wait_for_selector(f"{NEW} > span:nth-child({place + 1}).chosen")
        assert f"{expected[place]:.2f} nats" in text_of(page, f"{VIEW} .said")
        ground = page.eval_on_selector(f"{NEW} > span:nth-child({place + 1})", "e => e.style.backgroundColor")
        asked = page.evaluate(
            "nats => Object.assign(document.createElement('i').style, { color: strivelm.surprise(nats) }).color",
            round(expected[place], 4),
        )
        assert channels(ground) == pytest.approx(channels(asked), abs=2)
    # the bars are probabilities, of all characters together 100 %
    for kind in ("before", "after"):
        widths = page.eval_on_selector_all(
            f"{VIEW} .track .{kind}", "bars => bars.map((b) => parseFloat(b.style.width))"
        )
        assert sum(widths) == pytest.approx(100, abs=0.1)
    average = sum(expected) / len(expected)
    assert 0 < average < math.log(model.vocab_size) + 1
    page.click(f"{VIEW} .colours")
    assert page.eval_on_selector(f"{NEW} > span", "e => e.style.backgroundColor") == ""
    page.wait_for_function("location.search.includes('colours=off')")


def channels(colour):
    return [float(part) for part in colour.removeprefix("rgb(").rstrip(")").replace(",", " ").split()]


def test_a_clicked_alternative_is_forced_and_the_text_goes_on(written, opened):
    page, text = written
    page.click(f"{NEW} > span:nth-child(21)")
    other = page.locator(f"{VIEW} .bars button:enabled").first
    char = other.get_attribute("data-char")
    assert char != text[20]
    other.click()
    page.wait_for_selector(f"{NEW} > .forced")
    bent = finished(page, 60)
    assert (bent[:20], bent[20]) == (text[:20], char)
    assert page.locator(f"{NEW} > .forced").count() == 1
    assert "You forced it here" in text_of(page, f"{VIEW} .said")
    assert page.is_visible(f"{VIEW} .mark")
    # the lines of Python write the same
    assert printed(page, opened) == "A" + bent


def printed(page, opened):
    """What the Python lines print that the view shows."""
    return ran(lines_of(page.locator(f"{VIEW} .tools")), opened)["out"].removesuffix("\n")


def test_the_keyboard_walks_through_the_text_and_forces(written):
    page, text = written
    page.focus(f"{VIEW} .page")
    page.keyboard.press("Home")
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    page.wait_for_selector(f"{NEW} > span:nth-child(6).chosen")
    page.keyboard.press("ArrowLeft")
    page.wait_for_selector(f"{NEW} > span:nth-child(5).chosen")
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowDown")
    char = page.evaluate("document.activeElement.dataset.char")
    assert char
    page.keyboard.press("Enter")
    page.wait_for_selector(f"{NEW} > .forced")
    assert finished(page, 60)[:5] == text[:4] + char


def test_continue_writes_what_one_run_would_have_written(written, model, opened):
    page, text = written
    page.click("#continue")
    whole = finished(page, 120)
    assert "A" + whole == model.generate("A", 120, 1.2, top_k=20, top_p=0.9, seed=7)
    assert whole.startswith(text)
    # under other settings it goes on from there, and the lines of Python know both
    page.click("#preset-creative")
    page.click("#continue")
    longer = finished(page, 180)
    assert printed(page, opened) == "A" + longer


@pytest.mark.parametrize("how", ["forced", "continued", "stopped"])
def test_a_link_writes_again_what_was_forced_continued_or_stopped(visit, written, address, slow_address, how):
    page, text = written
    at = address
    if how == "forced":
        for place in (40, 21):  # the second takes the first away, a third stands behind it
            force(page, place)
        force(page, 50)
        assert page.locator(f"{NEW} > .forced").count() == 2
    elif how == "continued":
        page.click("#preset-creative")
        page.click("#continue")
        finished(page, 120)
        force(page, 100)
    else:
        at = slow_address
        page = visit(f"{slow_address}?text=A&count=2000&seed=3")
        page.wait_for_function(f"document.querySelector('{NEW}').textContent.length > 30")
        page.click("#stop")
    page.wait_for_selector("#stop:disabled")
    text = text_of(page, NEW)
    page.wait_for_function(
        "asked => [...new URLSearchParams(location.search).keys()].includes(asked)",
        arg={"forced": "forced", "continued": "runs", "stopped": "length"}[how],
    )
    again = visit(f"{at}?{page.url.split('?')[1]}")
    again.wait_for_function(f"text => document.querySelector('{NEW}').textContent === text", arg=text)
    again.wait_for_selector("#stop:disabled")
    marks = f"{NEW} > span"
    which = "all => all.flatMap((one, i) => (one.matches('.forced') ? [i] : []))"
    assert again.eval_on_selector_all(marks, which) == page.eval_on_selector_all(marks, which)
    assert settings_of(again) == settings_of(page)  # each went on from the same
    if how != "stopped":
        assert lines_of(again.locator(f"{VIEW} .tools")).count("forced") > 1


def settings_of(page):
    kept = ("drawn", "forced", "length", "runs", "seed", "text", "count")
    return page.evaluate("names => names.map((name) => new URLSearchParams(location.search).get(name))", kept)


def force(page, place):
    """Forces the likeliest character at a place that does not stand there."""
    page.click(f"{NEW} > span:nth-child({place})")
    page.locator(f"{VIEW} .bars button:enabled").first.click()
    page.wait_for_selector(f"{NEW} > .forced:nth-child({place})")
    page.wait_for_selector("#stop:disabled")


def test_what_is_chosen_is_scrolled_into_sight(visit, address):
    page = visit(f"{address}?text=A&seed=7&count=2000&tab=generate")
    page.wait_for_function(f"document.querySelector('{VIEW} .status').textContent.startsWith('Finished: 2,000')")
    box, one = (page.locator(f"{VIEW} {name}").bounding_box() for name in (".page", ".chosen"))
    assert box["y"] <= one["y"]
    assert one["y"] + one["height"] <= box["y"] + box["height"]


def test_words_come_before_numbers_and_terms_explain_themselves(written):
    page, _ = written
    said = text_of(page, f"{VIEW} .by")
    choices = float(re.search(r"as unsure as choosing among ([\d.]+) letters", said)[1])
    nats = float(re.search(r"surprisal ([\d.]+) nats", said)[1])
    assert choices == pytest.approx(math.exp(nats), abs=0.06 * choices)
    assert said.index("letters") < said.index("nats")
    assert re.match(
        r"The least expected one\. [A-Z][a-z ]+: the model gave it [\d.]+ %, 1 in", text_of(page, f"{VIEW} .said")
    )
    page.hover(f"{VIEW} .said .strivelm-term")
    page.wait_for_selector("#strivelm-term-nat:not([hidden])")


def test_the_text_can_be_taken_along(written, browser, tmp_path):
    page, text = written
    tools = page.locator(f"{VIEW} .tools")
    found = {name: saved(tools, name, tmp_path / f"text.{name.lower()}") for name in ("PNG", "CSV", "Text", "HTML")}
    assert found["Text"].read_text() == "A" + text
    assert found["CSV"].read_text().startswith("place,character,surprisal_nats,drawn_with_probability,forced\n0,")
    assert found["PNG"].read_bytes().startswith(b"\x89PNG")
    with alone(browser, found["HTML"]) as file:
        assert text_of(file, ".page .new") == text
        file.click(".page .new > span:nth-child(3)")
        assert file.locator(".bars button:enabled").count() == 0
        assert file.locator(".bars li").count() >= 9
        assert not file.is_visible(".how")


def test_a_text_of_an_unknown_corpus_says_that_it_can_not_be_looked_up(written):
    page, _ = written
    page.click(f"{VIEW} .overlap-switch")
    page.wait_for_selector(f"{VIEW} .spans:not([hidden])")
    assert "which it does not bring along" in text_of(page, f"{VIEW} .spans")
    assert page.locator(f"{NEW} > .shared").count() == 0


def test_a_text_is_carried_to_another_tab(written, model):
    page, text = written
    page.click("#carry-attention")
    page.wait_for_selector("#attention-view .tile canvas")
    assert page.input_value("#attention-text textarea") == "A" + text  # what is too long for the model, the tab says


def test_underlined_is_what_chance_does_not_explain(visit, address):
    page = visit(f"{address}?model=film&text=KING%20RICHARD%20III:&seed=1&temperature=0.3&count=300&underline=on")
    finished(page, 300)
    page.wait_for_selector(f"{VIEW} .spans:not([hidden])")
    said = text_of(page, f"{VIEW} .spans")
    share, least = re.match(
        r"([\d.]+) % of the text stands in the training text, .* in runs of (\d+) char", said
    ).groups()
    chance = float(re.search(r"as ([\d.]+) % of text does that it has not learnt from", said)[1])
    assert page.input_value(f"{VIEW} .least select") == least
    assert int(least) > 8  # eight in a row stand there by chance
    assert chance < 50
    assert ("more than chance gives" in said) == (float(share) >= 1.5 * chance)
    assert page.locator(f"{NEW} > .shared").count() == round(float(share) * 3)
    page.select_option(f"{VIEW} .least select", "8")
    page.wait_for_function("new URLSearchParams(location.search).get('least') === '8'")
    assert "about what chance gives, as 8" in text_of(page, f"{VIEW} .spans")
    page.click(f"{VIEW} .overlap-switch")
    assert page.locator(f"{NEW} > .shared").count() == 0


def test_another_model_brings_its_own_suggestions_and_writes_a_text_of_its_own(written):
    page, text = written
    before = page.locator(".chip").all_inner_texts()
    pick(page, "bundled")
    page.wait_for_function(f"document.querySelectorAll('.chip')[1].innerText !== {json.dumps(before[1])}")
    page.wait_for_function(f"document.querySelector('{VIEW} .by').textContent.startsWith('Written by bundled')")
    assert finished(page, 60) == load_model("bundled").generate("A", 60, 1.2, top_k=20, top_p=0.9, seed=7)[1:] != text


def test_a_phone_shows_text_and_alternatives_below_each_other(visit, address):
    page = visit(f"{address}?text=A&seed=7&count=60&tab=generate", width=390, height=844)
    finished(page, 60)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    text, choice = (page.locator(f"{VIEW} {name}").bounding_box() for name in (".page", ".choice"))
    assert choice["y"] >= text["y"] + text["height"] - 1
    height = choice["height"]
    page.click(f"{NEW} > span:nth-child(4)")
    assert page.locator(f"{VIEW} .choice").bounding_box()["height"] == pytest.approx(height, abs=25)


def test_back_and_forward_bring_back_the_same_texts(visit, address):
    page = visit(f"{address}?text=A&count=40")
    text = finished(page, 40)
    page.click("#ways button[role=tab]:has-text('Compare'):visible")
    page.wait_for_function("document.querySelector('#compare-view .status')?.textContent.startsWith('Finished')")
    columns = page.locator("#compare-view .new").all_inner_texts()
    page.go_back()
    page.wait_for_selector(f"{NEW} >> visible=true")
    pick(page, "film")
    page.wait_for_function(f"document.querySelector('{VIEW} .by').textContent.startsWith('Written by film')")
    other = finished(page, 40)
    assert other != text
    page.go_back()
    page.wait_for_function(f"text => document.querySelector('{NEW}').textContent === text", arg=text)
    page.go_forward()
    page.wait_for_function(f"text => document.querySelector('{NEW}').textContent === text", arg=other)
    page.go_back()
    page.wait_for_function(f"text => document.querySelector('{NEW}').textContent === text", arg=text)
    page.click("#ways button[role=tab]:has-text('Compare'):visible")
    page.wait_for_function(
        "texts => [...document.querySelectorAll('#compare-view .new')].every((one, i) => one.innerText === texts[i])",
        arg=columns,
    )
