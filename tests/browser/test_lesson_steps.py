"""The lesson asks first and shows then; its film; its formulas while their fonts are on the way; its first screen."""

import math

import pytest
from browser.learn_tab import FIGURE, shown

from strivelm.ui.tabs.learn.lessons import IDS

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("bundled_address")]

VEIL = f"{FIGURE} .veiled"


def go(page, step):
    page.evaluate("step => strivelm.learn.go(step)", step)
    shown(page, step)


def test_a_step_asks_first_checks_the_answer_and_shows_then(visit, bundled_address):
    page = visit(f"{bundled_address}?tab=learn&step=3.5&text=To be, or not to be&at=3", shows=f"{FIGURE} [data-step]")
    shown(page, "3.5")
    # Who comes by a link sees the figure, and can be asked all the same.
    assert not page.evaluate(f"document.querySelector('{VEIL}').inert")
    page.click(f"{FIGURE} .ask button:has-text('Guess first')")
    assert page.evaluate(f"document.querySelector('{VEIL}').inert")
    assert "…" in page.inner_text("#learn-task section:not([hidden])")  # the words don't tell either
    page.click(f"{FIGURE} .skip")
    assert not page.evaluate(f"document.querySelector('{VEIL}').inert")
    assert "…" not in page.inner_text("#learn-task section:not([hidden])")
    # Who walks is asked: by keyboard alone, a wrong answer, then the true number.
    page.click("#learn-next")
    shown(page, "3.6")
    assert page.evaluate(f"getComputedStyle(document.querySelector('{VEIL}')).filter").startswith("blur")
    page.focus(f"{FIGURE} .ask input")
    page.keyboard.type("many")
    page.keyboard.press("Enter")
    page.wait_for_function(f"document.querySelector('{FIGURE} .verdict').textContent.includes('expected a number')")
    assert page.evaluate(f"document.querySelector('{VEIL}').inert")
    page.fill(f"{FIGURE} .ask input", "99")
    page.keyboard.press("Enter")
    page.wait_for_selector(f"{FIGURE} .verdict[data-right=false]")
    said = page.inner_text(f"{FIGURE} .verdict")
    assert "You said 99 %" in said
    share = float(page.inner_text("#learn-body section:not([hidden]) [data-number=active]").split()[0])
    assert f"It is {share:g} %" in said
    assert page.evaluate("document.activeElement.className") == "verdict"
    assert page.get_attribute(f"{FIGURE} .verdict", "role") == "status"
    assert not page.evaluate(f"document.querySelector('{VEIL}').inert")
    # A choice and a character; a step that was answered stays open.
    go(page, "6")
    page.click(f"{FIGURE} .ways button:has-text('it rises')")
    page.wait_for_selector(f"{FIGURE} .verdict[data-right=true]")
    go(page, "3.6")
    assert not page.evaluate(f"document.querySelector('{VEIL}').inert")
    go(page, "1")
    page.fill(f"{FIGURE} .ask input", "e")
    page.keyboard.press("Enter")
    page.wait_for_selector(f"{FIGURE} .verdict[data-right=true]")
    top = page.locator(f"{FIGURE} .strivelm-bars .share").first.inner_text()
    assert math.isclose(float(top.split()[0]), float(page.inner_text(f"{FIGURE} .verdict").split()[-2]), abs_tol=0.06)


def pictures(page):
    return page.evaluate(
        "[...document.querySelectorAll('#learn-figure .pages pre')].map((one) => getComputedStyle(one).visibility)"
        ".indexOf('visible')"
    )


def test_the_training_step_is_a_film(visit, bundled_address):
    link = f"{bundled_address}?tab=learn&step=5&text=To be"
    page = visit(link, shows=f"{FIGURE} .film .reel", motion="no-preference")
    handle = f"{FIGURE} .film input"
    page.wait_for_function(f"Number(document.querySelector('{handle}').value) >= 2")  # it plays by itself
    page.click(f"{FIGURE} .film button")
    now = page.input_value(handle)
    page.wait_for_timeout(1500)
    assert page.input_value(handle) == now  # paused
    assert page.locator(f"{FIGURE} .pages pre").count() == 12
    page.focus(handle)
    page.keyboard.press("Home")
    first = page.inner_text(f"{FIGURE} .age"), page.get_attribute(handle, "aria-valuetext")
    assert pictures(page) == 0
    assert "After 0 steps" in first[0]
    assert first[0] == first[1]
    page.keyboard.press("ArrowRight")
    assert pictures(page) == 1
    page.keyboard.press("End")
    assert pictures(page) == 11
    among = [float(text.split("among ")[1].split()[0]) for text in (first[0], page.inner_text(f"{FIGURE} .age"))]
    assert among[0] > 50 > 10 > among[1]
    page.click(f"{FIGURE} .film button")  # from the end it begins anew
    page.wait_for_function(f"document.querySelector('{handle}').value === '1'")


def test_the_film_keeps_still_where_little_motion_is_wanted(visit, bundled_address):
    page = visit(f"{bundled_address}?tab=learn&step=2", shows=f"{FIGURE} [data-step]")
    page.emulate_media(reduced_motion="reduce")
    go(page, "5")
    page.click(f"{FIGURE} .skip")
    page.wait_for_selector(f"{FIGURE} .film .pages pre")
    page.wait_for_timeout(2500)
    assert page.input_value(f"{FIGURE} .film input") == "0"


