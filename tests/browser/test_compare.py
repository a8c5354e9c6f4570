"""The sections beside Write: columns from one random stream, heads switched off, one character taken apart."""

import contextlib
import csv
import io
import re
from urllib.parse import urlencode

import pytest
import torch
from test_generate import at_rest
from test_looks import CONTRAST, rested

import strivelm
from strivelm import SamplingConfig
from strivelm.generation import distribution, draw, uniforms
from strivelm.inspection import generate_without
from strivelm.ui import limits
from strivelm.ui.tabs.generate import columns_payload, sections

pytestmark = pytest.mark.browser

TITLES = {"compare": "Compare", "heads": "Switch heads off", "slowly": "One character, slowly"}
FINISHED = "name => document.querySelector(`#${name}-view .status`)?.textContent.startsWith('Finished')"
PROMPT = "The <b>fox</b> ${x}"


def set_up(page, prompt=PROMPT, seed=7, count=40):
    if page.is_visible("#fold-settings"):  # a phone
        page.click("#fold-settings")
    page.fill("#prompt textarea", prompt)
    page.fill("#seed input", str(seed))
    set_number(page, "count", count)


def set_number(page, name, value):
    page.fill(f"#{name} input[type=number]", str(value))
    page.press(f"#{name} input[type=number]", "Tab")


def open_section(page, name):
    """Opens a section, by the menu where the row of tabs is too narrow for it."""
    tab = page.locator(f"#ways > .tab-wrapper button[role=tab]:has-text('{TITLES[name]}')")
    if not tab.count() or not tab.first.is_visible():
        page.locator("#ways .overflow-menu > button").click()
        page.locator("#ways .overflow-dropdown button", has_text=TITLES[name]).click()
    else:
        tab.first.click()


def finished(page, name):
    page.wait_for_function(FINISHED, arg=name)
    page.wait_for_selector(f"#run-{name}:enabled")


def texts(page, name):
    """What stands in the columns, line breaks as they are."""
    found = page.locator(f"#{name}-view .new").evaluate_all("all => all.map((one) => one.textContent)")
    return [text.replace("⏎\n", "\n") for text in found]


def again(page, name):
    page.evaluate(f"document.querySelector('#{name}-view .status').textContent = 'asked'")
    page.click(f"#run-{name}")
    finished(page, name)


def link(visit, address, **said):
    page = visit().context.new_page()  # a second page: the first one would complain of being left while it loads
    page.goto(f"{address}?{urlencode(said)}")
    page.wait_for_selector("#header dd")
    return page


# -- compare -----------------------------------------------------------------------------------------------------------


def test_columns_hold_what_each_setting_writes_alone(visit, model):
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

    with page.expect_download() as download:
        page.click("#compare-view .strivelm-tool:has-text('CSV')")
    rows = list(csv.DictReader(download.value.path().open(encoding="utf-8")))
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


def test_the_prompts_keys_write_the_section_that_is_open(visit):
    page = visit()
    set_up(page)
    open_section(page, "compare")
    finished(page, "compare")
    page.fill("#prompt textarea", "A crow")
    for keys in ("Shift+Enter",):
        page.evaluate("document.querySelector('#compare-view .status').textContent = 'asked'")
        page.press("#prompt textarea", keys)
        finished(page, "compare")
        assert page.inner_text("#compare-view .prompt >> nth=0") == "A crow"


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


SETTINGS = {
    "write": ("#temperature", "#top-k", "#top-p", "#count", "#seed", "#preset-balanced"),
    "slowly": ("#slow-temperature", "#slow-top-k", "#slow-top-p", "#seed"),
    "compare": ("#count", "#seed"),
    "heads": ("#temperature", "#top-k", "#top-p", "#count", "#seed", "#preset-balanced"),
}
MOST = {id: most for id, _, _, most in sections.SECTIONS} | {"write": limits.MOST_CHARACTERS}


