"""The Attention tab under a visitor's hands; weights are read back out of the view and compared with the trace's."""

import csv
import io
import math
from contextlib import redirect_stdout

import pytest
import torch
from known_heads import PLANTED, TEXT, planted
from serving import open_random, served
from test_looks import CONTRAST, rested

from strivelm.inspection import heads, rollout, trace
from strivelm.loading import open_model

pytestmark = pytest.mark.browser

VIEW = "#attention-view"
# The element whose script drew the view, and what it lets others read.
READ = f"""(ask, ...more) => {{
  const view = [...document.querySelectorAll("{VIEW}, {VIEW} *, .strivelm-view")].find((one) => one.strivelm);
  return (new Function("view", "more", `return (${{ask}})`))(view.strivelm, more);
}}"""
ALL = """Array.from({ length: more[0] }, (_, l) => Array.from({ length: more[1] }, (_, h) =>
  Array.from({ length: more[2] }, (_, q) => Array.from({ length: more[2] }, (_, k) => view.value(l, h, q, k)))))"""


@pytest.fixture(scope="module")
def planted_address():
    """Where the page over the planted model is; before the browser, as those of conftest.py."""
    with served(planted()) as at:
        yield at


@pytest.fixture
def browser(planted_address, browser):
    return browser


def read(page, ask, *more):
    return page.evaluate(f"([ask, more]) => ({READ})(ask, ...more)", [ask, list(more)])


def state(page):
    return read(page, "view.state()")


def look(page, text=None):
    """Opens the tab, which looks at its own text at once; then at `text`. Waits until all is told."""
    if page.get_attribute("button[role=tab]:has-text('Attention')", "aria-selected") != "true":
        page.click("button[role=tab]:has-text('Attention')")
    told(page)
    if text is not None:
        page.fill("#attention-text textarea", text)
        page.click("#run-attention")
        page.wait_for_function("([read, text]) => eval(read)('view.state()').text === text", arg=[READ, text])
        told(page)


def told(page):
    page.wait_for_function(f"document.querySelector('{VIEW} .whole:not([hidden]) .tile canvas')")
    page.wait_for_function("read => eval(read)('view.state().text === view.judged()')", arg=READ)
    page.wait_for_selector("#attention-message [data-kind=error]", state="hidden")


def python_of(page):
    """The Python lines beside the large map."""
    page.click(f"{VIEW} .tools-one button:has-text('Python')")
    return page.eval_on_selector(f"{VIEW} .strivelm-python pre", "one => one.textContent")


def with_model(lines, name):
    """The lines with `opened` for the model of this name, which is in no folder."""
    assert f"model = load_model('{name}')" in lines
    return lines.replace(f"load_model('{name}')", "opened").replace("from strivelm import load_model", "")


def near(found, expected):
    """Whether weights read back are the trace's, within the error that the view states."""
    found, expected = torch.tensor(found, dtype=torch.float64), expected.double()
    return bool(((found - expected).abs() <= expected.sqrt() / 255 + 1 / 510**2 + 1e-7).all())


