"""The Embeddings tab before a real browser: what it says equals inspection's, and each control does what it says."""

import io
import itertools
import json
import re
from contextlib import redirect_stdout
from urllib.parse import parse_qs, urlsplit

import gradio as gr
import numpy as np
import pytest
import torch
from serving import open_random, served
from test_looks import CONTRAST

from strivelm import inspection, load_model, open_model
from strivelm.data.ngrams import count_ngrams
from strivelm.ui import app
from strivelm.ui.tabs.embeddings import tab

pytestmark = pytest.mark.browser

CHARS = "\nABCDEabcdefghikr $<>{}é😀"
TEXT = "deeD bee <b> beer $"
VIEWS = ("map", "near", "similarity", "positions", "context", "table")
COSINE = 1.6e-5


@pytest.fixture(scope="session")
def counted():
    """An open model that came with counts of a text, and where a page over it is."""
    opened = open_random(chars=CHARS, n_layer=2)
    drawn = torch.randint(len(CHARS), (2, 3000), generator=torch.Generator().manual_seed(5))
    ids = drawn.amin(0)  # all occur, the first ones most often
    vars(opened)["ngrams"] = count_ngrams(ids.tolist(), len(CHARS))
    with served(opened) as at:
        yield opened, at


def look(visit, at, view, more="", **how):
    """Opens a view by its address and waits until something is drawn; gives the page and the view's place."""
    page = visit(f"{at}?tab=embeddings&view={view}{more}", shows=f"#embeddings-{view} .view", **how)
    return page, drawn(page, view)


def drawn(page, view):
    page.wait_for_selector(f"#embeddings-{view} .view[data-state=shown] .tools button")
    return page.locator(f"#embeddings-{view}")


def inner(page, title):
    page.click(f"#embeddings-tabs button[role=tab]:has-text('{title}')")


def values(place, expression):
    """What a view's script lets others read."""
    return place.evaluate(
        f"""(place) => {{
          const values = [place, ...place.querySelectorAll("*")].find((one) => one.strivelm).strivelm;
          return {expression};
        }}"""
    )


def said(page):
    """The address's parts."""
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items() if not name.startswith("__")}


def test_the_map_says_what_inspection_does(counted, visit):
    opened, at = counted
    _, place = look(visit, at, "map")
    space = inspection.token_space(opened.model)
    found = inspection.pca(space.vectors, 3)
    np.testing.assert_allclose(
        np.reshape(values(place, "Array.from(values.coordinates)"), (-1, 3)), found.coordinates, atol=1e-6
    )
    scales = np.linalg.svd((space.vectors - space.vectors.mean(0)).numpy(), compute_uv=False)
    share = scales**2 / (scales**2).sum()
    assert f"hold {100 * share[:2].sum():.1f} % of all differences" in place.locator(".said").inner_text()
    place.locator(".find input").fill("b")
    assert place.locator("h4").inner_text() == "b lower consonant"
    near = inspection.neighbours(space, "b", 10)
    rows = place.locator(".near li").all_inner_texts()
    assert [row.split("\n")[-1].replace("−", "-") for row in rows] == [f"{x:.2f}" for x in near.cosine.tolist()]
    assert rows[0].split("\n")[0] == {" ": "␣", "\n": "⏎"}.get(near.chars[0], near.chars[0])
    place.locator(".three").click()
    assert f"hold {100 * share[:3].sum():.1f} %" in place.locator(".said").inner_text()


def test_the_map_turns_and_is_walked_by_keys(counted, visit):
    _, at = counted
    page, place = look(visit, at, "map", "&char=b")
    canvas = place.locator("canvas")
    flat = canvas.evaluate("canvas => canvas.toDataURL()")
    canvas.focus()
    walked = set()
    for key in ("ArrowRight", "ArrowDown", "ArrowLeft", "ArrowUp"):
        page.keyboard.press(key)
        walked.add(place.locator("h4").inner_text())
    assert len(walked) > 1
    place.locator(".three").click()
    canvas.focus()
    pictures = {flat, canvas.evaluate("canvas => canvas.toDataURL()")}
    page.keyboard.press("ArrowRight")
    pictures.add(canvas.evaluate("canvas => canvas.toDataURL()"))
    box = canvas.bounding_box()
    page.mouse.move(box["x"] + 200, box["y"] + 150)
    page.mouse.down()
    page.mouse.move(box["x"] + 260, box["y"] + 190, steps=4)
    page.mouse.up()
    pictures.add(canvas.evaluate("canvas => canvas.toDataURL()"))
    page.keyboard.press("+")
    pictures.add(canvas.evaluate("canvas => canvas.toDataURL()"))
    assert len(pictures) == 5