DRAWN = """step => [...document.querySelectorAll("#learn-shown .prose section:not([hidden]) .katex")]
  .filter((one) => !one.closest("details")).map((one) => {
    const [glyphs, math] = [one.querySelector(".katex-html"), one.querySelector(".katex-mathml")].map((part) => {
      const { width, height } = part.getBoundingClientRect();
      return width > 5 && height > 5;
    });
    return [glyphs, math];
  })"""


def test_formulas_are_drawn_while_their_fonts_are_on_the_way_and_where_they_never_come(visit, address):
    held = []
    page = visit(f"{address}?tab=learn&step=2&text=abc", shows=f"{FIGURE} [data-step='2']")
    page.route("**/KaTeX_*", lambda route: held.append(route))
    page.goto(f"{page.url.split('?')[0]}?tab=learn&step=3.3&text=abcd")
    shown(page, "3.3")
    page.wait_for_selector("#learn-body section:not([hidden]) .katex")
    found = page.evaluate(DRAWN)
    assert found
    assert all(math and not glyphs for glyphs, math in found)
    for route in held:
        route.continue_()
    page.unroute("**/KaTeX_*")
    page.wait_for_selector('.learn[data-formulas="set"]')
    assert all(glyphs and not math for glyphs, math in page.evaluate(DRAWN))


def test_without_their_fonts_formulas_are_the_browsers(visit, address):
    page = visit(f"{address}?tab=generate", shows="#header dd", expected="Failed to load resource")
    page.route("**/KaTeX_*", lambda route: route.abort())
    page.goto(f"{address}?tab=learn&step=3.4&text=abcd")
    shown(page, "3.4")
    page.wait_for_selector('.learn[data-formulas="unset"]')
    found = page.evaluate(DRAWN)
    assert found
    assert all(math and not glyphs for glyphs, math in found)


def test_the_figure_is_in_the_first_screen(visit, address):
    """Below the page's header and tabs, of which the header is folded to a line: together at most 140 pixels."""
    place = """selector => {
      const top = document.querySelector("#learn-steps").getBoundingClientRect().top;
      const { top: from, bottom } = document.querySelector(selector).getBoundingClientRect();
      return [from - top, bottom - top];
    }"""
    for width, height in ((1280, 800), (390, 844)):
        page = visit(f"{address}?tab=learn&text=abcd efgh", width=width, height=height, shows=f"{FIGURE} [data-step]")
        for step in IDS:
            go(page, step)
            if page.locator(f"{FIGURE} .skip").count():
                page.click(f"{FIGURE} .skip")
            top, bottom = page.evaluate(place, f"{FIGURE} .blocks h3 + *")
            assert top < height - 140 - 200, (step, width)
            assert bottom < height - 140 or step not in ("1", "2", "3.1", "3.3"), (step, width)
        page.context.close()


def test_the_map_of_attention_has_letters(visit, address):
    page = visit(f"{address}?tab=learn&step=3.3&text=abcdefgh", shows=f"{FIGURE} .heat canvas")
    shown(page, "3.3")
    page.wait_for_function(f"document.querySelector('{FIGURE} .heat .strivelm-plot').clientWidth > 200")
    inked = page.evaluate(
        """selector => {
          const canvas = document.querySelector(selector);
          const [of, dots] = [canvas.getContext("2d"), canvas.width / canvas.clientWidth];
          const side = (canvas.clientWidth - 26) / 8;
          const ink = (x, y, width, height) => {
            const { data } = of.getImageData(...[x, y, width, height].map((one) => Math.round(one * dots)));
            const light = Array.from({ length: data.length / 4 }, (_, i) => data[4 * i]);
            return Math.max(...light) - Math.min(...light) > 60;
          };
          return [...Array(8).keys()].map((i) => [ink(2, 24 + side * i, 20, side), ink(24 + side * i, 2, side, 20)]);
        }""",
        f"{FIGURE} .heat .strivelm-plot",
    )
    assert inked == [[True, True]] * 8


def test_do_this_here_brings_what_it_changes_into_sight(visit, address):
    page = visit(f"{address}?tab=learn&step=4&text=abcd", height=500, shows="#learn-diagram section:not([hidden])")
    shown(page, "4")
    page.click("#learn-try")
    in_sight = """selector => {
      const { top } = document.querySelector(selector).getBoundingClientRect();
      return top >= -5 && top < innerHeight / 2;
    }"""
    page.wait_for_function(in_sight, arg="#learn-diagram")
    assert page.get_attribute("#learn-diagram .detail", "data-box") == "head"
    go(page, "1")
    page.locator("#learn-try").scroll_into_view_if_needed()
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    page.click("#learn-try")
    page.wait_for_function(in_sight, arg=FIGURE)


def test_terms_explain_themselves_and_a_long_text_says_what_is_left_out(visit, address):
    page = visit(f"{address}?tab=learn&step=5&text={'abc ' * 30}", shows=f"{FIGURE} [data-step='5']")
    shown(page, "5")
    assert "it reads only the end" in page.inner_text(f"{FIGURE} .notes")
    for where in ("#learn-body section:not([hidden])", f"{FIGURE} th"):
        page.focus(f"{where} .strivelm-term >> nth=0")
        page.wait_for_selector(".strivelm-tip:not([hidden])")
        page.keyboard.press("Escape")
