"""Texts that the visitor's own machine writes, in the page: the same as the server's, and it says whose they are."""

import os

import pytest
from browser.generate_tab import finished, open_section, set_number, set_up, text_of, texts
from browser.plain_files import files_of
from browser.taken_along import alone, saved
from serving import Slow, served

from strivelm import SamplingConfig, generate, load_model
from strivelm.inspection import generate_without
from strivelm.loading import open_model
from strivelm.ui.tabs.generate import columns_payload
from strivelm.web import CHOSEN

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("here")]

STATUS = "#generate-text .status"
NEW = "#generate-text .page .new"
BY = "#generate-text .by"
PROMPT = "The king is "
FINISHED = f"document.querySelector({STATUS!r}).textContent.startsWith('Finished')"


# All is written within half a second: what waits for the beginning, and presses, has to be in the page itself.
STOPPED_SOON = f"""() => {{
  const [status, text] = [{STATUS!r}, {NEW!r}].map((name) => document.querySelector(name));
  const look = () => {{
    if (status.textContent === "Writing…" && text.textContent.length > 20) document.querySelector("#stop").click();
    else if (!document.hidden) setTimeout(look, 1);
  }};
  document.querySelector("#run-generate").click();
  look();
}}"""


@pytest.fixture(scope="module")
def here():
    """Where the page is whose owner has the visitors' browsers write; its model is the film's."""
    os.environ[CHOSEN] = "browser"
    try:
        with served(open_model("film")) as at:
            yield at
    finally:
        os.environ.pop(CHOSEN, None)


@pytest.fixture(scope="module")
def film():
    """That page's model."""
    return load_model("film")


@pytest.fixture
def page(visit, here):
    """That page, opened, which may not ask the server to write, but for what the other steps of the film write."""
    asked = []
    found = visit(here)
    found.on("request", lambda request: asked.append(request.post_data) if writes(request) else None)
    yield found
    assert asked == []


def writes(request):
    """Whether the server is asked for the visitor's text."""
    return request.method == "POST" and "/call/writing" in request.url and "generate.film" not in request.post_data


def press(page, button="#run-generate"):
    page.evaluate("document.querySelector('#generate-text .status').textContent = 'asked'")
    page.click(button)
    page.wait_for_function(FINISHED)
    page.wait_for_selector("#run-generate:enabled")
    return text_of(page, NEW)


def test_a_text_comes_by_itself_and_says_where_it_was_written(page, film):
    page.wait_for_function(FINISHED)
    seed = int(text_of(page, STATUS).rsplit(" ", 1)[1])
    prompt = text_of(page, "#generate-text .prompt")
    assert text_of(page, NEW) == film.generate(prompt, 200, seed=seed)[len(prompt) :]
    assert "Written by film, in the browser" in text_of(page, BY)


def test_one_seed_gives_the_text_that_python_writes_and_continue_goes_on(page, film):
    set_up(page, PROMPT, seed=7, count=150)
    expected = film.generate(PROMPT, 300, seed=7)[len(PROMPT) :]
    assert press(page) == expected[:150]
    assert press(page, "#continue") == expected


def test_a_character_is_forced_among_the_alternatives(page, film):
    set_up(page, PROMPT, seed=7, count=60)
    before = press(page)
    page.locator(f"{NEW} > span >> nth=20").click()
    page.wait_for_selector("#generate-text .bars button:enabled")
    char = page.get_attribute("#generate-text .bars button:enabled >> nth=0", "data-char")
    page.click("#generate-text .bars button:enabled >> nth=0")
    page.wait_for_function(FINISHED)
    page.wait_for_selector("#run-generate:enabled")
    ids = film.tokenizer.encode(PROMPT)
    given = {20: film.tokenizer.encode(char)[0]}
    steps = generate(film, ids, SamplingConfig(60, seed=7), forced=given)
    assert text_of(page, NEW) == film.tokenizer.decode([step.id for step in steps])
    assert text_of(page, NEW)[:20] == before[:20]


def test_stop_keeps_what_there_is(page, film):
    set_up(page, PROMPT, seed=7, count=2000)
    page.evaluate(STOPPED_SOON)
    page.wait_for_function(f"document.querySelector({STATUS!r}).textContent.startsWith('Stopped')")
    page.wait_for_selector("#run-generate:enabled")
    text = text_of(page, NEW)
    assert len(text) < 2000
    assert film.generate(PROMPT, 2000, seed=7)[len(PROMPT) :].startswith(text)
    set_number(page, "count", 20)
    assert press(page) == text[:20]  # the worker is free again


def test_columns_and_switched_off_heads_are_python_s(page, film):
    set_up(page, PROMPT, seed=7, count=40)
    open_section(page, "compare")
    finished(page, "compare")
    expected = [
        film.generate(PROMPT, 40, t, k, p, seed=7)[len(PROMPT) :] for t, k, p in columns_payload.PRESETS.values()
    ]
    assert texts(page, "compare") == expected
    assert "film, in the browser" in text_of(page, "#compare-view .model")
    open_section(page, "heads")
    finished(page, "heads")
    found = generate_without(film, PROMPT, SamplingConfig(40, seed=7), heads_off=["0.0"])
    assert texts(page, "heads") == [found.before, found.after]


