"""The page writes as it is opened: at a reader's pace, until the visitor presses something."""

import re
import string
import time
from itertools import pairwise
from urllib.parse import parse_qs, urlsplit

import pytest
from browser.generate_tab import text_of
from browser.visitor import pick
from serving import open_random, served

from strivelm.ui.core import gpu

pytestmark = pytest.mark.browser

VIEW = "#generate-text"
LETTERS = "\n " + string.ascii_letters + ".,:!"
NEW = f"{VIEW} .page .new"
STATUS = f"{VIEW} .status"
RACE = f"{VIEW} .race li"
WRITING = "generate.write"
SHOWN = f"(many) => document.querySelector('{NEW}')?.textContent.length >= many"
# How many characters stand there at each frame, for so many milliseconds: [[milliseconds, characters], ...]
WATCH = f"""(milliseconds) => new Promise((done) => {{
  const seen = [], began = performance.now();
  const look = (now) => {{
    seen.push([now - began, document.querySelector("{NEW}").textContent.length]);
    now - began < milliseconds ? requestAnimationFrame(look) : done(seen);
  }};
  requestAnimationFrame(look);
}})"""


@pytest.fixture(scope="module")
def lent_address():
    """Where a page stands whose GPU is lent from the visitor's quota."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gpu, "lent", lambda: True)
        with served(open_random(chars=LETTERS)) as at:
            yield at


@pytest.fixture(autouse=True, scope="module")
def before_the_browser(lent_address):
    """Served before the browser is there, as conftest.py's pages are."""


def asked(page):
    """A list that grows by what the page asks to be written."""
    found = []
    page.on(
        "request", lambda request: found.append(request.post_data) if WRITING in (request.post_data or "") else None
    )
    return found


def open_quietly(visit, at):
    """A new page of a new visitor, whose requests are counted from the first one on."""
    page = visit(motion="no-preference").context.new_page()
    return page, asked(page)


def written(model, page, many=200):
    """What the model writes after the page's prompt, by the seed in its address."""
    (seed,) = parse_qs(urlsplit(page.url).query)["drawn"]
    prompt = page.input_value("#prompt textarea")
    return model.generate(prompt, many, 0.9, 40, 1.0, seed=int(seed))[len(prompt) :]


def test_it_writes_by_itself_at_a_readers_pace_while_the_likely_letters_race(visit, model):
    page = visit(motion="no-preference")
    page.wait_for_function(SHOWN, arg=1)
    seen = page.evaluate(WATCH, 1500)
    (began, first), (ended, last) = seen[0], seen[-1]
    assert 5 <= (last - first) / (ended - began) * 1000 <= 17  # 15 a second, fewer where the machine is busy
    assert max(b - a for (_, a), (_, b) in pairwise(seen)) <= 2  # character by character
    assert text_of(page, STATUS).startswith("Writing")
    assert "change the story" in text_of(page, f"{VIEW} .race")
    widths = page.eval_on_selector_all(f"{RACE} i", "all => all.map((one) => parseFloat(one.style.width))")
    assert 6 <= len(widths) <= 7
    assert len(set(widths)) > 1
    assert sum(widths) <= 100.1
    assert page.is_hidden(f"{VIEW} .choice > .bars")
    page.wait_for_function(SHOWN, arg=200)  # faster and faster
    page.wait_for_selector("#stop:disabled")
    assert text_of(page, NEW) == written(model, page)
    assert page.is_visible(f"{VIEW} .choice > .bars")
    assert page.locator(RACE).count() == 0
    assert "The least expected one" in text_of(page, f"{VIEW} .said")
    assert page.input_value("#seed input") == ""


def test_the_server_is_done_long_before_the_reader(visit):
    page = visit(motion="no-preference")
    page.wait_for_function(SHOWN, arg=1)
    page.wait_for_function(
        """performance.getEntriesByType("resource")
             .some((one) => /call\\/writing\\/./.test(one.name) && one.responseEnd > 0)"""
    )
    assert len(text_of(page, NEW)) < 100


def test_a_press_on_a_letter_changes_the_story_and_the_link_tells_it(visit, address):
    page = visit(motion="no-preference")
    page.wait_for_function(SHOWN, arg=10)
    page.mouse.move(*centre(page, f"{VIEW} .race ol"))
    page.wait_for_timeout(150)
    before = text_of(page, NEW)
    page.wait_for_timeout(500)
    assert text_of(page, NEW) == before  # it waits for the visitor
    rows = page.locator(RACE)
    drawn = page.eval_on_selector_all(RACE, "all => all.findIndex((one) => one.dataset.drawn === 'true')")
    other = 1 if drawn != 1 else 2
    char = rows.nth(other).get_attribute("data-char")
    x, y = centre(page, f"{RACE} >> nth={other}")
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.up()
    page.wait_for_selector(f"{NEW} > .forced")
    page.wait_for_function(SHOWN, arg=len(before) + 5)
    assert text_of(page, NEW).startswith(before + char)
    assert text_of(page, STATUS).startswith("Writing")  # still at a pace that can be followed
    page.keyboard.press("x")
    page.wait_for_selector("#stop:disabled")
    text = text_of(page, NEW)
    assert len(text) == 200
    page.wait_for_function("new URLSearchParams(location.search).has('forced')")
    again = visit(f"{address}?{page.url.split('?')[1]}")
    again.wait_for_function(f"text => document.querySelector('{NEW}').textContent === text", arg=text)
    assert again.locator(f"{NEW} > .forced").count() == 1