def test_the_address_brings_back_what_was_chosen_everywhere(counted, visit):
    _, at = counted
    page, place = look(visit, at, "map")
    place.locator(".three").click()
    place.locator(".find input").fill("A")
    inner(page, "Similarity")
    drawn(page, "similarity").locator("[data-order=clusters]").click()
    inner(page, "Neighbours")
    assert drawn(page, "near").locator(".char").input_value() == "A"
    page.wait_for_url(re.compile("view=near"))
    for kept in ("tab=embeddings", "dim=3", "char=A", "order=clusters"):
        assert kept in page.url
    page = visit(page.url.replace("__theme=light", ""), shows="#embeddings-near .view")
    assert drawn(page, "near").locator(".char").input_value() == "A"
    inner(page, "Map")
    place = drawn(page, "map")
    assert place.locator(".three").get_attribute("aria-pressed") == "true"
    assert place.locator("h4").inner_text().startswith("A ")
    inner(page, "Similarity")
    assert drawn(page, "similarity").locator("[data-order=clusters]").get_attribute("aria-pressed") == "true"


def test_the_matrix_is_inspections_and_read_by_keys(counted, visit):
    opened, at = counted
    page, place = look(visit, at, "similarity")
    space = inspection.token_space(opened.model)
    given = inspection.similarity(space, "given").cosine
    read = np.reshape(values(place, "Array.from(values.cosine)"), given.shape)
    np.testing.assert_allclose(read, given, atol=COSINE)
    for order in ("class", "clusters"):
        place.locator(f"[data-order={order}]").click()
        found = inspection.similarity(space, order)
        assert values(place, f"values.orders.{order}") == found.order.tolist()
        place.locator("canvas").first.focus()
        for key in ("ArrowDown", "ArrowDown", "ArrowRight"):
            page.keyboard.press(key)
        said = place.locator(".readout").inner_text().replace("−", "-")
        assert float(said.split("cosine ")[1]) == pytest.approx(found.cosine[1, 1].item(), abs=6e-4)


def test_analogies_are_inspections(counted, visit):
    opened, at = counted
    _, place = look(visit, at, "near")
    space = inspection.token_space(opened.model)
    found = inspection.analogy(space, "C", "c", "d")
    for field, char in zip((".start", ".minus", ".plus"), "Ccd", strict=True):
        place.locator(field).fill(char)
    assert place.locator(".answer").inner_text() == found.ranking.chars[0]
    rows = [row.split("\n")[-1].replace("−", "-") for row in place.locator(".ranking li").all_inner_texts()]
    assert [float(row) for row in rows] == pytest.approx(found.ranking.cosine.tolist(), abs=6e-4)
    case = inspection.case_analogies(space)
    assert f"by chance {100 * case.chance:.1f} %" in place.locator(".every").inner_text()
    place.locator(".plus").fill("x")
    assert place.locator(".found").inner_text().endswith("x")
    for same in (False, True):
        place.locator(".same").set_checked(same)
        kinds = inspection.purity(space, "class", same)
        said = place.locator("p.purity").inner_text()
        assert f"{100 * kinds.purity:.1f} % of all characters" in said
        assert f"by chance {100 * kinds.chance:.1f} %" in said


def test_points_of_a_text_keep_who_they_are_while_they_move(counted, visit):
    opened, at = counted
    page, place = look(visit, at, "context")
    page.fill("#embeddings-text textarea", TEXT)
    page.click("#run-embeddings")
    page.wait_for_function("document.querySelector('#embeddings-context .strip')?.textContent.startsWith('deeD bee')")
    found = inspection.state_maps(opened.model, TEXT)
    slider = place.locator(".depth input")
    for depth in (0, 4, 1):
        slider.fill(str(depth))
        # Where the points come to rest: each depth at its own scale.
        expected = (found.coordinates[depth] / found.coordinates[depth].abs().max()).flatten().tolist()
        page.wait_for_function(
            """expected => {
              const view = document.querySelector("#embeddings-context");
              const { drawn } = [view, ...view.querySelectorAll("*")].find((one) => one.strivelm).strivelm;
              return drawn().every((x, i) => Math.abs(x - expected[i]) < 1e-5);
            }""",
            arg=expected,
        )
        share = found.same_character[depth].item()
        assert f"At depth {depth}, {100 * share:.1f} %" in place.locator(".purity-said").inner_text()
        assert place.locator(".depth output").inner_text() == f"{depth} of 4: {found.names[depth]}"
    slider.focus()
    page.keyboard.press("ArrowRight")
    assert place.locator(".depth output").inner_text().startswith("2 of 4")
    place.locator(".strip span").nth(1).hover()
    assert place.locator(".point").inner_text().startswith("Position 1: e, lower vowel, after “d”, before “e”")
    page.wait_for_url(re.compile("depth=2"))
    assert "view=context" in page.url


