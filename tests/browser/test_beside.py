"""A second model beside the open one: the header opens and closes it, the address and the history hold it."""

import pytest
from browser.beside_tab import BOTH, settled, stand, stands
from browser.visitor import CONTRAST, choices, pick

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("film_address")]
YOUNG = "film@step-55"
TABS = {"attention": "#attention-text", "embeddings": "#embeddings-map", "predictions": "#predictions-text"}


def look(visit, at, tab="predictions", **choices):
    options = {name: choices.pop(name) for name in ("width", "height", "theme") if name in choices}
    query = "&".join(f"{name}={value}" for name, value in ({"tab": tab} | choices).items())
    return visit(f"{at}?{query}", shows=TABS[tab], **options)


def closed(page):
    page.wait_for_function("!document.body.classList.contains('strivelm-beside') && !strivelm.chosen.beside")


def test_a_visitor_opens_a_second_model_and_closes_it(visit, film_address):
    page = look(visit, film_address)
    assert not page.is_visible("#beside")
    assert not page.is_visible(BOTH["predictions"])
    stand(page, YOUNG)
    stands(page, YOUNG)
    settled(page, BOTH["predictions"])
    assert choices(page)["beside"] == YOUNG
    assert page.inner_text("#beside-summary .name") == f"{YOUNG}, step 55"
    assert "numbers" in page.inner_text("#beside-summary .short")
    names = page.eval_on_selector_all(f"{BOTH['predictions']} .both-models b", "all => all.map((b) => b.textContent)")
    assert names == ["film", YOUNG]
    page.click("#beside-summary .close")
    closed(page)
    assert "beside" not in choices(page)
    assert not page.is_visible(BOTH["predictions"])
    assert page.is_visible("#header .add")


def test_back_and_forward_walk_it(visit, film_address):
    page = look(visit, film_address)
    page.wait_for_function("history.state?.strivelm")
    stand(page, YOUNG)
    stands(page, YOUNG)
    page.go_back()
    closed(page)
    assert not page.is_visible("#beside")
    page.go_forward()
    stands(page, YOUNG)
    settled(page, BOTH["predictions"])
    assert choices(page)["beside"] == YOUNG


def test_a_link_and_a_reload_bring_it_back(visit, film_address):
    page = look(visit, film_address, beside=YOUNG, tab="attention")
    stands(page, YOUNG)
    settled(page, BOTH["attention"])
    page.reload()
    page.wait_for_selector(TABS["attention"])
    stands(page, YOUNG)
    settled(page, BOTH["attention"])
    assert choices(page)["beside"] == YOUNG


def test_it_stays_where_another_model_is_opened(visit, film_address):
    page = look(visit, film_address, beside=YOUNG)
    stands(page, YOUNG)
    settled(page, BOTH["predictions"])
    pick(page, "film@step-1")
    page.wait_for_function("strivelm.chosen.model === 'film@step-1'")
    page.wait_for_function(
        "view => document.querySelector(`${view} .both-models b`)?.textContent === 'film@step-1'",
        arg=BOTH["predictions"],
    )
    assert choices(page)["model"] == "film@step-1"
    assert choices(page)["beside"] == YOUNG


def test_one_that_can_not_be_opened_is_a_sentence_and_the_rest_works(visit, film_address):
    page = look(visit, film_address)
    stand(page, "film@step-99")
    page.wait_for_selector("#beside-message [data-kind=error]")
    assert "holds no snapshot" in page.inner_text("#beside-message")
    assert "beside" not in choices(page)
    assert not page.is_visible(BOTH["predictions"])
    page.wait_for_selector("#losses .text .cell")
    stand(page, YOUNG)
    stands(page, YOUNG)
    assert not page.is_visible("#beside-message [data-kind=error]")
    stand(page, "film@step-99")  # then what stood there stays
    page.wait_for_selector("#beside-message [data-kind=error]")
    assert page.evaluate("strivelm.chosen.beside") == YOUNG
    settled(page, BOTH["predictions"])


def test_a_link_that_names_none_that_can_be_opened(visit, film_address):
    page = look(visit, film_address, beside="nobody")
    page.wait_for_selector("#beside-message [data-kind=error]")
    assert "is no model" in page.inner_text("#beside-message")
    closed(page)
    page.wait_for_function("!location.search.includes('beside')")
    page.wait_for_selector("#losses .text .cell")


@pytest.mark.parametrize(("width", "theme"), [(390, "light"), (390, "dark"), (1280, "dark")])
@pytest.mark.parametrize("tab", TABS)
def test_it_fits_and_can_be_read(visit, film_address, tab, width, theme):
    page = look(visit, film_address, tab, beside=YOUNG, width=width, theme=theme)
    stands(page, YOUNG)
    settled(page, BOTH[tab])
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    box = page.locator(BOTH[tab]).bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    for text in ("#beside-summary .name", "#beside-summary .short", f"{BOTH[tab]} .both-models b"):
        assert page.eval_on_selector(text, CONTRAST) >= 4.5, text
    colours = page.eval_on_selector_all(
        f"{BOTH[tab]} .both-models .strivelm-swatch", "all => all.map((one) => getComputedStyle(one).backgroundColor)"
    )
    assert len(set(colours)) == 2
    assert "rgba(0, 0, 0, 0)" not in colours
