"""The Embeddings tab under a visitor's hands: links, texts, other models, a phone, and what is taken along."""

import itertools
import json
import re

import gradio as gr
import pytest
from browser.embeddings_tab import CHARS, drawn, inner, look
from browser.taken_along import alone, saved
from browser.visitor import CONTRAST, choices, pick, rested
from serving import open_random, served

from strivelm import inspection, load_model
from strivelm.ui import app
from strivelm.ui.tabs.embeddings import tab

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("counted")]

VIEWS = ("map", "near", "similarity", "positions", "context", "table")


def test_the_map_turns_and_is_walked_by_keys(counted, visit):
    _, at = counted
    page, place = look(visit, at, "map", "&char=b")
    canvas = place.locator("canvas")
    flat = canvas.evaluate("canvas => canvas.toDataURL()")
    canvas.focus()
    walked = set()
    for key in ("ArrowRight", "ArrowDown", "ArrowLeft", "ArrowUp"):
        page.keyboard.press(key)
        walked.add(place.locator("h4").inner_text())
    assert len(walked) > 1
    place.locator(".three").click()
    canvas.focus()
    pictures = {flat, canvas.evaluate("canvas => canvas.toDataURL()")}
    page.keyboard.press("ArrowRight")
    pictures.add(canvas.evaluate("canvas => canvas.toDataURL()"))
    box = canvas.bounding_box()
    page.mouse.move(box["x"] + 200, box["y"] + 150)
    page.mouse.down()
    page.mouse.move(box["x"] + 260, box["y"] + 190, steps=4)
    page.mouse.up()
    pictures.add(canvas.evaluate("canvas => canvas.toDataURL()"))
    page.keyboard.press("+")
    pictures.add(canvas.evaluate("canvas => canvas.toDataURL()"))
    assert len(pictures) == 5


def test_the_address_brings_back_what_was_chosen_everywhere(counted, visit):
    _, at = counted
    page, place = look(visit, at, "map")
    place.locator(".three").click()
    place.locator(".find input").fill("A")
    inner(page, "Similarity")
    drawn(page, "similarity").locator("[data-order=clusters]").click()
    inner(page, "Neighbours")
    assert drawn(page, "near").locator(".char").input_value() == "A"
    page.wait_for_url(re.compile("view=near"))
    for kept in ("tab=embeddings", "dim=3", "char=A", "order=clusters"):
        assert kept in page.url
    page = visit(page.url.replace("__theme=light", ""), shows="#embeddings-near .view")
    assert drawn(page, "near").locator(".char").input_value() == "A"
    inner(page, "Map")
    place = drawn(page, "map")
    assert place.locator(".three").get_attribute("aria-pressed") == "true"
    assert place.locator("h4").inner_text().startswith("A ")
    inner(page, "Similarity")
    assert drawn(page, "similarity").locator("[data-order=clusters]").get_attribute("aria-pressed") == "true"


def test_a_text_that_can_not_be_read_is_refused_and_nothing_is_lost(counted, visit):
    _, at = counted
    # A link to a text leads to the view of texts.
    page = visit(f"{at}?tab=embeddings&text=bee%20bee", shows="#embeddings-context .view")
    place = drawn(page, "context")
    assert place.locator(".strip").inner_text() == "bee bee"
    page.fill("#embeddings-text textarea", "")
    page.click("#run-embeddings")
    page.wait_for_function(
        "document.querySelector('#embeddings-message .message').textContent.includes('The text is empty')"
    )
    assert place.locator(".strip").inner_text() == "bee bee"
    page.fill("#embeddings-text textarea", "<b>ß</b>")
    page.click("#run-embeddings")
    page.wait_for_function("document.querySelector('#embeddings-context .strip').textContent === '<b><b>'")
    assert "left out" in place.locator(".note").inner_text()


def test_a_view_goes_along_as_a_file_that_works_alone(counted, visit, tmp_path, browser):
    _, at = counted
    _, place = look(visit, at, "context", "&text=bee%20%3Cb%3E")
    tools = place.locator(".tools")
    assert len(saved(tools, "CSV", tmp_path / "states.csv").read_text("utf-8").splitlines()) == 1 + 5 * 7
    with alone(browser, saved(tools, "HTML", tmp_path / "alone.html")) as file:
        file.wait_for_selector(".view[data-state=shown] .tools button")
        assert file.inner_text(".strip") == "bee <b>"
        file.fill(".depth input", "3")
        assert file.inner_text(".depth output").startswith("3 of 4")


