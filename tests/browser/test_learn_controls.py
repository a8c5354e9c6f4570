"""The Learn tab under a learner's hands: its steps, links, texts and other models; and that all can be read."""

import pytest
from browser.learn_tab import FIGURE, go, rows, settled, shown, text_is
from browser.visitor import CONTRAST, pick, rested

from strivelm.ui.tabs.learn.lessons import IDS
from strivelm.ui.tabs.learn.payload import ONWARD

pytestmark = pytest.mark.browser


def test_the_first_visit_shows_the_first_step_and_the_way_leads_to_the_last(visit):
    page = visit(shows="#header dd")
    page.click("button[role=tab]:has-text('Learn')")
    shown(page, IDS[0])
    assert page.is_disabled("#learn-back")
    for step in IDS[1:]:
        page.click("#learn-next")
        shown(page, step)
        page.wait_for_function(
            "tabs => ['generate', 'attention', 'predictions', 'embeddings'].every((tab) => tabs.includes(tab) === "
            "Boolean(document.getElementById(`learn-to-${tab}`)?.checkVisibility()))",
            arg=ONWARD.get(step, ()),
        )
    page.wait_for_selector("#learn-next:disabled")
    assert page.is_visible("#learn-to-attention")
    page.click("#learn-back")
    shown(page, IDS[-2])
    page.focus("#learn-steps [aria-current]")
    page.keyboard.press("ArrowLeft")
    shown(page, IDS[-3])
    page.wait_for_function("location.search.includes('step=6')")


def test_a_link_brings_step_text_and_character_back(learn, address):
    page = learn(address, "3.3", text="abcd", at="2", head="1")
    assert page.inner_text(f"{FIGURE} .strip [aria-selected=true]") == "c"
    assert page.input_value(f"{FIGURE} .controls select >> nth=1") == "1"
    page.focus(f"{FIGURE} .strip [aria-selected=true]")
    page.keyboard.press("ArrowLeft")
    page.wait_for_function("new URLSearchParams(location.search).get('at') === '1'")
    settled(page)
    assert len(rows(page, "How much")) == 2
    assert page.evaluate("document.activeElement.dataset.at") == "1"


def test_another_model_gives_its_own_lesson_of_the_same_step_and_the_old_one_is_dimmed_until_then(learn, address):
    page = learn(address, "3.3", text="abcd", at="2", head="1", layer="0")
    held = []

    def hold(route):
        held.append(route)

    page.route("**/call/looking", hold)
    pick(page, "film")
    page.wait_for_function("document.querySelector('#header').innerText.includes('film')")
    page.wait_for_selector('#learn-shown[data-waiting="true"]')
    page.wait_for_timeout(600)
    opacity = "selector => getComputedStyle(document.querySelector(selector)).opacity"
    assert float(page.evaluate(opacity, FIGURE)) < 0.5
    assert float(page.evaluate(opacity, "#learn-body section:not([hidden]) [data-number]")) < 0.5
    assert float(page.evaluate(opacity, "#learn-body")) == 1
    for route in held:
        route.continue_()
    page.unroute("**/call/looking")
    page.wait_for_selector(f'{FIGURE} [data-model="film"]')
    settled(page)
    assert page.inner_text(f"{FIGURE} .strip [aria-selected=true]") == "c"
    assert page.input_value(f"{FIGURE} .controls select >> nth=1") == "1"
    assert len(rows(page, "How much")) == 3
    go(page, "4")
    assert rows(page, "Every number")[-1][5] == "420,480"
    assert "420,480" in page.inner_text("#learn-body")
    said = page.evaluate("Object.fromEntries(new URLSearchParams(location.search))")
    assert said["model"] == "film"
    assert said["at"] == "2"
    assert said["head"] == "1"


def test_what_means_nothing_in_an_address_is_the_usual(learn, address):
    junk = {
        "at": "x",
        "layer": "-3",
        "head": "1e999",
        "temperature": "nan",
        "half": "<b>",
        "count": "${1}",
    }
    page = learn(address, "7", text="abc", **junk)
    assert page.input_value(f"{FIGURE} .controls input >> nth=0") == "1"
    assert page.input_value(f"{FIGURE} .controls input >> nth=2") == "250"
    assert page.is_hidden("#learn-message .message")
    page.goto(page.url.replace("step=7", "step=99"))
    shown(page, "1")


