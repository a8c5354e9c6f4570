"""The Predictions tab under a visitor's hands: its numbers are inspection's, and every control does its work."""

import csv
import io
import string
from contextlib import redirect_stdout
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from serving import open_random, served
from test_looks import CONTRAST, rested

from strivelm import inspection
from strivelm.data.ngrams import count_ngrams
from strivelm.ui.core import prompts, samples

pytestmark = pytest.mark.browser

CHARS = "\n" + string.ascii_letters + " .,;<>/${}😀"
TEXT = "A <b> of\n${it} 😀, yes."
SECTIONS = ("losses", "lens", "attribution", "ablation")


@pytest.fixture(scope="module")
def opened():
    """A model of two layers with n-gram tables."""
    found = open_random(CHARS, n_layer=2, block_size=64, n_embd=32)
    ids = found.model.tokenizer.encode("A cat, a dog, yes.\n" * 30)
    found.__dict__["ngrams"] = count_ngrams(ids, found.model.vocab_size)
    return found


@pytest.fixture(scope="module")
def at(opened):
    """Where the page over it is."""
    with served(opened) as address:
        yield address


@pytest.fixture
def look(visit, at):
    """The function that opens the tab with what an address says, and waits until all of it is there."""

    def open_tab(text=TEXT, section="losses", **said):
        query = said | {"text": text, "section": section}
        options = {name: query.pop(name) for name in ("width", "height", "theme") if name in query}
        page = visit(f"{at}?{urlencode({'tab': 'predictions'} | query)}", shows="#predictions-text", **options)
        shown(page, section, text)
        return page

    return open_tab


LENGTH = """name => name === "lens"
  ? document.querySelector("#lens .cells").getAttribute("aria-label")?.match(/of ([0-9]+) places/)[1]
  : document.querySelectorAll(`#${name} .text .cell`).length - (name === "losses")"""


def shown(page, section, text=TEXT):
    """Waits until a section is in sight, and its view rests and is of a text."""
    page.wait_for_selector(f"#predictions-{section}", state="visible")
    page.wait_for_function(f"Number(({LENGTH})('{section}')) === {len(text)}")
    page.wait_for_function(f"!document.querySelector('#predictions-{section} [data-waiting=true]')")


def turn(page, section, text=TEXT):
    page.click(f"#predictions-section input[value={section}] + span")
    shown(page, section, text)


def table(page, view, tmp_path):
    """The rows of the table that a view saves."""
    with page.expect_download() as download:
        page.click(f"#{view} .tools >> text=CSV")
    path = tmp_path / f"{view}.csv"
    download.value.save_as(path)
    with path.open(newline="") as file:
        return list(csv.reader(file))


def said(page):
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}


def test_losses_are_surprisals_and_each_character_tells_its_own(look, opened, tmp_path):
    page = look()
    found = inspection.surprisal(opened.model, TEXT, opened.ngrams)
    head, *rows = table(page, "losses", tmp_path)
    assert [row[1] for row in rows] == list(TEXT)
    for name, numbers in {
        "surprisal_nats": found.model,
        "entropy_nats": found.entropy,
        "5-gram_nats": found.tables[-1],
    }.items():
        column = [row[head.index(name)] for row in rows]
        assert [float(cell) for cell in column if cell] == pytest.approx(
            [x for x in numbers.tolist() if x == x], rel=1e-6
        )
    page.hover('#losses .cell[data-i="3"]')
    assert page.inner_text("#losses .what") == "‘b’ after ‘A␣<’"
    assert f"{found.model[3]:.2f} nats" in page.inner_text("#losses .how")
    assert f"number {found.rank[3] + 1} of {len(CHARS)}" in page.inner_text("#losses .how")
    counts = page.locator("#losses .counts .value").all_inner_texts()
    assert counts[0] == f"{found.model[3]:.2f}"
    assert counts[-1] == f"{found.tables[0, 3]:.2f}"
    means = page.locator("#losses .means .value").all_inner_texts()
    assert means == [f"{found.mean:.2f}", *(f"{mean:.2f}" for mean in reversed(found.table_means.tolist()))]
    page.focus("#losses .text")
    for key, index in (("Home", 0), ("ArrowRight", 1), ("ArrowRight", 2), ("ArrowLeft", 1), ("End", len(TEXT))):
        page.keyboard.press(key)
        assert page.evaluate(LOOKED) == str(index)
    assert page.inner_text("#losses .what") == "What comes after the text"


