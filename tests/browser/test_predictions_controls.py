"""The Predictions tab under a visitor's hands: links, texts, other models, a phone, files and Python lines."""

import pytest
from browser.predictions_tab import CHARS, LOOKED, SECTIONS, TEXT, shown, turn, values
from browser.taken_along import alone, lines_of, ran, saved
from browser.visitor import CONTRAST, choices, pick, rested

from strivelm import inspection
from strivelm.ui.core import prompts

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("two_layers_address")]


def test_a_link_brings_everything_back_and_what_it_cannot_mean_is_left_out(predictions):
    page = predictions(section="ablation", at=6, char="e", against="=b", off="1.1,0.m", how="mean", order="size")
    assert page.locator('#ablation .switches [aria-pressed="true"]').count() == 2
    assert page.get_attribute("#ablation [data-how=mean]", "aria-pressed") == "true"
    assert "place 6" in page.inner_text("#ablation .next")
    turn(page, "attribution")
    assert page.inner_text("#attribution .what") == "After ‘o’: the logit of ‘e’, above that of ‘b’"
    assert page.get_attribute("#attribution [data-order=size]", "aria-pressed") == "true"
    page.wait_for_url("**section=attribution**")
    assert choices(page)["off"] == "1.1,0.m"
    page = predictions(at=999, char="漢", against="x", off="9.9,q", how="no")
    assert page.evaluate(LOOKED) == str(len(TEXT))
    turn(page, "attribution")
    assert page.inner_text("#attribution .what").startswith(f"After ‘{TEXT[-1]}’: the logit of ")
    turn(page, "ablation")
    assert page.locator('#ablation .switches [aria-pressed="true"]').count() == 0
    assert page.inner_text("#predictions-message").strip() == ""


def test_another_text_is_read_anew_and_what_is_wrong_is_said(predictions):
    page = predictions(at=6)
    page.fill("#predictions-text textarea", "Oh")
    page.click("#run-predictions")
    shown(page, "losses", "Oh")
    assert page.locator("#losses .cell").count() == 3
    page.fill("#predictions-text textarea", "a")
    page.press("#predictions-text textarea", "Shift+Enter")
    shown(page, "losses", "a")
    assert "nothing came before it" in page.inner_text("#losses .note")
    page.fill("#predictions-text textarea", "漢")
    page.click("#run-predictions")
    page.wait_for_selector('#predictions-message [data-kind="note"]')
    page.fill("#predictions-text textarea", "a" * 2001)
    page.click("#run-predictions")
    page.wait_for_selector('#predictions-message [data-kind="error"]')
    assert "at most 2,000" in page.inner_text("#predictions-message")


def test_the_tab_is_never_met_empty_and_keeps_what_it_shows(visit, two_layers_address):
    page = visit(two_layers_address, shows="#header dd")
    page.click("button[role=tab] >> text=Predictions")
    page.wait_for_selector("#losses .cell")
    page.hover('#losses .cell[data-i="2"]')
    page.click("button[role=tab] >> text=Attention")
    page.click("button[role=tab] >> text=Predictions")
    page.wait_for_selector("#losses .cell")
    assert page.locator("#losses .plot canvas").bounding_box()["width"] > 200


def test_another_model_is_asked_what_the_visitor_had_chosen(predictions):
    page = predictions(off="1.1", section="ablation", at=3)
    turn(page, "losses")
    page.click("#predictions-by-position")
    page.wait_for_selector("#losses-position .found:visible")
    pick(page, "film")
    text = prompts.LINES[0][0]
    shown(page, "losses", text)
    page.wait_for_function("document.querySelector('#losses-position .found').textContent.startsWith('film: mean')")
    turn(page, "ablation", text)
    assert page.locator('#ablation .switches [aria-pressed="true"]').count() == 1
    assert f"place {len(text) - 1}" in page.inner_text("#ablation .next")  # 3 was a place of another text


def test_of_another_model_a_part_that_is_not_there_is_left_alone_until_it_is_there_again(predictions):
    text = "To be or not"
    page = predictions(text, off="3.1,0.1", at=3, section="ablation", model="bundled")
    assert page.locator('#ablation .switches [aria-pressed="true"]').count() == 2
    pick(page, "noise")
    page.wait_for_function("document.querySelectorAll('#ablation .switches [data-part]').length === 6")
    shown(page, "ablation", text)
    assert page.locator('#ablation .switches [aria-pressed="true"]').count() == 1
    assert "place 3" in page.inner_text("#ablation .next")
    assert choices(page)["off"] == "3.1,0.1"
    pick(page, "bundled")
    page.wait_for_function("document.querySelectorAll('#ablation .switches [aria-pressed=true]').length === 2")


def test_all_sections_are_of_the_text_that_was_last_looked_at(predictions):
    page = predictions()
    page.fill("#predictions-text textarea", "Oh, yes")
    turn(page, "attribution")
    turn(page, "lens")
    page.click("#run-predictions")
    shown(page, "lens", "Oh, yes")
    turn(page, "attribution", "Oh, yes")


