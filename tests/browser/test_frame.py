"""The frame of the page: the header at any width, all tabs in reach, Present, print, one text for all tabs, exports."""

import re

import pytest

from strivelm.ui.components import glossary

pytestmark = pytest.mark.browser

TABS = "#tabs > .tab-wrapper [role=tab]:visible"


def tab(page, name):
    return page.locator(TABS).filter(has_text=name).first


def crossing(page, one, others):
    """Which of the others an element's box crosses."""
    return page.evaluate(
        """([one, others]) => {
          const box = (selector) => {
            const range = document.createRange();
            range.selectNodeContents(document.querySelector(selector));
            return range.getBoundingClientRect();
          };
          const a = box(one);
          return others.filter((other) => {
            const b = box(other);
            return b.width && a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
          });
        }""",
        [one, others],
    )


def test_the_header_and_the_tabs_fit_at_any_width(visit):
    page = visit()
    for width in (320, 390, 640, 959, 960, 1000, 1100, 1279, 1280, 1920):
        page.set_viewport_size({"width": width, "height": 800})
        page.wait_for_timeout(150)
        assert crossing(page, "#picker", ["#header h1", "#header .line"]) == [], width
        gap = page.evaluate(
            """document.querySelector("#picker").getBoundingClientRect().left
               - document.querySelector("#header h1").getBoundingClientRect().left"""
        )
        assert gap >= 90, width
        tops = {box["y"] for box in (one.bounding_box() for one in page.locator(TABS).all())}
        assert page.locator(TABS).count() == 5, width
        assert len(tops) == 1 or width < 390, width
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), width
    assert page.locator("#tabs").bounding_box()["width"] > 1700  # of 1920
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_timeout(150)
    assert page.locator(TABS).first.bounding_box()["y"] < 200  # with three doors, which go


def test_the_width_is_the_same_in_every_tab(visit):
    page = visit(width=1100)
    widths = set()
    for name in page.locator(TABS).all_inner_texts():
        tab(page, name).click()
        page.wait_for_timeout(800)
        widths.add(page.locator("#tabs").bounding_box()["width"])
    assert len(widths) == 1


@pytest.mark.parametrize("width", [390, 1280])
def test_the_facts_unfold_and_every_tick_of_the_ruler_has_a_name(visit, address, width):
    page = visit(f"{address}?model=film", width=width)
    page.wait_for_function("document.querySelector('#header').textContent.includes('film, step')")
    assert not page.is_visible("#header .ladder")
    fold = page.locator("#header .line .fold")
    assert fold.get_attribute("aria-expanded") == "false"
    fold.click()
    assert fold.get_attribute("aria-expanded") == "true"
    labels = page.locator("#header .ladder span")
    assert labels.count() == 7
    boxes = [one.bounding_box() for one in labels.all()]
    for i, a in enumerate(boxes):
        assert 0 <= a["x"] <= width - a["width"]
        for b in boxes[:i]:
            apart = a["x"] + a["width"] <= b["x"] + 0.5 or b["x"] + b["width"] <= a["x"] + 0.5
            assert apart or abs(a["y"] - b["y"]) >= 16
    said = page.inner_text("#header .loss p")
    assert said.index("as unsure as") < said.index("nats")  # words before numbers
    page.click("#header .all")
    listed = page.locator("#header .words dt").all_inner_texts()
    assert listed == list(glossary.TERMS)
    fold.click()
    assert not page.is_visible("#header .ladder")


def test_three_doors_lead_in_and_are_not_in_the_way_later(visit, address):
    for place, name in (("attention", "Attention"), ("learn", "Learn"), ("generate", "Generate")):
        page = visit()
        page.click(f"#header .doors [data-tab={place}]")
        page.wait_for_selector(f"#tabs > .tab-wrapper [role=tab][aria-selected=true]:has-text('{name}')")
        assert not page.is_visible("#header .doors")
    page = visit(f"{address}?seed=1", shows="#header dd")
    assert not page.is_visible("#header .doors")


def test_present_is_large_walks_and_ends(visit):
    page = visit()
    tab(page, "Predictions").click()
    page.wait_for_selector("#predictions-section label")
    section = page.locator("#predictions-section label").first
    before = section.bounding_box()["height"]
    page.click("#present")
    assert not page.is_visible("#head")
    assert page.locator("#predictions-section label").first.bounding_box()["height"] == pytest.approx(
        1.5 * before, rel=0.1
    )
    page.keyboard.press("ArrowRight")
    page.wait_for_selector("#predictions-lens:not(.away)")
    page.keyboard.press("PageUp")
    page.wait_for_selector("#predictions-losses:not(.away)")
    page.keyboard.press("ArrowLeft")  # before the first section stands the tab before
    page.wait_for_selector("#embeddings-tabs:visible")
    page.evaluate("window.went = []; window.gone = strivelm.steps.register(() => went.push(1), () => went.push(-1)); 0")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    assert page.evaluate("went") == [1, -1]
    page.evaluate("gone()")
    page.click(".strivelm-present button >> nth=1")
    page.wait_for_function("went.length === 2")
    page.keyboard.press("Escape")
    assert page.is_visible("#head")
    page.keyboard.press("Alt+p")
    assert not page.is_visible("#head")
    page.keyboard.press("Alt+p")
    assert page.is_visible("#head")


