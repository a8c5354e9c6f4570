"""The Generate tab under a visitor's hands."""

import re

import pytest
from browser.generate_tab import at_rest, set_number, text_of

pytestmark = pytest.mark.browser

STATUS = "#generate-text .status"
PROMPT = "#generate-text .page .prompt"
NEW = "#generate-text .page .new"
MESSAGE = "#generate-message .message"


def ready(page):
    page.wait_for_selector("#run-generate:enabled")
    page.wait_for_selector("#stop:disabled")


def generate(page):
    """Presses Generate, waits for the end, and returns what the model wrote."""
    before = text_of(page, STATUS)
    page.fill("#seed input", page.input_value("#seed input") or "1")
    page.evaluate("document.querySelector('#generate-text .status').textContent = 'asked'")
    page.click("#run-generate")
    page.wait_for_function(f"document.querySelector({STATUS!r}).textContent.startsWith('Finished')")
    ready(page)
    assert text_of(page, STATUS) != before or before.startswith("Finished")
    return text_of(page, NEW)


def refused(page, sentence):
    """Presses Generate and waits for an error that holds the sentence."""
    page.click("#run-generate")
    page.wait_for_selector(f'{MESSAGE}[data-kind="error"]')
    assert sentence in text_of(page, MESSAGE)
    ready(page)


def test_it_writes_as_many_characters_as_asked_and_says_how_it_went(visit):
    page = visit()
    set_number(page, "count", 120)
    page.fill("#prompt textarea", "The fox")
    page.fill("#seed input", "7")
    text = generate(page)
    assert len(text) == 120
    assert text_of(page, PROMPT) == "The fox"
    assert re.fullmatch(r"Finished: 120 characters, [\d,]+ a second, seed 7", text_of(page, STATUS))
    assert not page.is_visible("#generate-text .empty")


def test_one_seed_one_text_and_a_new_seed_another(visit):
    page = visit()
    page.fill("#seed input", "7")
    first = generate(page)
    assert generate(page) == first
    page.click("#new-seed")
    page.wait_for_function("document.querySelector('#seed input').value !== '7'")
    assert page.input_value("#seed input").isdecimal()
    assert generate(page) != first
    page.fill("#seed input", "7")
    assert generate(page) == first


def finished_anew(page):
    page.evaluate("document.querySelector('#generate-text .status').textContent = 'asked'")
    page.click("#run-generate")
    page.wait_for_function(f"document.querySelector({STATUS!r}).textContent.startsWith('Finished')")
    ready(page)
    return text_of(page, NEW), re.search(r"seed (\d+)$", text_of(page, STATUS))[1]


def test_each_press_writes_another_text_until_a_seed_is_kept(visit):
    page = visit()
    first, seed = finished_anew(page)
    second, other = finished_anew(page)
    assert (first, seed) != (second, other)
    assert page.input_value("#seed input") == ""
    page.click("#generate-text .keep")
    page.wait_for_function("seed => document.querySelector('#seed input').value === seed", arg=other)
    page.wait_for_selector("#generate-text .keep", state="hidden")
    assert finished_anew(page) == (second, other)
    page.fill("#seed input", "")
    page.wait_for_selector("#generate-text .keep")
    assert finished_anew(page)[1] != other


def test_a_link_brings_back_a_text_whose_seed_was_drawn(visit, address):
    page = visit()
    text, seed = finished_anew(page)
    page.wait_for_function("seed => new URLSearchParams(location.search).get('drawn') === seed", arg=seed)
    again = visit(f"{address}?{page.url.split('?')[1]}")
    again.wait_for_function("text => document.querySelector('#generate-text .new').textContent === text", arg=text)
    assert again.input_value("#seed input") == ""
    ready(again)
    assert finished_anew(again)[1] != seed


def test_stop_stops_keeps_what_there_is_and_gives_the_buttons_back(visit, slow_address, steps, until):
    page = visit(slow_address)
    set_number(page, "count", 2000)
    page.fill("#seed input", "7")
    page.click("#run-generate")
    page.wait_for_selector("#run-generate:disabled")
    page.wait_for_selector("#stop:enabled")
    page.wait_for_function(f"document.querySelector({STATUS!r}).textContent === 'Writing…'")
    page.wait_for_function(f"document.querySelector({NEW!r}).textContent.length > 20")
    page.click("#stop")
    page.wait_for_function(f"document.querySelector({STATUS!r}).textContent.startsWith('Stopped')")
    ready(page)
    text = text_of(page, NEW)
    assert 20 < len(text) < 2000
    assert text_of(page, STATUS).startswith(f"Stopped: {len(text):,} characters")
    assert text_of(page, STATUS).endswith("seed 7")
    assert page.get_attribute("#generate-text .page", "aria-busy") == "false"
    until(at_rest(steps), "the model went on writing after Stop")
    # and again from the start, which the same seed makes the same
    set_number(page, "count", 20)
    page.click("#run-generate")
    page.wait_for_function(f"document.querySelector({STATUS!r}).textContent.startsWith('Finished')")
    assert text_of(page, NEW) == text[:20]


def test_a_visitor_who_leaves_stops_costing(visit, slow_address, steps, until):
    page = visit(slow_address)
    set_number(page, "count", 2000)
    page.click("#run-generate")
    page.wait_for_function(f"document.querySelector({STATUS!r}).textContent === 'Writing…'")  # not what came by itself
    page.wait_for_function(f"document.querySelector({NEW!r}).textContent.length > 20")
    before = steps()
    page.close()
    until(at_rest(steps), "the model went on writing for nobody")
    assert steps() < before + 1500


