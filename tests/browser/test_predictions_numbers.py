"""The Predictions tab's numbers are inspection's, whatever is chosen or switched off."""

import csv

import pytest
from browser.predictions_tab import CHARS, LOOKED, TEXT, parts, turn, values
from browser.taken_along import saved

from strivelm import inspection
from strivelm.ui.core import samples

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("two_layers_address")]


def table(page, view, tmp_path):
    """The rows of the table that a view saves."""
    path = saved(page.locator(f"#{view} .tools"), "CSV", tmp_path / f"{view}.csv")
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def test_losses_are_surprisals_and_each_character_tells_its_own(predictions, two_layers, tmp_path):
    page = predictions()
    found = inspection.surprisal(two_layers.model, TEXT, two_layers.ngrams)
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


def test_the_lens_is_inspections_and_a_place_chosen_there_is_chosen_everywhere(predictions, two_layers, tmp_path):
    page = predictions(section="lens")
    found = inspection.logit_lens(two_layers.model, TEXT)
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


BARS = "all => all.map((bar) => [parseFloat(bar.style.left), parseFloat(bar.style.width)])"


def test_the_parts_are_inspections_for_any_character_and_rival(predictions, two_layers, tmp_path):
    page = predictions(section="attribution", at=7)
    found = inspection.direct_logit_attribution(two_layers.model, TEXT, 7)
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
    found = inspection.direct_logit_attribution(two_layers.model, TEXT, 7, "e", "mean")
    assert sorted(values(page)) == pytest.approx(sorted(found.parts.values()))
    page.select_option("#attribution .against", "=<")
    page.wait_for_function("document.querySelector('#attribution .what').textContent.includes('‘<’')")
    found = inspection.direct_logit_attribution(two_layers.model, TEXT, 7, "e", "<")
    assert sorted(values(page)) == pytest.approx(sorted(found.parts.values()))
    logits = inspection.trace(two_layers.model, TEXT, keep={"logits"}).logits[7]
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


def test_parts_are_switched_off_and_on_and_mapped(predictions, two_layers, tmp_path):
    page = predictions(section="ablation", at=3)
    model = two_layers.model
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


def test_the_loss_by_position_says_what_it_was_measured_on(predictions, two_layers):
    page = predictions()
    page.click("#predictions-by-position")
    page.wait_for_function(
        "document.querySelector('#losses-position .found')?.textContent.includes('64 of 64 windows')"
    )
    assert "wrote itself" in page.inner_text("#losses-position .said")
    page.focus("#losses-position canvas")
    page.keyboard.press("ArrowRight")
    (found,) = list(inspection.loss_by_position(two_layers.model, samples.sample(two_layers).ids, 128))[-1:]
    assert page.inner_text("#losses-position .readout").startswith(f"1 in view: {found.bin_mean[0]:.2f} ± ")
    page.keyboard.press("ArrowRight")
    assert page.inner_text("#losses-position .readout").startswith("2 in view: ")
