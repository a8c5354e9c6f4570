"""Questions where ZeroGPU lends a GPU: answered in another process, which only plain Python reaches."""

import os
import threading
from contextlib import suppress

import pytest
from fake_zerogpu import Zero, assert_plain
from gradio_client import Client
from gradio_client.exceptions import AppError
from serving import served

from strivelm import OpenModel
from strivelm.ui import app, limits  # noqa: F401  (app declares the page's questions)
from strivelm.ui.core.dispatcher import Dispatcher
from strivelm.ui.core.gpu import gpu, lent
from strivelm.ui.core.models import Models
from strivelm.ui.core.questions import QUESTIONS

PUBLIC = {
    "api.model_info": {},
    "api.next_characters": {"text": "The fox", "temperature": 0.8, "top_k": 5, "top_p": 0.9},
    "api.score": {"text": "The fox"},
    "api.attention": {"text": "The fox", "layer": 0, "head": 1},
    "api.heads": {},
    "api.logit_lens": {"text": "The fox"},
    "api.ablate": {"text": "The fox", "heads": "0.1"},
    "api.neighbours": {"char": "a", "k": 3},
    "api.embedding_map": {"dimensions": 2},
}
"""What the endpoints ask of a model, with arguments."""
VIEWS = {
    "attention.maps": {"text": "The fox"},
    "attention.judged": {"text": "The fox"},
    "learn.step": {"text": "The fox", "step": "4"},
    "generate.sampling_steps": {"prompt": "A", "temperature": 0.9, "top_k": 5, "top_p": 0.9, "seed": 7},
}
"""Some of what the views ask."""


@pytest.fixture
def zero(monkeypatch):
    """A ZeroGPU for this test, in place of the `spaces` package."""
    with Zero() as spaces:
        monkeypatch.setattr("strivelm.ui.core.gpu.spaces", spaces)
        yield spaces


@pytest.fixture
def there(zero, noise):
    """The page's dispatcher, whose questions borrow a GPU."""
    return Dispatcher(Models(noise))


def where(opened: OpenModel) -> int:
    """The process that answers."""
    return os.getpid()


def counting(opened: OpenModel, most: int = 10**9):
    """The numbers from 0 on."""
    yield from range(most)


def test_elsewhere_nothing_is_changed(monkeypatch):
    monkeypatch.setattr("strivelm.ui.core.gpu.spaces", None)
    assert gpu(5)(where) is where


def test_the_real_package_off_zerogpu_changes_nothing_either(monkeypatch):
    monkeypatch.setattr("strivelm.ui.core.gpu.spaces", pytest.importorskip("spaces"))
    assert gpu(5)(where) is where


def test_a_gpu_is_lent_on_zerogpu_alone(monkeypatch):
    for package, variable, is_lent in ((object(), "true", True), (object(), "1", True), (object(), "", False)):
        monkeypatch.setattr("strivelm.ui.core.gpu.spaces", package)
        monkeypatch.setenv("SPACES_ZERO_GPU", variable)
        assert lent() == is_lent
    monkeypatch.delenv("SPACES_ZERO_GPU")
    assert not lent()
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    monkeypatch.setattr("strivelm.ui.core.gpu.spaces", None)
    assert not lent()


def test_the_work_is_done_in_another_process(zero, answering):
    ask = answering(where)
    first = ask.ask("test.where", ["noise"], {})
    assert first != os.getpid()
    assert ask.ask("test.where", ["noise"], {}) == first
    assert zero.started == 1


def test_what_only_reads_text_borrows_nothing(zero, answering):
    ask = answering(where, device=False)
    assert ask.ask("test.where", ["noise"], {}) == os.getpid()
    assert ask.ask("view.file", [], {"view": "attention"}).startswith("<!doctype html>")
    ask.ask("api.model_info", ["noise"], {})
    assert zero.asked == []


def test_the_duration_that_is_asked_for_follows_the_question(zero, answering):
    ask = answering(counting, seconds=lambda most: 2 * most)
    assert list(ask.stream("test.counting", ["noise"], {"most": 7})) == list(range(7))
    assert ask.ask("attention.maps", ["noise"], {"text": "The fox"})
    assert [seconds for _, seconds in zero.asked] == [14, limits.LOOK_SECONDS]


@pytest.mark.parametrize("name", PUBLIC | VIEWS)
def test_an_answer_from_there_is_the_one_from_here(zero, there, noise, name):
    arguments = (PUBLIC | VIEWS)[name]
    here = QUESTIONS[name].answer([noise], QUESTIONS[name].checked(arguments))
    assert_plain(here)
    assert there.ask(name, ["noise"], arguments) == here
    assert zero.started == QUESTIONS[name].needs_gpu(arguments)


