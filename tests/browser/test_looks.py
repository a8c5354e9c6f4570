"""What the page looks like: what is above the fold, what fits, what can be read and reached."""

import pytest
from browser.visitor import CONTRAST, rested

pytestmark = pytest.mark.browser

THEMES = ("light", "dark")


TEXTS = (
    "#header h1",
    "#header .title p",
    "#header dt",
    "#header dd",
    "#header .ladder li span",
    "#header .measured",
    "#header .meaning",
    "button[role=tab]",
    "#prompt [data-testid=block-info]",
    "#prompt textarea",
    ".chip",
    "#run-generate",
    "#generate-text .status",
    "#generate-text .page .prompt",
    "#generate-text .page .new",
    "#generate-text .page .new > span",
    "#generate-text .page .prompt s",
    "#generate-text .by",
    "#generate-text .said",
    "#generate-text .bars .char",
    "#generate-text .bars .p",
    "#generate-text .bars-key",
    "#generate-text .legend span",
    "#generate-text .overlap-switch",
    "#generate-text .copy",
    "#continue",
    "#generate-message .message",
    "#preset-balanced",
    "#temperature [data-testid=block-info]",
    "#temperature .info-text",
    "#temperature input[type=number]",
    "#temperature .min_value",
    "#seed input",
    "#new-seed",
    "footer button",
)


def write_something(page):
    """Fills text, message and status, and waits until the buttons rest."""
    page.fill("#prompt textarea", "caf\u00e9")
    page.click("#run-generate")
    page.wait_for_function("document.querySelector('#generate-text .status').textContent.startsWith('Finished')")
    page.wait_for_selector("#run-generate:enabled")
    rested(page)


@pytest.mark.parametrize("theme", THEMES)
def test_every_text_can_be_read(visit, theme):
    page = visit(theme=theme)
    write_something(page)
    page.mouse.move(0, 0)
    rested(page)
    found = {selector: page.locator(selector).first.evaluate(CONTRAST) for selector in TEXTS}
    assert {selector: ratio for selector, ratio in found.items() if ratio < 4.5} == {}
    assert page.evaluate("document.body.classList.contains('dark')") == (theme == "dark")


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844), (320, 640)])
def test_nothing_is_wider_than_the_window(visit, width, height, theme):
    page = visit(width=width, height=height, theme=theme)
    write_something(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    edges = page.evaluate(
        """[...document.querySelectorAll("#header *, #tabs *, footer *")]
             .filter((one) => one.checkVisibility() && one.getBoundingClientRect().right > innerWidth + 1)
             .filter((one) => !one.closest(".visually-hidden"))  // where Gradio measures how many tabs fit
             .map((one) => one.outerHTML.slice(0, 80))"""
    )
    assert edges == []


def test_button_and_text_are_above_the_fold(visit):
    page = visit()
    write_something(page)
    for selector in ("#run-generate", "#continue", "#stop", "#generate-text .status", "#new-seed"):
        box = page.locator(selector).bounding_box()
        assert box["y"] >= 0, selector
        assert box["y"] + box["height"] <= 800, selector
    assert page.locator("#generate-text .page").bounding_box()["y"] + 200 <= 800  # eight lines of the text


def test_the_header_says_what_the_model_is(visit):
    page = visit()
    short = page.inner_text("#header .short")
    page.click("#header .line .fold")
    facts = dict(
        zip(page.locator("#header dt").all_text_contents(), page.locator("#header dd").all_text_contents(), strict=True)
    )
    assert short.startswith(f"{facts['Parameters']} numbers ·")
    assert facts["Model"] == "noise, step 7"
    assert facts["Context"] == "32 characters"
    assert facts["Layers × heads"] == "1 × 2, 16 wide"
    size = int(facts["Vocabulary"].split()[0])
    assert page.inner_text("#header .measured") == "3.50 nats per character"
    assert page.inner_text("#header .meaning") == f"as unsure as a fair choice among 33 characters, not {size}"


def test_every_control_has_a_name(visit):
    page = visit()
    unnamed = page.evaluate(
        """[...document.querySelectorAll("#tabs :is(input, textarea, button)")]
             .filter((one) => one.checkVisibility())
             .filter((one) => !(one.ariaLabel || one.textContent.trim()))
             .filter((one) => ![...(one.labels ?? [])].some((label) => label.textContent.trim()))
             .map((one) => one.outerHTML)"""
    )
    assert unnamed == []


def test_the_keyboard_reaches_everything_and_shows_where_it_is(visit):
    page = visit()
    write_something(page)
    page.locator("#prompt textarea").focus()
    wanted = ["#run-generate", "#generate-text .copy", "#generate-text .page", "#preset-creative", "#new-seed"]
    for _ in range(60):
        page.keyboard.press("Tab")
        if wanted and page.evaluate("selector => document.activeElement.matches(selector)", wanted[0]):
            rested(page)
            outline = page.evaluate("getComputedStyle(document.activeElement).outline")
            assert "none" not in outline, wanted[0]
            assert "2px" in outline, wanted[0]
            wanted.pop(0)
        if not wanted:
            break
    assert wanted == []


def test_the_keyboard_generates(visit):
    page = visit()
    page.locator("#prompt textarea").focus()
    page.keyboard.press("Shift+Enter")
    page.wait_for_function("document.querySelector('#generate-text .status').textContent.startsWith('Finished')")