LOOKED = "document.querySelector('#losses [data-looked], #losses[data-looked]').dataset.looked"


def test_the_lens_is_inspections_and_a_place_chosen_there_is_chosen_everywhere(look, opened, tmp_path):
    page = look(section="lens")
    found = inspection.logit_lens(opened.model, TEXT)
    _, *rows = table(page, "lens", tmp_path)
    depths = len(found.depths)
    assert len(rows) == len(TEXT) * depths
    for number, row in enumerate(rows):
        i, d = divmod(number, depths)
        assert (int(row[0]), row[2]) == (i, found.depths[d])
        assert tuple(row[4::2]) == found.top_chars[d][i]
        p = found.top_probabilities[d, i].tolist()
        assert all(abs(float(cell) - x) <= x**0.5 / 65535 + 1e-7 for cell, x in zip(row[5::2], p, strict=True))
        assert float(row[3]) == pytest.approx(found.kl[d, i].item(), rel=1e-5, abs=1e-9)
    box = page.locator("#lens .cells").bounding_box()
    page.mouse.click(box["x"] + 24 * 5 + 12, box["y"] + 32 + 24 * 2 + 12)
    assert page.inner_text("#lens .what").startswith(f"{found.depths[2]}: after ‘␣’, ")
    p = [f"{100 * x:.1f} %" for x in found.top_probabilities[2, 5].tolist() if x >= 0.1]
    assert page.locator("#lens .top .value").all_inner_texts()[: len(p)] == p
    page.wait_for_url("**at=5**")
    turn(page, "ablation")
    page.wait_for_function("document.querySelector('#ablation .next').textContent.includes('place 5')")
    turn(page, "attribution")
    page.wait_for_function("document.querySelector('#attribution .what').textContent.startsWith('After ‘␣’')")
    page.click('#attribution .cell[data-i="3"]')
    page.wait_for_function("document.querySelector('#attribution .what').textContent.startsWith('After ‘b’')")
    turn(page, "losses")
    assert page.evaluate(LOOKED) == "4"
    page.click('#losses .cell[data-i="6"]')
    turn(page, "lens")
    assert "after ‘␣’" in page.inner_text("#lens .what")
    page.focus("#lens .cells")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowDown")
    assert page.inner_text("#lens .what").startswith(found.depths[3])
    page.keyboard.press("ArrowLeft")
    assert "after ‘>’" in page.inner_text("#lens .what")
    page.keyboard.press("End")
    assert f"after ‘{TEXT[-1]}’" in page.inner_text("#lens .what")
    page.keyboard.press("Home")
    assert "after ‘A’" in page.inner_text("#lens .what")
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    page.keyboard.press(" ")
    page.wait_for_url("**at=4**")
    turn(page, "ablation")
    page.wait_for_function("document.querySelector('#ablation .next').textContent.includes('place 4')")


def parts(page):
    return page.eval_on_selector_all(
        "#attribution [data-part]", "all => all.map((one) => [one.dataset.part, Number(one.dataset.value)])"
    )


def values(page):
    return [value for _, value in parts(page)]


BARS = "all => all.map((bar) => [parseFloat(bar.style.left), parseFloat(bar.style.width)])"