def test_a_lessons_step_that_is_about_the_text_alone_borrows_none(zero, there):
    assert there.ask("learn.step", ["noise"], {"text": "The fox", "step": "2"})["chars"] == list("The fox")
    assert zero.started == 0


def test_a_text_streams_from_there_and_is_the_one_from_here(zero, there, noise):
    asked = {"max_new_tokens": 300, "temperature": 0.9, "top_k": 20, "top_p": 0.95, "seed": 5}
    expected = noise.model.generate("The fox", **asked)
    assert "The fox" + there.ask("api.generate", ["noise"], {"prompt": "The fox"} | asked) == expected
    count = asked.pop("max_new_tokens")
    _, *pieces = there.stream("generate.write", ["noise"], {"prompt": "The fox", "count": count} | asked)
    assert "The fox" + "".join(one[0] for piece in pieces for one in piece["characters"]) == expected
    assert [seconds for _, seconds in zero.asked] == [limits.seconds_to_write(300)] * 2


def test_a_generator_that_is_closed_here_ends_there(zero, answering):
    ask = answering(counting)
    numbers = ask.stream("test.counting", ["noise"], {})
    assert [next(numbers), next(numbers)] == [0, 1]
    numbers.close()
    assert next(ask.stream("test.counting", ["noise"], {})) == 0  # its process is free again, and starts anew
    assert zero.started == 1


def test_equal_questions_borrow_once(zero, answering):
    ask = answering(where, cached=True)
    assert ask.ask("test.where", ["noise"], {}) == ask.ask("test.where", ["noise"], {})
    assert len(zero.asked) == 1


def test_a_model_that_was_opened_after_the_fork_is_found_there(zero, answering):
    def step(opened: OpenModel) -> int:
        """After how many steps the model was taken."""
        return opened.training["best"]["step"]

    ask = answering(step)
    assert ask.ask("test.step", ["noise"], {}) == 7
    assert ask.ask("test.step", ["film@step-3"], {}) == 3
    assert zero.started == 1


def test_a_model_that_is_not_there_is_said_before_anything_is_asked_for(zero, there):
    with pytest.raises(ValueError, match="'no model' is no model: expected 'bundled'"):
        there.ask("api.score", ["no model"], {"text": "The fox"})
    assert zero.asked == []


@pytest.mark.parametrize("streams", [False, True])
def test_what_can_not_be_done_is_said_in_the_same_sentence(zero, answering, streams):
    """ZeroGPU gives back no error but gr.Error; all others it calls 'ZeroGPU worker error' and their class's name."""

    def whole(opened: OpenModel) -> None:
        raise ValueError("The text is upside down; turn it.")

    def pieces(opened: OpenModel):
        yield 1
        raise IndexError("The text is upside down; turn it.")

    asked = pieces if streams else whole
    with pytest.raises(ValueError, match=r"^The text is upside down; turn it\.$"):
        answering(asked).ask(f"test.{asked.__name__}", ["noise"], {})


def test_a_lock_that_another_visitor_holds_at_the_fork_does_not_bind_the_fork(zero, answering, noise):
    """Of this process's threads the fork has only one: a lock that another held is never released there."""
    outcome, parent = [], os.getpid()

    class Held(Models):
        def get(self, ref, progress=None):
            found = super().get(ref, progress)
            if os.getpid() == parent:
                held.acquire()  # as another visitor's thread might, between this line and the fork
            return found

    models = Models(noise)
    models.get("film@step-3")
    held = models._here
    models.__class__ = Held
    ask = answering(where, models=models)

    def asking():
        with suppress(EOFError, ValueError):  # at the test's end the fork is killed
            outcome.append(ask.ask("test.where", ["film@step-3"], {}))

    thread = threading.Thread(target=asking, daemon=True)
    thread.start()
    thread.join(10)
    held.release()
    assert outcome, "the fork waits for ever"


def test_the_pages_endpoints_work_there(zero, noise):
    with served(noise) as address:
        client = Client(address, verbose=False, analytics_enabled=False)
        for name, arguments in PUBLIC.items():
            found = client.predict(**arguments, model="noise", api_name=f"/{name.removeprefix('api.')}")
            assert found == QUESTIONS[name].answer([noise], QUESTIONS[name].checked(arguments))
        with pytest.raises(AppError, match="The text has 1 character"):
            client.predict("x", model="noise", api_name="/score")
    assert {name for name, _ in zero.asked} == {name.removeprefix("api.") for name in PUBLIC} - {"model_info"}
