"""The timeline in the header: its handle opens the steps of a training in every tab, and what was chosen stays."""

import re
from urllib.parse import urlencode

import pytest
from browser import attention_tab, predictions_tab
from browser.visitor import choices, pick, rested

from strivelm import inspection, open_model
from strivelm.generation import DEFAULTS
from strivelm.ui.tabs.generate.asked import Asked
from strivelm.ui.tabs.generate.payload import write

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("film_address", "bundled_address")]
STEPS = [0, 1, 3, 5, 12, 25, 55, 122, 272, 605, 1348, 3000]
PLOT = "#timeline .plot"
TEXT = "The king is dead."
REACHED = f"stop => Number(document.querySelector('{PLOT}').getAttribute('aria-valuenow')) >= stop"


@pytest.fixture
def film(visit, film_address):
    """The function that opens that page at choices of an address, and waits for the timeline."""

    def open_page(shows="#header dd", **asked):
        options = {name: asked.pop(name) for name in ("width", "height", "theme", "motion") if name in asked}
        page = visit(f"{film_address}?{urlencode(asked)}" if asked else film_address, shows=shows, **options)
        page.wait_for_selector(f"{PLOT} .knob")
        return page

    return open_page


def press(page, *keys):
    page.focus(PLOT)
    for key in keys:
        page.press(PLOT, key)


def shows_step(page, step):
    """Waits until the handle is on a step, all that is in sight shows it, and the address says it."""
    at = STEPS.index(step)
    page.wait_for_selector(f"{PLOT}[aria-valuenow='{at}']")
    page.wait_for_function("ref => strivelm.chosen.model === ref", arg=f"film@step-{step}")
    page.wait_for_function("ref => new URLSearchParams(location.search).get('model') === ref", arg=f"film@step-{step}")
    page.wait_for_function("!document.querySelector('[data-waiting=true]')?.clientWidth")