def test_beside_a_section_stand_the_settings_that_do_something_there(visit, address):
    page = visit()
    set_up(page, count=1990)
    every = sorted({one for shown in SETTINGS.values() for one in shown})
    for name in ("slowly", "compare", "heads", "write"):
        if name == "write":
            page.click("#ways > .tab-wrapper button[role=tab]:has-text('Write')")
        else:
            open_section(page, name)
        page.wait_for_function("name => document.querySelector('.settings').dataset.section === name", arg=name)
        assert [one for one in every if page.is_visible(one)] == sorted(SETTINGS[name]), name
        if "#count" in SETTINGS[name]:
            page.wait_for_function(
                "most => +document.querySelector('#count input[type=range]').max === most", arg=MOST[name]
            )
            shown = int(page.input_value("#count input[type=number]"))
            assert shown == min(1990, MOST[name]), name
    linked = link(visit, address, section="compare", count=1000)
    finished(linked, "compare")
    assert linked.inner_text("#compare-view .status").startswith("Finished: 500 characters")
    assert not linked.is_visible("#compare-message .message")


def test_the_sections_come_in_the_order_of_a_lesson(visit):
    page = visit()
    names = page.locator("#ways > .tab-wrapper button[role=tab]:visible").all_inner_texts()
    assert names == ["Write", "One character, slowly", "Compare", "Switch heads off"]


def python_says(page, name, model):
    """What the lines of Python print that a section shows."""
    page.click(f"#{name}-view .strivelm-tool:has-text('Python')")
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(io.StringIO()) as said:
        patch.setattr(strivelm, "load_model", lambda ref: {"noise": model}[ref])
        exec(page.inner_text(f"#{name}-view .strivelm-python pre"), {})
    return said.getvalue()


def test_the_lines_of_python_compute_what_stands_beside_them(visit, address, model):
    shared = {"text": "Fox", "seed": 3, "count": 30}
    page = link(visit, address, section="compare", compare="Creative,A", a_temperature=1.5, a_top_p=0.7, **shared)
    finished(page, "compare")
    expected = "".join(
        f"--- {name}\n{text}\n" for name, text in zip(("Creative", "A"), texts(page, "compare"), strict=True)
    )
    assert python_says(page, "compare", model) == expected
    page = link(visit, address, section="heads", off="0.1,0.m", temperature=0.7, **shared)
    finished(page, "heads")
    whole, without = texts(page, "heads")
    assert python_says(page, "heads", model).startswith(f"{whole}\n{without}\n")
    for more in ({}, {"nth": 4}, {"u": 0.25}):
        page = link(visit, address, section="slowly", step=5, slow_temperature=1.2, **shared, **more)
        page.wait_for_selector("#slowly-view .hit")
        char = page.get_attribute("#slowly-view .hit", "data-id")
        *rows, last = python_says(page, "slowly", model).splitlines()
        assert last.split(" ", 1)[1] == repr(model.tokenizer.chars[int(char)])
        assert f"u = {float(last.split()[0]):.4f}" in sentence(page)
        values = page.locator("#slowly-view .bars .value").all_inner_texts()[:20]
        found = [100 * float(row.split()[-1]) for row in rows]
        assert found == pytest.approx([float(one.strip(" %")) for one in values], abs=0.06)


# -- heads -------------------------------------------------------------------------------------------------------------


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


# -- one character -----------------------------------------------------------------------------------------------------


def sentence(page):
    return page.inner_text("#slowly-view .sentence")


def go(page, step):
    page.click(f"#slowly-view .step >> nth={step}")


def test_each_step_shows_the_models_own_numbers(visit, model):
    page = visit()
    set_up(page, prompt="Fox")
    open_section(page, "slowly")
    set_number(page, "slow-temperature", 0.6)
    set_number(page, "slow-top-k", 10)
    set_number(page, "slow-top-p", 0.7)
    page.wait_for_function("new URLSearchParams(location.search).get('slow_top_p') === '0.7'")
    page.wait_for_timeout(1000)
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
    page.click("#slowly-view .strivelm-tool:has-text('Python')")
    assert "u = 0.5\n" in page.inner_text("#slowly-view .strivelm-python pre")
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


# -- all three ---------------------------------------------------------------------------------------------------------


