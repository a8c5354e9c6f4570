"""What the Generate tab asks gets the same answer from a browser as from the page's server, word for word."""

import json

import pytest

from strivelm.loading import OpenModel
from strivelm.ui.core.in_browser import model as facts
from strivelm.ui.core.questions import QUESTIONS, cleaned
from strivelm.ui.tabs.generate import columns_payload, payload  # noqa: F401  (they declare the questions)
from strivelm.ui.tabs.generate.in_browser import LIMITS

CHARS = "\n !,.'ABCabcdefgé😀"
SETTINGS = {"count": 60, "temperature": 0.9, "top_k": 8, "top_p": 0.95, "seed": "7"}
COMPARED = {"count": 40, "seed": 3, "a": [1.0, 0, 1.0], "b": [0.35, 3, 0.5]}


@pytest.fixture(scope="module")
def opened(saved):
    """A small open model whose record names a loss, and its folder."""
    model, folder = saved(chars=CHARS, block_size=24)
    return OpenModel("owner/name", model, {"best": {"step": 7, "validation": 1.25}}), folder


def asked(node, opened, question, given):
    """The pieces that a browser gives, and those of the server; a sentence where it can't be done."""
    model, folder = opened
    about = facts(model)["about"]
    here = node.one(
        {"do": "open", "at": str(folder)},
        {"do": "ask", "question": question, "about": about, "given": given, "limits": LIMITS},
    )
    try:
        one = QUESTIONS[question]
        there = list(one.answer([model], one.checked(given)))
    except ValueError as error:
        return here, str(error)
    return here, json.loads(json.dumps(cleaned(there)))


def whole(pieces):
    """The first piece, and what all others add up to, apart from how long it took."""
    head, *rest = pieces
    found = {"ended": rest[-1]["ended"]}
    if "characters" in rest[0]:
        return head, found | {"characters": [one for piece in rest for one in piece["characters"]]}
    many = range(len(rest[0]["columns"]))
    for name in ("text", "nats", "drawn"):
        columns = [[one for piece in rest for one in piece["columns"][i][name]] for i in many]
        found[name] = ["".join(column) for column in columns] if name == "text" else columns
    for name in ("numbers", "partings"):
        found[name] = [one for piece in rest for one in piece[name]]
    return head, found


def same(here, there):
    """Whether two values are the same, numbers to the rounding of a float32 and of four digits."""
    if isinstance(here, list) and isinstance(there, list):
        return len(here) == len(there) and all(map(same, here, there))
    if isinstance(here, dict) and isinstance(there, dict):
        return here.keys() == there.keys() and all(same(here[key], there[key]) for key in here)
    if isinstance(here, float) or isinstance(there, float):
        return here == pytest.approx(there, rel=2e-3, abs=1e-5)
    return type(here) is type(there) and here == there


PROMPTS = [
    "A cab",
    "",
    "xyz",
    "é😀 A\r\nb\rc",
    "Ab\x07\u2028\u200b'\"\\ zz" + "z" * 7,
    "abc " * 20,
    "abz " * 20,
]


@pytest.mark.parametrize("prompt", PROMPTS)
def test_a_text(node, opened, prompt):
    here, there = asked(node, opened, "generate.write", SETTINGS | {"prompt": prompt})
    for one, other in zip(whole(here), whole(there), strict=True):
        assert same(one, other), (one, other)


@pytest.mark.parametrize("length", [5, 18, 19, 40, 300])
def test_a_text_that_goes_on_with_characters_that_are_forced(node, opened, length):
    more = {"text": "abc, A" * (length // 6 + 1), "forced": [[length + 2, "é"], [length + 9, "\n"]]}
    more["text"] = more["text"][:length]
    here, there = asked(node, opened, "generate.write", SETTINGS | {"prompt": "A cab"} | more)
    for one, other in zip(whole(here), whole(there), strict=True):
        assert same(one, other), (one, other)


@pytest.mark.parametrize(
    "changes",
    [
        {"chosen": ["Creative", "Conservative", "Balanced", "A", "B"]},
        {"chosen": ["B"], "prompt": "It's"},
        {"chosen": ["A", "B"], "count": 700, "prompt": "q"},
        {"chosen": []},
        {"chosen": ["B"], "b": [9.0, 3, 0.5]},
        {"chosen": ["A", "B"], "seed": "a"},
    ],
    ids=str,
)
def test_texts_side_by_side(node, opened, changes):
    here, there = asked(node, opened, "generate.compare", COMPARED | {"prompt": "A cab"} | changes)
    if isinstance(there, str):
        assert str(here) == there
        return
    for one, other in zip(whole(here), whole(there), strict=True):
        assert same(one, other), (one, other)


@pytest.mark.parametrize("off", ["", "0.1", "1.0, 0.0,1.m", "0.m,1.m,0.0,0.1,1.0,1.1", "2.0", "0.9", "x"])
def test_a_text_without_parts(node, opened, off):
    here, there = asked(node, opened, "generate.without", SETTINGS | {"prompt": "A cab", "off": off})
    if isinstance(there, str):
        assert str(here) == there
        return
    for one, other in zip(whole(here), whole(there), strict=True):
        assert same(one, other), (one, other)


@pytest.mark.parametrize(
    "changes",
    [
        {"prompt": "a" * 2001},
        {"text": "a" * 6000},
        {"count": 0},
        {"count": 2001},
        {"temperature": 2.5},
        {"temperature": -1.0},
        {"top_k": -1},
        {"top_p": 0.0},
        {"seed": "seven"},
        {"seed": str(2**60)},
        {"seed": "-1"},
        {"text": "aZ"},
        {"forced": [[60, "a"]]},
        {"forced": [[0, "ab"]]},
        {"forced": [[0, "Z"]]},
    ],
    ids=lambda changes: str(changes)[:40],
)
def test_what_cannot_be_done_is_said_in_the_same_words(node, opened, changes):
    here, there = asked(node, opened, "generate.write", SETTINGS | {"prompt": "A"} | changes)
    assert isinstance(there, str)
    assert str(here) == there


def test_a_seed_is_drawn_where_none_is_given(node, opened):
    here, _ = asked(node, opened, "generate.write", SETTINGS | {"prompt": "A", "seed": ""})
    again, _ = asked(node, opened, "generate.write", SETTINGS | {"prompt": "A", "seed": here[0]["seed"]})
    assert isinstance(here[0]["seed"], int)
    assert whole(here) == whole(again)
