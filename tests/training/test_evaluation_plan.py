"""Evaluations take at most a tenth of a run, read no more than the text, and the last one is exact."""

import dataclasses
import time

import pytest
import torch

from strivelm.config import Sizes
from strivelm.data.corpus import Corpus, corpus_from_text, load_corpus
from strivelm.tokenizer import CharTokenizer
from strivelm.training import evaluation, new_model, train
from strivelm.training.config import TrainConfig
from strivelm.training.evaluation import evaluate, training_loss
from strivelm.training.evaluation_plan import LEAST, plan
from strivelm.training.events import Evaluating, Evaluation, Finished, Snapshot
from strivelm.training.presets import PRESETS
from strivelm.training.trainer import Trainer

SIZES = Sizes(n_layer=1, n_head=2, n_embd=16, block_size=16)
STEP = 0.01  # seconds of the clock that runs only for what is counted
CHARACTER = 1e-5


@pytest.fixture
def counted(monkeypatch):
    """The characters that evaluations read, in a list; a clock on which only they and the steps take time."""
    now, read, take_step, reading = [0.0], [], Trainer.take_step, evaluation._reading

    def slow_step(self):
        now[0] += STEP
        return take_step(self)

    def slow_reading(*arguments):
        passes = reading(*arguments)
        while True:
            try:
                characters = next(passes)
            except StopIteration as end:
                return end.value
            read.append(characters)
            now[0] += CHARACTER * characters
            yield characters

    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(Trainer, "take_step", slow_step)
    monkeypatch.setattr(evaluation, "_reading", slow_reading)
    return read


@pytest.mark.parametrize(
    ("minutes", "snapshots", "interval"), [(0.1, 0, 1), (0.1, 5, 1), (0.25, 12, 250), (0.25, 3, 10)]
)
def test_by_the_clock_they_take_a_tenth_of_the_time_and_the_last_is_exact(counted, minutes, snapshots, interval):
    corpus, model = load_corpus("bundled"), None
    config = TrainConfig(max_steps=None, minutes=minutes, batch_size=4, snapshots=snapshots, eval_interval=interval)
    model = new_model(corpus, SIZES, 0)
    events = list(train(model, corpus, config))
    finished = events[-1]
    assert CHARACTER * sum(counted) <= 0.1 * 60 * minutes
    assert finished.seconds <= 60 * minutes + STEP, "the last evaluation is part of the time"
    assert finished.steps >= 0.85 * 60 * minutes / STEP
    kept = [event.evaluation.step for event in events if isinstance(event, Snapshot)]
    assert len(kept) + finished.snapshots_left_out == snapshots
    assert snapshots == 0 or {kept[0], kept[-1]} == {0, finished.steps}
    looks = [event for event in events if isinstance(event, Evaluation)]
    assert (looks[-1].step, looks[-1].exact) == (finished.steps, True)
    assert finished.best.exact
    assert finished.best.validation == pytest.approx(evaluate(model, corpus.validation), abs=1e-6)


def test_what_is_written_and_shown_counts_too(counted, monkeypatch):
    """A reader who takes half a second for each evaluation gets few of them."""
    corpus = load_corpus("bundled")
    config = TrainConfig(max_steps=None, minutes=0.5, batch_size=4, eval_interval=1, snapshots=4)
    now, looks = time.perf_counter, 0
    extra = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now() + extra[0])
    for event in train(new_model(corpus, SIZES, 0), corpus, config):
        if isinstance(event, Evaluation):
            looks += 1
            extra[0] += 0.5
    assert extra[0] + CHARACTER * sum(counted) <= 0.1 * 30 + 0.3  # the last one is only known when it is over
    assert looks >= 3
    assert event.seconds < 31


