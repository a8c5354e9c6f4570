"""The Attention tab under a visitor's hands: keys, links, other texts, a phone, and what is taken along."""

import csv

import pytest
import torch
from browser.attention_tab import ALL, READ, VIEW, look, near, read, settled, state
from browser.taken_along import alone, lines_of, ran, saved
from browser.visitor import CONTRAST, rested
from known_heads import TEXT, planted
from serving import open_random, served

from strivelm.inspection import trace
from strivelm.loading import open_model

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("planted_address")]


def test_the_keyboard_walks_heads_and_characters(visit, planted_address):
    page = visit(planted_address)
    look(page, TEXT)
    page.focus(f"{VIEW} .tile[data-map='0']")
    for key, head in (("ArrowRight", "0.1"), ("ArrowDown", "1.1"), ("ArrowLeft", "1.0"), ("ArrowDown", "mean0")):
        page.keyboard.press(key)
        assert state(page)["head"] == head
        assert page.evaluate("document.activeElement.getAttribute('aria-pressed')") == "true"
    page.keyboard.press("ArrowUp")
    assert state(page)["head"] == "1.0"
    page.focus(f"{VIEW} .strip")
    for key in ("Home", "ArrowRight", "ArrowRight", "ArrowRight", "ArrowLeft", "Enter"):
        page.keyboard.press(key)
    assert (state(page)["pin"], state(page)["over"]) == (2, None)
    page.keyboard.press("End")
    assert state(page)["over"]["query"] == len(TEXT) - 1
    page.keyboard.press("Escape")
    assert state(page)["over"] is None
    page.focus(f"{VIEW} .matrix")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert state(page)["pin"] == 3


def test_the_lines_of_a_page_over_a_folder_run_where_the_folder_lies(visit, tmp_path, monkeypatch):
    random = open_random("abc", n_layer=1, n_head=2).model
    random.save_pretrained(tmp_path / "mine")
    with served(open_model(str(tmp_path / "mine"))) as at:
        page = visit(at)
        look(page, "abca")
        page.click(f"{VIEW} .tile[data-map='0']")
        lines = lines_of(page.locator(f"{VIEW} .tools-one"))
    assert str(tmp_path) not in lines
    monkeypatch.chdir(tmp_path)
    assert torch.equal(ran(lines)["weights"], trace(random, "abca").attention[0, 0])


def test_a_link_keeps_head_character_scale_and_lines(visit, planted_address):
    page = visit(planted_address)
    look(page, TEXT)
    page.click(f"{VIEW} .tile[data-map='4']")
    page.click(f"{VIEW} [data-scale=row]")
    page.click(f"{VIEW} .letter >> nth=7")
    page.click(f"{VIEW} [data-show=lines]")
    page.click(f"{VIEW} .chosen-heads button >> nth=2")
    page.click(f"{VIEW} [data-whose=all]")
    before = state(page)
    assert before["lines"] == ["0.0", "0.1", "1.1", "1.2", "0.2"]
    page.wait_for_function("location.search.includes('whose=all')")
    page.goto(page.url)
    settled(page)
    page.wait_for_function("([read]) => eval(read)('view.state()').lines.length === 5", arg=[READ])
    assert state(page) == before | {"over": None}
    assert page.get_attribute(f"{VIEW} [data-show=lines]", "aria-pressed") == "true"
    assert page.is_visible(f"{VIEW} .threads")


