"""Back and Forward: tab, section, lesson step and model are steps of the browser's history; other choices are not."""

import time

import pytest
from browser.visitor import choices, pick
from serving import open_random

pytestmark = pytest.mark.browser

NAMES = {"generate": "Generate", "attention": "Attention", "embeddings": "Embeddings"}
NAMES |= {"predictions": "Predictions", "learn": "Learn"}


def said(page):
    """What the address says, but for the seed of the text that the page writes as it is opened."""
    return {name: value for name, value in choices(page).items() if name != "drawn"}


def until_said(page, expected):
    page.wait_for_function(
        """expected => {
          const said = [...new URLSearchParams(location.search)]
            .filter(([name]) => !(name.startsWith("__") || name === "drawn"));
          return JSON.stringify(said.sort()) === JSON.stringify(Object.entries(expected).sort());
        }""",
        arg=expected,
        timeout=20_000,
    )


def open_tab(page, id):
    page.click(f"#tabs > .tab-wrapper button[role=tab]:has-text('{NAMES[id]}'):visible")
    shows_tab(page, id)


def shows_tab(page, id):
    page.wait_for_selector(f"#tabs > .tab-wrapper button[role=tab][aria-selected=true]:has-text('{NAMES[id]}')")


def header_shows(page, ref):
    page.wait_for_function("ref => document.querySelector('#header').textContent.includes(ref)", arg=ref)


def holds(page, field, text):
    page.wait_for_function("([field, text]) => document.querySelector(field).value === text", arg=[field, text])


def entries(page):
    return page.evaluate("history.length")


def test_tabs_are_steps_and_settings_are_not(visit):
    page = visit()
    page.wait_for_timeout(500)
    first = entries(page)
    open_tab(page, "attention")
    until_said(page, {"tab": "attention"})
    open_tab(page, "learn")
    until_said(page, {"tab": "learn"})
    assert entries(page) == first + 2
    page.go_back()
    shows_tab(page, "attention")
    page.go_back()
    shows_tab(page, "generate")
    until_said(page, {})
    page.fill("#seed input", "5")
    until_said(page, {"seed": "5"})
    page.fill("#seed input", "6")
    until_said(page, {"seed": "6"})
    page.go_forward()
    shows_tab(page, "attention")
    page.go_back()
    shows_tab(page, "generate")
    until_said(page, {"seed": "6"})
    assert page.input_value("#seed input") == "6"
    assert entries(page) == first + 2


def test_sections_and_lesson_steps_are_walked(visit):
    page = visit()
    way = page.locator("#ways [role=tab]:visible")
    way.filter(has_text="Compare").click()
    page.wait_for_function("new URLSearchParams(location.search).get('section') === 'compare'")
    way.filter(has_text="Switch heads off").click()
    page.wait_for_function("new URLSearchParams(location.search).get('section') === 'heads'")
    page.go_back()
    page.wait_for_selector("#ways [role=tab][aria-selected=true]:has-text('Compare')")
    page.go_back()
    page.wait_for_selector("#ways [role=tab][aria-selected=true]:has-text('Write')")
    page.wait_for_function("!new URLSearchParams(location.search).has('section')")
    open_tab(page, "predictions")
    page.click("#predictions-section label:has-text('Logit lens')")
    until_said(page, {"tab": "predictions", "section": "lens"})
    open_tab(page, "learn")
    page.wait_for_selector("#learn-figure [data-step]")
    start = said(page)
    first = page.get_attribute("#learn-figure [data-step]", "data-step")
    page.click("#learn-next")
    page.wait_for_function("new URLSearchParams(location.search).has('step')")
    page.wait_for_selector(f"#learn-figure [data-step]:not([data-step='{first}'])")
    second = page.get_attribute("#learn-figure [data-step]", "data-step")
    page.go_back()
    until_said(page, start)
    page.wait_for_selector(f"#learn-figure [data-step='{first}']")
    page.go_forward()
    page.wait_for_selector(f"#learn-figure [data-step='{second}']")
    page.go_back()
    page.go_back()
    shows_tab(page, "predictions")
    page.wait_for_selector("#predictions-lens:not(.away)")
    page.go_back()
    page.wait_for_selector("#predictions-losses:not(.away)")
    assert page.locator("#predictions-lens.away").count() == 1


def test_views_of_embeddings_are_steps(visit):
    page = visit()
    open_tab(page, "embeddings")
    inner = page.locator("#embeddings-tabs [role=tab]:visible")
    inner.nth(1).click()
    page.wait_for_function("new URLSearchParams(location.search).has('view')")
    name = inner.nth(0).inner_text()
    page.go_back()
    until_said(page, {"tab": "embeddings"})
    page.wait_for_selector(f"#embeddings-tabs [role=tab][aria-selected=true]:has-text('{name}')")