def test_a_link_restores_a_section_with_all_its_state(visit, address, model):
    shared = {"text": "Fox", "seed": 3, "count": 30}
    own = {"compare": "A,B", "a_temperature": 1.5, "b_top_p": 0.4}
    page = link(visit, address, section="compare", **shared, **own)
    finished(page, "compare")
    expected = [model.generate("Fox", 30, *setting, seed=3)[3:] for setting in ((1.5, 0, 1.0), (1.0, 0, 0.4))]
    assert texts(page, "compare") == expected

    page = link(visit, address, section="heads", off="0.1", **shared)
    finished(page, "heads")
    assert page.get_attribute("#switches [data-part='0.1']", "aria-pressed") == "true"
    found = generate_without(model, "Fox", SamplingConfig(30, 0.9, 40, 1.0, seed=3), ["0.1"])
    assert texts(page, "heads") == [found.before, found.after]

    page = link(visit, address, section="heads", off="m0,0.0", **shared)  # as links were before MLPs were called 0.m
    finished(page, "heads")
    assert page.locator("#switches [aria-pressed=true]").count() == 2
    page.wait_for_function("new URLSearchParams(location.search).get('off') === '0.0,0.m'")
    found = generate_without(model, "Fox", SamplingConfig(30, 0.9, 40, 1.0, seed=3), ["0.0"], [0])
    assert texts(page, "heads") == [found.before, found.after]

    page = link(visit, address, section="slowly", step=5, u=0.25, **shared)
    page.wait_for_selector("#slowly-view .hit")
    assert "u = 0.2500 (chosen here)" in sentence(page)


def test_another_model_is_followed_at_once_and_when_a_section_is_seen_again(visit):
    page = visit()
    set_up(page)
    open_section(page, "slowly")
    page.wait_for_selector("#slowly-view .bars li")
    open_section(page, "compare")
    finished(page, "compare")
    open_section(page, "heads")
    page.click("#switches [data-part='0.m']")
    page.wait_for_selector("#heads-view .about:has-text('head 0.0 and MLP 0')")
    finished(page, "heads")
    page.fill("#model input", "film")
    page.press("#model input", "Enter")
    page.wait_for_function("document.querySelectorAll('#switches [data-part]').length === 6")
    page.wait_for_function("document.querySelector('#heads-view .legend')?.textContent.includes('all 65')")
    finished(page, "heads")
    assert page.locator("#compare-view .column").count() == 0  # what another model wrote is gone
    assert page.inner_text("#heads-view .about >> nth=1") == "head 0.0 and MLP 0"  # what it has as well stays off
    open_section(page, "slowly")
    page.wait_for_function("document.querySelector('#slowly-view .others').textContent.includes('the 45 others')")
    open_section(page, "compare")
    page.wait_for_function("document.querySelector('#compare-view .legend')?.textContent.includes('all 65')")
    page.fill("#model input", "noise")
    page.press("#model input", "Enter")
    page.wait_for_function("document.querySelector('#compare-view .legend')?.textContent.includes('all 90')")
    finished(page, "compare")
    page.fill("#model input", "bundled")
    page.press("#model input", "Enter")
    finished(page, "compare")


READ = {
    "compare": (
        ".status",
        ".parting",
        "h2",
        ".about",
        ".mean",
        ".new > span",
        "caption",
        "thead th",
        "td",
        ".legend p",
    ),
    "heads": (".status", ".about"),
    "slowly": (".sentence", ".words", ".tail", ".slot", ".step", ".next", ".scale", ".value", ".hit .value", ".others"),
}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_everything_fits_a_phone_and_can_be_read(visit, theme):
    page = visit(width=390, height=844, theme=theme)
    set_up(page, count=20)
    for name, selectors in READ.items():
        open_section(page, name)
        if name == "slowly":
            page.wait_for_selector("#slowly-view .bars li")
            go(page, 4)
        else:
            finished(page, name)
        rested(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        found = {one: page.locator(f"#{name}-view {one}").first.evaluate(CONTRAST) for one in selectors}
        assert {one: ratio for one, ratio in found.items() if ratio < 4.5} == {}


def test_a_section_lives_in_a_file_of_its_own(visit):
    page = visit()
    set_up(page)
    wrong = []
    for name in ("compare", "slowly"):
        open_section(page, name)
        page.wait_for_selector(f"#{name}-view :is(.new span, .bars li)")
        with page.expect_download() as download:
            page.click(f"#{name}-view .strivelm-tool:has-text('HTML')")
        alone = page.context.new_page()
        alone.on("pageerror", lambda error: wrong.append(str(error)))
        alone.set_content(download.value.path().read_text("utf-8"))
        assert alone.locator(":is(.new span, .bars li)").count() > 19
        alone.close()
    assert wrong == []
