"""The Learn tab under a learner's hands: every step is there, and every 'Try this' shows what it says."""

from urllib.parse import urlencode

import pytest
from serving import served
from test_looks import CONTRAST

from strivelm.loading import open_model
from strivelm.ui.tabs.learn.lessons import IDS
from strivelm.ui.tabs.learn.payload import ONWARD

pytestmark = pytest.mark.browser

FIGURE = "#learn-figure"


# Served before the browser is there, as conftest.py's pages are.
@pytest.fixture(scope="session", autouse=True)
def bundled_address():
    """Where the page over the bundled model is, of which some lessons say what it does."""
    with served(open_model("bundled")) as at:
        yield at


@pytest.fixture
def learn(visit):
    """The function that opens a step of the tab by its address."""

    def open_step(where, /, step="1", width=1280, theme="light", **said):
        address = f"{where}?{urlencode({'tab': 'learn', 'step': step} | said)}"
        page = visit(address, width=width, theme=theme, shows=FIGURE)
        shown(page, step)
        return page

    return open_step


def shown(page, step):
    """Waits until a step's figure and words are there."""
    page.wait_for_selector(f'{FIGURE} [data-step="{step}"]')
    page.wait_for_function(
        "step => document.querySelector('#learn-body section:not([hidden]) h2')?.textContent.startsWith(`${step} ·`)",
        arg=step,
    )
    settled(page)


def go(page, step):
    """Opens a step from the list, and has it shown at once."""
    page.click(f'#learn-steps [data-id="{step}"]')
    shown(page, step)
    if page.locator(f"{FIGURE} .skip").count():
        page.click(f"{FIGURE} .skip")


def attempt(page, condition):
    """Does what 'Try this' says by its button, and waits until the figure says so."""
    page.click("#learn-try")
    page.wait_for_function(condition)


def pick(page, at):
    """Picks a character, and waits until the figure is that of it."""
    page.click(f'{FIGURE} .strip [data-at="{at}"]')
    page.wait_for_function(
        "at => document.querySelector('#learn-figure [aria-selected=true]').dataset.at === at",
        arg=str(at),
    )
    settled(page)


def settled(page):
    """Waits until what is seen belongs to the settings that are asked for."""
    page.wait_for_selector('#learn-shown[data-waiting="false"]')


def rows(page, title):
    """The cells of a table by its title."""
    figure = page.locator(f"{FIGURE} figure", has=page.locator("h3", has_text=title))
    return [row.locator("th, td").all_inner_texts() for row in figure.locator("tbody tr").all()]


def per_cent(text):
    return float(text.split("%")[0].strip().lstrip("< "))


def text_is(text):
    return f"document.querySelector('#learn-figure .strip').textContent === {text!r}"


# -- what the lessons say, tried ---------------------------------------------------------------------------------------


def test_what_steps_1_to_3_2_say_is_what_is_seen(learn, bundled_address):
    page = learn(bundled_address)
    attempt(page, text_is("The␣q"))
    page.wait_for_function("document.querySelector('#learn-figure .strivelm-bars .who').textContent === 'u'")
    assert per_cent(page.locator(f"{FIGURE} .strivelm-bars .share").first.inner_text()) > 99

    go(page, "2")
    attempt(page, "document.querySelector('#learn-figure .notes').textContent.includes('U+20AC')")
    assert page.is_visible(f"{FIGURE} .notes")
    assert "Price" in page.inner_text(f"{FIGURE} .strip").replace("\n", "")

    go(page, "3.1")
    attempt(page, text_is("To␣be,␣or␣not␣to␣be"))
    page.wait_for_selector(f'{FIGURE} .strip [data-at="3"][aria-selected=true]')
    settled(page)
    assert rows(page, "The characters whose rows")[0][1] == "B"

    go(page, "3.2")
    attempt(page, text_is("aaaa"))
    settled(page)
    said = page.locator(f"{FIGURE} .vector .said")
    first = said.all_inner_texts()
    pick(page, 1)
    page.wait_for_function("document.querySelector('#learn-figure .vectors').innerText.includes('position 1')")
    second = said.all_inner_texts()
    assert first[0] == second[0]
    assert first[1] != second[1]
    assert first[2] != second[2]
    cosines = [float(row[1]) for row in rows(page, "The same character")]
    assert sorted(cosines)[-1] == cosines[1] == 1
    assert sorted(cosines)[-2] < 1