def test_the_parts_are_inspections_for_any_character_and_rival(look, opened, tmp_path):
    page = look(section="attribution", at=7)
    found = inspection.direct_logit_attribution(opened.model, TEXT, 7)
    assert values(page) == pytest.approx(sorted(found.parts.values(), key=abs, reverse=True))  # so few fit
    page.click("#attribution [data-order=pass]")
    page.wait_for_url("**order=pass**")
    assert values(page) == pytest.approx(list(found.parts.values()))
    layers = ["0.0", "0.1", "0.m", "1.0", "1.1", "1.m"]
    names = ["token embedding", "position embedding", *layers, "final LayerNorm's bias"]
    assert [name for name, _ in parts(page)] == names
    assert [row[0] for row in table(page, "attribution", tmp_path)] == ["part", *names, "sum", "logit"]
    assert page.locator("#attribution .who").all_inner_texts()[2:5] == ["head 0.0", "head 0.1", "MLP of layer 0"]
    bars = page.eval_on_selector_all("#attribution .track i", BARS)
    most = max(1, *map(abs, found.parts.values()))
    for (left, width), value in zip(bars, found.parts.values(), strict=True):
        assert (left + width if value < 0 else left) == pytest.approx(50, abs=0.01)
        assert width == pytest.approx(50 * abs(value) / most, abs=0.01)
    assert f"sum to {found.total:.4f}".replace("-", "−") in page.inner_text("#attribution .sum")
    page.click("#attribution [data-order=size]")
    sizes = [abs(value) for _, value in parts(page)]
    assert sizes == sorted(sizes, reverse=True)
    page.wait_for_url("**order=size**")
    page.select_option("#attribution .char", "e")
    page.wait_for_function("document.querySelector('#attribution .what').textContent.includes('‘e’')")
    page.select_option("#attribution .against", "mean")
    page.wait_for_function("document.querySelector('#attribution .what').textContent.includes('the mean')")
    found = inspection.direct_logit_attribution(opened.model, TEXT, 7, "e", "mean")
    assert sorted(values(page)) == pytest.approx(sorted(found.parts.values()))
    page.select_option("#attribution .against", "=<")
    page.wait_for_function("document.querySelector('#attribution .what').textContent.includes('‘<’')")
    found = inspection.direct_logit_attribution(opened.model, TEXT, 7, "e", "<")
    assert sorted(values(page)) == pytest.approx(sorted(found.parts.values()))
    logits = inspection.trace(opened.model, TEXT, keep={"logits"}).logits[7]
    lead = logits[CHARS.index("e")] - logits[CHARS.index("<")]
    assert sum(value for _, value in parts(page)) == pytest.approx(lead.item(), abs=1e-4)


def wait_loss(page, after):
    page.wait_for_function(
        "after => Math.abs(Number((document.querySelector('#ablation [data-loss], #ablation[data-loss]'))"
        ".dataset.loss.split(' ')[1]) - after) < 1e-9",
        arg=after,
    )


# The ground of a change of loss by so many nats, and the colours at the two ends of the map's scale.
GROUND = """nats => {
  const [r, g, b] = strivelm.colour("diverging", 0.5 * Math.max(-1, Math.min(1, -nats / 2))).match(/[0-9]+/g);
  return [Number(r), Number(g), Number(b)];
}"""
ENDS = """() => {
  const canvas = document.querySelector("#ablation .scale canvas");
  const drawn = canvas.getContext("2d");
  return [0, canvas.width - 1].map((x) => Array.from(drawn.getImageData(x, 3, 1, 1).data).slice(0, 3));
}"""


