"""What the sections beside Write have in common: settings, order, Python lines, links, models, a phone, files."""

import pytest
from browser.generate_tab import finished, go, link, open_section, sentence, set_up, texts
from browser.taken_along import alone, lines_of, ran, saved
from browser.visitor import CONTRAST, pick, rested

from strivelm import SamplingConfig
from strivelm.inspection import generate_without
from strivelm.ui import limits
from strivelm.ui.tabs.generate import sections

pytestmark = pytest.mark.browser


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


def printed(page, name, opened):
    """What the Python lines print that a section shows."""
    return ran(lines_of(page.locator(f"#{name}-view .tools")), opened)["out"]


def test_the_lines_of_python_compute_what_stands_beside_them(visit, address, opened):
    shared = {"text": "Fox", "seed": 3, "count": 30}
    page = link(visit, address, section="compare", compare="Creative,A", a_temperature=1.5, a_top_p=0.7, **shared)
    finished(page, "compare")
    expected = "".join(
        f"--- {name}\n{text}\n" for name, text in zip(("Creative", "A"), texts(page, "compare"), strict=True)
    )
    assert printed(page, "compare", opened) == expected
    page = link(visit, address, section="heads", off="0.1,0.m", temperature=0.7, **shared)
    finished(page, "heads")
    whole, without = texts(page, "heads")
    assert printed(page, "heads", opened).startswith(f"{whole}\n{without}\n")
    for more in ({}, {"nth": 4}, {"u": 0.25}):
        page = link(visit, address, section="slowly", step=5, slow_temperature=1.2, **shared, **more)
        page.wait_for_selector("#slowly-view .hit")
        char = page.get_attribute("#slowly-view .hit", "data-id")
        *rows, last = printed(page, "slowly", opened).splitlines()
        assert last.split(" ", 1)[1] == repr(opened.model.tokenizer.chars[int(char)])
        assert f"u = {float(last.split()[0]):.4f}" in sentence(page)
        values = page.locator("#slowly-view .bars .value").all_inner_texts()[:20]
        found = [100 * float(row.split()[-1]) for row in rows]
        assert found == pytest.approx([float(one.strip(" %")) for one in values], abs=0.06)


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
    pick(page, "film")
    page.wait_for_function("document.querySelectorAll('#switches [data-part]').length === 6")
    page.wait_for_function("document.querySelector('#heads-view .legend')?.textContent.includes('all 65')")
    finished(page, "heads")
    assert page.locator("#compare-view .column").count() == 0  # what another model wrote is gone
    assert page.inner_text("#heads-view .about >> nth=1") == "head 0.0 and MLP 0"  # what it has as well stays off
    open_section(page, "slowly")
    page.wait_for_function("document.querySelector('#slowly-view .others').textContent.includes('the 45 others')")
    open_section(page, "compare")
    page.wait_for_function("document.querySelector('#compare-view .legend')?.textContent.includes('all 65')")
    pick(page, "noise")
    page.wait_for_function("document.querySelector('#compare-view .legend')?.textContent.includes('all 90')")
    finished(page, "compare")
    pick(page, "bundled")
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


def test_a_section_lives_in_a_file_of_its_own(visit, browser, tmp_path):
    page = visit()
    set_up(page)
    for name in ("compare", "slowly"):
        open_section(page, name)
        page.wait_for_selector(f"#{name}-view :is(.new span, .bars li)")
        path = saved(page.locator(f"#{name}-view .tools"), "HTML", tmp_path / f"{name}.html")
        with alone(browser, path) as file:
            assert file.locator(":is(.new span, .bars li)").count() > 19
