"""Answers to questions: limits hold, what goes wrong is a sentence, and equal questions are answered once."""

import logging
import re
import threading
import time

import gradio as gr
import pytest

from strivelm import OpenModel
from strivelm.ui import limits
from strivelm.ui.core import models as registry
from strivelm.ui.core.models import Models


@pytest.fixture(autouse=True)
def no_traceback(capfd):
    """Whatever is asked, nothing prints a traceback."""
    yield
    told = capfd.readouterr()
    assert "Traceback" not in told.out + told.err


def size(opened: OpenModel, times: int = 1) -> int:
    """How many characters the model knows, so many times."""
    return times * len(opened.model.tokenizer.chars)


def counting(opened: OpenModel, most: int = 3):
    """The numbers from 0 on."""
    yield from range(most)


def test_an_answer_is_what_the_function_gives(answering, noise):
    many = len(noise.model.tokenizer.chars)
    ask = answering(size, counting)
    assert ask.ask("test.size", ["noise"], {"times": 2}) == 2 * many
    assert list(ask.stream("test.size", ["noise"], {})) == [many]
    assert list(ask.stream("test.counting", ("noise",), {"most": 4.0})) == [0, 1, 2, 3]
    assert ask.ask("test.counting", ["noise"], {}) == 2


def test_a_question_may_be_of_two_models_or_of_none(answering):
    def differ(one: OpenModel, other: OpenModel) -> list:
        return [one.ref, other.ref]

    def nothing() -> str:
        return "nobody"

    ask = answering(differ, nothing)
    assert ask.ask("test.differ", ["noise", "film"], {}) == ["noise", "film"]
    assert ask.ask("test.nothing", [], {}) == "nobody"


@pytest.mark.parametrize(
    ("name", "refs", "arguments", "sentence"),
    [
        ("test.sizes", ["noise"], {}, "There is no question 'test.sizes'; expected one of "),
        (None, ["noise"], {}, "There is no question None"),
        (["test.size"], ["noise"], {}, "There is no question "),
        ("half \ud83d", ["noise"], {}, "There is no question "),
        ("test.size", [], {}, r"test.size is asked of 1 model, each by its reference; got \[\]"),
        ("test.size", ["noise"] * 2, {}, "is asked of 1 model, each by its reference; got"),
        ("test.size", "noise", {}, "is asked of 1 model, each by its reference; got 'noise'"),
        ("test.size", None, {}, "is asked of 1 model, each by its reference; got None"),
        ("test.size", {"noise": 1}, {}, "is asked of 1 model"),
        ("test.size", [None], {}, "The model is empty"),
        ("test.size", [["noise"]], {}, "The model is "),
        ("test.size", [7], {}, "The model is 7; expected bundled"),
        ("test.size", ["nobody"], {}, "is no model"),
        ("test.size", ["half \ud83d"], {}, "is no model"),
        ("test.size", ["a\0b"], {}, "is no model"),
        ("test.size", ["x" * 100_000], {}, "has 100,000 characters"),
        ("test.size", ["noise"], None, "The arguments of test.size are None; expected them by name"),
        ("test.size", ["noise"], [1], "expected them by name"),
        ("test.size", ["noise"], {"times": "2"}, "The argument times of test.size is '2'; expected a whole number"),
        ("test.size", ["noise"], {"opened": "noise"}, "takes no argument 'opened'; expected times"),
    ],
)
def test_what_is_no_question_is_a_sentence(answering, name, refs, arguments, sentence):
    with pytest.raises(ValueError, match=sentence) as caught:
        answering(size).ask(name, refs, arguments)
    str(caught.value).encode()