def test_what_steps_3_3_to_3_7_say_is_what_is_seen(learn, bundled_address):
    page = learn(bundled_address, "3.3")
    attempt(page, "document.querySelector('#learn-figure [data-kind=table] tbody').rows.length === 1")
    assert per_cent(rows(page, "How much")[0][4]) == 100
    page.select_option(f"{FIGURE} .controls select >> nth=1", "3")
    page.wait_for_function("document.querySelector('#learn-figure').innerText.includes(', head 3: the')")
    assert per_cent(rows(page, "How much")[0][4]) == 100

    go(page, "3.4")
    attempt(page, "document.querySelector('#learn-figure .controls select').value === '5'")
    lengths = set()
    for at in (0, 5, 9):
        pick(page, at)
        before, after, _ = rows(page, "What changes")
        lengths.add(before[3])
        assert float(after[1]) == 0
        assert 0.99 < float(after[2]) <= 1
        assert float(after[3]) == pytest.approx(16, abs=0.1)
    assert len(lengths) == 3

    go(page, "3.5")
    attempt(page, text_is("ROMEO"))
    settled(page)
    table = rows(page, "The stream")
    marked = page.inner_text(f"{FIGURE} tr.marked th")
    settles = [row[0] for row in table].index(marked)
    assert {row[3] for row in table[settles:]} == {table[-1][3]} == {":"}
    assert table[settles - 1][3] != ":"
    assert marked in page.inner_text("#learn-task")

    go(page, "3.6")
    pick(page, 4)
    before = [row[0] for row in rows(page, "The most active")]
    attempt(page, "document.querySelector('#learn-figure .strip [data-at=\"0\"]').ariaSelected === 'true'")
    settled(page)
    assert [row[0] for row in rows(page, "The most active")][:3] != before[:3]

    go(page, "3.7")
    attempt(page, "document.querySelector('#learn-figure .controls output').textContent === '0.5'")
    settled(page)
    drawn = rows(page, "The first of them")
    for _, before, after, kept in drawn:
        a, b = (float(text.replace("−", "-")) for text in (before, after))
        assert b == pytest.approx(2 * a, rel=0.02) if kept == "kept" else b == 0
    page.click(f"{FIGURE} .controls button")
    settled(page)
    assert [row[3] for row in rows(page, "The first of them")] != [row[3] for row in drawn]


