"""Two models on one text, tab by tab: the numbers in the views are inspection's, and their files show the same."""

import pytest
from browser.beside_tab import BOTH, read, settled, stands
from browser.taken_along import alone, lines_of, ran, saved

from strivelm import inspection
from strivelm.inspection.architecture import architecture
from strivelm.loading import open_model

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("film_address")]
YOUNG = "film@step-55"
TEXT = "A fox met an old mouse."
SHOWS = {
    "generate": "#prompt textarea",
    "attention": "#attention-text",
    "embeddings": "#embeddings-map",
    "predictions": "#predictions-text",
    "learn": "#learn-text",
}


@pytest.fixture(scope="module")
def both():
    """The two models."""
    return open_model("film").model, open_model(YOUNG).model


@pytest.fixture
def look(visit, film_address):
    """The function that opens a tab with a second model, and waits until its view of both is there."""

    def open_tab(tab, beside=YOUNG, text=TEXT, view=None, **choices):
        query = {"tab": tab, "beside": beside} | choices
        if tab != "embeddings":  # where a link's text is to be seen in the view of texts
            query["text"] = text.replace(" ", "+")
        given = "&".join(f"{name}={value}" for name, value in query.items())
        page = visit(f"{film_address}?{given}", shows=SHOWS[tab])
        stands(page, beside)
        if tab != "generate":
            settled(page, view or BOTH[tab])
        return page

    return open_tab


def tools(page, view):
    return page.locator(f"{view} .tools")


def test_predictions_show_who_expected_each_character_more(look, both, browser, tmp_path):
    page = look("predictions")
    view = BOTH["predictions"]
    found = inspection.compare_predictions(*both, TEXT)
    shown = read(page, view, "[view.difference(), view.kl(), view.value().mean, view.value().error]")
    assert shown[0][1:] == pytest.approx(found.difference[1:].tolist(), abs=1e-5)
    assert shown[1][1:] == pytest.approx(found.kl[1:].tolist(), abs=1e-5)
    assert shown[2:] == pytest.approx([found.mean, found.error], abs=1e-6)
    verdict = page.inner_text(f"{view} .verdict")
    assert f"{found.mean:.3f} ± {found.error:.3f} nats" in verdict
    assert f"{found.total:.1f} nats in all" in verdict
    assert ("hardly luck" if abs(found.mean) > 2 * found.error else "may be luck") in verdict
    assert f"film expected {found.wins[0]} characters more, {YOUNG} {found.wins[1]}" in verdict
    page.hover(f"{view} .cell[data-i='3']")
    assert f"Difference {found.difference[3].item():+.2f}".replace("-", "−") in page.inner_text(f"{view} .saying")
    lines = ran(lines_of(tools(page, view)))
    assert lines["found"].total == found.total
    with alone(browser, saved(tools(page, view), "HTML", tmp_path / "view.html")) as file:
        assert file.inner_text(".verdict") == verdict
    picture = saved(tools(page, view), "PNG", tmp_path / "view.png")
    assert picture.read_bytes().startswith(b"\x89PNG")
    table = saved(tools(page, view), "CSV", tmp_path / "view.csv").read_text("utf-8").splitlines()
    assert len(table) == len(TEXT) + 1
    assert float(table[4].split(",")[-3]) == pytest.approx(found.difference[3].item(), abs=1e-5)


def test_of_a_longer_text_the_lead_is_more_than_luck(look, both):
    text = "KING RICHARD: The night is long, and I am sick at heart; go tell the queen that I shall not come."
    found = inspection.compare_predictions(*both, text)
    assert abs(found.mean) > 2 * found.error
    page = look("predictions", text=text)
    assert "hardly luck" in page.inner_text(f"{BOTH['predictions']} .verdict")