def drag(page, step, release=True):
    """Drags the handle to a step, through all between."""
    place = page.eval_on_selector(f"{PLOT} .tick >> nth={STEPS.index(step)}", "tick => Number(tick.getAttribute('x1'))")
    box = page.locator(PLOT).bounding_box()
    knob = page.locator(f"{PLOT} .knob").bounding_box()
    page.mouse.move(knob["x"] + knob["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + place, box["y"] + box["height"] / 2, steps=20)
    if release:
        page.mouse.up()


# -- what it is --------------------------------------------------------------------------------------------------------


def test_it_shows_every_snapshot_and_says_where_the_model_stands(film):
    page = film()
    assert page.locator(f"{PLOT} .tick").count() == len(STEPS)
    names = " ".join(page.locator(f"{PLOT} .name").all_text_contents())
    for name in ("guessing", "unigram", "bigram", "trigram", "4-gram", "5-gram"):
        assert name in names
    slider = page.locator(PLOT)
    assert slider.get_attribute("role") == "slider"
    assert [slider.get_attribute(f"aria-value{end}") for end in ("min", "max", "now")] == ["0", "11", "11"]
    assert slider.get_attribute("aria-valuetext") == "Step 3,000 of 3,000, loss 1.55 nats: better than a 5-gram table"


def test_a_model_without_a_life_shows_none_of_it(visit, address):
    page = visit(address)
    page.wait_for_timeout(300)
    assert page.locator("#timeline section").is_hidden()
    assert page.locator("#timeline .offer").is_hidden()
    assert page.locator(".strivelm-spark").count() == 0
    assert page.locator("#generate-text .film-strip").is_hidden()


@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
def test_bundled_offers_the_film_which_then_plays(visit, bundled_address, motion):
    page = visit(bundled_address, motion=motion)
    page.click("#timeline .offer button")
    page.wait_for_selector(f"{PLOT} .knob")
    if motion == "reduce":
        page.wait_for_timeout(1500)
        shows_step(page, 0)
    else:
        page.wait_for_selector("#timeline .play:has-text('Pause')")
        page.wait_for_function(REACHED, arg=3)


def test_the_picker_says_what_has_a_life(film):
    page = film()
    page.click("#model input")
    page.wait_for_selector("[role=option]:has-text('film · 12 steps')")


# -- the handle moves every tab ----------------------------------------------------------------------------------------


def test_attention_shows_the_weights_of_each_step_and_keeps_what_is_chosen(film):
    page = film(tab="attention", text=TEXT, head="1.1", at=5, key=2, scale="row")
    attention_tab.settled(page)
    for step, key in ((0, "Home"), (1, "ArrowRight"), (3000, "End")):
        press(page, key)
        shows_step(page, step)
        attention_tab.settled(page)
        state = attention_tab.state(page)
        assert (state["head"], state["pin"], state["key"], state["scale"], state["text"]) == ("1.1", 5, 2, "row", TEXT)
        found = attention_tab.read(page, attention_tab.ALL, 2, 2, len(TEXT))
        assert attention_tab.near(found, inspection.trace(open_model(f"film@step-{step}").model, TEXT).attention)


def test_a_head_that_nobody_chose_stays_too(film):
    page = film(tab="attention", text=TEXT)
    attention_tab.settled(page)
    head = attention_tab.state(page)["head"]
    for key in ("Home", "PageUp", "End"):
        press(page, key)
        page.wait_for_timeout(200)
        assert attention_tab.state(page)["head"] == head


def test_predictions_show_the_surprisals_of_each_step_and_keep_the_place(film):
    page = film(tab="predictions", section="losses", text=TEXT, at=4)
    predictions_tab.shown(page, "losses", TEXT)
    for step in (55, 12):
        drag(page, step)
        shows_step(page, step)
        found = inspection.surprisal(open_model(f"film@step-{step}").model, TEXT)
        said = [cell.get_attribute("aria-label") for cell in page.locator("#losses .text .cell").all()[1:-1]]
        nats = [float(re.search(r"([\d.]+) nats", one)[1]) for one in said]
        assert nats == pytest.approx(found.model[1:].tolist(), abs=0.006)
        assert choices(page)["at"] == "4"


def test_embeddings_show_the_neighbours_of_each_step_and_keep_the_character(film):
    page = film(tab="embeddings", view="near", char="a")
    page.wait_for_selector("#embeddings-near .near li")
    for step, key in ((0, "Home"), (3000, "End")):
        press(page, key)
        shows_step(page, step)
        space = inspection.token_space(open_model(f"film@step-{step}").model)
        first = inspection.neighbours(space, "a", 10)
        page.wait_for_function(
            "chars => [...document.querySelectorAll('#embeddings-near .near .who')].map((one) => one.textContent)"
            ".slice(0, chars.length).join('|') === chars.join('|')",
            arg=[{"\n": "⏎", " ": "␣"}.get(char, char) for char in first.chars],
        )
        assert page.input_value("#embeddings-near .char") == "a"


def test_learn_s_numbers_follow(film):
    page = film(tab="learn", step="4", shows="#header dd")
    page.wait_for_selector("#learn-shown")
    press(page, "Home")
    shows_step(page, 0)
    assert choices(page)["step"] == "4"


def test_generate_writes_the_same_prompt_with_the_same_random_numbers(film):
    page = film(text="KING:\n", seed=5, count=60, shows="#generate-text .status:has-text('Finished')")
    for step, key in ((0, "Home"), (1, "ArrowRight"), (3000, "End")):
        press(page, key)
        shows_step(page, step)
        assert page.text_content("#generate-text .new") == written(step, "KING:\n", 5, 60)


def written(step, prompt, seed, count):
    settings = DEFAULTS.temperature, DEFAULTS.top_k, DEFAULTS.top_p or 1.0
    _, *grown = write(open_model(f"film@step-{step}"), prompt, Asked(count, *settings, seed))
    return "".join(character[0] for piece in grown for character in piece["characters"])


def test_the_strip_has_the_text_of_every_step_and_a_click_goes_there(film):
    page = film(text="KING:\n", seed=5, count=60, shows="#generate-text .status:has-text('Finished')")
    rows = page.locator(".film-strip li")
    page.wait_for_function("document.querySelectorAll('.film-strip .line span:nth-child(60)').length === 12")
    for step, row in zip(STEPS, rows.all(), strict=True):
        line = ("KING:\n" + written(step, "KING:\n", 5, 60)).replace("\n", "⏎")
        assert row.locator(".line").text_content() == line
    rows.nth(3).locator("button").click()
    shows_step(page, 5)
    assert rows.nth(3).locator("button").get_attribute("aria-current") == "true"
    assert page.text_content("#generate-text .new") == written(5, "KING:\n", 5, 60)


# -- playing -----------------------------------------------------------------------------------------------------------


def test_play_at_eight_steps_a_second_leaves_no_text_out(film):
    page = film(text="KING:\n", seed=5, count=60, shows="#generate-text .status:has-text('Finished')")
    page.wait_for_function("document.querySelectorAll('.film-strip .line span:nth-child(60)').length === 12")
    page.evaluate("""() => {
      window.painted = [];
      const look = () => {
        const text = document.querySelector("#generate-text .new").textContent;
        if (painted.at(-1)?.[0] !== text) painted.push([text, performance.now()]);
        requestAnimationFrame(look);
      };
      look();
    }""")
    page.select_option("#timeline select", "8")
    page.click("#timeline .play")
    page.wait_for_selector("#timeline .play:has-text('Pause')")
    page.wait_for_selector("#timeline .play:has-text('Play')", timeout=30_000)
    shows_step(page, 3000)
    texts = [text for text, _ in page.evaluate("painted")]
    assert texts[1:] == [written(step, "KING:\n", 5, 60) for step in STEPS]


def test_play_moves_the_other_tabs_and_pause_stops(film):
    page = film(tab="attention", text=TEXT, model="film@step-0")
    attention_tab.settled(page)
    page.select_option("#timeline select", "1")
    page.click("#timeline .play")
    page.wait_for_function(REACHED, arg=2)
    page.click("#timeline .play")
    at = int(page.get_attribute(PLOT, "aria-valuenow"))
    shows_step(page, STEPS[at])
    found = attention_tab.read(page, attention_tab.ALL, 2, 2, len(TEXT))
    assert attention_tab.near(found, inspection.trace(open_model(f"film@step-{STEPS[at]}").model, TEXT).attention)
    page.wait_for_timeout(1500)
    assert int(page.get_attribute(PLOT, "aria-valuenow")) == at


# -- the address, and the history --------------------------------------------------------------------------------------


def test_a_reload_and_a_link_restore_the_step(film):
    page = film(tab="attention", text=TEXT)
    drag(page, 25)
    shows_step(page, 25)
    page.reload()
    page.wait_for_selector(f"{PLOT}[aria-valuenow='5']")
    assert page.input_value("#model input") == "film@step-25"
    other = film(**choices(page))
    other.wait_for_selector(f"{PLOT}[aria-valuenow='5']")


def test_a_settled_move_is_one_step_of_the_history(film):
    page = film(tab="attention", text=TEXT)
    attention_tab.settled(page)
    before = page.evaluate("history.length")
    drag(page, 5)  # through all between
    shows_step(page, 5)
    assert page.evaluate("history.length") == before + 1
    press(page, "Home")
    shows_step(page, 0)
    assert page.evaluate("history.length") == before + 2
    page.go_back()
    shows_step(page, 5)
    page.go_back()
    page.wait_for_selector(f"{PLOT}[aria-valuenow='11']")
    assert "model" not in choices(page)
    page.go_forward()
    shows_step(page, 5)


def test_the_header_says_the_step_that_is_shown_and_then_the_picker_does(film):
    page = film(tab="attention", text=TEXT)
    attention_tab.settled(page)
    drag(page, 12, release=False)
    page.wait_for_selector("#header dd:has-text('film@step-12, step 12')")
    assert "model" not in choices(page)  # the hand is still on it
    page.mouse.up()
    shows_step(page, 12)
    assert page.input_value("#model input") == "film@step-12"


def test_another_model_ends_it(film):
    page = film()
    page.select_option("#timeline select", "1")
    page.click("#timeline .play")
    pick(page, "bundled")
    page.wait_for_selector("#header dd:has-text('bundled')")
    page.wait_for_selector("#timeline .offer button")
    page.wait_for_timeout(1500)
    assert page.evaluate("strivelm.chosen.model") == "bundled"
    assert choices(page)["model"] == "bundled"


# -- how it looks ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "theme"), [(390, "light"), (1280, "dark")])
def test_nothing_moves_while_the_handle_does(film, width, theme):
    page = film(tab="attention", text=TEXT, width=width, theme=theme)
    attention_tab.settled(page)
    rested(page)
    shown = ["#tabs", "#timeline .plot", "#attention-view .grid"]
    if width > 1000:  # the head that is shown large stands in a column of its own
        shown += ["#attention-view .strip", "#attention-view .matrix"]
    places = f"{shown}.map((one) => document.querySelector(one).getBoundingClientRect().top)"
    press(page, "Home")
    shows_step(page, 0)
    first = page.evaluate(places)
    for key in ("PageUp", "End", "ArrowLeft"):
        press(page, key)
        page.wait_for_timeout(150)
        assert page.evaluate(places) == first
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_phone_s_finger_moves_it(film):
    page = film(tab="attention", text=TEXT, width=390)
    attention_tab.settled(page)
    box = page.locator(PLOT).bounding_box()
    page.evaluate(
        """([x, y]) => {
          const plot = document.querySelector("#timeline .plot");
          const say = (kind, x) => plot.dispatchEvent(new PointerEvent(kind,
            { pointerId: 1, pointerType: "touch", isPrimary: true, clientX: x, clientY: y, bubbles: true }));
          plot.setPointerCapture = () => {};
          say("pointerdown", x + 200);
          say("pointermove", x + 12);
          say("pointerup", x + 12);
        }""",
        [box["x"], box["y"] + 30],
    )
    shows_step(page, 0)
