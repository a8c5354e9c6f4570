"""The Embeddings tab's numbers: what each view says equals inspection's, and so does what its Python lines compute."""

import re

import numpy as np
import pytest
import torch
from browser.embeddings_tab import CHARS, drawn, inner, look, values
from browser.taken_along import lines_of, ran
from browser.visitor import pick

from strivelm import inspection, load_model, open_model

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("counted", "bundled_address")]

TEXT = "deeD bee <b> beer $"

COSINE = 1.6e-5


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
    pick(page, "film")
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


def ran_lines(place, opened):
    """What the Python lines beside a view leave behind."""
    return ran(lines_of(place.locator(".tools")), opened)


def test_the_lines_of_each_view_compute_what_it_shows(counted, visit):
    opened, at = counted
    page, place = look(visit, at, "map", "&char=b&dim=3")
    names = ran_lines(place, opened)
    near = [row.split("\n")[-1].replace("−", "-") for row in place.locator(".near li").all_inner_texts()]
    assert near == [f"{x:.2f}" for x in names["near"].cosine.tolist()]
    assert str(names["found"].coordinates[:, :3]) in names["out"]
    inner(page, "Similarity")
    place = drawn(page, "similarity")
    place.locator("[data-order=clusters]").click()
    assert ran_lines(place, opened)["table"].order.tolist() == values(place, "values.orders.clusters")
    inner(page, "Positions")
    place = drawn(page, "positions")
    assert (
        f"they use {ran_lines(place, opened)['found'].participation:.1f} of them" in place.locator(".said").inner_text()
    )
    inner(page, "In context")
    place = drawn(page, "context")
    place.locator(".depth input").fill("3")
    names = ran_lines(place, opened)
    share = 100 * names["found"].same_character[names["depth"]].item()
    assert f"At depth 3, {share:.1f} % of" in place.locator(".purity-said").inner_text()
    inner(page, "What a table knows")
    place = drawn(page, "table")
    for which in ("model", "direct"):
        place.locator(f"[data-against={'modelled' if which == 'model' else which}]").click()
        names = ran_lines(place, opened)
        N = len(CHARS)
        read = values(
            place, f"Array.from({{ length: {N * N} }}, (_, k) => values.difference(Math.floor(k / {N}), k % {N}))"
        )
        np.testing.assert_allclose((names["second"] - names["counted"]).flatten(), read, atol=1e-6)


def test_the_table_names_its_rows_and_columns(visit, bundled_address):
    page, place = look(visit, bundled_address, "table")
    bundled = open_model("bundled")
    assert [button.inner_text() for button in place.locator(".rows button").all()] == ["26 frequent", "all 65"]
    counts = bundled.ngrams
    ids, often = counts.table(1)
    frequent = {int(ids[i, 0]) for i in np.argsort(-often, kind="stable")[:25]}
    q = bundled.model.tokenizer.encode("q")[0]  # the chosen row is always there
    assert place.locator(".row-title").inner_text() == "What comes after q"
    lines = ran_lines(place, bundled)
    assert set(lines["rows"]) == frequent | {q}
    canvas = place.locator(".maps canvas").first
    assert canvas.bounding_box()["width"] / (26 + 4) >= 12  # wide enough for a name in each row and column
    assert place.locator(".readout").inner_text().startswith("q then u: counted 100 %")
    place.locator("[data-rows=all]").click()
    page.wait_for_url(re.compile("rows=all"))
    assert len(ran_lines(place, bundled)["rows"]) == 65


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