def test_what_steps_4_to_8_say_is_what_is_seen(learn, bundled_address):
    page = learn(bundled_address, "4", box="qkv")
    attempt(page, "document.querySelector('#learn-diagram .detail').dataset.box === 'head'")
    assert "none" in page.inner_text("#learn-diagram .detail dl")
    assert page.locator("#learn-diagram .code .on").count() == 2
    page.hover('#learn-diagram [data-id="gelu"]')
    assert "nn.GELU()" in page.inner_text("#learn-diagram .code .on")
    page.click('#learn-diagram [data-id="down"]')
    values, shape = page.inner_text("#learn-diagram .flow"), page.inner_text("#learn-diagram dl")
    page.select_option("#learn-diagram select", "5")
    assert page.inner_text("#learn-diagram .flow") != values
    assert page.inner_text("#learn-diagram dl") == shape
    page.focus("#learn-diagram .chosen")
    page.keyboard.press("ArrowDown")
    assert page.get_attribute("#learn-diagram .detail", "data-box") == "add2"

    go(page, "5")
    assert page.is_hidden("#learn-diagram section")
    attempt(page, text_is("To␣be,␣or␣not␣to␣beq"))
    pick(page, 18)
    page.wait_for_function("document.querySelector('#learn-figure').innerText.includes('what came next')")
    row = rows(page, "The loss at")[0]
    assert row[0] == "q"
    mean = float(page.inner_text(f"{FIGURE} figure:has-text('The loss at') figcaption").rstrip(".").split()[-1])
    assert float(row[3]) > 3 * mean
    page.focus(f"{FIGURE} .strivelm-chart canvas >> nth=1")  # the notebook's run, read out at its second place
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    read = page.inner_text(f"{FIGURE} .strivelm-chart .readout >> nth=1")
    assert read == "step 50: training text 2.29, validation text 2.87"

    go(page, "6")
    attempt(page, "document.querySelector('#learn-figure .controls output').textContent === '0'")
    page.wait_for_function("document.querySelectorAll('#learn-figure .share')[1].textContent === '100 %'")
    own, likeliest = page.locator(f"{FIGURE} .strivelm-bars .share").all_inner_texts()[:2]
    page.fill(f"{FIGURE} .controls input >> nth=0", "2")
    page.wait_for_function(
        "text => document.querySelectorAll('#learn-figure .share')[1].textContent !== text", arg=likeliest
    )
    assert per_cent(page.locator(f"{FIGURE} .strivelm-bars .share").all_inner_texts()[1]) < per_cent(own)

    go(page, "7")
    attempt(page, "document.querySelector('#learn-figure .controls output').textContent === '0'")
    settled(page)

    def again():
        page.click(f"{FIGURE} .controls button")
        settled(page)
        return page.inner_text(f"{FIGURE} .page")[:40]  # of a slow machine's text the end may differ

    assert again() == again()
    page.fill(f"{FIGURE} .controls input >> nth=0", "1")
    settled(page)
    assert again() != again()

    go(page, "8")
    attempt(page, text_is("aeiou"))
    for at, char in enumerate("aeiou"):
        pick(page, at)
        page.wait_for_function(f"document.querySelector('{FIGURE} canvas').ariaLabel.endsWith(', {char} ringed')")
    page.focus(f"{FIGURE} canvas")  # from the chosen character the arrow keys lead to others
    page.keyboard.press("ArrowLeft")
    page.wait_for_function(f"document.querySelector('{FIGURE} .scale').textContent.includes(': ')")


def test_the_map_of_step_3_3_frames_the_chosen_row_and_is_read_by_pointer_and_keys(learn, address):
    page = learn(address, "3.3", text="abcdefgh", at="5")
    page.wait_for_function(f"document.querySelector('{FIGURE} .heat .strivelm-plot').clientWidth > 200")
    weights = {row[0]: row[4] for row in rows(page, "How much")}
    said = f"{FIGURE} .heat .scale"
    assert "square root" in page.inner_text(said)
    box = page.locator(f"{FIGURE} .heat .strivelm-plot").bounding_box()
    edge, side = 24, (box["width"] - 26) / 8  # beside the letters
    cell = {"x": edge + side * 2.5, "y": edge + side * 5.5}
    page.hover(f"{FIGURE} .heat .strivelm-plot", position=cell)
    found = page.inner_text(said)
    assert found.startswith("f (5) gives c (2) ")
    assert per_cent(found.split(") ")[-1]) == pytest.approx(per_cent(weights["2"]), abs=1)
    page.hover(f"{FIGURE} .strip")
    page.wait_for_function(f"document.querySelector('{said}').textContent.includes('square root')")
    page.focus(f"{FIGURE} .heat .strivelm-plot")
    page.keyboard.press("ArrowDown")  # on from the chosen row
    assert page.inner_text(said).startswith("g (6) gives a (0) ")


# -- finding one's way -------------------------------------------------------------------------------------------------


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
    page.fill("#model input", "film")
    page.press("#model input", "Enter")
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


# -- looks -------------------------------------------------------------------------------------------------------------

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
    page.wait_for_function("document.getAnimations().every((one) => one.playState !== 'running')")
    found = {selector: page.locator(selector).first.evaluate(CONTRAST) for selector in TEXTS}
    assert {selector: ratio for selector, ratio in found.items() if ratio < 4.5} == {}


def test_nothing_is_wider_than_a_phone(learn, address):
    page = learn(address, width=390)
    for step in IDS:
        page.select_option("#learn-steps select", step)
        shown(page, step)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, step
