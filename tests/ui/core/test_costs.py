"""What is estimated before a question is answered bounds what the answer takes, and what does not fit is refused."""

import re

import pytest
import torch
from inspection.peak_memory import Peak

from strivelm import GPT, OpenModel
from strivelm.ui import app, limits  # noqa: F401  (app declares the page's questions)
from strivelm.ui.core import costs
from strivelm.ui.core.costs import Cost
from strivelm.ui.core.dispatcher import Dispatcher
from strivelm.ui.core.models import Models
from strivelm.ui.core.questions import QUESTIONS, size_of

LETTERS = "abcdefghijklmnopqrstuvwxyz \n"
TEXT = (LETTERS * 40)[:256]
ASKED = {
    "attention.judged": {"text": TEXT[:60]},
    "attention.row": {"text": TEXT[:60], "layer": 0, "head": 0, "query": 5},
    "attention.exact": {"text": TEXT[:200], "map": "0.0"},
    "attention.circuits": {},
    "predictions.losses": {"text": TEXT},
    "predictions.lens": {"text": TEXT},
    "predictions.attribution": {"text": TEXT},
    "predictions.ablation": {"text": TEXT, "parts": "0.0", "how": "mean"},
    "predictions.survey": {"text": TEXT[:20]},
    "embeddings.tokens": {},
    "embeddings.positions": {},
    "embeddings.states": {"text": TEXT},
    "embeddings.table": {},
    "api.next_characters": {"text": TEXT},
    "api.score": {"text": TEXT},
    "api.attention": {"text": TEXT[:200], "layer": 0, "head": 0},
    "api.heads": {},
    "api.logit_lens": {"text": TEXT[:200]},
    "api.ablate": {"text": TEXT, "heads": "0.0"},
    "api.compare": {"text": TEXT},
    "predictions.beside": {"text": TEXT},
    "attention.beside": {"text": TEXT[:200]},
    "embeddings.beside": {},
    "learn.beside": {},
    "api.neighbours": {"char": "a"},
    "api.embedding_map": {},
    "learn.step": {"text": TEXT[:60], "step": "3.3"},
}


def open_sized(chars: str = LETTERS, **sizes) -> OpenModel:
    """An open model of random weights."""
    torch.manual_seed(0)
    given = {"block_size": 256, "n_layer": 2, "n_head": 2, "n_embd": 32} | sizes
    return OpenModel("sized", GPT(vocab_size=len(chars), chars=chars, **given).eval(), {})


SHAPES = {
    "usual": {},
    "heads": {"n_head": 32, "n_embd": 32},
    "layers": {"n_layer": 6},
    "characters": {"chars": LETTERS + "".join(map(chr, range(0x4E00, 0x4E00 + 600)))},
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", ASKED)
def test_a_question_takes_no_more_memory_than_is_estimated(name, shape):
    opened = open_sized(**SHAPES[shape])
    question, arguments = QUESTIONS[name], QUESTIONS[name].checked(ASKED[name])
    models = [opened] if question.models == 1 else [opened, open_sized(**SHAPES[shape] | {"block_size": 100})]
    cost = question.cost(models, arguments)
    with Peak() as peak:
        answer = question.answer(models, arguments)
        pieces = list(answer) if question.streamed else [answer]
    assert peak.bytes <= cost.memory + 1_000_000
    if cost.answer:
        assert size_of(pieces) <= cost.answer + costs.ABOUT


def test_maps_are_sent_up_to_a_size_of_the_texts_end():
    opened = open_sized(n_layer=28, n_head=8, n_embd=16)
    found = Dispatcher(Models(opened)).ask("attention.maps", ["sized"], {"text": TEXT})
    read = len(found["text"])
    assert TEXT.endswith(found["text"])
    assert size_of(found) <= limits.ANSWER_BYTES < 1.05 * size_of(found)
    assert f"28 x 8 heads, of which maps are sent for at most {read} characters" in found["notes"][-1]
    assert len(found["maps"]) == (28 * 9 * read * (read + 1) // 2 + 2) // 3 * 4


def test_what_takes_too_long_is_refused_with_what_fits(monkeypatch):
    opened = open_sized(n_layer=3, n_head=32, n_embd=64)
    monkeypatch.setattr(limits, "SPEED", 1e6)
    with pytest.raises(
        ValueError, match=r"takes \d+ (minutes|seconds) or more, and at most 60 seconds are allowed"
    ) as why:
        Dispatcher(Models(opened)).ask("predictions.survey", ["sized"], {"text": TEXT})
    fits = int(re.search(r"a text of at most (\d+) characters fits", str(why.value))[1])
    seconds = costs.every_part_off(opened.model, fits).work / limits.SPEED
    assert seconds <= limits.SECONDS < costs.every_part_off(opened.model, fits + 1).work / limits.SPEED


def test_what_takes_too_much_memory_is_refused_with_what_fits(monkeypatch):
    opened = open_sized(n_head=16)
    monkeypatch.setattr(limits, "LOOK_MEMORY", 20_000_000)
    with pytest.raises(ValueError, match=r"takes \d+ MB of memory, and at most 20 MB are allowed here; a text") as why:
        Dispatcher(Models(opened)).ask("api.attention", ["sized"], {"text": TEXT, "layer": 0, "head": 0})
    fits = int(re.search(r"at most (\d+) characters fits", str(why.value))[1])
    memory = costs.one_map(10.0)(opened.model, fits).memory
    assert memory <= 20_000_000 < costs.one_map(10.0)(opened.model, fits + 1).memory


def test_on_another_device_work_is_not_judged():
    cost = Cost(work=1e30)
    assert cost.excess(15.0, 1, on_cpu=True).startswith("This takes ")
    assert cost.excess(15.0, 1, on_cpu=False) == ""


@pytest.mark.parametrize("most", [0, 1, 7, 100])
@pytest.mark.parametrize("limit", [0, 1, 6, 99, 1_000])
def test_the_longest_that_fits(most, limit):
    assert costs.longest(lambda n: n <= limit, most) == min(most, limit)


def test_a_survey_of_a_longer_text_is_cut_to_what_its_time_allows(monkeypatch):
    opened = open_sized(n_layer=3, n_head=32, n_embd=64, block_size=64)
    monkeypatch.setattr(limits, "SPEED", 1e8)
    first, *_, last = Dispatcher(Models(opened)).stream("predictions.survey", ["sized"], {})
    one = costs.every_part_off(opened.model, 64).work / limits.SPEED
    assert last["windows_in_all"] == int(limits.SECONDS / 4 / one) < 8
    assert f"most={last['windows_in_all']}" in first["python"]
