"""Questions about any number of models, such as all steps of a training."""

import pytest

from strivelm import OpenModel
from strivelm.ui import limits
from strivelm.ui.api.endpoints import _private
from strivelm.ui.core.dispatcher import Dispatcher
from strivelm.ui.core.models import Models, size_of
from strivelm.ui.core.questions import QUESTIONS


def names(opened: list[OpenModel], after: str = "") -> list:
    """The models' references."""
    return [one.ref + after for one in opened]


def test_its_function_gets_them_as_a_list_in_the_order_asked(answering):
    ask = answering(names)
    refs = ["film@step-5", "noise", "film@step-0"]
    assert QUESTIONS["test.names"].many
    assert ask.ask("test.names", refs, {"after": "!"}) == [f"{ref}!" for ref in refs]
    assert ask.ask("test.names", ["noise"], {}) == ["noise"]


@pytest.mark.parametrize("refs", [[], ["noise"] * (limits.STEPS + 1), "noise", None, {}])
def test_none_or_too_many_are_a_sentence(answering, refs):
    with pytest.raises(ValueError, match=f"asked of 1 to {limits.STEPS} models"):
        answering(names).ask("test.names", refs, {})


def test_what_does_not_fit_in_memory_together_is_a_sentence(answering, noise, monkeypatch):
    ask = answering(names)
    monkeypatch.setattr(limits, "OPEN_BYTES", 2 * size_of(ask.models.get("film@step-0")) + size_of(noise))
    assert len(ask.ask("test.names", ["film@step-0", "film@step-1"], {})) == 2
    with pytest.raises(ValueError, match=r"These 4 models are too large to be open together: the first 3 take"):
        ask.ask("test.names", ["film@step-0", "film@step-1", "film@step-3", "film@step-5"], {})


def test_one_that_can_not_be_opened_is_a_sentence(answering):
    with pytest.raises(ValueError, match="holds no snapshot 'step-4'"):
        answering(names).ask("test.names", ["film@step-3", "film@step-4"], {})


def test_a_model_s_life_on_the_hub_is_slow_and_a_near_one_is_not(noise, monkeypatch):
    models = Models(noise)
    slow = _private("looking", Dispatcher(models)).slow

    def asked(name, *of):
        return slow([{"name": name, "of": list(of), "arguments": {}}])

    models._open["owner/name"] = noise  # open already, so that other questions of it are quick
    assert asked("model.life", "owner/name")
    assert not asked("attention.maps", "owner/name")
    assert not asked("model.life", "film@step-55")
    assert not asked("model.life", "noise")
    assert asked("attention.training", "film@step-0", "film@step-1")
    assert asked("model.open", "owner/other@step-3")
