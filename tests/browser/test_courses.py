"""How numbers came to be, beside the numbers: their course over all steps of a training, in every tab."""

from urllib.parse import urlencode

import pytest
from serving import served

from strivelm import inspection, open_model

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("young_address")]
TEXT = "The king is dead; the queen is not."


@pytest.fixture(scope="module")
def young_address():
    """Where the page over a snapshot of the film is."""
    with served(open_model("film@step-605")) as at:
        yield at


@pytest.fixture
def courses(visit, young_address):
    """The function that opens that page, and gives what its curves in a part of it say."""

    def read(selector, **asked):
        page = visit(f"{young_address}?{urlencode(asked)}", shows="#header dd")
        page.wait_for_selector(f"{selector} .strivelm-spark")
        labels = page.eval_on_selector_all(
            f"{selector} .strivelm-spark", "all => all.map((one) => one.getAttribute('aria-label'))"
        )
        return page, labels

    return read


def ends(name, values, written="{:.2f}"):
    """What a curve says of the first and the last step."""
    first, last = (written.format(value) for value in values)
    return f"{name} over the training: {first} at step 0, {last} at step 3,000"


def of_ends(number):
    """A number of the first and of the last step's model."""
    return [number(open_model(f"film@step-{step}").model) for step in (0, 3000)]


def test_a_head_s_scores(courses):
    page, said = courses("#attention-view .course", tab="attention", text=TEXT, head="0.0")

    def previous(model):
        return inspection.trace(model, TEXT).attention[0, 0].double().diagonal(-1).mean().item()

    assert len(said) >= 8
    assert said[0].startswith(ends("previous character", of_ends(previous)))
    sudden = page.inner_text("#attention-view .strokes")
    marked = page.locator("#attention-view .course .jump").count()
    assert (marked > 0) == sudden.startswith("Sudden change: ")
    if marked:  # the rule stands beside it
        assert "more than half of all change comes between two neighbouring snapshots" in sudden


def test_the_loss_of_a_character_and_of_the_text(courses):
    _, said = courses("#losses", tab="predictions", section="losses", text=TEXT, at=4)
    assert said[0].startswith(ends("its surprisal", of_ends(lambda model: inspection.surprisal(model, TEXT).model[5])))
    assert said[1].startswith(ends("the mean", of_ends(lambda model: inspection.surprisal(model, TEXT).mean)))


def test_the_depth_at_which_a_prediction_settles(courses):
    _, said = courses("#lens", tab="predictions", section="lens", text=TEXT, at=4)

    def settles(model):
        found = inspection.logit_lens(model, TEXT)
        return found.depths[found.settles[4]]

    assert said == [ends("the row from which on the answer stands", of_ends(settles), "{}")]


def test_a_character_s_neighbours_and_the_purity(courses):
    page, said = courses("#embeddings-near", tab="embeddings", view="near", char="e")
    purity = of_ends(lambda model: 100 * inspection.purity(inspection.token_space(model), "class", False).purity)
    assert said[0].startswith(ends("the share", purity, "{:.1f} %"))
    rows = page.locator("#embeddings-near .course li").all_inner_texts()
    assert len(rows) == 12
    first = inspection.neighbours(inspection.token_space(open_model("film@step-0").model), "e", 3).chars
    assert rows[0].split() == ["0", *({"\n": "⏎", " ": "␣"}.get(char, char) for char in first)]


def test_the_lengths_of_the_positions(courses):
    _, said = courses("#embeddings-positions", tab="embeddings", view="positions")
    norms = of_ends(lambda model: model.pos.weight.detach().norm(dim=1).mean().item())
    assert said[0] == ends("the mean length", norms)