def questions(page):
    """The names of the questions that the page asks from here on, as they come."""
    asked = []

    def hear(request):
        if request.method == "POST" and request.url.endswith("/call/looking"):
            asked.append(json.loads(request.post_data)["data"][0]["name"])

    page.on("request", hear)
    return asked


def of_embeddings(asked):
    return [name for name in asked if name.startswith("embeddings.")]  # Attention's questions may go on meanwhile


def test_a_view_asks_when_it_is_in_sight_and_only_once(counted, visit):
    _, at = counted
    page = visit(f"{at}?tab=attention", shows="#attention-view .whole:not([hidden])")
    asked = questions(page)
    page.click("button[role=tab]:has-text('Embeddings')")
    drawn(page, "map")
    inner(page, "Positions")
    drawn(page, "positions")
    inner(page, "Map")
    drawn(page, "map")
    assert of_embeddings(asked) == ["embeddings.tokens", "embeddings.positions"]
    pick(page, "film")
    page.wait_for_function("document.querySelector('#embeddings-map .how').textContent.includes('without the counts')")
    assert of_embeddings(asked) == ["embeddings.tokens", "embeddings.positions", "embeddings.tokens"]


def test_the_address_names_the_view_that_was_chosen_and_no_other(counted, visit):
    _, at = counted
    page = visit(f"{at}?tab=embeddings", shows="#embeddings-map .view")
    drawn(page, "map")
    assert choices(page) == {"tab": "embeddings"}  # Gradio selects the first view by itself; nobody chose it
    for title, view in (("What a table", "table"), ("Map", "map"), ("In context", "context")):
        inner(page, title)
        drawn(page, view)
        page.wait_for_url(re.compile(f"view={view}"))
    page.click("button[role=tab]:has-text('Attention')")
    page.wait_for_selector("#attention-view .whole:not([hidden])")
    page.click("button[role=tab]:has-text('Embeddings')")
    drawn(page, "context")
    assert choices(page) == {"tab": "embeddings", "view": "context"}
    # A text with a view is seen there, and a view that is none counts for nothing.
    drawn(visit(f"{at}?tab=embeddings&text=bee&view=map", shows="#embeddings-map .view"), "map")
    page = visit(f"{at}?tab=embeddings&view=nowhere", shows="#embeddings-map .view")
    drawn(page, "map")
    page.wait_for_function("!location.search.includes('nowhere')")


def test_every_view_is_in_reach_in_a_narrow_window(counted, visit):
    _, at = counted
    page, _ = look(visit, at, "context", width=390, height=844)
    for title, view in (("Similarity", "similarity"), ("Positions", "positions")):
        inner(page, title)
        drawn(page, view)
        page.wait_for_url(re.compile(f"view={view}"))


def test_what_was_chosen_stays_with_another_model(counted, visit):
    _, at = counted
    page, place = look(visit, at, "context", "&char=b&depth=3&by=class&text=reed%20bee")
    assert place.locator(".depth output").inner_text().startswith("3 of 4")
    pick(page, "film")
    film = load_model("film")
    shares = inspection.state_maps(film, "reed bee").same_next
    page.wait_for_function(
        "said => document.querySelector('#embeddings-context .purity-said').textContent.includes(said)",
        arg=f"{100 * shares[3].item():.1f} % have one with the same next character",
    )
    assert place.locator(".strip").inner_text() == "reed bee"
    assert place.locator(".depth output").inner_text().startswith("3 of")
    assert place.locator("[data-by=class]").get_attribute("aria-pressed") == "true"
    inner(page, "Neighbours")
    place = drawn(page, "near")
    assert place.locator(".char").input_value() == "b"
    near = inspection.neighbours(inspection.token_space(film), "b", 10)
    assert place.locator(".near li").first.inner_text().split("\n")[0] == near.chars[0]