def centre(page, selector):
    box = page.locator(selector).bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


@pytest.mark.parametrize("press", ["key", "heading", "tab"])
def test_any_press_ends_the_show_at_once(visit, model, press):
    page = visit(motion="no-preference")
    page.wait_for_function(SHOWN, arg=3)
    text = written(model, page)
    if press == "key":
        page.keyboard.press("a")
    elif press == "heading":
        page.click("#header h1")
    else:
        page.click("#tabs > .tab-wrapper button[role=tab]:has-text('Attention')")
    page.wait_for_timeout(400)
    assert text_of(page, NEW) == text


def test_stop_and_escape_leave_what_stands_there(visit):
    for stop in (lambda page: page.click("#stop"), lambda page: page.keyboard.press("Escape")):
        page = visit(motion="no-preference")
        page.wait_for_function(SHOWN, arg=5)
        stop(page)
        page.wait_for_function(f"document.querySelector('{STATUS}').textContent.startsWith('Stopped')")
        text = text_of(page, NEW)
        assert 5 <= len(text) < 150
        page.wait_for_timeout(500)
        assert text_of(page, NEW) == text
        assert re.search(rf"Stopped: {len(text)} characters", text_of(page, STATUS))


def test_generate_can_be_pressed_at_once(visit):
    page = visit(motion="no-preference")
    page.wait_for_function(SHOWN, arg=3)
    page.fill("#seed input", "5")
    page.click("#run-generate")
    page.wait_for_function(f"document.querySelector('{STATUS}').textContent.endsWith('seed 5')")
    assert len(text_of(page, NEW)) == 200


def test_with_reduced_motion_the_text_is_there_at_once(visit, model):
    page = visit(motion="reduce")
    page.wait_for_function(f"document.querySelector('{STATUS}').textContent.startsWith('Finished')")
    assert page.locator(RACE).count() == 0
    assert text_of(page, NEW) == written(model, page)


def test_a_link_writes_what_it_says(visit, address, model):
    page = visit(f"{address}?text=Fox&seed=9&temperature=0.5&count=40", motion="no-preference")
    page.wait_for_function(f"document.querySelector('{STATUS}').textContent.startsWith('Finished')")
    assert text_of(page, NEW) == model.generate("Fox", 40, 0.5, 40, 1.0, seed=9)[3:]


def test_a_hidden_window_does_not_write(visit, address):
    page, found = open_quietly(visit, address)
    page.add_init_script("Object.defineProperty(document, 'hidden', { get: () => !window.looked, configurable: true })")
    page.goto(address)
    page.wait_for_selector("#header dd")
    page.wait_for_timeout(2500)
    assert found == []
    page.evaluate("window.looked = true; document.dispatchEvent(new Event('visibilitychange'))")
    page.wait_for_function(SHOWN, arg=5)
    assert len(found) == 1


@pytest.mark.parametrize(("link", "back"), [("?tab=attention", "Generate"), ("?section=slowly", "Write")])
def test_a_page_opened_elsewhere_does_not_write_until_the_text_is_shown(visit, address, link, back):
    page, found = open_quietly(visit, address)
    page.goto(f"{address}{link}")
    page.wait_for_selector("#attention-view .tile canvas" if "tab" in link else "#slowly-view .bars li")
    page.wait_for_timeout(2000)
    assert found == []
    page.click(f"button[role=tab]:has-text('{back}'):visible")
    page.wait_for_function(SHOWN, arg=5)
    assert len(found) == 1


def test_where_a_gpu_is_lent_nothing_is_spent_without_a_press(visit, lent_address):
    page, found = open_quietly(visit, lent_address)
    page.goto(lent_address)
    page.wait_for_selector("#header dd")
    page.wait_for_timeout(2500)
    assert found == []
    assert "Press Generate" in text_of(page, f"{VIEW} .empty")
    page.click("#run-generate")
    page.wait_for_function(f"document.querySelector('{STATUS}').textContent.startsWith('Finished')")
    pick(page, "film")
    page.wait_for_function(f"document.querySelector('{NEW}').textContent === ''")  # no text under another's name
    time.sleep(1)
    assert len(found) == 1