def test_a_text_that_can_not_be_read_is_refused_and_nothing_is_lost(counted, visit):
    _, at = counted
    # A link to a text leads to the view of texts.
    page = visit(f"{at}?tab=embeddings&text=bee%20bee", shows="#embeddings-context .view")
    place = drawn(page, "context")
    assert place.locator(".strip").inner_text() == "bee bee"
    page.fill("#embeddings-text textarea", "")
    page.click("#run-embeddings")
    page.wait_for_function(
        "document.querySelector('#embeddings-message .message').textContent.includes('The text is empty')"
    )
    assert place.locator(".strip").inner_text() == "bee bee"
    page.fill("#embeddings-text textarea", "<b>ß</b>")
    page.click("#run-embeddings")
    page.wait_for_function("document.querySelector('#embeddings-context .strip').textContent === '<b><b>'")
    assert "left out" in place.locator(".note").inner_text()


def test_the_table_is_the_counts_and_the_models(counted, visit):
    opened, at = counted
    page, place = look(visit, at, "table", "&char=b")
    found = inspection.bigrams(opened.model, opened.ngrams)
    canvases = place.locator(".maps canvas")
    assert canvases.count() == 3
    assert f"costs {found.entropy:.2f} nats on average" in place.locator(".said").inner_text()
    canvases.first.focus()
    page.keyboard.press("ArrowDown")
    row = CHARS.index("b") + 1
    assert place.locator(".row-title").inner_text() == f"What comes after {CHARS[row]}"
    rows = place.locator(".next li").all_inner_texts()
    pairs = torch.maximum(found.counted[row], found.model[row]).sort(descending=True, stable=True)
    expected = [(found.counted[row, i].item(), found.model[row, i].item()) for i in pairs.indices[:3].tolist()]
    for said, shares in zip(rows, expected, strict=False):
        read = [float(part.strip(" %<")) / 100 for part in said.split("\n")[-1].split("·")]
        assert read == pytest.approx(shares, abs=6e-4, rel=0.02)
    place.locator("[data-against=direct]").click()
    assert f"{found.direct.diagonal().mean().item():.2f} on average" in place.locator(".direct-said").inner_text()
    first = place.locator(".kl li").first.inner_text().split("\n")[-1]
    most = found.frequency.argmax()
    assert float(first.split(" ")[0]) == pytest.approx(found.direct_kl[most].item(), abs=6e-4)


def test_positions_are_inspections_and_another_model_brings_its_own(counted, visit):
    opened, at = counted
    page, place = look(visit, at, "positions")
    found = inspection.positions(opened.model)
    read = np.reshape(values(place, "Array.from(values.cosine)"), found.cosine.shape)
    np.testing.assert_allclose(read, found.cosine, atol=COSINE)
    assert f"they use {found.participation:.1f} of them" in place.locator(".said").inner_text()
    page.locator("#model input").fill("film")
    page.keyboard.press("Enter")
    film = inspection.positions(load_model("film"))
    page.wait_for_function(
        "said => document.querySelector('#embeddings-positions .said').textContent.includes(said)",
        arg=f"they use {film.participation:.1f} of them",
    )
    inner(page, "What a table knows")
    place = drawn(page, "table")
    assert "without the counts" in place.locator(".said").inner_text()
    assert place.locator(".maps canvas").count() == 1
    inner(page, "Map")
    place = drawn(page, "map")
    assert len(values(place, "values.chars")) == 65
    assert "came without the counts" in place.locator(".how").inner_text()