def test_both_lenses_stand_beneath_each_other(look, both, browser, tmp_path):
    page = look("predictions", view="#lens-beside", section="lens")
    names = page.eval_on_selector_all("#lens-beside .lenses h4 b", "all => all.map((one) => one.textContent)")
    assert names == ["film", YOUNG]
    assert page.locator("#lens-beside canvas.cells").count() == 2
    lenses = [inspection.logit_lens(model, TEXT) for model in both]
    saying = page.inner_text("#lens-beside .saying")
    place = int(page.get_attribute("#lens-beside [data-looked], #lens-beside[data-looked]", "data-looked"))
    for lens in lenses:
        assert f"‘{lens.top_chars[-1][place][0]}’".replace(" ", "␣").replace("\n", "⏎") in saying
    with alone(browser, saved(tools(page, "#lens-beside"), "HTML", tmp_path / "view.html")) as file:
        assert file.inner_text(".saying") == saying


def test_attention_shows_the_most_similar_head_of_the_other(look, both, browser, tmp_path):
    page = look("attention")
    view = BOTH["attention"]
    found = inspection.head_similarity(*both, TEXT)
    assert read(page, view, "[0, 1, 2, 3].map((a) => [0, 1, 2, 3].map((b) => view.overlap(a, b)))") == [
        pytest.approx(row.flatten().tolist(), abs=1e-6) for row in found.overlap.flatten(0, 1)
    ]
    page.click(f"{view} .grid[data-which='0'] .tile >> nth=3")
    state = read(page, view, "view.state()")
    assert (state["which"], state["name"]) == (0, "1.1")
    assert state["other"] == found.most_similar(1, 1)[0][0]
    verdict = page.inner_text(f"{view} .verdict")
    assert f"{found.best[1, 1].item():.0%}".replace("%", " %") in verdict
    assert f"A random head of {YOUNG}: {found.average[1, 1].item():.0%}".replace("%", " %") in verdict
    assert "beside_head" in page.url
    names = ran(lines_of(tools(page, view)))
    assert names["found"].overlap.equal(found.overlap)
    page.click(f"{view} .grid[data-which='1'] .tile[aria-pressed=true]")  # the comparison turned round
    assert read(page, view, "view.state().which") == 1
    back = found.overlap.permute(2, 3, 0, 1)
    layer, head = map(int, read(page, view, "view.state().name").split("."))
    best = divmod(int(back[layer, head].argmax()), 2)
    assert read(page, view, "view.state().other") == f"{best[0]}.{best[1]}"
    exec(lines_of(tools(page, view)), {})
    with alone(browser, saved(tools(page, view), "HTML", tmp_path / "view.html")) as file:
        assert file.inner_text(".verdict") == page.inner_text(f"{view} .verdict")


def test_embeddings_show_the_second_map_turned_onto_the_first(look, both, browser, tmp_path):
    page = look("embeddings")
    view = BOTH["embeddings"]
    found = inspection.compare_embeddings(*both, k=5)
    maps = [inspection.pca(inspection.token_space(model).vectors, 2).coordinates for model in both]
    turned = inspection.procrustes(*maps)
    place = found.chars.index("e")
    assert read(page, view, f"[view.place(0, {place}), view.place(1, {place})]") == [
        pytest.approx(one[place].tolist(), abs=1e-4) for one in (maps[0], turned.turned)
    ]
    said = page.inner_text(f"{view} .turned")
    for share in (turned.residual, turned.chance, found.procrustes.residual, found.procrustes.chance):
        assert f"{share:.1%}".replace("%", " %") in said
    assert f"{found.shared:.1%}".replace("%", " %") in page.inner_text(f"{view} .verdict")
    assert read(page, view, "view.both('e')") == list(found.both[place])
    assert page.locator(f"{view} .near li.shared").count() == 2 * len(found.both[place])
    assert ran(lines_of(tools(page, view)))["maps"].residual == pytest.approx(turned.residual)
    with alone(browser, saved(tools(page, view), "HTML", tmp_path / "view.html")) as file:
        assert file.inner_text(".turned") == said


def test_learn_shows_what_differs_in_the_architecture(look, visit, film_address):
    page = look("learn", beside="bundled")
    view = BOTH["learn"]
    totals = [architecture(open_model(ref).model).total for ref in ("film", "bundled")]
    row = page.locator(f"{view} .parts tr:last-child td").all_inner_texts()
    assert row[-2:] == [f"{total:,}" for total in totals]
    assert f"bundled has {max(totals) / min(totals):.0f} times as many" in page.inner_text(f"{view} .verdict")
    assert page.locator(f"{view} .facts tr[data-differs=true]").count() >= 4
    page = look("learn")
    assert "differ in: training step, validation loss" in page.inner_text(f"{view} .verdict")