def test_parts_are_switched_off_and_on_and_mapped(look, opened, tmp_path):
    page = look(section="ablation", at=3)
    model = opened.model
    before = inspection.ablate(model, TEXT).loss_before
    page.hover('#ablation .cell[data-i="2"]')
    assert page.inner_text("#ablation .readout").startswith(f"‘{TEXT[2]}’: ")
    assert page.inner_text('#ablation .cell[data-i="2"]') == TEXT[2]
    page.click('#ablation [data-part="0.1"]')
    wait_loss(page, inspection.ablate(model, TEXT, ["0.1"]).loss_after)
    page.click('#ablation [data-part="1.m"]')
    found = inspection.ablate(model, TEXT, ["0.1"], [1], position=3)
    wait_loss(page, found.loss_after)
    assert f"{before:.2f} → {found.loss_after:.2f}" in page.inner_text("#ablation .loss")
    assert page.locator('#ablation .switches [aria-pressed="true"]').count() == 2
    rows = table(page, "ablation", tmp_path)[1 : 1 + len(TEXT)]  # below them is the map
    assert [float(row[3]) for row in rows[1:]] == pytest.approx(found.surprisal_after[1:].tolist(), rel=1e-6)
    assert [float(row[4]) for row in rows] == pytest.approx(found.kl.tolist(), rel=1e-5)
    assert f"{found.kl[3]:.3f} nats" in page.inner_text("#ablation .spread")
    page.click("#ablation [data-how=mean]")
    wait_loss(page, inspection.ablate(model, TEXT, ["0.1"], [1], TEXT).loss_after)
    page.click("#ablation [data-how=zero]")
    wait_loss(page, found.loss_after)
    page.click("#ablation .on")
    wait_loss(page, before)
    (mapped,) = inspection.ablation_map(model, TEXT)
    page.click("#ablation [data-where=this]")
    page.wait_for_function("document.querySelector('#ablation .mapped').textContent.includes('one window')")
    for head in range(2):
        shown_ = page.inner_text(f'#ablation [data-part="1.{head}"]')
        assert shown_ == f"{mapped.heads[1, head]:+.3f}".replace("-", "−")
    rows = table(page, "ablation", tmp_path)
    parts_off = rows[rows.index(["part", "change_of_loss_nats", "standard_error"]) + 1 :]
    assert [row[0] for row in parts_off] == ["0.0", "0.1", "0.m", "1.0", "1.1", "1.m"]
    changes = [x for heads, mlp in zip(mapped.heads.tolist(), mapped.mlps.tolist(), strict=True) for x in (*heads, mlp)]
    assert [float(row[1]) for row in parts_off] == pytest.approx(changes, rel=1e-5)
    worst = page.evaluate(GROUND, 2)
    best = page.evaluate(GROUND, -2)
    assert page.evaluate(ENDS) == [best, worst]  # of the scale, from left to right
    page.click('#ablation [data-part="1.0"]')
    wait_loss(page, inspection.ablate(model, TEXT, ["1.0"]).loss_after)
    assert page.inner_text('#ablation [data-part="1.0"]') == f"{mapped.heads[1, 0]:+.3f}".replace("-", "−")
    page.click("#ablation [data-where=long]")
    page.wait_for_function("document.querySelector('#ablation .mapped').textContent.includes('wrote itself')")
    assert "± " in page.get_attribute('#ablation [data-part="0.0"]', "title")


def test_a_link_brings_everything_back_and_what_it_cannot_mean_is_left_out(look):
    page = look(section="ablation", at=6, char="e", against="=b", off="1.1,0.m", how="mean", order="size")
    assert page.locator('#ablation .switches [aria-pressed="true"]').count() == 2
    assert page.get_attribute("#ablation [data-how=mean]", "aria-pressed") == "true"
    assert "place 6" in page.inner_text("#ablation .next")
    turn(page, "attribution")
    assert page.inner_text("#attribution .what") == "After ‘o’: the logit of ‘e’, above that of ‘b’"
    assert page.get_attribute("#attribution [data-order=size]", "aria-pressed") == "true"
    page.wait_for_url("**section=attribution**")
    assert said(page)["off"] == "1.1,0.m"
    page = look(at=999, char="漢", against="x", off="9.9,q", how="no")
    assert page.evaluate(LOOKED) == str(len(TEXT))
    turn(page, "attribution")
    assert page.inner_text("#attribution .what").startswith(f"After ‘{TEXT[-1]}’: the logit of ")
    turn(page, "ablation")
    assert page.locator('#ablation .switches [aria-pressed="true"]').count() == 0
    assert page.inner_text("#predictions-message").strip() == ""


def test_another_text_is_read_anew_and_what_is_wrong_is_said(look):
    page = look(at=6)
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


def test_the_tab_is_never_met_empty_and_keeps_what_it_shows(visit, at):
    page = visit(at, shows="#header dd")
    page.click("button[role=tab] >> text=Predictions")
    page.wait_for_selector("#losses .cell")
    page.hover('#losses .cell[data-i="2"]')
    page.click("button[role=tab] >> text=Attention")
    page.click("button[role=tab] >> text=Predictions")
    page.wait_for_selector("#losses .cell")
    assert page.locator("#losses .plot canvas").bounding_box()["width"] > 200


