"""Terms that explain themselves: by pointer, finger and keyboard, in the page, a saved file and a notebook's frame."""

import pytest

from strivelm.ui.components import glossary, header
from strivelm.ui.core.models import Models

pytestmark = pytest.mark.browser

TERM = "#header .strivelm-term >> visible=true"
OPEN = ".strivelm-tip:not([hidden])"


def inside(page):
    """Whether the explanation is inside the window."""
    box = page.locator(OPEN).bounding_box()
    wide, high = page.evaluate("[document.documentElement.clientWidth, innerHeight]")
    return 0 <= box["x"] <= wide - box["width"] and 0 <= box["y"] <= high - box["height"]


def explanation(page):
    page.wait_for_selector(OPEN)
    assert page.locator(OPEN).count() == 1
    assert inside(page)
    return page.inner_text(OPEN)


def closed(page):
    page.wait_for_function("!document.querySelector('.strivelm-tip:not([hidden])')")


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")])
def test_a_term_explains_itself_to_pointer_keyboard_and_press(visit, width, theme):
    page = visit(width=width, theme=theme)
    term = page.locator(TERM).first
    meaning = glossary.TERMS[term.get_attribute("data-term")]
    term.hover()
    assert explanation(page) == meaning
    page.mouse.move(5, 700)
    closed(page)
    page.evaluate("document.activeElement?.blur()")
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('.strivelm-term')"):
            break
    focused = page.evaluate("document.activeElement.dataset.term")
    assert explanation(page) == glossary.TERMS[focused]
    described = page.evaluate("document.activeElement.getAttribute('aria-describedby')")
    assert page.locator(f"#{described}").text_content() == glossary.TERMS[focused]
    page.keyboard.press("Escape")
    closed(page)
    page.keyboard.press("Enter")
    explanation(page)
    page.keyboard.press("Tab")
    closed(page)
    term.click()
    assert explanation(page) == meaning
    page.mouse.move(5, 700)
    page.wait_for_timeout(400)
    assert explanation(page) == meaning  # what was pressed stays until the next press
    page.mouse.click(5, 700)
    closed(page)


def test_a_finger_opens_and_closes_it(browser, address):
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.goto(address)
    term = page.locator(TERM).first
    term.tap()
    assert explanation(page) == glossary.TERMS[term.get_attribute("data-term")]
    page.locator("#header h1").tap()
    closed(page)
    context.close()


@pytest.mark.parametrize("frame", [False, True])
def test_it_works_in_a_file_and_in_a_notebook_s_frame(browser, tmp_path, make_models, frame):
    shown = header.shown(make_models.facts("noise"))
    if frame:
        text = f"<!doctype html><body>{header.VIEW.show(shown, height=260)._repr_html_()}"
    else:
        text = header.VIEW.html(shown)
    (tmp_path / "file.html").write_text(text, "utf-8")
    page = browser.new_page(viewport={"width": 500, "height": 400})
    page.goto((tmp_path / "file.html").as_uri())
    inner = page.frames[-1]
    term = inner.locator(".strivelm-term >> visible=true").first
    term.hover()
    inner.wait_for_selector(OPEN)
    assert inner.inner_text(OPEN) == glossary.TERMS[term.get_attribute("data-term")]
    box, edge = inner.locator(OPEN).bounding_box(), page.viewport_size
    assert 0 <= box["x"] <= box["x"] + box["width"] <= edge["width"]
    page.close()


@pytest.fixture
def make_models():
    from serving import open_random

    return Models(open_random(chars="\nabc "))