def test_an_error_is_the_server_s_sentence(page):
    page.wait_for_function(FINISHED)
    set_up(page, PROMPT, seed="seven", count=40)
    page.click("#run-generate")
    page.wait_for_selector('#generate-message .message[data-kind="error"]')
    assert "The setting seed is 'seven'; expected" in text_of(page, "#generate-message .message")


def test_another_model_takes_the_place_of_the_first(page):
    page.wait_for_function(FINISHED)
    page.fill("#model input", "film@step-0")
    page.press("#model input", "Enter")
    page.wait_for_function(f"document.querySelector({BY!r}).textContent.startsWith('Written by film@step-0, in the b')")


@pytest.mark.parametrize("what", ["**/strivelm/worker.js", "**/model.safetensors", "**/config.json"])
def test_where_the_browser_can_t_the_server_writes(visit, here, what):
    page = visit(expected="404")
    page.route(what, lambda route: route.fulfill(status=404, body="none"))
    page.goto(f"{here}?__theme=light")
    page.wait_for_selector(STATUS)
    page.wait_for_function(FINISHED)
    assert "Written by film, on the server" in text_of(page, BY)


def test_the_owner_s_own_folder_is_not_given_away(visit, tmp_path):
    load_model("film").save_pretrained(tmp_path / "private")
    os.environ[CHOSEN] = "browser"
    try:
        with served(open_model(tmp_path / "private")) as at:
            page = visit(at)
            page.wait_for_function(FINISHED)
            assert "Written by private, on the server" in text_of(page, BY)
    finally:
        os.environ.pop(CHOSEN, None)


def test_the_faster_of_the_two_writes(visit, film):
    os.environ[CHOSEN] = "faster"
    opened = open_model("film")
    make = opened.model.decoder
    opened.model.decoder = lambda batch_size=1, **how: Slow(make(batch_size, **how))  # a hundred characters a second
    try:
        with served(opened) as at:
            page = visit(at)
            set_up(page, PROMPT, seed=7, count=40)
            expected = film.generate(PROMPT, 40, seed=7)[len(PROMPT) :]
            for _ in range(20):  # until the browser has fetched the model, the server writes
                assert press(page) == expected
                if "Written by film, in the browser" in text_of(page, BY):
                    break
                assert "Written by film, on the server" in text_of(page, BY)
            assert "Written by film, in the browser" in text_of(page, BY)
    finally:
        os.environ.pop(CHOSEN, None)


# -- taken along -------------------------------------------------------------------------------------------------------


def test_a_file_that_brings_its_model_goes_on_writing_without_a_network(visit, here, film, tmp_path, browser):
    page = visit(here)
    page.wait_for_function(FINISHED)
    set_up(page, PROMPT, seed=7, count=60)
    before, new = press(page), ".page .new"
    path = saved(page.locator("#generate-text .tools"), "File that writes", tmp_path / "text.html")
    assert path.stat().st_size < 1_500_000
    with alone(browser, path) as file:
        file.context.set_offline(True)
        file.wait_for_selector("#continue:enabled")
        assert text_of(file, new) == before
        file.click("#continue")
        file.wait_for_function("document.querySelector('.page .new').textContent.length === 120")
        file.wait_for_selector("#continue:enabled")
        assert text_of(file, new) == film.generate(PROMPT, 120, seed=7)[len(PROMPT) :]
        file.locator(f"{new} > span >> nth=20").click()
        char = file.get_attribute(".bars button:enabled >> nth=0", "data-char")
        file.click(".bars button:enabled >> nth=0")
        file.wait_for_selector(".page .new > .forced")
        file.wait_for_selector("#continue:enabled")
        given = {20: film.tokenizer.encode(char)[0]}
        steps = generate(film, film.tokenizer.encode(PROMPT), SamplingConfig(120, seed=7), forced=given)
        assert text_of(file, new) == film.tokenizer.decode([step.id for step in steps])
        assert text_of(file, ".message") == ""


def test_another_page_takes_the_model_along_by_two_lines(visit, here, film, tmp_path):
    page = visit(here, expected="404")  # that page has no icon
    page.wait_for_function(FINISHED)
    set_up(page, 'A "<b>fox</b>" & \n', seed=7, count=60)
    expected = press(page)
    page.click("#generate-text .tools button:has-text('Embed')")
    page.wait_for_selector("#generate-text .strivelm-python pre")
    lines = text_of(page, "#generate-text .strivelm-python pre")
    assert lines.count("\n") == 2
    (tmp_path / "blog.html").write_text(f"<!doctype html><title>A blog</title><p>Look:</p>{lines}", "utf-8")
    with files_of(tmp_path) as blog:
        page.goto(f"{blog}/blog.html")
        page.click("strivelm-text button")
        page.wait_for_function("document.querySelector('strivelm-text').said.textContent.startsWith('Written here')")
        shown = page.evaluate("document.querySelector('strivelm-text').page.lastChild.textContent")
    assert shown == expected