@pytest.mark.parametrize("name", [name for name in PRESETS if name not in ("seed", "large")])
def test_by_steps_they_take_a_tenth_of_the_work(name):
    """Counted without the program: a character in training costs three in an evaluation."""
    preset = PRESETS[name]
    ids = torch.zeros(1_115_394, dtype=torch.uint8)
    corpus = Corpus("as long as tiny Shakespeare", "", CharTokenizer("ab"), ids[:1_003_854], ids[1_003_854:])
    config = preset.training
    made = plan(new_model(corpus, dataclasses.replace(preset.sizes, n_layer=1, n_embd=2, n_head=1), 0), corpus, config)
    looks = len({*range(0, config.max_steps, config.eval_interval)}) + config.snapshots
    work = 3 * config.max_steps * config.batch_size * preset.sizes.block_size
    assert made.last == 111_539, "the whole validation text"
    assert 2 * looks * made.characters + made.last <= 0.1 * work or made.characters == LEAST
    assert made.characters <= 131_072


def test_what_is_asked_for_by_steps_is_read():
    corpus = corpus_from_text("the cat sat on the mat. " * 4000, "cats")
    model = new_model(corpus, SIZES, 0)
    assert plan(model, corpus, TrainConfig(max_steps=10, eval_characters=50_000)).characters == 50_000


def test_by_the_clock_it_must_be_known_how_long_reading_takes():
    corpus = corpus_from_text("the cat sat on the mat. " * 40, "cats")
    with pytest.raises(ValueError, match=r"seconds_per_character is None.*measured"):
        plan(new_model(corpus, SIZES, 0), corpus, TrainConfig(max_steps=None, minutes=1.0))


def test_an_evaluation_reads_no_more_than_the_text(counted):
    corpus = corpus_from_text("the cat sat on the mat. " * 40, "cats")
    model = new_model(corpus, SIZES, 0)
    list(train(model, corpus, TrainConfig(max_steps=1, batch_size=2)))
    looks = 2
    assert sum(counted) <= looks * corpus.characters
    counted.clear()
    training_loss(model, corpus.train, 10**9)
    assert sum(counted) <= len(corpus.train)


@pytest.mark.parametrize("seed", range(4))
def test_of_two_samples_the_exact_losses_decide(seed):
    """With samples of one window, at a rate so high that the validation loss goes up and down."""
    corpus = corpus_from_text("the cat sat on the mat; the dog sat on the log. " * 60, "cats and dogs")
    config = TrainConfig(
        max_steps=24, batch_size=2, eval_interval=4, eval_characters=16, lr=0.05, schedule="constant", seed=seed
    )
    model, exact = new_model(corpus, SIZES, seed), {}
    # eval_characters bounds what is read on the way; the last evaluation reads the whole validation text
    for event in train(model, corpus, config):
        if isinstance(event, Evaluation) and event.step < 24:
            exact[event.step] = evaluate(model, corpus.validation)
            assert not event.exact
        elif isinstance(event, Evaluation):
            exact[24] = evaluate(model, corpus.validation)
            assert event.exact
    assert isinstance(event, Finished)
    assert event.best.exact
    assert event.best.validation == pytest.approx(exact[event.best.step], abs=1e-6)
    assert event.best.validation <= exact[24] + 1e-9
    assert evaluate(model, corpus.validation) == pytest.approx(event.best.validation, abs=1e-6)
    assert [e.exact for e in event.evaluations if e.step == event.best.step] == [True]


def test_an_evaluation_that_takes_long_says_how_far_it_is(counted, monkeypatch):
    monkeypatch.setattr(evaluation, "AT_ONCE", 1024)
    monkeypatch.setattr("strivelm.training.trainer.PROGRESS_EVERY", 0.0)
    corpus = load_corpus("bundled")
    events = list(train(new_model(corpus, SIZES, 0), corpus, TrainConfig(max_steps=0, eval_characters=5000)))
    seen = [event for event in events if isinstance(event, Evaluating)]
    assert [event.done for event in seen[:3]] == [1024, 2048, 3072]
    assert all(0 < event.done <= event.total for event in seen)
    assert seen[-1].total == len(corpus.validation) - 1
