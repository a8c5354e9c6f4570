"""Model work where ZeroGPU lends a GPU: in another process, which only plain Python reaches."""

import os
import threading
from contextlib import suppress

import gradio as gr
import pytest
from fake_zerogpu import Zero, assert_plain
from gradio_client import Client
from gradio_client.exceptions import AppError
from serving import served

from strivelm.ui import limits
from strivelm.ui.api import answers
from strivelm.ui.core.gpu import Work, gpu
from strivelm.ui.core.models import Models
from strivelm.ui.tabs.generate.payload import anew, continued

QUESTIONS = {
    "model_info": (answers.model_info, ()),
    "next_characters": (answers.next_characters, ("The fox", 0.8, 5, 0.9)),
    "score": (answers.score, ("The fox",)),
    "attention": (answers.attention, ("The fox", 0, 1)),
    "heads": (answers.heads, ()),
    "logit_lens": (answers.logit_lens, ("The fox",)),
    "ablate": (answers.ablate, ("The fox", "0.1")),
    "neighbours": (answers.neighbours, ("a", 3)),
    "embedding_map": (answers.embedding_map, (2,)),
}
"""What the endpoints ask of a model, with arguments."""


@pytest.fixture
def zero(monkeypatch):
    """A ZeroGPU for this test, in place of the `spaces` package."""
    with Zero() as spaces:
        monkeypatch.setattr("strivelm.ui.core.gpu.spaces", spaces)
        yield spaces


@pytest.fixture
def models(noise):
    """The models of a page whose own is of random weights."""
    return Models(noise)


def test_elsewhere_nothing_is_changed(monkeypatch):
    monkeypatch.setattr("strivelm.ui.core.gpu.spaces", None)
    assert gpu(5)(anew) is anew


def test_the_real_package_off_zerogpu_changes_nothing_either(monkeypatch):
    monkeypatch.setattr("strivelm.ui.core.gpu.spaces", pytest.importorskip("spaces"))
    assert gpu(5)(anew) is anew


def test_the_work_is_done_in_another_process(zero, models):
    where = Work(models)(lambda opened: os.getpid())
    assert where("noise") != os.getpid()
    assert where("noise") == where("noise")
    assert zero.started == 1


def test_the_duration_that_is_asked_for_follows_the_work(zero, models):
    def times(opened, n):
        return n

    assert Work(models)(times, lambda ref, n: n * 2)("noise", 7) == 7
    Work(models)(times, 3)("noise", 7)
    Work(models)(times)("noise", 7)
    assert [seconds for _, seconds in zero.asked] == [14, 3, limits.LOOK_SECONDS]


@pytest.mark.parametrize("name", QUESTIONS)
def test_an_answer_from_there_is_the_one_from_here(zero, models, noise, name):
    question, arguments = QUESTIONS[name]
    here = question(noise, *arguments)
    assert_plain(here)
    assert Work(models)(question)("noise", *arguments) == here
    assert zero.started == 1


def test_a_text_streams_from_there_and_is_the_one_from_here(zero, models, noise):
    asked = ("The fox", 300, 0.9, 20, 0.95, 5)
    there = list(Work(models)(continued)("noise", *asked))
    assert there[-1] == list(continued(noise, *asked))[-1]


def test_the_generate_tab_streams_from_there(zero, models, noise):
    asked = ("The fox", 300, 0.9, 20, 0.95, "5")
    there, here = list(Work(models)(anew)("noise", *asked)), list(anew(noise, *asked))
    assert [there[0][1:], there[-1][1:]] == [here[0][1:], here[-1][1:]]  # notes and seed; the sheet tells seconds, too


def test_a_generator_that_is_closed_here_ends_there(zero, models):
    def counting(opened):
        yield from range(10**9)

    count = Work(models)(counting)
    numbers = count("noise")
    assert [next(numbers), next(numbers)] == [0, 1]
    numbers.close()
    assert next(count("noise")) == 0  # its process is free again, and starts anew
    assert zero.started == 1


def test_a_model_that_was_opened_after_the_fork_is_found_there(zero, models):
    info = Work(models)(answers.model_info)
    assert info("noise")["model"] == "noise"
    assert info("film@step-3")["step"] == 3
    assert zero.started == 1


def test_a_model_that_is_not_there_is_said_before_anything_is_asked_for(zero, models):
    with pytest.raises(ValueError, match="'no model' is no model: expected 'bundled'"):
        Work(models)(answers.model_info)("no model")
    assert zero.asked == []


@pytest.mark.parametrize("streams", [False, True])
def test_what_can_not_be_done_is_said_in_the_same_sentence(zero, models, streams):
    """ZeroGPU gives back no error but gr.Error; all others it calls 'ZeroGPU worker error' and their class's name."""
    question, arguments = (continued, ("", 5, 1.0, 0, 1.0, 1)) if streams else (answers.score, ("é",))
    sentence = "The prompt is empty" if streams else "The text has 1 character; expected 2 to"
    asking = Work(models)(question)
    with pytest.raises((ValueError, gr.Error), match=sentence):
        list(asking("noise", *arguments))


def test_a_lock_that_another_visitor_holds_at_the_fork_does_not_bind_the_fork(zero, models):
    """Of this process's threads the fork has only one: a lock that another held is never released there."""
    models.get("film@step-3")
    outcome = []

    class Held(type(models)):
        def get(self, ref, progress=None):
            found = super().get(ref, progress)
            if os.getpid() == parent:
                held.acquire()  # as another visitor's thread might, between this line and the fork
            return found

    parent, held = os.getpid(), models._here
    models.__class__ = Held

    def ask():
        with suppress(EOFError):  # at the test's end the fork is killed
            outcome.append(Work(models)(answers.model_info)("film@step-3"))

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(10)
    held.release()
    assert outcome, "the fork waits for ever"


def test_the_pages_endpoints_work_there(zero, noise):
    with served(noise) as address:
        client = Client(address, verbose=False, analytics_enabled=False)
        for name, (question, arguments) in QUESTIONS.items():
            assert client.predict(*arguments, model="noise", api_name=f"/{name}") == question(noise, *arguments)
        text = client.predict("The fox", max_new_tokens=60, seed=5, model="noise", api_name="/generate")
        assert "The fox" + text == noise.model.generate("The fox", 60, 0.8, seed=5)
    assert zero.started == len(QUESTIONS)  # /generate, and all but /model_info, which needs no GPU


def test_an_endpoint_says_there_what_it_can_not_do(zero, noise):
    with served(noise) as address:
        client = Client(address, verbose=False, analytics_enabled=False)
        with pytest.raises(AppError, match="The text has 1 character"):
            client.predict("x", model="noise", api_name="/score")