def test_a_map_that_cannot_be_measured_says_why(predictions, monkeypatch):
    monkeypatch.setattr(inspection, "ablation_map", lambda *given: 1 / 0)
    page = predictions("Not yet asked", section="ablation")
    page.wait_for_function("document.querySelector('#ablation .mapped').textContent.includes('failed')")
    page.wait_for_selector("#ablation [data-where=this]:enabled")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_phone_shows_all_of_it_and_every_text_can_be_read(predictions, theme):
    page = predictions(width=390, height=844, theme=theme, off="0.0,0.1,0.m,1.m", at=4)
    for section in SECTIONS:
        turn(page, section)
        rested(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, section
        texts = page.locator(f"#predictions-{section} :is(p, h2, h3, button, .cell, .value, .who, label):visible")
        found = [(one.evaluate(CONTRAST), one.inner_text()[:30]) for one in texts.all()[:90]]
        assert [pair for pair in found if pair[0] < 4.5] == [], section


def test_each_view_lives_as_a_file_of_its_own(predictions, browser, tmp_path):
    page = predictions(at=5, off="0.1")
    for section in SECTIONS:
        turn(page, section)
        path = saved(page.locator(f"#{section} .tools"), "HTML", tmp_path / f"{section}.html")
        same = {"losses": ".what", "lens": ".what", "attribution": ".sum", "ablation": ".loss"}[section]
        page.mouse.move(0, 0)
        with alone(browser, path) as file:
            assert file.inner_text(same) == page.inner_text(f"#{section} {same}")


def ran_lines(page, view, opened):
    """What the Python lines beside a view leave behind."""
    return ran(lines_of(page.locator(f"#{view} .tools")), opened)


def test_the_lines_of_each_view_compute_what_it_shows(predictions, two_layers):
    page = predictions(at=5, off="0.1", how="mean")
    names = ran_lines(page, "losses", two_layers)
    assert f"{names['found'].mean:.2f}" == page.locator("#losses .means .value").first.inner_text()
    assert f"{names['so_far'][-1][-1]:.2f}" == f"{names['found'].mean:.2f}"
    likely = page.locator("#losses .top .value").all_inner_texts()
    assert likely[0] == f"{100 * names['expected'].values[0]:.1f} %"
    first = CHARS[names["expected"].indices[0]]
    assert page.locator("#losses .top .who").first.inner_text() == {"\n": "⏎", " ": "␣"}.get(first, first)
    turn(page, "lens")
    names = ran_lines(page, "lens", two_layers)
    depth, place, found = names["depth"], names["place"], names["found"]
    assert (depth, place) == (len(found.depths) - 1, 5)
    page.hover("#lens .cells", position={"x": 24 * 3 + 12, "y": 32 + 24 * 2 + 12})
    assert page.inner_text("#lens .what").startswith(f"{found.depths[2]}: after ‘{TEXT[3]}’")
    turn(page, "attribution")
    names = ran_lines(page, "attribution", two_layers)
    assert [value for _, value in names["largest"]] == pytest.approx(values(page)[:8])
    page.click("#attribution [data-order=size]")
    page.select_option("#attribution .against", "mean")
    page.wait_for_function("document.querySelector('#attribution .what').textContent.includes('the mean')")
    names = ran_lines(page, "attribution", two_layers)
    assert sorted(map(abs, names["found"].parts.values()), reverse=True) == pytest.approx(list(map(abs, values(page))))
    turn(page, "ablation")
    page.wait_for_function("document.querySelector('#ablation .mapped').textContent.includes('one window')")
    names = ran_lines(page, "ablation", two_layers)  # the last that is found is the map
    expected = inspection.ablate(two_layers.model, TEXT, ["0.1"], reference=TEXT, position=5)
    assert f"→ {expected.loss_after:.2f} nats" in page.inner_text("#ablation .loss")
    (mapped,) = inspection.ablation_map(two_layers.model, TEXT, TEXT)
    assert names["found"].heads.tolist() == mapped.heads.tolist()
    assert page.inner_text('#ablation [data-part="1.0"]') == f"{mapped.heads[1, 0]:+.3f}".replace("-", "−")


def test_sections_open_with_what_there_is_to_see(predictions):
    text = "The night is long, and I am sick at heart; go tell the queen that I shall not come."
    page = predictions(text, section="ablation", model="bundled")
    page.wait_for_function("document.querySelector('#ablation .mapped').textContent.includes('one window')")
    numbers = page.locator("#ablation [data-part]").all_inner_texts()
    assert len(numbers) == 6 * 5
    assert all(number[0] in "+−" for number in numbers)
    assert page.is_hidden("#ablation .on")  # nothing is off that could be switched on again
    assert page.inner_text("#ablation .unsure").startswith("As unsure as a choice among ")
    turn(page, "attribution", text)
    assert page.locator("#attribution .parts li").count() == 9
    assert page.locator("#attribution .who").all_inner_texts()[-1] == "the other 25 together"
    turn(page, "lens", text)
    assert page.evaluate("document.querySelector('#lens .scroll').scrollLeft") == 0
    place = int(
        page.evaluate("document.querySelector('#lens [data-cell], #lens[data-cell]').dataset.cell").split(".")[1]
    )
    assert place < 10
    assert "at=" not in page.url  # nobody chose it
    page.goto(f"{page.url}&at=70")
    shown(page, "lens", text)
    page.wait_for_function("document.querySelector('#lens .scroll').scrollLeft > 0")
    left = page.evaluate("document.querySelector('#lens .scroll').scrollLeft")
    wide = page.evaluate("document.querySelector('#lens .scroll').clientWidth")
    assert left <= 70 * 24 <= left + wide - 24  # what is marked is in sight


def test_a_file_shows_the_view_as_it_stood(predictions, browser, tmp_path):
    page = predictions(section="attribution", at=5, order="pass", char="e")
    path = saved(page.locator("#attribution .tools"), "HTML", tmp_path / "attribution.html")
    with alone(browser, path) as file:
        assert file.get_attribute("[data-order=pass]", "aria-pressed") == "true"
        assert file.locator(".parts li").count() == page.locator("#attribution .parts li").count()