def test_another_model_is_asked_what_the_visitor_had_chosen(look):
    page = look(off="1.1", section="ablation", at=3)
    turn(page, "losses")
    page.click("#predictions-by-position")
    page.wait_for_selector("#losses-position .found:visible")
    page.fill("#model input", "film")
    page.press("#model input", "Enter")
    text = prompts.LINES[0][0]
    shown(page, "losses", text)
    page.wait_for_function("document.querySelector('#losses-position .found').textContent.startsWith('film: mean')")
    turn(page, "ablation", text)
    assert page.locator('#ablation .switches [aria-pressed="true"]').count() == 1
    assert f"place {len(text) - 1}" in page.inner_text("#ablation .next")  # 3 was a place of another text


def test_of_another_model_a_part_that_is_not_there_is_left_alone_until_it_is_there_again(look):
    text = "To be or not"
    page = look(text, off="3.1,0.1", at=3, section="ablation", model="bundled")
    assert page.locator('#ablation .switches [aria-pressed="true"]').count() == 2
    page.fill("#model input", "noise")
    page.press("#model input", "Enter")
    page.wait_for_function("document.querySelectorAll('#ablation .switches [data-part]').length === 6")
    shown(page, "ablation", text)
    assert page.locator('#ablation .switches [aria-pressed="true"]').count() == 1
    assert "place 3" in page.inner_text("#ablation .next")
    assert said(page)["off"] == "3.1,0.1"
    page.fill("#model input", "bundled")
    page.press("#model input", "Enter")
    page.wait_for_function("document.querySelectorAll('#ablation .switches [aria-pressed=true]').length === 2")


def test_all_sections_are_of_the_text_that_was_last_looked_at(look):
    page = look()
    page.fill("#predictions-text textarea", "Oh, yes")
    turn(page, "attribution")
    turn(page, "lens")
    page.click("#run-predictions")
    shown(page, "lens", "Oh, yes")
    turn(page, "attribution", "Oh, yes")


def test_a_map_that_cannot_be_measured_says_why(look, monkeypatch):
    monkeypatch.setattr(inspection, "ablation_map", lambda *given: 1 / 0)
    page = look("Not yet asked", section="ablation")
    page.wait_for_function("document.querySelector('#ablation .mapped').textContent.includes('failed')")
    page.wait_for_selector("#ablation [data-where=this]:enabled")


