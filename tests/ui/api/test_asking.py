"""The endpoints by which the page's views ask, as somebody calls them who means no good: over plain HTTP."""

import json
import math
import re
import urllib.error
import urllib.request

import pytest

from strivelm.ui import limits
from strivelm.ui.core import codec


@pytest.fixture(autouse=True)
def no_traceback(capfd):
    """Whatever is sent, the terminal shows no traceback."""
    yield
    told = capfd.readouterr()
    assert "Traceback" not in told.out + told.err


@pytest.fixture
def post(client):
    """The function that sends a body to a lane: the pieces of the answer, or the status where it is refused."""

    def post(body, lane="looking"):
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        at = f"{client.src.rstrip('/')}/gradio_api/call/{lane}"
        request = urllib.request.Request(at, raw, {"content-type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                event = json.load(answer)["event_id"]
        except urllib.error.HTTPError as refused:
            return refused.code
        with urllib.request.urlopen(f"{at}/{event}", timeout=60) as stream:
            blocks = stream.read().decode().strip().split("\n\n")
        events = [[line.partition(": ")[2] for line in block.split("\n", 1)] for block in blocks]
        refused = [{"error": json.loads(data)["error"]} for name, data in events if name == "error"]
        return refused or [json.loads(data)[0] for name, data in events if name == "generating"]

    return post


def asked(**changed):
    """The body that a view sends, with some of it changed."""
    question = {"name": "attention.maps", "of": ["noise"], "arguments": {"text": "The fox"}} | changed
    return {"data": [question]}


def test_a_view_gets_its_answer_and_an_end(post):
    found = post(asked())
    assert found[0]["value"]["text"] == "The fox"
    assert found[-1] == {}


def sentence(found):
    """The sentence that an answer is; asserts that it is one."""
    said = [piece["error"] for piece in found if "error" in piece]
    assert len(said) == 1, found
    assert not any("value" in piece for piece in found)
    assert said[0].endswith(".")
    return said[0]


DEEP = {}
for _ in range(300):
    DEEP = {"a": [DEEP]}


@pytest.mark.parametrize("lane", ["looking", "writing"])
@pytest.mark.parametrize(
    "question",
    [
        *(None, 7, True, "", "attention.maps", [], [[]], {}, {"name": None}, {"name": "attention.maps"}, DEEP),
        *(
            {"name": "api.heads", "of": None, "arguments": None},
            {"name": ["attention.maps"], "of": {}, "arguments": []},
        ),
    ],
    ids=lambda value: f"{value!r:.30}",
)
def test_what_is_no_question_is_a_sentence(post, question, lane):
    assert re.search("expected|is asked", sentence(post({"data": [question]}, lane)))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"name": "attention.nothing"}, "There is no question 'attention.nothing'"),
        ({"name": "__class__"}, "There is no question"),
        ({"name": "attention.maps "}, "There is no question"),
        ({"name": "half \ud83d"}, "There is no question"),
        ({"name": {"a": 1}}, "There is no question"),
        ({"of": []}, "is asked of 1 model"),
        ({"of": "noise"}, "is asked of 1 model"),
        ({"of": ["noise", "noise"]}, "is asked of 1 model"),
        ({"of": [None]}, "The model is empty"),
        ({"of": [{"a": 1}]}, "expected bundled, film, film@step-N or owner/name"),
        ({"of": [DEEP]}, "expected bundled, film, film@step-N or owner/name"),
        ({"of": ["/etc/passwd"]}, "is no model"),
        ({"of": ["../.."]}, "is no model"),
        ({"of": ["a\0b"]}, "is no model"),
        ({"of": ["half \ud83d"]}, "is no model"),
        ({"arguments": None}, "expected them by name"),
        ({"arguments": ["The fox"]}, "expected them by name"),
        ({"arguments": {}}, "needs the argument text"),
        ({"arguments": {"text": None}}, "The argument text of attention.maps is None; expected text"),
        ({"arguments": {"text": 7}}, "expected text"),
        ({"arguments": {"text": ["a"]}}, "expected text"),
        ({"arguments": {"text": "half \ud83d"}}, "expected text"),
        ({"arguments": {"text": "a", "opened": 1}}, "takes no argument 'opened'"),
        ({"arguments": {"text": DEEP}}, "expected text"),
        ({"arguments": {"text": "x" * 2001}}, "at most 2,000 are allowed"),
        ({"arguments": {"text": "x" * limits.QUESTION_BYTES}}, "The question is too large"),
        ({"arguments": {str(i): i for i in range(50_000)}}, "The question is too large"),
        ({"name": "learn.step", "arguments": {"seed": 10**30}}, "The seed is "),
        ({"name": "learn.step", "arguments": {"at": 0.5}}, "expected a whole number or nothing"),
        ({"name": "learn.step", "arguments": {"temperature": -1}}, "expected a number from 0 to 2"),
        ({"name": "view.file", "of": [], "arguments": {"view": "../secret"}}, "There is no view"),
    ],
    ids=lambda value: None if isinstance(value, str) else f"{value!r:.40}",
)
def test_what_can_not_be_answered_is_a_sentence(post, changed, said):
    assert said in sentence(post(asked(**changed)))


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "1e400", "9" * 400])
def test_numbers_that_are_none_are_a_sentence_or_refused(post, number):
    raw = json.dumps(asked(name="learn.step", arguments={"temperature": "HERE"})).replace('"HERE"', number).encode()
    found = post(raw)
    assert found in (400, 422) or "temperature" in sentence(found)


def test_ten_megabytes_are_a_sentence_or_refused(post):
    found = post(asked(arguments={"text": "x" * 10_000_000}))
    assert found in (413, 422) or "too large" in sentence(found)


@pytest.mark.parametrize("depth", [600, 2_000, 100_000])
def test_what_is_nested_deep_is_a_sentence_or_refused(post, depth):
    raw = json.dumps(asked(arguments={"text": "HERE"})).replace('"HERE"', "[" * depth + "]" * depth).encode()
    found = post(raw)
    assert found in (400, 422) or sentence(found)


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"[]", b"null", b'{"data": null}', b'{"data": 7}', b'{"data": []}', b"\xff\xfe", b'{"data": [1, 2]}'],
)
def test_a_body_that_is_none_is_refused_or_a_sentence(post, raw):
    found = post(raw)
    assert (isinstance(found, int) and 400 <= found < 500) or sentence(found)


def test_a_question_of_the_other_lane_is_sent_there(post):
    assert "is asked by /looking, not by /writing." in sentence(post(asked(), "writing"))


def test_after_all_that_a_view_is_answered(post):
    text = post(asked())[0]["value"]
    assert text == json.loads(codec.dumps(text))
    assert math.isfinite(text["layers"])