def test_a_view_goes_along_as_a_file_that_works_alone(counted, visit, tmp_path):
    _, at = counted
    page, place = look(visit, at, "context", "&text=bee%20%3Cb%3E")
    with page.expect_download() as download:
        place.locator(".tools button:has-text('HTML')").click()
    download.value.save_as(tmp_path / "alone.html")
    with page.expect_download() as download:
        place.locator(".tools button:has-text('CSV')").click()
    download.value.save_as(tmp_path / "states.csv")
    assert len((tmp_path / "states.csv").read_text("utf-8").splitlines()) == 1 + 5 * 7
    page.set_content((tmp_path / "alone.html").read_text("utf-8"))
    page.wait_for_selector(".view[data-state=shown] .tools button")
    assert page.inner_text(".strip") == "bee <b>"
    page.fill(".depth input", "3")
    assert page.inner_text(".depth output").startswith("3 of 4")


def questions(page):
    """The names of the questions that the page asks from here on, as they come."""
    asked = []

    def hear(request):
        if request.method == "POST" and request.url.endswith("/call/looking"):
            asked.append(json.loads(request.post_data)["data"][0]["name"])

    page.on("request", hear)
    return asked


def of_embeddings(asked):
    return [name for name in asked if name.startswith("embeddings.")]  # Attention's questions may go on meanwhile


def test_a_view_asks_when_it_is_in_sight_and_only_once(counted, visit):
    _, at = counted
    page = visit(f"{at}?tab=attention", shows="#attention-view .whole:not([hidden])")
    asked = questions(page)
    page.click("button[role=tab]:has-text('Embeddings')")
    drawn(page, "map")
    inner(page, "Positions")
    drawn(page, "positions")
    inner(page, "Map")
    drawn(page, "map")
    assert of_embeddings(asked) == ["embeddings.tokens", "embeddings.positions"]
    page.locator("#model input").fill("film")
    page.keyboard.press("Enter")
    page.wait_for_function("document.querySelector('#embeddings-map .how').textContent.includes('without the counts')")
    assert of_embeddings(asked) == ["embeddings.tokens", "embeddings.positions", "embeddings.tokens"]


def test_the_address_names_the_view_that_was_chosen_and_no_other(counted, visit):
    _, at = counted
    page = visit(f"{at}?tab=embeddings", shows="#embeddings-map .view")
    drawn(page, "map")
    assert said(page) == {"tab": "embeddings"}  # Gradio selects the first view by itself; nobody chose it
    for title, view in (("What a table", "table"), ("Map", "map"), ("In context", "context")):
        inner(page, title)
        drawn(page, view)
        page.wait_for_url(re.compile(f"view={view}"))
    page.click("button[role=tab]:has-text('Attention')")
    page.wait_for_selector("#attention-view .whole:not([hidden])")
    page.click("button[role=tab]:has-text('Embeddings')")
    drawn(page, "context")
    assert said(page) == {"tab": "embeddings", "view": "context"}
    # A text with a view is seen there, and a view that is none counts for nothing.
    drawn(visit(f"{at}?tab=embeddings&text=bee&view=map", shows="#embeddings-map .view"), "map")
    page = visit(f"{at}?tab=embeddings&view=nowhere", shows="#embeddings-map .view")
    drawn(page, "map")
    page.wait_for_function("!location.search.includes('nowhere')")


def test_every_view_is_in_reach_in_a_narrow_window(counted, visit):
    _, at = counted
    page, _ = look(visit, at, "context", width=390, height=844)
    for title, view in (("Similarity", "similarity"), ("Positions", "positions")):
        inner(page, title)
        drawn(page, view)
        page.wait_for_url(re.compile(f"view={view}"))


def test_what_was_chosen_stays_with_another_model(counted, visit):
    _, at = counted
    page, place = look(visit, at, "context", "&char=b&depth=3&by=class&text=reed%20bee")
    assert place.locator(".depth output").inner_text().startswith("3 of 4")
    page.locator("#model input").fill("film")
    page.keyboard.press("Enter")
    film = load_model("film")
    shares = inspection.state_maps(film, "reed bee").same_next
    page.wait_for_function(
        "said => document.querySelector('#embeddings-context .purity-said').textContent.includes(said)",
        arg=f"{100 * shares[3].item():.1f} % have one with the same next character",
    )
    assert place.locator(".strip").inner_text() == "reed bee"
    assert place.locator(".depth output").inner_text().startswith("3 of")
    assert place.locator("[data-by=class]").get_attribute("aria-pressed") == "true"
    inner(page, "Neighbours")
    place = drawn(page, "near")
    assert place.locator(".char").input_value() == "b"
    near = inspection.neighbours(inspection.token_space(film), "b", 10)
    assert place.locator(".near li").first.inner_text().split("\n")[0] == near.chars[0]