def test_what_the_function_refuses_is_its_own_sentence(answering):
    def refuse(opened: OpenModel) -> None:
        raise ValueError("The text is upside down; turn it.")

    def refuse_late(opened: OpenModel):
        yield 1
        raise IndexError("There is no line 9; expected 1 to 3.")

    ask = answering(refuse, refuse_late)
    with pytest.raises(ValueError, match=r"^The text is upside down; turn it\.$"):
        ask.ask("test.refuse", ["noise"], {})
    pieces = ask.stream("test.refuse_late", ["noise"], {})
    assert next(pieces) == 1
    with pytest.raises(ValueError, match=r"^There is no line 9; expected 1 to 3\.$"):
        next(pieces)


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (KeyError("secret"), r"^test\.fail failed \(KeyError\); the page's log says more\.$"),
        (RuntimeError("/home/secret"), r"^test\.fail failed \(RuntimeError\)"),
        (MemoryError(), "does not fit in memory"),
        (RuntimeError("CUDA out of memory"), "does not fit in memory"),
        (RecursionError(), "failed"),
        (OSError(28, "No space left"), "failed"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
@pytest.mark.parametrize("streams", [False, True])
def test_what_nobody_foresaw_is_a_sentence_too_and_one_line_of_the_log(answering, caplog, streams, error, sentence):
    def whole(opened: OpenModel) -> None:
        raise error

    def pieces(opened: OpenModel):
        raise error
        yield

    fail = pieces if streams else whole
    fail.__name__ = "fail"
    with caplog.at_level(logging.WARNING, "strivelm"), pytest.raises(ValueError, match=sentence) as caught:
        answering(fail).ask("test.fail", ["noise"], {})
    assert "secret" not in str(caught.value)
    assert [record.exc_info for record in caplog.records] == [None]


@pytest.mark.parametrize(
    ("title", "message", "sentence", "logged"),
    [
        ("ZeroGPU quota exceeded", "You have exceeded your <b>GPU quota</b>.", "You have exceeded your GPU quota.", 0),
        ("ZeroGPU worker error", "KeyError", "test.size failed (KeyError); the page's log says more.", 1),
    ],
)
def test_what_zerogpu_says_to_the_visitor_is_passed_on(
    answering, caplog, monkeypatch, title, message, sentence, logged
):
    """Its errors are gr.Error, which is a ValueError whose text is quoted; of one in its fork it says the class."""

    class Spaces:
        @staticmethod
        def GPU(duration):  # noqa: N802  (their name)
            def refuse(*_):
                raise gr.Error(message, title=title)

            return lambda function: refuse

    monkeypatch.setattr("strivelm.ui.core.gpu.spaces", Spaces)
    with pytest.raises(ValueError, match=re.escape(sentence)) as caught:
        answering(size).ask("test.size", ["noise"], {})
    assert str(caught.value) == sentence
    assert len(caplog.records) == logged


def test_a_model_that_can_not_be_opened_for_whatever_reason_is_a_sentence(answering, noise, monkeypatch):
    def broken(*_, **__):
        raise RuntimeError("of a kind that nobody foresaw")

    monkeypatch.setattr(registry, "open_model", broken)
    with pytest.raises(ValueError, match=r"can.t be opened"):
        answering(size).ask("test.size", ["choir/one"], {})


# -- limits ------------------------------------------------------------------------------------------------------------


def test_a_question_that_loops_is_ended_and_its_place_is_free(answering):
    def loop(opened: OpenModel) -> None:
        while True:
            pass

    ask = answering(loop, size, seconds=0.2)
    began = time.monotonic()
    with pytest.raises(ValueError, match=r"^test\.loop would take longer than the time limit; shorten the text"):
        ask.ask("test.loop", ["noise"], {})
    assert time.monotonic() - began < 10
    assert ask.ask("test.size", ["noise"], {}) > 0


def test_a_question_that_streams_is_limited_as_a_whole(answering):
    ended = threading.Event()

    def drip(opened: OpenModel):
        try:
            while True:
                yield "x"
                time.sleep(0.01)
        finally:
            ended.set()

    heard, pieces = [], answering(drip, seconds=0.3).stream("test.drip", ["noise"], {})
    with pytest.raises(ValueError, match="would take longer than the time limit"):
        heard.extend(map(heard.append, pieces))
    assert 2 < len([one for one in heard if one]) < 40
    assert ended.wait(5)


def test_the_limit_follows_the_arguments(answering):
    def work(opened: OpenModel, seconds: float = 0.0) -> str:
        end = time.monotonic() + 0.5
        while time.monotonic() < end:
            pass
        return "done"

    ask = answering(work, seconds=lambda seconds: seconds)
    assert ask.ask("test.work", ["noise"], {"seconds": 60}) == "done"
    with pytest.raises(ValueError, match="would take longer"):
        ask.ask("test.work", ["noise"], {"seconds": 0.05})


@pytest.mark.parametrize("streams", [False, True])
def test_an_answer_that_is_too_large_is_a_sentence(answering, streams):
    def whole(opened: OpenModel, size: int = 0) -> dict:
        return {"text": ["é" * (size // 2)]}

    def pieces(opened: OpenModel, size: int = 0):
        for _ in range(10):
            yield "x" * (size // 10)

    big = pieces if streams else whole
    big.__name__ = "big"
    ask = answering(big, max_bytes=1_000_000)
    assert ask.ask("test.big", ["noise"], {"size": 999_900})
    with pytest.raises(ValueError, match=r"larger than the limit of 1 MB; a shorter text helps"):
        ask.ask("test.big", ["noise"], {"size": 1_000_100})


def test_a_reader_who_leaves_ends_the_work(answering):
    ended = threading.Event()

    def endless(opened: OpenModel):
        try:
            yield from iter(int, 1)
        finally:
            ended.set()

    pieces = answering(endless).stream("test.endless", ["noise"], {})
    assert [next(pieces), next(pieces)] == [0, 0]
    pieces.close()
    assert ended.is_set()


# -- answered once -----------------------------------------------------------------------------------------------------


@pytest.fixture
def counted():
    """A function that rests a moment and counts its calls, and the list of what it was asked."""
    calls = []

    def slow(opened: OpenModel, text: str = "", often: int = 1) -> dict:
        calls.append((opened.ref, text, often))
        time.sleep(0.3)
        if text == "wrong":
            raise ValueError("That text is wrong.")
        return {"text": text, "call": len(calls), "size": len(opened.model.tokenizer.chars)}

    return slow, calls


def at_once(*asks):
    """What several threads get that ask at one time: answers, or the sentences."""
    found, start = [None] * len(asks), threading.Barrier(len(asks))

    def run(i):
        start.wait()
        try:
            found[i] = asks[i]()
        except ValueError as error:
            found[i] = str(error)

    threads = [threading.Thread(target=run, args=(i,)) for i in range(len(asks))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return found


def test_equal_questions_are_answered_once(answering, counted):
    slow, calls = counted
    ask = answering(slow, cached=True)
    same = [lambda: ask.ask("test.slow", ["noise"], {"text": "a"})] * 2
    same += [lambda: ask.ask("test.slow", ["noise"], {"often": 1.0, "text": "a"})]  # in another order, as JSON has it
    assert len({str(one) for one in at_once(*same)}) == 1
    assert calls == [("noise", "a", 1)]
    ask.ask("test.slow", ["noise"], {"text": "a"})
    ask.ask("test.slow", ["noise"], {"text": "b"})
    ask.ask("test.slow", ["film"], {"text": "a"})
    assert calls == [("noise", "a", 1), ("noise", "b", 1), ("film", "a", 1)]


def test_of_what_goes_wrong_everybody_hears_and_nothing_is_kept(answering, counted):
    slow, calls = counted
    ask = answering(slow, cached=True)
    found = at_once(*[lambda: ask.ask("test.slow", ["noise"], {"text": "wrong"})] * 3)
    assert found == ["That text is wrong."] * 3
    assert len(calls) == 1
    with pytest.raises(ValueError, match="That text is wrong"):
        ask.ask("test.slow", ["noise"], {"text": "wrong"})
    assert len(calls) == 2


def test_who_waits_for_anothers_answer_waits_no_longer_than_for_an_own(answering, counted, monkeypatch):
    slow, _ = counted
    ask = answering(slow, cached=True, seconds=0.05)
    found = at_once(*[lambda: ask.ask("test.slow", ["noise"], {"text": "a"})] * 2)
    assert all("would take longer than the time limit" in one for one in found)


def test_what_is_not_to_be_kept_is_answered_each_time(answering, counted):
    slow, calls = counted
    ask = answering(slow)
    ask.ask("test.slow", ["noise"], {}), ask.ask("test.slow", ["noise"], {})
    assert len(calls) == 2


def test_another_model_under_the_same_name_has_its_own_answer(answering, counted, make_open, monkeypatch):
    slow, _ = counted
    sizes = iter([("ab", 3), ("abcd", 3)])

    def opened(ref, *_, **__):
        chars, embd = next(sizes)
        return OpenModel(ref, make_open(chars=chars, n_head=1, n_embd=embd).model, {})

    monkeypatch.setattr(registry, "open_model", opened)
    models = Models(make_open())
    ask = answering(slow, models=models, cached=True)
    assert ask.ask("test.slow", ["choir/one"], {})["size"] == 2
    models._open.clear()  # closed, and a new revision lies on the Hub by the time that it is asked for again
    assert ask.ask("test.slow", ["choir/one"], {})["size"] == 4


def test_what_is_kept_is_bounded(answering, counted, monkeypatch):
    _, calls = counted

    def text(opened: OpenModel, n: int = 0) -> str:
        calls.append(n)
        return "x" * 400

    monkeypatch.setattr(limits, "KEPT_BYTES", 1000)
    ask = answering(text, cached=True)
    for n in (0, 1, 0, 2, 0, 1):  # two fit; 1 was used least recently when 2 came
        ask.ask("test.text", ["noise"], {"n": n})
    assert calls == [0, 1, 2, 1]
