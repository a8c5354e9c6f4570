"""A lesson of a teacher's own: made in the page, kept as a file and as an address, walked, printed; nothing strange."""

import base64
import json
import zlib
from urllib.parse import parse_qs

import pytest
from browser.visitor import choices

pytestmark = pytest.mark.browser

PLAN = "#lesson-plan section"
STEPS = f"{PLAN} .edit li"
FORM = {"strivelm_lesson": 1, "title": "Looking back"}


def step(link, says=""):
    return {"link": link, "says": says}


def code_of(title, *steps):
    """A lesson as it stands in an address, made without the page's own code."""
    raw = json.dumps([title, [[one["link"], one["says"]] for one in steps]]).encode()
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    return base64.urlsafe_b64encode(deflate.compress(raw) + deflate.flush()).decode().rstrip("=")


def opens(page, content):
    """Opens a file of this content as a lesson, and gives what is said then."""
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    page.evaluate(f"document.querySelector('{PLAN} .note').textContent = ''")
    page.set_input_files(f"{PLAN} [type=file]", {"name": "a.json", "mimeType": "application/json", "buffer": raw})
    page.wait_for_function(f"document.querySelector('{PLAN} .note').textContent")
    return page.inner_text(f"{PLAN} .note")


def walked(page, number, of, says):
    page.wait_for_function(
        "([said, where]) => document.querySelector('#lesson-plan .says')?.textContent === said"
        " && document.querySelector('#lesson-plan .where').textContent.endsWith(where)",
        arg=[says, f"step {number} of {of}"],
    )


@pytest.fixture
def plan_page(visit, address):
    """The Learn tab at a step, with its figure."""
    return visit(f"{address}?tab=learn&step=2&text=abcd", shows="#learn-figure [data-step='2']")


def test_a_lesson_is_made_edited_kept_and_opened_again(plan_page, tmp_path):
    page = plan_page
    assert page.is_hidden(PLAN)
    page.click("#add-view")
    page.keyboard.type("What is an id?")  # the new sentence has the focus
    page.fill(f"{PLAN} .title input", "Looking back")
    page.click('#learn-steps [data-id="3.3"]')
    page.wait_for_function("location.search.includes('step=3.3')")
    page.click(f"{PLAN} .add")
    page.keyboard.type("<b>Who</b> looks ${1} at whom?")
    page.click('#learn-steps [data-id="6"]')
    page.wait_for_function("location.search.includes('step=6')")
    page.click(f"{PLAN} .add")
    assert page.locator(STEPS).count() == 3
    assert "step 3.3" in page.inner_text(f"{STEPS} >> nth=1 >> .open")
    assert page.locator(f"{PLAN} b").count() == 0
    # Reordered by keyboard, the focus goes along; removed and put back.
    page.focus(f"{STEPS} >> nth=2 >> [aria-label='Move step 3 up']")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.ariaLabel") == "Move step 2 up"
    page.click(f"{STEPS} >> nth=0 >> [aria-label='Remove step 1']")
    assert page.locator(STEPS).count() == 2
    page.click(f"{PLAN} .note button")
    assert page.input_value(f"{STEPS} >> nth=0 >> textarea") == "What is an id?"
    # As a file.
    with page.expect_download() as found:
        page.click(f"{PLAN} button:has-text('Save as a file')")
    assert found.value.suggested_filename == "Looking-back.json"
    path = tmp_path / "lesson.json"
    found.value.save_as(path)
    saved = json.loads(path.read_text("utf-8"))
    assert saved["title"] == "Looking back"
    assert [parse_qs(one["link"][1:])["step"][0] for one in saved["steps"]] == ["2", "6", "3.3"]
    assert "__theme" not in path.read_text("utf-8")
    page.click(f"{PLAN} .end")
    assert page.is_hidden(PLAN)
    assert page.evaluate("sessionStorage.length") == 0
    page.click("#add-view")
    assert "3 steps" in opens(page, saved)
    assert page.input_value(f"{STEPS} >> nth=2 >> textarea") == "<b>Who</b> looks ${1} at whom?"
    # A reload keeps what is being made.
    page.reload()
    page.wait_for_selector(STEPS)
    assert page.input_value(f"{PLAN} .title input") == "Looking back"


def test_a_lesson_is_one_address_that_no_server_is_sent_and_is_walked(visit, address):
    steps = [
        step("?tab=learn&step=2&text=abcd", "First the <b>ids</b>."),
        step("?tab=learn&step=6&text=abcd&temperature=0.5", "Then the chances."),
        step("?tab=learn&step=3.1&text=aeiou", ""),
    ]
    code = code_of("Looking back", *steps)
    seen = []
    page = visit(f"{address}?tab=learn", shows="#learn-figure [data-step]")
    page.on("request", lambda request: seen.append(request.url + (request.post_data or "")))
    page.goto(f"{address}#lesson={code}")
    walked(page, 1, 3, "First the <b>ids</b>.")
    page.wait_for_selector("#learn-figure [data-step='2']")
    assert choices(page) == {"tab": "learn", "step": "2", "text": "abcd"}
    assert page.is_disabled(f"{PLAN} .previous")
    page.click(f"{PLAN} .next")
    walked(page, 2, 3, "Then the chances.")
    page.wait_for_selector("#learn-figure [data-step='6']")
    assert page.input_value("#learn-figure .controls input >> nth=0") == "0.5"
    page.evaluate("strivelm.lessonPlan.walk(1)")  # what an arrow key does in Present
    page.wait_for_selector("#learn-figure [data-step='3.1']")
    walked(page, 3, 3, "Learn: “aeiou”, step 3.1")
    assert page.is_disabled(f"{PLAN} .next")
    page.go_back()
    walked(page, 2, 3, "Then the chances.")
    assert not any(code[:40] in one or "chances" in one for one in seen)
    # The page's own address is read by the standard library.
    page.wait_for_selector("#header dd")
    page.click(f"{PLAN} .change")
    page.evaluate("strivelm.copy = async (text) => { window.copied = text; }")
    page.click(f"{PLAN} .link")
    page.wait_for_function("window.copied")
    head, _, mine = page.evaluate("window.copied").partition("#lesson=")
    assert head == address
    title, rows = json.loads(zlib.decompress(base64.urlsafe_b64decode(mine + "=" * (-len(mine) % 4)), -15))
    assert title == "Looking back"
    assert rows == [[one["link"], one["says"]] for one in steps]


