"""The shell of the page: one current model, an address that says what is shown, and nothing from outside."""

from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from browser.visitor import choices, pick

pytestmark = pytest.mark.browser

FACTS = "#header .more dl"
FINISHED = "document.querySelector('#generate-text .status').textContent.startsWith('Finished')"


def address_of(page, **expected):
    """Waits until the address says what is expected; returns all that it says."""
    page.wait_for_function(
        """expected => {
          const said = new URLSearchParams(location.search);
          return Object.entries(expected).every(([name, value]) => said.get(name) === value);
        }""",
        arg=expected,
    )
    return choices(page)


def header_says(page, text):
    page.wait_for_function("text => document.querySelector('#header dl').innerText.includes(text)", arg=text)


def test_the_plain_page_writes_and_its_address_says_only_what_brings_the_text_back(visit):
    page = visit()
    page.wait_for_function(FINISHED)
    assert address_of(page).keys() == {"drawn"}


def test_picking_a_model_changes_header_and_address_and_what_writes(visit):
    page = visit()
    pick(page, "film")
    header_says(page, "film, step 3,000")
    assert address_of(page, model="film")["model"] == "film"
    page.click("#header .line .fold")
    assert "128 characters" in page.inner_text(FACTS)
    assert page.locator("#header .ladder li").count() == 7
    page.fill("#prompt textarea", "KING")
    page.click("#run-generate")
    page.wait_for_function(FINISHED)
    pick(page, "noise")
    header_says(page, "noise")
    page.wait_for_function("!new URLSearchParams(location.search).has('model')")


def test_a_model_that_does_not_exist_leaves_the_open_one_and_says_why(visit):
    page = visit()
    pick(page, "<img src=x onerror=alert(1)>")
    page.wait_for_selector('#model-message [data-kind="error"]')
    said = page.inner_text("#model-message .message")
    assert "is no model" in said
    assert said.endswith("noise stays open.")
    header_says(page, "noise")
    page.wait_for_function("document.querySelector('#model input').value === 'noise'")


def test_a_link_shows_a_new_visitor_the_same_view(visit, address):
    page = visit()
    pick(page, "film")
    header_says(page, "film")
    page.fill("#prompt textarea", "To be & not\nto be?")
    page.fill("#temperature input[type=number]", "0.5")
    page.press("#temperature input[type=number]", "Tab")
    page.fill("#seed input", "7")
    page.click("#run-generate")
    page.wait_for_function("document.querySelector('#generate-text .status').textContent.endsWith('seed 7')")
    page.wait_for_function("!new URLSearchParams(location.search).has('drawn')")
    said = address_of(page, model="film", temperature="0.5", seed="7", text="To be & not\nto be?")
    assert said.keys() == {"model", "temperature", "seed", "text"}
    written = page.inner_text("#generate-text .page")
    another = visit(f"{address}?{urlencode(said)}")
    header_says(another, "film")
    another.wait_for_function(FINISHED)
    assert another.input_value("#prompt textarea") == "To be & not\nto be?"
    assert another.input_value("#temperature input[type=number]") == "0.5"
    assert another.input_value("#seed input") == "7"
    assert another.inner_text("#generate-text .page") == written
    header_says(visit(), "noise")  # and a third one, who has no link, sees nothing of it


def test_an_address_that_means_nothing_opens_the_plain_page(visit, address):
    wrong = {"model": "a/b/c", "tab": "nowhere", "temperature": "hot", "top_k": "1e9", "text": "x" * 3000, "v": "${1}"}
    page = visit(f"{address}?{urlencode(wrong)}")
    page.wait_for_selector('#model-message [data-kind="error"]')
    assert page.input_value("#temperature input[type=number]") == "0.9"
    assert page.input_value("#top-k input[type=number]") == "40"
    assert page.inner_text("#header dl").count("noise")
    page.wait_for_selector("#run-generate:enabled")


def test_the_link_is_copied(visit):
    page = visit()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.fill("#seed input", "11")
    address_of(page, seed="11")
    page.click("#share")
    page.wait_for_function("document.querySelector('#share').textContent.includes('Link copied')")
    assert parse_qs(urlsplit(page.evaluate("navigator.clipboard.readText()")).query)["seed"] == ["11"]
    page.wait_for_function("document.querySelector('#share').textContent.includes('Copy link to this view')")


# What each tab shows by itself once it has been opened.
DRAWN = {
    "Attention": "#attention-view .tile canvas",
    "Embeddings": "#tabs canvas >> visible=true",
    "Predictions": "text=Loss so far",
    "Learn": "#learn-figure >> text=pick a character",
}


def test_over_a_slow_network_every_tab_comes_all_the_same(visit):
    page = visit()
    slow = {"offline": False, "latency": 400, "downloadThroughput": 60_000, "uploadThroughput": 30_000}
    page.context.new_cdp_session(page).send("Network.emulateNetworkConditions", slow)
    for name, drawn in DRAWN.items():
        page.click(f"#tabs > .tab-wrapper button[role=tab]:has-text('{name}'):visible")
        page.wait_for_selector(drawn)
        page.wait_for_timeout(3000)  # a reader looks before going on
    page.click("#tabs > .tab-wrapper button[role=tab]:has-text('Generate'):visible")
    page.wait_for_selector("#run-generate:enabled")
    page.fill("#seed input", "3")
    page.click("#run-generate")
    page.wait_for_function(FINISHED)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_serious_of_ours(visit, theme):
    page = visit(theme=theme)
    tabs = page.locator("#tabs > .tab-wrapper button[role=tab]:visible")
    names = tabs.all_inner_texts()
    for name in names:
        tabs.filter(has_text=name).first.click()
        page.wait_for_timeout(1000)  # whatever the tab shows by itself begins
        page.wait_for_function(
            """![...document.querySelectorAll("[data-waiting=true]")].some((one) => one.checkVisibility())
               && document.getAnimations().every((one) => one.playState !== "running")"""
        )
        found = [one for one in Axe().run(page).response["violations"] if one["impact"] in ("serious", "critical")]
        told = [(one["id"], node["target"], node["html"][:120]) for one in found for node in one["nodes"]]
        assert told == [], name
