"""The registry of questions: what their arguments may be, and that what is none of it is a sentence."""

import dataclasses
import inspect
import json
import math
import sys

import pytest

from strivelm.loading import OpenModel
from strivelm.ui import app  # noqa: F401  (declares the page's questions)
from strivelm.ui.core.questions import QUESTIONS, question, shown, size_of

DEEP = []
for _ in range(100_000):
    DEEP = [DEEP]


def of(opened: OpenModel, text: str, often: int = 1, hot: float = 1.0, on: bool = False, at: int | None = None) -> str:
    """A question of every kind of argument."""
    return text


def many(one: OpenModel, other: OpenModel, names: list[str], numbers: list[list[float]]) -> None:
    """A question of two models, with lists."""


@dataclasses.dataclass(frozen=True)
class Wished:
    """Settings of a question."""

    place: int
    hot: float = 0.5


def wishing(opened: OpenModel, text: str, wished: Wished) -> list:
    """A question with settings."""
    return [opened, text, wished]


def test_the_fields_of_settings_are_arguments(declare):
    (asked,) = declare(wishing)
    assert [(one.name, one.kind) for one in asked.arguments] == [("text", str), ("place", int), ("hot", float)]
    assert asked.answer(["a model"], asked.checked({"text": "a", "place": 3.0})) == ["a model", "a", Wished(3, 0.5)]
    with pytest.raises(ValueError, match="needs the argument place"):
        asked.checked({"text": "a"})


def test_what_a_function_says_of_itself_is_the_question(declare):
    asked, listed = declare(of, many)
    assert (asked.name, asked.models, asked.streamed) == ("test.of", 1, False)
    assert [(one.name, one.kind) for one in asked.arguments] == [
        *(("text", str), ("often", int), ("hot", float), ("on", bool), ("at", int | None))
    ]
    assert asked.checked({"text": "a"}) == {"text": "a", "often": 1, "hot": 1.0, "on": False, "at": None}
    assert listed.models == 2


@pytest.mark.parametrize(
    ("name", "value", "taken"),
    [
        ("text", "", ""),
        ("text", "שלום 😀\0", "שלום 😀\0"),
        ("often", 40.0, 40),
        ("often", -3, -3),
        ("often", 10**30, 10**30),
        ("hot", 2, 2.0),
        ("hot", -0.0, 0.0),
        ("on", True, True),
        ("at", None, None),
        ("at", 7.0, 7),
    ],
)
def test_a_value_is_taken_as_what_it_has_to_be(declare, name, value, taken):
    found = declare(of)[0].checked({"text": "a"} | {name: value})[name]
    assert found == taken
    assert type(found) is type(taken)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("text", value) for value in (None, 3, True, [], {}, b"a", "half \ud83d", "\udc00")],
        *[("often", value) for value in (None, "1", 1.5, math.nan, math.inf, -math.inf, True, [], {}, DEEP)],
        *[("hot", value) for value in (None, "1", math.nan, math.inf, True, 10**400, 10**5000, [1.0])],
        *[("on", value) for value in (None, 0, 1, "true", [])],
        *[("at", value) for value in ("", 1.5, False, math.nan)],
    ],
    ids=lambda value: value if isinstance(value, str) and value.isascii() else type(value).__name__,
)
def test_a_value_of_another_kind_is_a_sentence(declare, name, value):
    with pytest.raises(ValueError, match=rf"^The argument {name} of test\.of is .*; expected .*\.$") as caught:
        declare(of)[0].checked({"text": "a"} | {name: value})
    assert len(str(caught.value)) < 200
    str(caught.value).encode()  # and can be sent


def test_lists_are_checked_item_by_item(declare):
    (asked,) = declare(many)
    found = asked.checked({"names": ("a", "b"), "numbers": [[1, 2.5], []]})
    assert found == {"names": ["a", "b"], "numbers": [[1.0, 2.5], []]}
    for wrong in ({"names": "ab"}, {"names": ["a", 1]}, {"names": None}, {"numbers": [1.0]}, {"numbers": [[math.nan]]}):
        with pytest.raises(ValueError, match="expected a list, each item"):
            asked.checked({"names": [], "numbers": []} | wrong)


@pytest.mark.parametrize("name", ["more", "", "__class__", "opened", "half \ud83d", "x" * 10_000])
def test_an_argument_that_nobody_takes_is_a_sentence(declare, name):
    with pytest.raises(
        ValueError, match=r"^test\.of takes no argument .*; expected text, often, hot, on, at\.$"
    ) as said:
        declare(of)[0].checked({"text": "a", name: 1})
    assert len(str(said.value)) < 200
    str(said.value).encode()


def test_an_argument_that_is_missing_is_a_sentence(declare):
    with pytest.raises(ValueError, match=r"^test\.of needs the argument text: text\.$"):
        declare(of)[0].checked({"often": 2})


def test_what_can_not_be_checked_can_not_be_declared(declare):
    def a_dict(opened: OpenModel, given: dict): ...

    def late(text: str, opened: OpenModel): ...

    def bare(opened: OpenModel, text): ...

    for wrong in (a_dict, late, bare):
        with pytest.raises(TypeError):
            declare(wrong)
    declare(of)
    with pytest.raises(TypeError, match="two questions"):
        question("test.of")(many)


def test_seconds_follow_the_arguments(declare):
    (asked,) = declare(of, seconds=lambda text, often, **rest: often * len(text))
    assert asked.longest(asked.checked({"text": "abc", "often": 4})) == 12


@pytest.mark.parametrize(
    "value",
    [{"a": "b" * 1000, "c": ["d" * 500, 1, None, True, 2.5]}, "é😀" * 1000, [], {}, ["\ud800" * 10], [[[]]] * 9],
)
def test_the_size_is_nearly_that_of_the_json(value):
    exact = len(json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass"))
    assert abs(size_of(value) - exact) <= 16 + 0.3 * exact


def test_what_is_nested_deep_has_a_size_and_a_name():
    assert size_of(DEEP) > 100_000
    assert shown(DEEP) == "a list"
    assert shown(10**5000) == "a int"
    assert len(shown("x" * 10_000)) == 40
    assert sys.getrecursionlimit() < 100_000


@pytest.mark.parametrize("name", sorted(QUESTIONS))
def test_every_question_of_the_page_says_what_it_answers(name):
    asked = QUESTIONS[name]
    assert name == asked.name
    assert name.count(".") == 1
    assert asked.function.__doc__.strip()
    assert asked.lane in ("looking", "writing")
    for one in asked.arguments:
        if one.default is not inspect.Parameter.empty:
            assert one.checked(one.default, name) == one.default
