"""What tabs share, and views outside the page."""

import json
import re

import gradio as gr
import pytest

from strivelm.ui.components import header, message, picker
from strivelm.ui.components.view import HERE, PLACE, file
from strivelm.ui.core import codec, page
from strivelm.ui.core.dispatcher import Dispatcher
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
    assert json.loads(shown)["name"] == ["Model", "film, step 3,000"]
    facts = dict(json.loads(shown)["facts"])
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


def test_the_server_gives_the_same_file_for_a_browser_to_put_its_value_in(make_open):
    shown = header.shown(Models(make_open(corpus="</script>${1} $& $'")).facts("noise"))
    assert file("header").replace(PLACE, json.dumps(codec.dumps(shown))) == header.VIEW.html(shown)
    with pytest.raises(ValueError, match=r"There is no view 'nothing'; expected one of .*header"):
        file("nothing")


def test_the_ladder_has_its_rungs_from_guessing_to_the_model(make_open):
    shown = header.shown(Models(make_open()).facts("film"))
    names = [name for name, _, _ in shown["ladder"]]
    assert names == ["guessing", "unigram", "bigram", "trigram", "4-gram", "5-gram", "this model"]
    places = [place for _, _, place in shown["ladder"]]
    assert places[0] == 1.0
    assert places == sorted(places, reverse=True)
    assert places[-1] == pytest.approx(1.5494 / 4.1744, abs=1e-4)


SCRIPTS = sorted(path for path in HERE.parent.rglob("*.js"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_no_script_quotes_the_word_that_gradio_takes_for_an_event_and_copies(script):
    # gr.HTML makes a listener of any attribute that its script quotes, and its config asks for `self`: then a page's
    # every visit copies the component with all that it holds, event loops included.
    assert not re.search(r"""["'`]self["'`]""", script.read_text("utf-8"))


# -- the page as a link, a model and a visitor change it ---------------------------------------------------------------


@pytest.fixture
def built(make_open):
    """A page over two tabs: a text and a temperature in "one", a text in "two", and what follows the model."""
    models = Models(make_open(ref="own"), ("film",))
    with gr.Blocks():
        current = gr.Textbox(models.own)
        with gr.Tabs() as tabs, gr.Tab():
            found = page.Page(models, Dispatcher(models), current, tabs)
            text, hot, other, facts = gr.Textbox("own text"), gr.Slider(value=1.0), gr.Textbox("own"), gr.Markdown()
        found.text("one", text, lambda facts: f"{facts.name} text")
        found.link("one", "temperature", hot, page.number(0, 2))
        found.text("two", other, lambda facts: facts.name)
        found.follow(facts, lambda facts: f"context {facts.context}")
        found.run("one", [text.submit])
    return found


def test_what_nobody_touched_becomes_another_models_and_what_was_typed_stays(built):
    assert built.renewed("own", "film", ["own text", "own"]) == ["film text", "film", "context 128"]
    assert built.renewed("own", "film", ["To be", "own"]) == [gr.skip(), "film", "context 128"]
    assert built.renewed("own", "film", ["", None]) == [gr.skip(), gr.skip(), "context 128"]


def test_what_the_other_model_can_not_read_becomes_its_own(built):
    assert built.renewed("own", "film", ["漢字", "own"])[0] == "film text"


def test_a_model_that_is_gone_meanwhile_is_no_hindrance(built):
    assert built.renewed("gone/for-good", "film", ["To be", "own"]) == [gr.skip(), gr.skip(), "context 128"]


def test_an_address_restores_its_tab_alone(built):
    tab, *values = built.restored({"tab": "one", "text": "abc", "temperature": "0.5"}, ("two", "one"))
    assert tab.selected == "one"
    assert values == ["abc", 0.5, gr.skip()]
    tab, *values = built.restored({"tab": "nowhere", "text": "abc", "temperature": "9"}, ("two", "one"))
    assert tab == gr.skip()
    assert values == [gr.skip(), gr.skip(), "abc"]


def test_the_browser_is_told_of_the_page_without_a_tag(built, make_open):
    assert json.loads(built.config(("one", "two"))) == {
        "own": "own",
        "tabs": ["one", "two"],
        "linked": [["one", "text"], ["one", "temperature"], ["two", "text"]],
        "writer": "server",
    }
    built.models.own = "</script><script>alert(1)</script>"
    assert "<" not in built.config(())
    assert json.loads(built.config(()))["own"].startswith("</script>")


def test_what_is_usual_is_so_for_a_model(built):
    assert json.loads(built.usual(built.models.facts("own"))) == ["own text", 1.0, "own"]
    assert json.loads(built.usual(built.models.facts("film"))) == ["film text", 1.0, "film"]


def arrive(built, **said):
    names = ("current", "header", "message", "picker", "tab", "waits", "text", "hot", "other", "facts")
    return dict(zip(names, picker.arrived(built, ("one", "two"), said, ["own text", "own"]), strict=True))


def test_a_plain_address_changes_nothing(built):
    assert arrive(built) == dict.fromkeys(arrive(built), gr.skip()) | {"waits": ""}
    assert arrive(built, model=" own ")["current"] == arrive(built, model="  ")["current"] == gr.skip()


def test_a_links_model_that_is_at_hand_is_there_at_once_with_its_texts(built):
    found = arrive(built, model="film", text="To be")
    assert (found["current"], found["picker"], found["waits"]) == ("film", "film", "")
    assert "film" in found["header"]
    assert (found["text"], found["other"], found["facts"]) == ("To be", "film", "context 128")


def test_a_links_model_that_has_to_be_fetched_comes_after_the_page(built):
    found = arrive(built, model="choir/one", tab="two", text="To be")
    assert found["waits"] == "choir/one"
    assert json.loads(found["message"]) == {"kind": "note", "text": "Opening choir/one…"}
    assert found["current"] == found["header"] == gr.skip()
    assert found["other"] == "To be"


@pytest.mark.parametrize("ref", ["film@step-99", "bundled@", "film@../..", "film@" + "x" * 1000])
def test_a_links_model_that_is_not_there_is_a_sentence_and_the_own_stays(built, ref):
    found = arrive(built, model=ref)
    assert (found["current"], found["picker"], found["waits"]) == (gr.skip(), "own", "")
    said = json.loads(found["message"])
    assert said["kind"] == "error"
    assert said["text"].endswith(". own stays open.")


def test_whatever_goes_wrong_while_a_model_is_opened_ends_in_a_sentence(built, monkeypatch):
    def broken(*_, **__):
        raise MemoryError

    monkeypatch.setattr(built.models, "facts", broken)
    *_, (current, shown, said, asked) = picker.switch(built.models, "choir/one", "own")
    assert (current, shown, asked) == (gr.skip(), gr.skip(), "own")
    assert json.loads(said)["text"] == "The model can't be opened (MemoryError). own stays open."