def test_planted_heads_are_shown_and_called_what_they_are(visit, planted_address):
    page = visit(planted_address)
    look(page, TEXT)
    model = planted().model
    recorded = trace(model, TEXT)
    assert near(read(page, ALL, 2, 3, len(TEXT)), recorded.attention)
    told_words = [[read(page, f"view.word({layer}, {head})") for head in range(3)] for layer in range(2)]
    for row, expected in zip(told_words, PLANTED, strict=True):
        for sentence, word in zip(row, expected, strict=True):
            assert sentence.startswith("no pattern stands out" if word == "none" else f"{word} 1.00, uniform 0.1")
    assert "previous character" in page.inner_text(f"{VIEW} .tile[data-map='0']")
    assert "Induction, tried on" in page.inner_text(f"{VIEW} .circuits")
    assert page.inner_text(f"{VIEW} .measured").startswith("In the other 2 heads no pattern stands out.")
    assert page.inner_text(f"{VIEW} .all").count("pattern stands out") == 1  # said once
    assert page.inner_text(f"{VIEW} .tile[data-map='2']") == ""
    # what heads do together, and where nothing is seen
    rolled = rollout(recorded.attention)
    T = len(TEXT)
    rows = f"Array.from({{ length: {T} }}, (_, q) => Array.from({{ length: {T} }}, (_, k) => view.of(more[0], q, k)))"
    assert near(read(page, rows, "mean1"), recorded.attention[1].mean(0))
    assert near(read(page, rows, "rollout"), rolled.weights[-1])
    assert near(read(page, rows, "uniform"), rolled.uniform[-1])
    # the pixels: of the previous-character head one below the diagonal is dark, everything else is not
    dark = page.evaluate(f"""(() => {{
      const canvas = document.querySelector("{VIEW} .tile[data-map='0'] canvas"), T = canvas.width;
      const pixels = canvas.getContext("2d").getImageData(0, 0, T, T).data;
      return Array.from({{ length: T * T }}, (_, i) => i).filter((i) => pixels[4 * i + 3] && pixels[4 * i] < 120)
        .map((i) => [Math.floor(i / T), i % T]);
    }})()""")
    assert dark == [[0, 0], *([q, q - 1] for q in range(1, T))]


def test_hovering_asks_nobody_and_a_click_tells_the_exact_weight(visit, planted_address):
    page = visit(planted_address)
    look(page, TEXT)
    page.click(f"{VIEW} .tile[data-map='0']")
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    for i in (5, 9, 20):
        page.hover(f"{VIEW} .letter >> nth={i}")
        assert page.inner_text(f"{VIEW} .saying").startswith("Predicting the character after")
        assert state(page)["over"]["query"] == i
    assert f"({i - 1}) 1.00" in page.inner_text(f"{VIEW} .saying")
    assert "about 1.00" in page.inner_text(f"{VIEW} .readout")
    page.hover(f"{VIEW} .matrix")
    assert asked == []
    page.click(f"{VIEW} .letter >> nth=12")
    page.wait_for_function("read => eval(read)('view.exact(0, 0, 12, 0)') != null", arg=READ)
    assert asked
    exact = trace(planted().model, TEXT).attention[0, 0, 12]
    assert read(page, "Array.from({ length: 13 }, (_, k) => view.exact(0, 0, 12, k))") == exact[:13].tolist()
    assert state(page)["pin"] == 12


def test_the_keyboard_walks_heads_and_characters(visit, planted_address):
    page = visit(planted_address)
    look(page, TEXT)
    page.focus(f"{VIEW} .tile[data-map='0']")
    for key, head in (("ArrowRight", "0.1"), ("ArrowDown", "1.1"), ("ArrowLeft", "1.0"), ("ArrowDown", "mean0")):
        page.keyboard.press(key)
        assert state(page)["head"] == head
        assert page.evaluate("document.activeElement.getAttribute('aria-pressed')") == "true"
    page.keyboard.press("ArrowUp")
    assert state(page)["head"] == "1.0"
    page.focus(f"{VIEW} .strip")
    for key in ("Home", "ArrowRight", "ArrowRight", "ArrowRight", "ArrowLeft", "Enter"):
        page.keyboard.press(key)
    assert (state(page)["pin"], state(page)["over"]) == (2, None)
    page.keyboard.press("End")
    assert state(page)["over"]["query"] == len(TEXT) - 1
    page.keyboard.press("Escape")
    assert state(page)["over"] is None
    page.focus(f"{VIEW} .matrix")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert state(page)["pin"] == 3


def test_the_lines_of_a_page_over_a_folder_run_where_the_folder_lies(visit, tmp_path, monkeypatch):
    random = open_random("abc", n_layer=1, n_head=2).model
    random.save_pretrained(tmp_path / "mine")
    with served(open_model(str(tmp_path / "mine"))) as at:
        page = visit(at)
        look(page, "abca")
        page.click(f"{VIEW} .tile[data-map='0']")
        lines = python_of(page)
    assert str(tmp_path) not in lines
    monkeypatch.chdir(tmp_path)
    space = {}
    with redirect_stdout(io.StringIO()):
        exec(lines, {}, space)
    assert torch.equal(space["weights"], trace(random, "abca").attention[0, 0])