def test_both_write_from_one_stream_of_random_numbers(look, both):
    page = look("generate", text="The fox", seed="7", count="80")
    view = BOTH["generate"]
    page.wait_for_function(
        "view => document.querySelector(`${view} .status`).textContent.startsWith('Finished')", arg=view
    )
    texts = page.eval_on_selector_all(
        f"{view} .new", "all => all.map((one) => one.textContent.replaceAll('⏎\\n', '\\n'))"
    )
    expected = [model.generate("The fox", 80, 0.9, 40, 1.0, seed=7)[len("The fox") :] for model in both]
    assert texts == expected
    apart = next(i for i, (a, b) in enumerate(zip(*expected, strict=True)) if a != b)
    assert page.locator(f"{view} .mark").count() == 2
    assert f"at character {apart + 1} the same random number" in page.inner_text(f"{view} .parting")
    others = [
        inspection.surprisal(other, "The fox" + text).model[len("The fox") :].mean().item()
        for other, text in zip(reversed(both), expected, strict=True)
    ]
    means = page.locator(f"{view} .mean").all_inner_texts()
    assert f"{YOUNG} finds it a surprise of {others[0]:.2f} nats" in means[0]
    assert f"film finds it a surprise of {others[1]:.2f} nats" in means[1]
    ground = "one => getComputedStyle(one).backgroundColor"
    before = page.eval_on_selector(f"{view} .new span >> nth=5", ground)
    page.click(f"{view} [data-by=other]")
    colours = page.eval_on_selector_all(
        f"{view} .new span", "all => all.map((one) => getComputedStyle(one).backgroundColor)"
    )
    page.click(f"{view} [data-by=own]")
    again = page.eval_on_selector_all(
        f"{view} .new span", "all => all.map((one) => getComputedStyle(one).backgroundColor)"
    )
    assert again[5] == before
    assert colours != again


@pytest.mark.parametrize("tab", ["predictions", "attention", "embeddings", "learn"])
def test_a_model_beside_itself_shows_zero_everywhere(look, tab):
    page = look(tab, beside="film")
    view = BOTH[tab]
    assert page.locator(f"{view} .both-models b").all_inner_texts() == ["film", "film again"]
    if tab == "predictions":
        numbers = read(page, view, "[...view.difference().slice(1), ...view.kl().slice(1), view.value().total]")
        assert set(numbers) == {0}
        assert "exactly alike" in page.inner_text(f"{view} .verdict")
    elif tab == "attention":
        assert read(page, view, "[0, 1, 2, 3].map((i) => view.overlap(i, i))") == [1, 1, 1, 1]
    elif tab == "embeddings":
        assert read(page, view, "[view.value().residual, view.value().map_residual, view.value().shared]") == [0, 0, 1]
    else:
        assert page.locator(f"{view} [data-differs=true]").count() == 0
        assert "no size differs" in page.inner_text(f"{view} .verdict")


def test_what_can_not_be_compared_is_a_sentence_in_the_view_and_the_rest_works(visit, address):
    """The model of random weights does not know all that the film knows, and the other way round."""
    page = visit(f"{address}?tab=predictions&beside=film&text=%D7%A9", shows=SHOWS["predictions"])
    stands(page, "film")
    settled(page, BOTH["predictions"])
    assert "know no character of this text in common" in page.inner_text(f"{BOTH['predictions']} .sorry")
    page.wait_for_selector("#losses .text .cell")
    page.fill("#predictions-text textarea", "A fox (1)")
    page.click("#run-predictions")
    page.wait_for_selector(f"{BOTH['predictions']} .text .cell")
    notes = page.inner_text(f"{BOTH['predictions']} .notes")
    assert "film: These 3 characters are not in the model's vocabulary: '(' at 6" in notes
    assert page.locator(f"{BOTH['predictions']} .text .cell").count() == len("A fox ")