def test_a_full_queue_is_said_and_the_buttons_come_back(visit):
    page = visit(expected="503")
    page.route("**/call/writing", lambda route: route.fulfill(status=503, json={"detail": "Queue is full."}))
    refused(page, "The page is busy: too many questions wait already. Try again in a moment.")
    page.unroute("**/call/writing")
    assert generate(page)
    assert not page.is_visible(MESSAGE)


@pytest.mark.parametrize(
    ("name", "values"), [("conservative", (0.5, 10)), ("balanced", (0.9, 40)), ("creative", (1.3, 60))]
)
def test_a_preset_sets_the_sliders_and_is_marked(visit, name, values):
    page = visit()
    for slider, value in (("temperature", 0.05), ("top-k", 3), ("top-p", 0.5)):
        set_number(page, slider, value)
    page.wait_for_function("!document.querySelector('.presets .active')")
    page.click(f"#preset-{name}")
    page.wait_for_selector(f"#preset-{name}.active")
    shown = [float(page.input_value(f"#{slider} input[type=range]")) for slider in ("temperature", "top-k", "top-p")]
    assert shown == [*values, 1]
    assert page.locator(".presets .active").count() == 1


def test_an_example_becomes_the_prompt(visit):
    page = visit()
    chips = page.locator(".chip")
    assert chips.count() == 4
    for i in range(4):
        chips.nth(i).click()
        label = chips.nth(i).inner_text()
        page.wait_for_function(
            "text => document.querySelector('#prompt textarea').value === text", arg=label.replace(" ⏎", "\n")
        )


@pytest.mark.parametrize(
    "prompt",
    [
        "<script>document.title = 1</script>",
        '<img src=x onerror="alert(1)">',
        "${alert(1)} {{alert(1)}} $&",
        "שלום abc שלום",
        "😀 a 😀",
        "  two\n\n  lines  ",
    ],
)
def test_text_is_shown_as_text(visit, prompt):
    page = visit()
    set_number(page, "count", 400)
    page.fill("#prompt textarea", prompt)
    written = generate(page)
    assert text_of(page, PROMPT) == prompt
    assert len(written) >= 400 - 4 * written.count("😀")
    tags = page.eval_on_selector(
        "#generate-text .page", "e => [...new Set([...e.querySelectorAll('*')].map((c) => c.tagName))]"
    )
    assert set(tags) <= {"P", "SPAN", "S"}
    assert page.title() == "StriveLM"


def test_a_corpus_with_a_wild_name_is_shown_as_text(visit):
    page = visit()
    assert page.locator("#header dd").all_inner_texts()[-1] == "<b>${noise}</b>"


def test_unknown_characters_are_struck_through_and_named(visit):
    page = visit()
    page.fill("#prompt textarea", "caf\u00e9 <b>漢</b>")
    generate(page)
    assert text_of(page, PROMPT) == "caf\u00e9 <b>漢</b>"
    assert page.locator(f"{PROMPT} s").all_inner_texts() == ["\u00e9", "漢"]
    assert "line-through" in page.locator(f"{PROMPT} s").first.evaluate("e => getComputedStyle(e).textDecoration")
    said = text_of(page, MESSAGE)
    assert "'\u00e9' (U+00E9) at 3" in said
    assert "left out" in said
    assert "characters of its training text" in said
    assert page.locator(f"{MESSAGE} b").count() == 0
    page.fill("#prompt textarea", "caf")
    generate(page)
    assert not page.is_visible(MESSAGE)


def test_an_empty_prompt_begins_after_a_line_break_and_says_so(visit):
    page = visit()
    page.fill("#prompt textarea", "")
    generate(page)
    assert "begins after a line break" in text_of(page, MESSAGE)
    assert text_of(page, PROMPT) == "⏎\n"


def test_what_can_not_be_done_is_said_and_nothing_is_lost(visit):
    page = visit()
    text = generate(page)
    status = text_of(page, STATUS)
    page.fill("#seed input", "seven")
    refused(page, "The setting seed is 'seven'; expected a whole number from 0 to")
    page.fill("#seed input", "7")
    page.fill("#prompt textarea", "x" * 2001)
    refused(page, "The prompt has 2,001 characters, but at most 2,000 are allowed; shorten it by 1.")
    assert page.input_value("#prompt textarea") == "x" * 2001
    assert (text_of(page, NEW), text_of(page, STATUS)) == (text, status)
    page.fill("#prompt textarea", "x")
    generate(page)
    assert not page.is_visible(MESSAGE)


def test_a_setting_out_of_bounds_is_brought_back(visit):
    page = visit()
    set_number(page, "count", 5)
    assert len(generate(page)) == 20


def test_copy_takes_prompt_and_text(visit):
    page = visit()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.fill("#prompt textarea", "Say")
    text = generate(page)
    page.click("#generate-text .copy")
    page.wait_for_function("document.querySelector('#generate-text .copy').textContent === 'Copied'")
    assert page.evaluate("navigator.clipboard.readText()").replace("\r\n", "\n") == "Say" + text
    page.wait_for_function("document.querySelector('#generate-text .copy').textContent === 'Copy'")


def test_the_page_follows_the_text_only_from_its_end(visit, slow_address):
    page = visit(slow_address, width=320, height=640)
    page.click("#fold-settings")
    set_number(page, "count", 2000)
    page.click("#run-generate")
    box = "document.querySelector('#generate-text .page')"
    page.wait_for_function(f"{box}.scrollTop > 60")  # longer than the box, and followed
    page.evaluate(f"{box}.scrollTop = 0")
    length = len(text_of(page, NEW))
    page.wait_for_function(f"document.querySelector({NEW!r}).textContent.length > {length + 40}")
    assert page.evaluate(f"{box}.scrollTop") == 0