def source(page):
    """A tab whose text goes to the Embeddings tab."""
    text = gr.Textbox("deeD", elem_id="source")
    page.carry(gr.Button("Take it", elem_id="take"), text, "embeddings")


@pytest.fixture(scope="module")
def carrying():
    """Where a page is that can take a text to the tab."""
    tabs, app.TABS = app.TABS, (("source", "Source", source), ("embeddings", "Embeddings", tab.build))
    try:
        with served(open_random(chars=CHARS, n_layer=2)) as at:
            yield at
    finally:
        app.TABS = tabs


def test_a_text_that_another_tab_brings_is_seen_in_context(carrying, visit):
    page = visit(carrying, shows="#take")
    asked = questions(page)
    page.click("#take")
    place = drawn(page, "context")
    page.wait_for_function("document.querySelector('#embeddings-context .strip').textContent === 'deeD'")
    assert page.input_value("#embeddings-text textarea") == "deeD"
    assert choices(page) == {"tab": "embeddings", "view": "context", "text": "deeD"}
    inner(page, "Map")
    drawn(page, "map")
    page.click("button[role=tab]:has-text('Source')")
    page.fill("#source textarea", "bee")
    page.click("#take")
    page.wait_for_function("document.querySelector('#embeddings-context .strip').textContent === 'bee'")
    assert place.locator(".strip").is_visible()
    assert asked.count("embeddings.states") == 2
    assert asked.count("embeddings.tokens") <= 1  # Gradio shows the first view for a moment


TEXTS = (".lead", ".small", ".strivelm-tool", ".strivelm-legend li", ".who", ".value", ".readout", "h4", "input")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_everything_fits_a_phone_and_can_be_read(counted, visit, theme):
    _, at = counted
    for view in VIEWS:
        page, place = look(visit, at, view, width=390, height=844, theme=theme)
        rested(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, view
        wide = place.evaluate(
            """place => [...place.querySelectorAll("*")]
                 .filter((one) => one.checkVisibility() && !one.closest(".scroll, svg"))
                 .filter((one) => one.getBoundingClientRect().right > innerWidth + 1)
                 .map((one) => one.outerHTML.slice(0, 90))"""
        )
        assert wide == [], view
        for selector, n in itertools.product(TEXTS, (0, 1)):
            text = place.locator(f"{selector}:visible:not(:disabled)").nth(n)
            if text.count() and text.inner_text().strip():
                assert text.evaluate(CONTRAST) >= 4.5, (view, selector)


def test_the_views_use_the_width_of_the_window(counted, visit):
    _, at = counted
    for width in (1000, 1280, 1920):
        for view in ("map", "similarity", "context"):
            _, place = look(visit, at, view, width=width)
            right = place.locator(".beside > *").last.bounding_box()
            whole = place.locator(".view").bounding_box()
            assert right["x"] + right["width"] == pytest.approx(whole["x"] + whole["width"], abs=2)
            left = place.locator(".beside > *").first.bounding_box()
            assert left["width"] + right["width"] > 0.9 * whole["width"]


def test_a_file_shows_the_view_as_it_stood(counted, visit, tmp_path, browser):
    _, at = counted
    _, place = look(visit, at, "map", "&char=B&dim=3")
    heading = place.locator("h4").inner_text()
    assert heading.startswith("B ")
    with alone(browser, saved(place.locator(".tools"), "HTML", tmp_path / "alone.html")) as file:
        file.wait_for_selector(".view[data-state=shown] .tools button")
        assert file.locator(".about h4").inner_text() == heading
        assert file.locator(".three").get_attribute("aria-pressed") == "true"


def test_a_drawing_is_the_map_as_it_stands(counted, visit, tmp_path):
    _, at = counted
    page, place = look(visit, at, "map", "&char=b")
    drawing = saved(place.locator(".tools"), "SVG", tmp_path / "map.svg").read_text("utf-8")
    assert drawing.count("<line") == 2 + 5  # the axes, and the lines to the neighbours
    assert drawing.count("<circle") == len(CHARS) + 1  # the points, and a ring
    assert ">b</text>" in drawing
    assert "direction 1 · " in drawing
    # a class that is picked out is so in a link, too
    place.locator(".key button").first.click()
    page.wait_for_url(re.compile("class=lower"))
