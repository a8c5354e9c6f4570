"""What tabs share, and views outside the page."""

import json
import re

import gradio as gr
import pytest

from strivelm.ui.components import header, message, picker
from strivelm.ui.components.view import HERE
from strivelm.ui.core import page
from strivelm.ui.core.models import Models


def value(parse, text):
    one = page.Linked("tab", "name", None, parse)
    return page._value(one, {} if text is None else {"name": text})


@pytest.mark.parametrize(
    ("parse", "text", "expected"),
    [
        (str, "a text", "a text"),
        (page.number(0, 2), "0.5", 0.5),
        (page.number(0, 100, whole=True), "40", 40),
        (page.one_of("map", "matrix"), "matrix", "matrix"),
    ],
)
def test_an_address_sets_what_it_can_say(parse, text, expected):
    assert value(parse, text) == expected


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        (str, None),
        (page.number(0, 2), "2.1"),
        (page.number(0, 2), "nan"),
        (page.number(0, 2), "hot"),
        (page.number(0, 2), "1e999"),
        (page.number(0, 100, whole=True), "1.5"),
        (page.number(0, 100, whole=True), "9" * 5000),
        (page.one_of("map", "matrix"), "<script>"),
        (page.limits.checked_prompt, "x" * 2001),
    ],
)
def test_what_an_address_says_wrongly_changes_nothing(parse, text):
    assert value(parse, text) == gr.skip()


def rows(ref, now, make_open):
    return list(picker.switch(Models(make_open(ref="own")), ref, now))


def test_another_model_is_opened_with_its_header(make_open):
    *opening, (current, shown, said, asked) = rows("film", "own", make_open)
    assert json.loads(opening[0][2]) == {"kind": "note", "text": "Opening film…"}
    assert (current, asked, said) == ("film", "film", message.NOTHING)
    facts = dict(json.loads(shown)["facts"])
    assert facts["Model"] == "film, step 3,000"
    assert facts["Parameters"] == "420,480"


@pytest.mark.parametrize("ref", ["", "nobody", "<img src=x onerror=alert(1)>", "../../etc/passwd"])
def test_what_can_not_be_opened_leaves_the_model_and_says_why(make_open, ref):
    current, shown, said, asked = rows(ref, "own", make_open)[-1]
    assert current == shown == gr.skip()
    assert asked == "own"
    said = json.loads(said)
    assert said["kind"] == "error"
    assert said["text"].endswith(". own stays open.")


def test_the_same_model_again_is_nothing_new(make_open):
    assert rows("own", "own", make_open) == [(gr.skip(), gr.skip(), message.NOTHING, gr.skip())]


def test_a_view_is_a_file_of_its_own_that_loads_nothing(make_open):
    hostile = "</script><script>alert(1)</script>${alert(2)}{{value}}"
    shown = header.shown(Models(make_open(corpus=hostile)).facts("noise"))
    text = header.VIEW.html(shown, title="<b>")
    assert "<title>&lt;b&gt;</title>" in text
    assert text.count("<script>") == text.count("</script>") == 1
    assert hostile not in text
    assert not re.findall(r"""(?:src|href)\s*=\s*["']?\s*(?:https?:)?//|@import|url\(""", text)
    frame = header.VIEW.show(shown, height=200)._repr_html_()
    assert frame.startswith("<iframe srcdoc=")
    assert "height: 200px" in frame
    assert "<script" not in frame


def test_the_server_gives_the_same_file_for_what_a_view_shows(make_open):
    shown = header.shown(Models(make_open()).facts("noise"))
    component = header.VIEW.component(shown)
    assert component.server_fns[0](json.dumps(shown)) == header.VIEW.html(shown)


def test_the_ladder_has_its_rungs_from_guessing_to_the_model(make_open):
    shown = header.shown(Models(make_open()).facts("film"))
    names = [name for name, _, _ in shown["ladder"]]
    assert names == ["guessing", "unigram", "bigram", "trigram", "4-gram", "5-gram", "this model"]
    places = [place for _, _, place in shown["ladder"]]
    assert places[0] == 1.0
    assert places == sorted(places, reverse=True)
    assert places[-1] == pytest.approx(1.5494 / 4.1744, abs=1e-4)


@pytest.mark.parametrize("script", sorted(HERE.glob("*.js")), ids=lambda path: path.name)
def test_no_script_quotes_the_word_that_gradio_takes_for_an_event_and_copies(script):
    # gr.HTML makes a listener of any attribute that its script quotes, and its config asks for `self`: then a page's
    # every visit copies the component with all that it holds, event loops included.
    assert not re.search(r"""["'`]self["'`]""", script.read_text("utf-8"))