def test_what_is_taken_along_says_the_same(visit, planted_address, tmp_path, browser):
    page = visit(planted_address)
    look(page, TEXT)
    page.click(f"{VIEW} .tile[data-map='1']")
    attention = trace(planted().model, TEXT).attention
    of_one, of_all = (page.locator(f"{VIEW} {tools}") for tools in (".tools-one", ".tools-all"))

    with saved(of_one, "CSV", tmp_path / "head.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    T = len(TEXT)
    assert len(rows) == T * (T + 1) // 2
    for row in rows:
        q, k = int(row["query"]), int(row["key"])
        assert (row["query_character"], row["key_character"]) == (TEXT[q], TEXT[k])
        assert float(row["weight"]) == pytest.approx(attention[0, 1, q, k].item(), rel=1e-6, abs=1e-30)

    assert torch.equal(ran(lines_of(of_one), planted())["weights"], attention[0, 1])

    for tools in (of_one, of_all):
        assert saved(tools, "PNG", tmp_path / "map.png").read_bytes().startswith(b"\x89PNG")

    with alone(browser, saved(of_all, "HTML", tmp_path / "heads.html")) as file:
        assert near(read(file, ALL, 2, 3, T), attention)
        assert file.locator(".tile").count() == 6 + 2 + 2
        assert file.inner_text(".tile[data-map='0'] b") == "previous character"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_can_be_read_and_fits_a_phone(visit, theme):
    page = visit(width=390, height=844, theme=theme)
    look(page, "<script>a(1)</script> ${a} {b}")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    for mode in ("lines", "numbers", "map"):
        page.click(f"{VIEW} [data-show={mode}]")
        if mode == "numbers":
            page.wait_for_selector(f"{VIEW} .numbers table")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, mode
        rested(page)
        texts = page.locator(f"{VIEW} :is(p, h3, h4, b, th, td, button, small, .letter, .head, .words, .keys i)")
        ratios = {
            one.evaluate("one => one.outerHTML.slice(0, 90)"): one.evaluate(CONTRAST)
            for one in texts.all()[:160]
            if one.is_visible() and not one.is_disabled()
        }
        assert {text: ratio for text, ratio in ratios.items() if ratio < 4.5} == {}, mode
    # a tap is a click
    page.locator(f"{VIEW} .matrix").scroll_into_view_if_needed()
    box = page.locator(f"{VIEW} .matrix").bounding_box()
    page.mouse.click(box["x"] + 40, box["y"] + box["height"] - 12)
    assert state(page)["key"] is not None


def test_text_strip_and_grid_are_above_the_fold_and_the_strip_stays(visit, planted_address):
    page = visit(planted_address)
    look(page, TEXT)
    for selector in ("#run-attention", f"{VIEW} .strip", f"{VIEW} .tile[data-map='5']", f"{VIEW} .saying"):
        box = page.locator(selector).bounding_box()
        assert box["y"] >= 0, selector
        assert box["y"] + box["height"] <= 800, selector
    page.evaluate("window.scrollTo(0, 400)")
    assert page.evaluate("scrollY") > 100
    assert page.locator(f"{VIEW} .strip").bounding_box()["y"] >= 0


def test_two_runs_and_tabs_between_them(visit):
    page = visit()
    page.click("button[role=tab]:has-text('Attention')")
    page.click("button[role=tab]:has-text('Generate')")
    look(page, "first")
    page.click("button[role=tab]:has-text('Generate')")
    page.click("button[role=tab]:has-text('Attention')")
    assert page.evaluate(f"document.querySelector('{VIEW} .matrix').width") > 100
    look(page, "second text")
    assert len(page.locator(f"{VIEW} .letter").all()) == len("second text")
    page.fill("#attention-text textarea", "x" * 2_001)
    page.click("#run-attention")
    page.wait_for_selector("#attention-message [data-kind=error]")
    assert state(page)["text"] == "second text"  # what was there stays
    page.set_viewport_size({"width": 600, "height": 800})
    page.wait_for_function(f"document.querySelector('{VIEW} .matrix').clientWidth < 600")


def test_a_text_that_is_cut_is_said_to_be(visit, planted_address):
    page = visit(planted_address)
    look(page)
    page.fill("#attention-text textarea", "a bad cafe" * 4)
    page.click("#run-attention")
    page.wait_for_function("read => eval(read)('view.state().text.length') === 32", arg=READ)
    page.wait_for_selector("#attention-message [data-kind=note]")
    assert "40 characters, and this model sees at most 32" in page.inner_text("#attention-message")


def test_a_file_shows_the_view_as_it_stood(visit, planted_address, tmp_path, browser):
    page = visit(f"{planted_address}?tab=attention&head=1.2&scale=row&show=lines&at=7", shows=VIEW)
    settled(page)
    page.click(f"{VIEW} .chosen-heads button >> nth=2")
    before = state(page)
    path = saved(page.locator(f"{VIEW} .tools-all"), "HTML", tmp_path / "heads.html")
    with alone(browser, path) as file:
        assert read(file, "view.state()") == before
        assert file.is_visible(".threads")
        picture = saved(file.locator(".tools-one"), "PNG", tmp_path / "map.png").read_bytes()
        assert int.from_bytes(picture[16:20], "big") > 400  # the picture's width