def test_a_model_is_a_step_and_comes_back_with_its_text(visit):
    page = visit()
    open_tab(page, "attention")
    field = "#attention-text textarea"
    page.wait_for_selector("#attention-view .tile canvas")
    own = page.input_value(field)
    pick(page, "film")
    header_shows(page, "film")
    until_said(page, {"tab": "attention", "model": "film"})  # and not a text, as nobody has chosen one
    film = page.input_value(field)
    assert film != own
    page.fill(field, "A text of mine")
    page.click("#run-attention")
    until_said(page, {"tab": "attention", "model": "film", "text": "A text of mine"})
    page.go_back()
    header_shows(page, "noise")
    until_said(page, {"tab": "attention"})
    holds(page, field, own)
    page.go_forward()
    header_shows(page, "film")
    until_said(page, {"tab": "attention", "model": "film", "text": "A text of mine"})
    holds(page, field, "A text of mine")
    page.wait_for_function("document.querySelector('#attention-view .strip').textContent.includes('A␣text␣of␣mine')")
    assert page.input_value("#model input") == "film · 12 steps"


def test_back_leads_out_of_a_text_s_attention(visit):
    page = visit()
    page.fill("#prompt textarea", "To be")
    page.fill("#seed input", "3")
    page.click("#run-generate")
    page.wait_for_function("document.querySelector('#generate-text .status').textContent.endsWith('seed 3')")
    page.wait_for_selector("#generate-text [data-writing=false], #generate-text[data-writing=false]")
    written = page.inner_text("#generate-text .page")
    before = said(page)
    page.click("#carry-attention")
    shows_tab(page, "attention")
    page.wait_for_function("new URLSearchParams(location.search).get('tab') === 'attention'")
    page.go_back()
    shows_tab(page, "generate")
    until_said(page, before)
    assert page.inner_text("#generate-text .page") == written


@pytest.mark.parametrize("query", ["?model=film&tab=attention", "?model=film", "?model=film&tab=learn"])
def test_a_link_s_model_names_no_text_that_nobody_chose(visit, address, query):
    page = visit(f"{address}{query}", shows="#header dd")
    header_shows(page, "film")
    page.wait_for_timeout(2500)
    assert said(page).keys() <= {"model", "tab"}
    assert page.evaluate("strivelm.chosen.model") == "film"


def test_an_empty_prompt_stays_empty(visit, address):
    page = visit()
    page.fill("#prompt textarea", "")
    until_said(page, {"text": ""})
    again = visit(page.url.split("?")[0] + "?text=&seed=4", shows="#header dd")
    again.wait_for_timeout(1500)
    assert again.input_value("#prompt textarea") == ""
    assert said(again) == {"text": "", "seed": "4"}


def test_a_typed_address_is_followed(visit):
    page = visit()
    open_tab(page, "attention")
    page.evaluate("location.hash = 'text=Typed%20text'")
    page.wait_for_function("document.querySelector('#attention-text textarea').value === 'Typed text'")
    page.wait_for_function("document.querySelector('#attention-view .strip').textContent.includes('Typed␣text')")


def test_no_view_stands_under_another_model_s_name(visit, monkeypatch):
    def fetched(ref, device, *, limits, progress, admit):
        time.sleep(1.5)
        if ref == "choir/none":
            raise ValueError("There is none.")
        return open_random(chars="\nabcdefghijklmnopqrstuvwxyzEMOR :.,;T", corpus="letters", ref=ref, n_layer=2)

    page = visit()
    open_tab(page, "attention")
    page.wait_for_selector("#attention-view .tile canvas")
    page.wait_for_selector("#attention-view [data-waiting=false]")
    monkeypatch.setattr("strivelm.ui.core.models.open_model", fetched)
    # Each time that something changes: what the header says, whose map is shown, and whether it is dimmed.
    page.evaluate(
        """() => {
          window.seen = [];
          const look = () => {
            const view = document.querySelector("#attention-view [data-waiting]");
            seen.push([document.querySelector("#header").textContent.includes("choir/one"), view.dataset.waiting,
              document.querySelectorAll("#attention-view .tile canvas").length]);
          };
          new MutationObserver(look).observe(document.body, { subtree: true, childList: true, attributes: true });
        }"""
    )
    maps = page.locator("#attention-view .tile canvas").count()
    pick(page, "choir/one")
    page.wait_for_selector("#attention-view [data-waiting=true]")
    header_shows(page, "choir/one")
    page.wait_for_selector("#attention-view [data-waiting=false]")
    seen = page.evaluate("seen")
    assert [False, "true", maps] in seen
    assert [True, "true", maps] in seen
    assert [True, "false", maps] not in seen
    pick(page, "choir/none")
    page.wait_for_selector("#attention-view [data-waiting=true]")
    page.wait_for_selector('#model-message [data-kind="error"]')
    page.wait_for_selector("#attention-view [data-waiting=false]")
    until_said(page, {"tab": "attention", "model": "choir/one"})