def test_where_the_pointer_is_counts_in_a_larger_page_too(visit):
    page = visit()
    tab(page, "Attention").click()
    page.wait_for_selector("#attention-view .tile canvas")
    found = """() => {
      const canvas = document.querySelector("#attention-view canvas.matrix");
      const box = canvas.getBoundingClientRect();
      return strivelm.pointed({ clientX: box.left + box.width / 2, clientY: box.bottom }, canvas)
        .map((x, i) => x / [canvas.offsetWidth, canvas.offsetHeight][i]);
    }"""
    assert page.evaluate(found) == pytest.approx([0.5, 1])
    page.click("#present")
    assert page.evaluate(found) == pytest.approx([0.5, 1])


def test_a_handout_has_the_view_the_text_the_settings_and_the_link(visit):
    page = visit(theme="dark")
    page.fill("#prompt textarea", "To be or not")
    page.fill("#seed input", "7")
    page.wait_for_function("location.search.includes('seed=7')")
    page.emulate_media(media="print")
    page.wait_for_selector(".strivelm-handout")
    said = page.inner_text(".strivelm-handout")
    for part in ("noise", "Generate", "To be or not", "seed 7", "temperature 0.9", page.url):
        assert part in said, part
    for away in ("#head", "footer", "#tabs > .tab-wrapper", "#run-generate"):
        assert not page.is_visible(away), away
    assert page.is_visible("#generate-text .page")
    assert not page.evaluate("document.body.classList.contains('dark')")
    assert page.pdf()[:5] == b"%PDF-"
    page.emulate_media(media="screen")
    page.wait_for_function("document.body.classList.contains('dark')")
    assert page.locator(".strivelm-handout").count() == 0


def test_ctrl_enter_runs(visit):
    page = visit()
    for name, id, shown in (
        ("Attention", "attention", "#attention-view .strip"),
        ("Learn", "learn", "#learn-figure .strip"),
    ):
        tab(page, name).click()
        field = page.locator(f"#{id}-text textarea, #{id}-text input").first
        field.fill("To see")
        field.press("Control+Enter")
        page.wait_for_function(
            "([shown, text]) => document.querySelector(shown)?.textContent.includes(text)", arg=[shown, "To␣see"]
        )


def test_what_was_written_in_one_tab_is_offered_in_the_next(visit):
    page = visit()
    page.fill("#prompt textarea", "A fox and a hen")
    tab(page, "Attention").click()
    mine = page.locator("#attention-offers button").first
    mine.wait_for()
    assert mine.inner_text() == "Your text in Generate: A fox and a hen"
    assert page.locator("#attention-offers button").count() > 1  # the model's examples beside it
    assert page.input_value("#attention-text textarea") != "A fox and a hen"  # nothing is put over by itself
    mine.click()
    page.wait_for_function("document.querySelector('#attention-view .strip').textContent.includes('A␣fox␣and')")
    assert page.input_value("#attention-text textarea") == "A fox and a hen"
    tab(page, "Learn").click()
    page.wait_for_selector("#learn-offers button")
    assert page.locator("#learn-offers b").count() == 1  # one text, offered once


@pytest.mark.parametrize("name", ["attention", "predictions", "embeddings"])
def test_what_is_cut_to_the_context_says_so(visit, address, name):
    text = "The fox and the hen. " * 3
    view = "&view=context" if name == "embeddings" else ""
    page = visit(f"{address}?tab={name}{view}&text={text}", shows="#header dd")
    page.wait_for_function(
        "[...document.querySelectorAll('.message, .note')].some((one) => one.checkVisibility()"
        " && /sees at most 32/.test(one.textContent))"
    )


PNG_SIZES = """async (view) => {
  const kept = HTMLCanvasElement.prototype.toBlob;
  const sizes = [];
  HTMLCanvasElement.prototype.toBlob = function (done) { sizes.push([this.width, this.height]); done(new Blob()); };
  for (const one of document.querySelectorAll(`${view} .strivelm-tool`))
    if (one.textContent === "PNG" && one.checkVisibility()) one.click();
  await new Promise((done) => setTimeout(done, 300));
  HTMLCanvasElement.prototype.toBlob = kept;
  return sizes;
}"""


def test_a_picture_is_the_same_however_the_view_was_opened(visit, address):
    ready = "#attention-view [data-waiting=false] .tile canvas"
    page = visit()
    tab(page, "Attention").click()
    page.wait_for_selector(ready)
    page.wait_for_timeout(1000)
    clicked = page.evaluate(PNG_SIZES, "#attention-view")
    page = visit(f"{address}?tab=attention", shows=ready)
    page.wait_for_timeout(1000)
    assert page.evaluate(PNG_SIZES, "#attention-view") == clicked
    assert all(min(size) > 200 for size in clicked)
    # A link to how a number is computed has never drawn the map that is saved there.
    page = visit(f"{address}?tab=attention&show=numbers", shows=ready)
    page.wait_for_timeout(1000)
    assert page.evaluate(PNG_SIZES, "#attention-view") == clicked
    assert re.search("tab=attention", page.url)