def source(page):
    """A tab whose text goes to the Embeddings tab."""
    text = gr.Textbox("deeD", elem_id="source")
    page.carry(gr.Button("Take it", elem_id="take"), text, "embeddings")


@pytest.fixture(scope="module")
def carrying():
    """Where a page is that can take a text to the tab."""
    tabs, app.TABS = app.TABS, (("source", "Source", source), ("embeddings", "Embeddings", tab.build))
    try:
        with served(open_random(chars=CHARS, n_layer=2)) as at:
            yield at
    finally:
        app.TABS = tabs


def test_a_text_that_another_tab_brings_is_seen_in_context(carrying, visit):
    page = visit(carrying, shows="#take")
    asked = questions(page)
    page.click("#take")
    place = drawn(page, "context")
    page.wait_for_function("document.querySelector('#embeddings-context .strip').textContent === 'deeD'")
    assert page.input_value("#embeddings-text textarea") == "deeD"
    assert said(page) == {"tab": "embeddings", "view": "context", "text": "deeD"}
    inner(page, "Map")
    drawn(page, "map")
    page.click("button[role=tab]:has-text('Source')")
    page.fill("#source textarea", "bee")
    page.click("#take")
    page.wait_for_function("document.querySelector('#embeddings-context .strip').textContent === 'bee'")
    assert place.locator(".strip").is_visible()
    assert asked.count("embeddings.states") == 2
    assert asked.count("embeddings.tokens") <= 1  # Gradio shows the first view for a moment


TEXTS = (".lead", ".small", ".strivelm-tool", ".strivelm-legend li", ".who", ".value", ".readout", "h4", "input")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_everything_fits_a_phone_and_can_be_read(counted, visit, theme):
    _, at = counted
    for view in VIEWS:
        page, place = look(visit, at, view, width=390, height=844, theme=theme)
        page.wait_for_function("document.getAnimations().every((one) => one.playState !== 'running')")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, view
        wide = place.evaluate(
            """place => [...place.querySelectorAll("*")]
                 .filter((one) => one.checkVisibility() && !one.closest(".scroll, svg"))
                 .filter((one) => one.getBoundingClientRect().right > innerWidth + 1)
                 .map((one) => one.outerHTML.slice(0, 90))"""
        )
        assert wide == [], view
        for selector, n in itertools.product(TEXTS, (0, 1)):
            text = place.locator(f"{selector}:visible:not(:disabled)").nth(n)
            if text.count() and text.inner_text().strip():
                assert text.evaluate(CONTRAST) >= 4.5, (view, selector)


def ran(place, opened):
    """What the Python lines beside a view leave behind; the model's own is given to them."""
    place.locator(".tools button:has-text('Python')").click()
    lines = place.locator(".strivelm-python pre").text_content()
    place.locator(".tools button:has-text('Python')").click()
    names = {"load_model": lambda ref: opened.model, "open_model": lambda ref: opened}
    for name in names:
        lines = lines.replace(f"from strivelm import {name}\n", "")
    out = io.StringIO()
    with redirect_stdout(out):
        exec(lines, names)
    return names | {"out": out.getvalue()}


def test_the_lines_of_each_view_compute_what_it_shows(counted, visit):
    opened, at = counted
    page, place = look(visit, at, "map", "&char=b&dim=3")
    names = ran(place, opened)
    near = [row.split("\n")[-1].replace("−", "-") for row in place.locator(".near li").all_inner_texts()]
    assert near == [f"{x:.2f}" for x in names["near"].cosine.tolist()]
    assert str(names["found"].coordinates[:, :3]) in names["out"]
    inner(page, "Similarity")
    place = drawn(page, "similarity")
    place.locator("[data-order=clusters]").click()
    assert ran(place, opened)["table"].order.tolist() == values(place, "values.orders.clusters")
    inner(page, "Positions")
    place = drawn(page, "positions")
    assert f"they use {ran(place, opened)['found'].participation:.1f} of them" in place.locator(".said").inner_text()
    inner(page, "In context")
    place = drawn(page, "context")
    place.locator(".depth input").fill("3")
    names = ran(place, opened)
    share = 100 * names["found"].same_character[names["depth"]].item()
    assert f"At depth 3, {share:.1f} % of" in place.locator(".purity-said").inner_text()
    inner(page, "What a table knows")
    place = drawn(page, "table")
    for which in ("model", "direct"):
        place.locator(f"[data-against={'modelled' if which == 'model' else which}]").click()
        names = ran(place, opened)
        N = len(CHARS)
        read = values(
            place, f"Array.from({{ length: {N * N} }}, (_, k) => values.difference(Math.floor(k / {N}), k % {N}))"
        )
        np.testing.assert_allclose((names["second"] - names["counted"]).flatten(), read, atol=1e-6)