def test_the_large_map_is_as_its_tile_and_follows_the_pointer(visit, planted_address):
    page = visit(planted_address)
    look(page, TEXT)
    page.click(f"{VIEW} .tile[data-map='0']")
    T = len(TEXT)
    box = page.locator(f"{VIEW} .matrix").bounding_box()
    edge, cell = 24, (box["width"] - 26) / T

    def over(q, k):
        place = {"x": edge + (k + 0.5) * cell, "y": edge + (q + 0.5) * cell}
        page.hover(f"{VIEW} .matrix", position=place)
        return state(page)["over"]

    assert over(7, 3) == {"query": 7, "key": 3}
    assert over(3, 7) is None  # above the diagonal nothing is
    assert over(T - 1, 0) == {"query": T - 1, "key": 0}
    label = page.get_attribute(f"{VIEW} .matrix", "aria-label")
    assert f"({T - 1}) reads" in label
    page.hover(f"{VIEW} .name")
    assert state(page)["over"] is None
    # a pixel of the large map has the colour of the tile's
    same = page.evaluate(
        """([view, edge, cell, places]) => {
          const large = document.querySelector(`${view} .matrix`), dots = large.width / large.clientWidth;
          const tile = document.querySelector(`${view} .tile[data-map='0'] canvas`);
          const at = (canvas, x, y) => [...canvas.getContext("2d").getImageData(x, y, 1, 1).data].join();
          return places.map(([q, k]) => at(tile, k, q)
            === at(large, Math.floor(dots * (edge + (k + 0.5) * cell)), Math.floor(dots * (edge + (q + 0.5) * cell))));
        }""",
        [VIEW, edge, cell, [[5, 4], [5, 2], [12, 11], [12, 3], [0, 0]]],
    )
    assert all(same)


def test_a_link_keeps_head_character_scale_and_lines(visit, planted_address):
    page = visit(planted_address)
    look(page, TEXT)
    page.click(f"{VIEW} .tile[data-map='4']")
    page.click(f"{VIEW} [data-scale=row]")
    page.click(f"{VIEW} .letter >> nth=7")
    page.click(f"{VIEW} [data-show=lines]")
    page.click(f"{VIEW} .chosen-heads button >> nth=2")
    page.click(f"{VIEW} [data-whose=all]")
    before = state(page)
    assert before["lines"] == ["0.0", "0.1", "1.1", "1.2", "0.2"]
    page.wait_for_function("location.search.includes('whose=all')")
    page.goto(page.url)
    told(page)
    page.wait_for_function("([read]) => eval(read)('view.state()').lines.length === 5", arg=[READ])
    assert state(page) == before | {"over": None}
    assert page.get_attribute(f"{VIEW} [data-show=lines]", "aria-pressed") == "true"
    assert page.is_visible(f"{VIEW} .threads")