def test_the_loss_by_position_says_what_it_was_measured_on(look, opened):
    page = look()
    page.click("#predictions-by-position")
    page.wait_for_function(
        "document.querySelector('#losses-position .found')?.textContent.includes('64 of 64 windows')"
    )
    assert "wrote itself" in page.inner_text("#losses-position .said")
    page.focus("#losses-position canvas")
    page.keyboard.press("ArrowRight")
    (found,) = list(inspection.loss_by_position(opened.model, samples.sample(opened).ids, 128))[-1:]
    assert page.inner_text("#losses-position .readout").startswith(f"1 in view: {found.bin_mean[0]:.2f} ± ")
    page.keyboard.press("ArrowRight")
    assert page.inner_text("#losses-position .readout").startswith("2 in view: ")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_phone_shows_all_of_it_and_every_text_can_be_read(look, theme):
    page = look(width=390, height=844, theme=theme, off="0.0,0.1,0.m,1.m", at=4)
    for section in SECTIONS:
        turn(page, section)
        rested(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, section
        texts = page.locator(f"#predictions-{section} :is(p, h2, h3, button, .cell, .value, .who, label):visible")
        found = [(one.evaluate(CONTRAST), one.inner_text()[:30]) for one in texts.all()[:90]]
        assert [pair for pair in found if pair[0] < 4.5] == [], section


def test_each_view_lives_as_a_file_of_its_own(look, browser, tmp_path):
    page = look(at=5, off="0.1")
    for section in SECTIONS:
        turn(page, section)
        with page.expect_download() as download:
            page.click(f"#{section} .tools >> text=HTML")
        path = tmp_path / f"{section}.html"
        download.value.save_as(path)
        alone, wrong = browser.new_page(), []
        alone.on("pageerror", lambda error, wrong=wrong: wrong.append(str(error)))
        alone.goto(path.as_uri())
        same = {"losses": ".what", "lens": ".what", "attribution": ".sum", "ablation": ".loss"}[section]
        page.mouse.move(0, 0)
        assert alone.inner_text(same) == page.inner_text(f"#{section} {same}")
        assert wrong == []
        alone.close()


def ran(page, view, opened):
    """What the Python lines beside a view leave behind; the model's own is given to them."""
    page.click(f"#{view} .tools >> text=Python")
    lines = page.text_content(f"#{view} .strivelm-python pre")
    page.click(f"#{view} .tools >> text=Python")
    names = {"load_model": lambda ref: opened.model, "open_model": lambda ref: opened}
    for name in names:
        lines = lines.replace(f"from strivelm import {name}\n", "")
    with redirect_stdout(io.StringIO()):
        exec(lines, names)
    return names


def test_the_lines_of_each_view_compute_what_it_shows(look, opened):
    page = look(at=5, off="0.1", how="mean")
    names = ran(page, "losses", opened)
    assert f"{names['found'].mean:.2f}" == page.locator("#losses .means .value").first.inner_text()
    assert f"{names['so_far'][-1][-1]:.2f}" == f"{names['found'].mean:.2f}"
    likely = page.locator("#losses .top .value").all_inner_texts()
    assert likely[0] == f"{100 * names['expected'].values[0]:.1f} %"
    first = CHARS[names["expected"].indices[0]]
    assert page.locator("#losses .top .who").first.inner_text() == {"\n": "⏎", " ": "␣"}.get(first, first)
    turn(page, "lens")
    names = ran(page, "lens", opened)
    depth, place, found = names["depth"], names["place"], names["found"]
    assert (depth, place) == (len(found.depths) - 1, 5)
    page.hover("#lens .cells", position={"x": 24 * 3 + 12, "y": 32 + 24 * 2 + 12})
    assert page.inner_text("#lens .what").startswith(f"{found.depths[2]}: after ‘{TEXT[3]}’")
    turn(page, "attribution")
    names = ran(page, "attribution", opened)
    assert [value for _, value in names["largest"]] == pytest.approx(values(page)[:8])
    page.click("#attribution [data-order=size]")
    page.select_option("#attribution .against", "mean")
    page.wait_for_function("document.querySelector('#attribution .what').textContent.includes('the mean')")
    names = ran(page, "attribution", opened)
    assert sorted(map(abs, names["found"].parts.values()), reverse=True) == pytest.approx(list(map(abs, values(page))))
    turn(page, "ablation")
    page.wait_for_function("document.querySelector('#ablation .mapped').textContent.includes('one window')")
    names = ran(page, "ablation", opened)  # the last that is found is the map
    expected = inspection.ablate(opened.model, TEXT, ["0.1"], reference=TEXT, position=5)
    assert f"→ {expected.loss_after:.2f} nats" in page.inner_text("#ablation .loss")
    (mapped,) = inspection.ablation_map(opened.model, TEXT, TEXT)
    assert names["found"].heads.tolist() == mapped.heads.tolist()
    assert page.inner_text('#ablation [data-part="1.0"]') == f"{mapped.heads[1, 0]:+.3f}".replace("-", "−")


def test_sections_open_with_what_there_is_to_see(look):
    text = "The night is long, and I am sick at heart; go tell the queen that I shall not come."
    page = look(text, section="ablation", model="bundled")
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


def test_a_file_shows_the_view_as_it_stood(look, browser, tmp_path):
    page = look(section="attribution", at=5, order="pass", char="e")
    with page.expect_download() as download:
        page.click("#attribution .tools >> text=HTML")
    download.value.save_as(tmp_path / "attribution.html")
    alone = browser.new_page()
    alone.goto((tmp_path / "attribution.html").as_uri())
    assert alone.get_attribute("[data-order=pass]", "aria-pressed") == "true"
    assert alone.locator(".parts li").count() == page.locator("#attribution .parts li").count()
    alone.close()