STRANGE = [
    (b"no json", "not JSON"),
    ([1], "not saved by this page"),
    ({"steps": []}, "not saved by this page"),
    (FORM | {"steps": "x"}, "no list of steps"),
    (FORM | {"steps": [7]}, "Step 1 has a link"),
    (FORM | {"steps": [step("https://example.org/?tab=learn")]}, "none of this page's"),
    (FORM | {"steps": [step("//example.org")]}, "none of this page's"),
    (FORM | {"steps": [step("javascript:alert(1)")]}, "none of this page's"),
    (FORM | {"steps": [step("?tab=elsewhere")]}, "leads to the tab “elsewhere”"),
    (FORM | {"steps": [step("?tab=learn&<b>=1")]}, "no choice of this page"),
    (FORM | {"steps": [step("?lesson=x")]}, "no choice of this page"),
    (FORM | {"steps": [step("?text=" + "x" * 9000)]}, "at most 8,000"),
    (FORM | {"steps": [step("?tab=learn", "x" * 501)]}, "at most 500"),
    (FORM | {"steps": [step("?tab=learn", 7)]}, "expected a text"),
    (FORM | {"steps": [step("?tab=learn")] * 61}, "at most 60"),
    (FORM | {"title": "x" * 121, "steps": []}, "at most 120"),
    (b" " * 300_001, "at most 300,000"),
]


def test_a_strange_file_or_address_ends_in_a_sentence(plan_page):
    page = plan_page
    page.click("#add-view")
    page.fill(f"{STEPS} textarea", "mine")
    for content, says in STRANGE:
        assert says in opens(page, content)
        assert page.input_value(f"{STEPS} textarea") == "mine", says
    # What only looks strange is text.
    assert "1 step." in opens(page, FORM | {"steps": [step("?__theme=dark&tab=learn&text=${1}<b>", "\u202e<i>\n\x00")]})
    assert page.input_value(f"{STEPS} textarea") == "<i>"
    assert page.locator(f"{PLAN} b, {PLAN} i").count() == 0
    assert page.evaluate("JSON.parse(sessionStorage['strivelm-lesson']).plan.steps[0].link") == (
        "?tab=learn&text=%24%7B1%7D%3Cb%3E"
    )
    # Addresses: cut, no lesson, links to elsewhere, and one that would become too large.
    bomb = zlib.compressobj(9, zlib.DEFLATED, -15)
    large = base64.urlsafe_b64encode(bomb.compress(b" " * 10**7) + bomb.flush()).decode().rstrip("=")
    away = code_of("x", step("https://example.org"))
    for code, says in (
        (code_of("x", step("?"))[:-9], "can't be read"),
        ("!!", "can't be read"),
        (large, "can't be read"),
    ):
        page.evaluate("code => { location.hash = `lesson=${code}`; }", code)
        page.wait_for_function(
            "says => document.querySelector('#lesson-plan .note').textContent.includes(says)", arg=says
        )
        page.evaluate(f"document.querySelector('{PLAN} .note').textContent = ''")
    page.evaluate("code => { location.hash = `lesson=${code}`; }", away)
    page.wait_for_function("document.querySelector('#lesson-plan .note').textContent.includes('none of this page')")
    page.evaluate('sessionStorage[\'strivelm-lesson\'] = \'{"mode": "walk", "plan": {"steps": 7}}\'')
    page.reload()
    page.wait_for_selector("#learn-figure [data-step='2']")
    assert page.is_hidden(PLAN)


@pytest.mark.parametrize(("width", "theme"), [(390, "dark"), (1280, "light")])
def test_a_lesson_fits_a_phone_and_is_printed_whole(visit, address, width, theme):
    page = visit(f"{address}?tab=learn&step=2", width=width, theme=theme, shows="#learn-figure [data-step='2']")
    page.evaluate("window.print = () => { window.printed = true; }")
    page.click("#add-view")
    links = ["?tab=learn&step=2&text=" + "a" * 200, "?tab=learn&step=6"]
    opens(page, FORM | {"steps": [step(links[0], "w" * 300), step(links[1], "Second.")]})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.click(f"{PLAN} .print")
    assert page.evaluate("window.printed")
    page.emulate_media(media="print")
    text = page.inner_text(".strivelm-lesson-handout")
    assert "Looking back" in text
    for said in ("w" * 300, "Second.", f"{address}{links[0]}", f"{address}{links[1]}"):
        assert said in text
    assert page.evaluate("[...document.body.children].filter((one) => one.checkVisibility()).length") == 1
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.emulate_media(media="screen")
    assert page.is_hidden(".strivelm-lesson-handout")
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    page.evaluate("strivelm.lessonPlan.walk(1)")  # walks nothing while it is edited
    assert page.is_visible(f"{PLAN} .edit")