def test_a_slider_that_is_dragged_ends_where_it_is_left(learn, address):
    page = learn(address, "6", text="abc")
    asked = []
    page.on("request", lambda request: asked.append(request.url) if request.url.endswith("/call/looking") else None)
    page.evaluate(
        """selector => {
          const slider = document.querySelector(selector);
          for (let i = 1; i <= 30; i++) {
            slider.value = String(i / 20);
            slider.dispatchEvent(new Event("input", { bubbles: true }));
          }
        }""",
        f"{FIGURE} .controls input",
    )
    page.wait_for_function(f"document.querySelector('{FIGURE} tr.marked td').textContent === '1.5'")
    settled(page)
    assert len(asked) == 2  # the first place, and the last
    assert "temperature=1.5" in page.url


def test_formulas_are_set_without_a_network_and_never_blank(learn, address):
    page = learn(address, "3.3")
    assert page.locator("#learn-body section:not([hidden]) .katex-display .katex-html").count() == 1
    page.wait_for_selector('.learn[data-formulas="set"]')
    page.wait_for_function("[...document.fonts].some((one) => one.family.includes('KaTeX') && one.status === 'loaded')")
    for step in IDS:
        page.evaluate("step => strivelm.learn.go(step)", step)  # and looked at in the same moment
        found = page.evaluate(
            """() => [...document.querySelectorAll("#learn-shown .prose section:not([hidden]) .katex")].map((one) => {
              const { width, height } = one.querySelector(".katex-html").getBoundingClientRect();
              return one.closest("details") || (width > 5 && height > 5 && one.textContent !== "");
            })"""
        )
        assert found, step
        assert all(found), step
        assert "$" not in page.inner_text("#learn-body")
    shown(page, IDS[-1])
    page.click("#learn-question section:not([hidden]) summary")
    assert page.is_visible("#learn-question section:not([hidden]) details p")


def test_of_two_steps_the_later_one_is_shown(learn, address):
    page = learn(address)
    for step in ("2", "5", "3.2", "8", "3.1"):
        page.click(f'#learn-steps [data-id="{step}"]')
    shown(page, "3.1")
    page.wait_for_timeout(500)
    shown(page, "3.1")
    assert page.evaluate("document.querySelector('#learn-steps [aria-current]').dataset.id") == "3.1"
    assert "…" not in page.inner_text("#learn-body")


def test_a_text_that_is_too_long_is_refused_in_a_sentence_and_the_step_stays(learn, address):
    page = learn(address, "2")
    page.fill("#learn-text textarea", "x" * 2001)
    page.click("#run-learn")
    page.wait_for_selector('#learn-message [data-kind="error"]')
    assert "2,001 characters" in page.inner_text("#learn-message")
    assert page.locator(f"{FIGURE} table").count() == 2
    page.fill("#learn-text textarea", "<img src=x>${1}")
    page.click("#run-learn")
    page.wait_for_function(text_is("<img␣src=x>${1}"))
    page.wait_for_selector("#learn-message .message", state="hidden")


TEXTS = (
    "#learn-body section:not([hidden]) h2",
    "#learn-body section:not([hidden]) p",
    "#learn-task section:not([hidden]) p",
    "#learn-question section:not([hidden]) summary",
    "#learn-steps button",
    "#learn-steps [aria-current]",
    "#learn-figure .pick",
    "#learn-figure .strip span",
    "#learn-figure h3",
    "#learn-figure td",
    "#learn-figure th",
    "#learn-figure figcaption",
    "#learn-try",
    "#learn-diagram .head",
    "#learn-diagram dt",
    "#learn-diagram dd",
    "#learn-diagram .code .on code",
    "#learn-diagram .code i",
)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_text_can_be_read(learn, address, theme):
    page = learn(address, "4", theme=theme)
    rested(page)
    found = {selector: page.locator(selector).first.evaluate(CONTRAST) for selector in TEXTS}
    assert {selector: ratio for selector, ratio in found.items() if ratio < 4.5} == {}


def test_nothing_is_wider_than_a_phone(learn, address):
    page = learn(address, width=390)
    for step in IDS:
        page.select_option("#learn-steps select", step)
        shown(page, step)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, step