def test_the_table_names_its_rows_and_columns(visit):
    with served(open_model("bundled")) as at:
        page, place = look(visit, at, "table")
        assert [button.inner_text() for button in place.locator(".rows button").all()] == ["26 frequent", "all 65"]
        counts = open_model("bundled").ngrams
        ids, often = counts.table(1)
        frequent = {int(ids[i, 0]) for i in np.argsort(-often, kind="stable")[:25]}
        q = open_model("bundled").model.tokenizer.encode("q")[0]  # the chosen row is always there
        assert place.locator(".row-title").inner_text() == "What comes after q"
        lines = ran(place, open_model("bundled"))
        assert set(lines["rows"]) == frequent | {q}
        canvas = place.locator(".maps canvas").first
        assert canvas.bounding_box()["width"] / (26 + 4) >= 12  # wide enough for a name in each row and column
        assert place.locator(".readout").inner_text().startswith("q then u: counted 100 %")
        place.locator("[data-rows=all]").click()
        page.wait_for_url(re.compile("rows=all"))
        assert len(ran(place, open_model("bundled"))["rows"]) == 65


def test_the_views_use_the_width_of_the_window(counted, visit):
    _, at = counted
    for width in (1000, 1280, 1920):
        for view in ("map", "similarity", "context"):
            _, place = look(visit, at, view, width=width)
            right = place.locator(".beside > *").last.bounding_box()
            whole = place.locator(".view").bounding_box()
            assert right["x"] + right["width"] == pytest.approx(whole["x"] + whole["width"], abs=2)
            left = place.locator(".beside > *").first.bounding_box()
            assert left["width"] + right["width"] > 0.9 * whole["width"]


def test_the_pairs_that_are_most_alike_lead_to_their_place(counted, visit):
    opened, at = counted
    _, place = look(visit, at, "similarity")
    space = inspection.token_space(opened.model)
    table = inspection.similarity(space, "given").cosine
    best = torch.triu(table, 1).max().item()
    first = place.locator(".pairs li").first
    assert first.inner_text().split("\n")[-1].replace("−", "-") == f"{best:.2f}"
    first.locator("button").click()
    said = place.locator(".readout").inner_text().replace("−", "-")
    assert float(said.split("cosine ")[1]) == pytest.approx(best, abs=6e-4)


def test_a_file_shows_the_view_as_it_stood(counted, visit, tmp_path):
    _, at = counted
    page, place = look(visit, at, "map", "&char=B&dim=3")
    heading = place.locator("h4").inner_text()
    assert heading.startswith("B ")
    with page.expect_download() as download:
        place.locator(".tools button:has-text('HTML')").click()
    download.value.save_as(tmp_path / "alone.html")
    page.set_content((tmp_path / "alone.html").read_text("utf-8"))
    page.wait_for_selector(".view[data-state=shown] .tools button")
    assert page.locator(".about h4").inner_text() == heading
    assert page.locator(".three").get_attribute("aria-pressed") == "true"


def test_a_drawing_is_the_map_as_it_stands(counted, visit):
    _, at = counted
    page, place = look(visit, at, "map", "&char=b")
    with page.expect_download() as download:
        place.locator(".tools button:has-text('SVG')").click()
    drawing = download.value.path().read_text("utf-8")
    assert drawing.count("<line") == 2 + 5  # the axes, and the lines to the neighbours
    assert drawing.count("<circle") == len(CHARS) + 1  # the points, and a ring
    assert ">b</text>" in drawing
    assert "direction 1 · " in drawing
    # a class that is picked out is so in a link, too
    place.locator(".key button").first.click()
    page.wait_for_url(re.compile("class=lower"))
