"""The Attention tab's numbers: weights are read back out of the view and compared with the trace's."""

import math

import pytest
import torch
from browser.attention_tab import ALL, READ, VIEW, look, near, ran_lines, read, settled, state
from browser.taken_along import lines_of, ran
from known_heads import PLANTED, TEXT, planted
from serving import open_random, served

from strivelm.inspection import heads, rollout, trace
from strivelm.loading import open_model

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("planted_address", "bundled_address")]


def test_planted_heads_are_shown_and_called_what_they_are(visit, planted_address):
    page = visit(planted_address)
    look(page, TEXT)
    model = planted().model
    recorded = trace(model, TEXT)
    assert near(read(page, ALL, 2, 3, len(TEXT)), recorded.attention)
    words = [[read(page, f"view.word({layer}, {head})") for head in range(3)] for layer in range(2)]
    for row, expected in zip(words, PLANTED, strict=True):
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


def test_how_a_number_came_about_is_told_with_the_models_own(visit, opened):
    page = visit()
    text = "To be, or not to be"
    look(page, text)
    page.click(f"{VIEW} .tile[data-map='0']")
    page.click(f"{VIEW} [data-show=numbers]")
    page.click(f"{VIEW} .letter >> nth=9")
    page.wait_for_function(f"document.querySelector('{VIEW} .numbers .how')?.textContent.includes('(9), gives')")
    page.click(f"{VIEW} .numbers tbody button >> nth=3")  # another key of the same row
    key = state(page)["key"]
    recorded = trace(opened.model, text)
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
    python = lines_of(page.locator(f"{VIEW} .tools-one"))
    assert "patterns" not in python
    space = ran(python, opened)
    torch.testing.assert_close(space["scores"], scores[:10], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(space["weight"], weights[key], atol=1e-6, rtol=1e-5)
    assert (space["layer"], space["head"], space["query"], space["key"]) == (0, 0, 9, key)
    page.click(f"{VIEW} .tools-one button:has-text('Python')")
    page.wait_for_selector(f"{VIEW} .strivelm-python")
    page.click(f"{VIEW} .letter >> nth=4")  # of another number the lines would be wrong
    page.wait_for_selector(f"{VIEW} .strivelm-python", state="detached")


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
        assert near(read(page, rows, name), ran_lines(page, opened)["weights"])
    # the scores beside a head
    page.click(f"{VIEW} .tile[data-map='4']")
    space = ran_lines(page, opened)
    cells = "rows => rows.map((row) => [...row.children].map((cell) => cell.textContent))"
    told_of = {title: numbers for title, *numbers in page.eval_on_selector_all(f"{VIEW} .scores tbody tr", cells)}
    titles = {"this_word": "inside this word", "mean_distance": "characters back"}
    for name in ("previous_character", "separators", "this_word", "mean_distance", "induction"):
        title = titles.get(name, name.replace("_", " "))
        assert [f"{x:.1f}" if x >= 10 else f"{x:.2f}" for x in space["scores"][name]] == told_of[title]
    # each row beside its largest
    page.click(f"{VIEW} [data-scale=row]")
    by_row = ran_lines(page, opened)["weights"]
    torch.testing.assert_close(by_row.amax(-1), torch.ones(T))
    torch.testing.assert_close(by_row, attention[1, 1] / attention[1, 1].amax(-1, keepdim=True))
    everything = ran_lines(page, opened, ".tools-all")
    torch.testing.assert_close(everything["maps"][1, 1], by_row)
    assert torch.equal(everything["means"], attention.mean(1))
    assert torch.equal(everything["through"].weights, rollout(attention).weights)
    for map_, word in enumerate(word for row in everything["found"].verdict for word in row):
        assert (page.text_content(f"{VIEW} .tile[data-map='{map_}'] .words") or "none").startswith(word)
    # lines of several heads, from one character and from all
    page.click(f"{VIEW} .letter >> nth=9")
    page.click(f"{VIEW} [data-show=lines]")
    shown = [tuple(map(int, name.split("."))) for name in state(page)["lines"]]
    weights = ran_lines(page, opened)["weights"]
    assert list(weights) == shown
    assert all(torch.equal(weights[head], attention[head][9, :10]) for head in shown)
    page.click(f"{VIEW} [data-whose=all]")
    assert all(torch.equal(found, attention[head]) for head, found in ran_lines(page, opened)["weights"].items())


def test_it_opens_on_a_short_text_with_all_of_it_named_and_a_head_that_stands_out(visit, bundled_address):
    page = visit(f"{bundled_address}?tab=attention", shows=VIEW)
    settled(page)
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
