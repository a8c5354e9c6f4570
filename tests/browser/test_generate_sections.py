"""Each section beside Write: columns from one random stream, heads switched off, one character taken apart."""

import csv
import re

import pytest
import torch
from browser.generate_tab import PROMPT, at_rest, finished, go, link, open_section, sentence, set_number, set_up, texts
from browser.taken_along import lines_of, saved

from strivelm import SamplingConfig
from strivelm.generation import distribution, draw, uniforms
from strivelm.inspection import generate_without
from strivelm.ui.tabs.generate import columns_payload

pytestmark = pytest.mark.browser


def again(page, name):
    page.evaluate(f"document.querySelector('#{name}-view .status').textContent = 'asked'")
    page.click(f"#run-{name}")
    finished(page, name)


def test_columns_hold_what_each_setting_writes_alone(visit, model, tmp_path):
    page = visit()
    set_up(page)
    open_section(page, "compare")  # nobody is met by an empty section
    finished(page, "compare")
    page.click("#compare-chosen label:has-text('A, your own')")
    page.wait_for_selector("#compare-view .column >> nth=3")  # a column that is ticked is there without a press
    finished(page, "compare")
    set_number(page, "a-temperature", 0)
    page.wait_for_selector("#compare-view .about:has-text('temperature 0,')")
    finished(page, "compare")
    settings = (*columns_payload.PRESETS.values(), (0, 0, 1.0))
    expected = [model.generate(PROMPT, 40, t, k, p, seed=7)[len(PROMPT) :] for t, k, p in settings]
    assert texts(page, "compare") == expected

    partings = columns_payload.partings(expected)
    sentence = page.inner_text("#compare-view .parting")
    assert f"at character {partings[0]['at'] + 1} the same random number" in sentence
    for column in range(4):
        marks = (
            page.locator(f"#compare-view .column >> nth={column}")
            .locator(".new > span")
            .evaluate_all("all => all.flatMap((one, i) => (one.matches('.mark') ? [i] : []))")
        )
        assert marks == [one["at"] for one in partings if any(column in group for group in one["groups"])]

    with saved(page.locator("#compare-view .tools"), "CSV", tmp_path / "columns.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    ids = model.tokenizer.encode(PROMPT + expected[0])
    logits = torch.stack([model(torch.tensor([ids[:n][-32:]]))[0][0, -1] for n in range(len(PROMPT), 32)])
    surprisal = -logits.log_softmax(-1)[range(32 - len(PROMPT)), ids[len(PROMPT) : 32]]
    told = [float(row["Conservative: surprisal in nats"]) for row in rows[: 32 - len(PROMPT)]]
    assert told == pytest.approx(surprisal.tolist(), abs=1e-3)
    assert [float(row["random number"]) for row in rows] == pytest.approx(
        [u for u, _ in zip(uniforms(7), range(40), strict=False)], abs=1e-6
    )
    mean = sum(float(row["Balanced: surprisal in nats"]) for row in rows) / 40
    assert f"mean {mean:.2f} nats" in page.inner_text("#compare-view .mean >> nth=1")


def test_arrow_keys_and_the_mouse_read_a_character_in_all_columns(visit):
    page = visit()
    set_up(page)
    open_section(page, "compare")
    finished(page, "compare")
    page.hover("#compare-view .new >> nth=1 >> span >> nth=4")
    page.wait_for_selector("#compare-view caption:has-text('Character 5,')")
    page.locator("#compare-view .text").first.focus()
    page.keyboard.press("ArrowRight")
    assert "Character 6," in page.inner_text("#compare-view caption")
    page.keyboard.press("End")
    assert "Character 40," in page.inner_text("#compare-view caption")
    assert page.locator("#compare-view .here").count() == 3
    assert re.search(r"1 in [\d.,]+ \([\d.]+ nats\)", page.inner_text("#compare-view tbody"))


def test_stop_stops_and_who_leaves_stops_costing(visit, slow_address, steps, until):
    page = visit(slow_address)
    set_up(page, count=500)
    open_section(page, "compare")
    page.wait_for_function("document.querySelector('#compare-view .new')?.textContent.length > 10")
    page.click("#stop-compare")
    page.wait_for_selector("#compare-view .status:has-text('Stopped')")
    page.wait_for_selector("#run-compare:enabled")
    length = len(texts(page, "compare")[0])
    assert 10 < length < 500
    page.click("#run-compare")
    page.wait_for_selector("#compare-view .status:has-text('Writing')")
    page.close()
    until(at_rest(steps), "the model went on writing for a visitor who has left")


def test_an_empty_choice_is_said_and_the_texts_stay(visit):
    page = visit()
    set_up(page)
    open_section(page, "compare")
    finished(page, "compare")
    before = texts(page, "compare")
    for name in columns_payload.PRESETS:
        page.click(f"#compare-chosen label:has-text('{name}')")
    page.wait_for_selector("#compare-message [data-kind=error]")
    assert "No setting is chosen" in page.inner_text("#compare-message .message")
    left = texts(page, "compare")
    assert left
    assert set(left) <= set(before)
    page.wait_for_selector("#run-compare:enabled")


def test_the_first_texts_have_the_random_numbers_of_the_text_that_write_shows(visit):
    page = visit()
    page.wait_for_function("document.querySelector('#generate-text .status').textContent.startsWith('Finished')")
    text = page.eval_on_selector("#generate-text .new", "element => element.textContent")
    seed = page.inner_text("#generate-text .status").split()[-1]
    open_section(page, "compare")
    finished(page, "compare")
    assert page.inner_text("#compare-view .status").endswith(f"seed {seed}")
    assert texts(page, "compare")[list(columns_payload.PRESETS).index("Balanced")] == text
    again(page, "compare")  # a press draws another one, and the field stays empty
    other = page.inner_text("#compare-view .status").split()[-1]
    assert other != seed
    assert page.input_value("#seed input") == ""
    # what is ticked then is written with the same numbers, and so are the others
    before = texts(page, "compare")
    page.click("#compare-chosen label:has-text('B, your own')")
    page.wait_for_selector("#compare-view .column >> nth=3")
    finished(page, "compare")
    assert texts(page, "compare")[:3] == before
    assert page.inner_text("#compare-view .status").endswith(f"seed {other}")
    page.click("#compare-view .keep")
    page.wait_for_function("seed => document.querySelector('#seed input').value === seed", arg=other)


def test_where_the_texts_part_is_scrolled_into_sight(visit, address):
    said = {"text": "Fox\n" * 200, "seed": 1, "count": 500, "compare": "A,B", "b_temperature": 1.01}
    page = link(visit, address, section="compare", **said)
    finished(page, "compare")
    page.wait_for_timeout(300)
    for column in (0, 1):
        box, mark = (
            page.locator(f"#compare-view .column >> nth={column}").locator(one).first.bounding_box()
            for one in (".text", ".mark")
        )
        assert box["y"] - 1 <= mark["y"]
        assert mark["y"] + mark["height"] <= box["y"] + box["height"] + 1


def test_switches_work_by_keyboard_and_write_what_inspection_writes(visit, model):
    page = visit()
    set_up(page)
    open_section(page, "heads")
    finished(page, "heads")
    page.focus("#switches [data-part='0.0']")
    page.keyboard.press("Space")  # on again
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    pressed = page.locator("#switches [data-part]").evaluate_all(
        "all => all.filter((one) => one.ariaPressed === 'true').map((one) => one.dataset.part)"
    )
    assert pressed == ["0.m"]
    page.wait_for_selector("#heads-view .about:has-text('MLP 0')")  # written anew without being asked
    finished(page, "heads")
    found = generate_without(model, PROMPT, SamplingConfig(40, 0.9, 40, 1.0, seed=7), [], [0])
    assert texts(page, "heads") == [found.before, found.after]
    assert f"at character {found.first_difference + 1} the same" in page.inner_text("#heads-view .parting")
    page.click("#switches .all")
    page.wait_for_selector("#heads-view .about:has-text('nothing')")
    finished(page, "heads")
    whole, same = texts(page, "heads")
    assert whole == same == found.before
    assert "the same to the end" in page.inner_text("#heads-view .parting")


def test_each_step_shows_the_models_own_numbers(visit, model):
    page = visit()
    set_up(page, prompt="Fox")
    open_section(page, "slowly")
    set_number(page, "slow-temperature", 0.6)
    set_number(page, "slow-top-k", 10)
    set_number(page, "slow-top-p", 0.7)
    page.wait_for_function("new URLSearchParams(location.search).get('slow_top_p') === '0.7'")
    page.wait_for_function("document.querySelector('#slowly-view .tail').textContent === 'Fox'")
    page.wait_for_timeout(1000)
    page.wait_for_selector("#slowly-view section[data-waiting=false]")
    page.wait_for_selector("#slowly-view .bars li")
    page.wait_for_function("document.querySelector('#slowly-view .sentence').textContent.includes('z =')")
    chars = model.tokenizer.chars
    logits = model(torch.tensor([model.tokenizer.encode("Fox")]))[0][0, -1].detach()
    order = logits.argsort(descending=True, stable=True).tolist()
    rows = page.locator("#slowly-view .bars li")
    assert [int(one) for one in rows.evaluate_all("all => all.map((one) => one.dataset.id)")] == order[:20]
    values = rows.locator(".value").all_inner_texts()
    assert [float(one) for one in values] == pytest.approx(logits[order[:20]].tolist(), abs=0.006)

    page.locator("#slowly-view .step").first.focus()
    stages = [
        SamplingConfig(1, 0.6, 0),
        SamplingConfig(1, 0.6, 10),
        SamplingConfig(1, 0.6, 10, 0.7),
        SamplingConfig(1, 0.6, 10, 0.7),
    ]
    for step, config in enumerate(stages, 1):
        page.keyboard.press("ArrowRight")
        page.wait_for_function(
            "step => document.querySelectorAll('#slowly-view .step')[step].getAttribute('aria-current') === 'step'",
            arg=step,
        )
        p = distribution(logits, config)
        values = rows.locator(".value").all_inner_texts()[:20]
        assert [float(one.strip(" %")) / 100 for one in values] == pytest.approx(p[order[:20]].tolist(), abs=6e-4)
        gone = rows.evaluate_all("all => all.filter((one) => one.matches('.gone')).map((one) => +one.dataset.id)")
        assert gone == [i for i in order[:20] if p[i] == 0]
    u = next(uniforms(7))
    hit = draw(p, u)
    assert f"u = {u:.4f} (number 1 of seed 7)" in sentence(page)
    assert page.get_attribute("#slowly-view .hit", "data-id") == str(hit)
    assert "Fox" + chars[hit] == model.generate("Fox", 1, 0.6, 10, 0.7, seed=7)


def test_appending_writes_the_seeds_text_and_drawing_again_another(visit, model):
    page = visit()
    set_up(page, prompt="Fox")
    open_section(page, "slowly")
    page.wait_for_selector("#slowly-view .bars li")
    go(page, 4)
    text = model.generate("Fox", 3, 0.9, 10, 0.9, seed=7)
    for n in (4, 5, 6):
        page.click("#slowly-view .append")
        page.wait_for_function(
            f"document.querySelector('#slowly-view .sentence').textContent.includes('number {n - 2} of')"
        )
        assert page.input_value("#prompt textarea") == text[:n]
    page.click("#slowly-view .again")
    assert "(chosen here)" in sentence(page)
    page.fill("#slowly-view input[type=range]", "0.5")
    assert "u = 0.5000 (chosen here)" in sentence(page)
    logits = model(torch.tensor([model.tokenizer.encode(text)]))[0][0, -1].detach()
    hit = draw(distribution(logits, SamplingConfig(1, 0.9, 10, 0.9)), 0.5)
    assert page.get_attribute("#slowly-view .hit", "data-id") == str(hit)
    assert "u = 0.5\n" in lines_of(page.locator("#slowly-view .tools"))
    # the bars follow the settings: greedy leaves nothing to chance
    set_number(page, "slow-temperature", 0)
    best = int(logits.argmax())
    page.wait_for_function("id => document.querySelector('#slowly-view .hit')?.dataset.id === id", arg=str(best))
    assert "covers 0.0000 to 1.0000" in sentence(page)


def test_one_question_is_asked_when_the_settings_have_come_to_rest(visit):
    page = visit()
    set_up(page, prompt="F")
    open_section(page, "slowly")
    page.wait_for_selector("#slowly-view .bars li")
    page.wait_for_timeout(1000)
    asked = []
    page.on("request", lambda request: asked.append(request.post_data) if request.method == "POST" else None)
    page.locator("#prompt textarea").press_sequentially("ox and crow", delay=20)
    page.wait_for_function("document.querySelector('#slowly-view .tail').textContent === 'Fox␣and␣crow'")
    page.wait_for_timeout(1000)
    assert len([one for one in asked if one and "generate.sampling_steps" in one]) == 1