def test_how_a_number_came_about_is_told_with_the_models_own(visit, model):
    page = visit()
    text = "To be, or not to be"
    look(page, text)
    page.click(f"{VIEW} .tile[data-map='0']")
    page.click(f"{VIEW} [data-show=numbers]")
    page.click(f"{VIEW} .letter >> nth=9")
    page.wait_for_function(f"document.querySelector('{VIEW} .numbers .how')?.textContent.includes('(9), gives')")
    page.click(f"{VIEW} .numbers tbody button >> nth=3")  # another key of the same row
    key = state(page)["key"]
    recorded = trace(model, text)
    weights, scores = recorded.attention[0, 0, 9], recorded.scores[0, 0, 9]
    told_of = f"the weight {weights[key]:.4f}"
    page.wait_for_function(
        f"told => document.querySelector('{VIEW} .numbers .how').textContent.includes(told)", arg=told_of
    )
    said = page.inner_text(f"{VIEW} .numbers")
    size = recorded.q.shape[-1]
    product = (recorded.q[0, 0, 9].double() @ recorded.k[0, 0, key].double()).item()
    for number in (weights[key], scores[key], product, product / math.sqrt(size)):
        assert f"{abs(number):.4f}" in said
    assert "Of the 19 characters, the 9 after" in said
    assert "The 10 weights of the row sum to 1.000000." in said
    assert page.locator(f"{VIEW} .numbers svg rect").count() == 3 * size
    # the Python lines compute this number and no other
    lines = python_of(page)
    assert "patterns" not in lines
    space = {}
    with redirect_stdout(io.StringIO()):
        exec(with_model(lines, "noise"), {"opened": model}, space)
    torch.testing.assert_close(space["scores"], scores[:10], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(space["weight"], weights[key], atol=1e-6, rtol=1e-5)
    assert (space["layer"], space["head"], space["query"], space["key"]) == (0, 0, 9, key)
    page.click(f"{VIEW} .letter >> nth=4")  # of another number the lines would be wrong
    page.wait_for_selector(f"{VIEW} .strivelm-python", state="detached")


def test_what_is_taken_along_says_the_same(visit, planted_address, tmp_path, browser):
    page = visit(planted_address)
    look(page, TEXT)
    page.click(f"{VIEW} .tile[data-map='1']")
    attention = trace(planted().model, TEXT).attention

    with page.expect_download() as found:
        page.click(f"{VIEW} .tools-one button:has-text('CSV')")
    rows = list(csv.DictReader(io.StringIO(found.value.path().read_text("utf-8"), newline="")))
    T = len(TEXT)
    assert len(rows) == T * (T + 1) // 2
    for row in rows:
        q, k = int(row["query"]), int(row["key"])
        assert (row["query_character"], row["key_character"]) == (TEXT[q], TEXT[k])
        assert float(row["weight"]) == pytest.approx(attention[0, 1, q, k].item(), rel=1e-6, abs=1e-30)

    space = {}
    with redirect_stdout(io.StringIO()):
        exec(with_model(python_of(page), "planted"), {"opened": planted().model}, space)
    assert torch.equal(space["weights"], attention[0, 1])

    for tools in (".tools-one", ".tools-all"):
        with page.expect_download() as found:
            page.click(f"{VIEW} {tools} button:has-text('PNG')")
        assert found.value.path().read_bytes().startswith(b"\x89PNG")

    with page.expect_download() as found:
        page.click(f"{VIEW} .tools-all button:has-text('HTML')")
    found.value.save_as(tmp_path / "heads.html")
    wrong = []
    alone = browser.new_page()
    alone.on("pageerror", lambda error: wrong.append(str(error)))
    alone.on(
        "request", lambda request: wrong.append(request.url) if not request.url.startswith(("file:", "data:")) else None
    )
    alone.goto((tmp_path / "heads.html").as_uri())
    assert near(read(alone, ALL, 2, 3, T), attention)
    assert alone.locator(".tile").count() == 6 + 2 + 2
    assert alone.inner_text(".tile[data-map='0'] b") == "previous character"
    alone.close()
    assert wrong == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_can_be_read_and_fits_a_phone(visit, theme):
    page = visit(width=390, height=844, theme=theme)
    look(page, "<script>a(1)</script> ${a} {b}")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    for mode in ("lines", "numbers", "map"):
        page.click(f"{VIEW} [data-show={mode}]")
        if mode == "numbers":
            page.wait_for_selector(f"{VIEW} .numbers table")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, mode
        rested(page)
        texts = page.locator(f"{VIEW} :is(p, h3, h4, b, th, td, button, small, .letter, .head, .words, .keys i)")
        ratios = {
            one.evaluate("one => one.outerHTML.slice(0, 90)"): one.evaluate(CONTRAST)
            for one in texts.all()[:160]
            if one.is_visible() and not one.is_disabled()
        }
        assert {text: ratio for text, ratio in ratios.items() if ratio < 4.5} == {}, mode
    # a tap is a click
    page.locator(f"{VIEW} .matrix").scroll_into_view_if_needed()
    box = page.locator(f"{VIEW} .matrix").bounding_box()
    page.mouse.click(box["x"] + 40, box["y"] + box["height"] - 12)
    assert state(page)["key"] is not None


def test_text_strip_and_grid_are_above_the_fold_and_the_strip_stays(visit, planted_address):
    page = visit(planted_address)
    look(page, TEXT)
    for selector in ("#run-attention", f"{VIEW} .strip", f"{VIEW} .tile[data-map='5']", f"{VIEW} .saying"):
        box = page.locator(selector).bounding_box()
        assert box["y"] >= 0, selector
        assert box["y"] + box["height"] <= 800, selector
    page.evaluate("window.scrollTo(0, 400)")
    assert page.evaluate("scrollY") > 100
    assert page.locator(f"{VIEW} .strip").bounding_box()["y"] >= 0


def test_two_runs_and_tabs_between_them(visit):
    page = visit()
    page.click("button[role=tab]:has-text('Attention')")
    page.click("button[role=tab]:has-text('Generate')")
    look(page, "first")
    page.click("button[role=tab]:has-text('Generate')")
    page.click("button[role=tab]:has-text('Attention')")
    assert page.evaluate(f"document.querySelector('{VIEW} .matrix').width") > 100
    look(page, "second text")
    assert len(page.locator(f"{VIEW} .letter").all()) == len("second text")
    page.fill("#attention-text textarea", "x" * 2_001)
    page.click("#run-attention")
    page.wait_for_selector("#attention-message [data-kind=error]")
    assert state(page)["text"] == "second text"  # what was there stays
    page.set_viewport_size({"width": 600, "height": 800})
    page.wait_for_function(f"document.querySelector('{VIEW} .matrix').clientWidth < 600")


@pytest.mark.parametrize(
    ("chars", "sizes"),
    [
        ("ab", {"n_layer": 1, "n_head": 1}),
        ("".join(map(chr, range(0x4E00, 0x4E00 + 5_000))), {"n_layer": 2, "n_head": 1}),
    ],
    ids=["2 characters", "5000 characters"],
)
def test_small_and_wide_models_draw_from_one_character_to_the_whole_context(visit, chars, sizes):
    opened = open_random(chars, **sizes)
    with served(opened) as at:
        page = visit(at)
        look(page)
        for text in (chars[0], (chars[:7] * 9)[: opened.model.block_size]):
            look(page, text)
            attention = trace(opened.model, text).attention
            assert near(read(page, ALL, sizes["n_layer"], sizes["n_head"], len(text)), attention)
            assert page.evaluate(f"document.querySelector('{VIEW} .matrix').width") > 100
            for mode in ("lines", "numbers", "map"):
                page.click(f"{VIEW} [data-show={mode}]")
                if mode == "numbers":
                    page.wait_for_selector(f"{VIEW} .numbers table")


def ran(page, opened, tools=".tools-one"):
    """What the Python lines beside a view leave behind; the model's own is given to them."""
    page.click(f"{VIEW} {tools} button:has-text('Python')")
    box = page.locator(f"{VIEW} {tools} + .strivelm-python")
    lines = box.locator("pre").text_content()
    page.click(f"{VIEW} {tools} button:has-text('Python')")
    space = {"opened": opened.model}
    with redirect_stdout(io.StringIO()):
        exec(with_model(lines, opened.ref), space)
    return space


def test_the_lines_of_each_view_compute_what_it_shows(visit, planted_address):
    page = visit(planted_address)
    look(page, TEXT)
    opened = planted()
    recorded = trace(opened.model, TEXT)
    attention, T = recorded.attention, len(TEXT)
    rows = f"Array.from({{ length: {T} }}, (_, q) => Array.from({{ length: {T} }}, (_, k) => view.of(more[0], q, k)))"
    for number, name in ((1, "0.1"), (7, "mean1"), (8, "rollout"), (9, "uniform")):
        page.click(f"{VIEW} .tile[data-map='{number}']")
        assert state(page)["head"] == name
        assert near(read(page, rows, name), ran(page, opened)["weights"])
    # the scores beside a head
    page.click(f"{VIEW} .tile[data-map='4']")
    space = ran(page, opened)
    cells = "rows => rows.map((row) => [...row.children].map((cell) => cell.textContent))"
    told_of = {title: numbers for title, *numbers in page.eval_on_selector_all(f"{VIEW} .scores tbody tr", cells)}
    titles = {"this_word": "inside this word", "mean_distance": "characters back"}
    for name in ("previous_character", "separators", "this_word", "mean_distance", "induction"):
        title = titles.get(name, name.replace("_", " "))
        assert [f"{x:.1f}" if x >= 10 else f"{x:.2f}" for x in space["scores"][name]] == told_of[title]
    # each row beside its largest
    page.click(f"{VIEW} [data-scale=row]")
    by_row = ran(page, opened)["weights"]
    torch.testing.assert_close(by_row.amax(-1), torch.ones(T))
    torch.testing.assert_close(by_row, attention[1, 1] / attention[1, 1].amax(-1, keepdim=True))
    everything = ran(page, opened, ".tools-all")
    torch.testing.assert_close(everything["maps"][1, 1], by_row)
    assert torch.equal(everything["means"], attention.mean(1))
    assert torch.equal(everything["through"].weights, rollout(attention).weights)
    for map_, word in enumerate(word for row in everything["found"].verdict for word in row):
        assert (page.text_content(f"{VIEW} .tile[data-map='{map_}'] .words") or "none").startswith(word)
    # lines of several heads, from one character and from all
    page.click(f"{VIEW} .letter >> nth=9")
    page.click(f"{VIEW} [data-show=lines]")
    shown = [tuple(map(int, name.split("."))) for name in state(page)["lines"]]
    weights = ran(page, opened)["weights"]
    assert list(weights) == shown
    assert all(torch.equal(weights[head], attention[head][9, :10]) for head in shown)
    page.click(f"{VIEW} [data-whose=all]")
    assert all(torch.equal(found, attention[head]) for head, found in ran(page, opened)["weights"].items())


def test_it_opens_on_a_short_text_with_all_of_it_named_and_a_head_that_stands_out(visit):
    with served(open_model("bundled")) as at:
        page = visit(f"{at}?tab=attention", shows=VIEW)
        told(page)
        text = state(page)["text"]
        assert 24 <= len(text) <= 40
        found = heads(open_model("bundled").model, text)
        best = found.strength.argmax().item()
        assert state(page)["head"] == f"{best // 4}.{best % 4}"
        assert "head=" not in page.url  # nobody chose it
        score, chance = found.named_score(best // 4, best % 4)
        does = page.inner_text(f"{VIEW} .does")
        assert f"{100 * score:.0f} % of its attention" in does
        assert f"{100 * chance:.0f} % would" in does
        assert page.inner_text(f"{VIEW} .tile[data-map='12'] b") == "separators"
        # cells so wide that each character is named at the edges
        cell = page.evaluate(f"document.querySelector('{VIEW} .matrix').clientWidth") / len(text)
        assert cell >= 12
        # another text, and what the visitor chose stays
        page.click(f"{VIEW} .tile[data-map='5']")
        page.wait_for_url("**head=1.1**")
        look(page, "The night is long, and I am not.")
        assert state(page)["head"] == "1.1"


def test_a_text_that_is_cut_is_said_to_be(visit, planted_address):
    page = visit(planted_address)
    look(page)
    page.fill("#attention-text textarea", "a bad cafe" * 4)
    page.click("#run-attention")
    page.wait_for_function("read => eval(read)('view.state().text.length') === 32", arg=READ)
    page.wait_for_selector("#attention-message [data-kind=note]")
    assert "40 characters, and this model sees at most 32" in page.inner_text("#attention-message")


def test_a_file_shows_the_view_as_it_stood(visit, planted_address, tmp_path, browser):
    page = visit(f"{planted_address}?tab=attention&head=1.2&scale=row&show=lines&at=7", shows=VIEW)
    told(page)
    page.click(f"{VIEW} .chosen-heads button >> nth=2")
    before = state(page)
    with page.expect_download() as found:
        page.click(f"{VIEW} .tools-all button:has-text('HTML')")
    found.value.save_as(tmp_path / "heads.html")
    alone = browser.new_page()
    alone.goto((tmp_path / "heads.html").as_uri())
    assert read(alone, "view.state()") == before
    assert alone.is_visible(".threads")
    with alone.expect_download() as found:
        alone.click(".tools-one button:has-text('PNG')")
    assert int.from_bytes(found.value.path().read_bytes()[16:20], "big") > 400  # the picture's width
    alone.close()
