"""Many texts of one model at once: each is what it would be alone, and none is in another's way."""

import itertools
import os
import random
import shutil
import threading
import time

import pytest
import torch

from strivelm import SamplingConfig, generate, native, scheduler
from strivelm.generation import distribution, uniforms
from strivelm.scheduler import Scheduler, scheduler_of, side_by_side

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="a C compiler is not on this machine")


def all_of(writing):
    """The ids that a text gets."""
    found = []
    while not writing.over:
        found += writing.take(1)
    return [step.id for step in found]


def drawn_settings(drawing, seed):
    """Some settings and a prompt."""
    temperature, top_k = drawing.choice([0, 0.3, 0.9, 1.5]), drawing.choice([None, 0, 1, 5, 1000])
    config = SamplingConfig(drawing.randint(1, 90), temperature, top_k, drawing.choice([None, 1.0, 0.5, 0.95]), seed)
    return [drawing.randrange(40) for _ in range(drawing.choice([1, 2, 7, 29, 30, 31, 80]))], config


def test_two_hundred_texts_are_what_they_are_alone(make_model):
    model, drawing, begun = (
        make_model(n_head=3, n_embd=48, block_size=30, chars=None, vocab_size=40),
        random.Random(1),
        [],
    )
    shared = scheduler_of(model)
    for i in range(200):
        ids, config = drawn_settings(drawing, seed=i % 50)
        forced = {drawing.randrange(90): drawing.randrange(40) for _ in range(drawing.choice([0, 0, 3]))}
        begun.append((ids, config, forced, shared.write(ids, config, forced=forced)))
        if drawing.random() < 0.1:
            time.sleep(0.01)
    for ids, config, forced, writing in begun:
        assert all_of(writing) == [step.id for step in generate(model, ids, config, forced=forced)]


@pytest.mark.parametrize("block_size", [1, 2, 3, 8])
def test_contexts_of_any_length_go_on_alike(make_model, block_size):
    model = make_model(block_size=block_size, chars=None, vocab_size=12)
    for prompt in (1, 5, 20):
        ids, config = [i % 12 for i in range(prompt)], SamplingConfig(50, 1.0, seed=prompt)
        model.decoder = lambda *given, **how: type(model).decoder(model, *given, engine="torch", **how)
        expected = [step.id for step in generate(model, ids, config)]
        del model.decoder
        assert all_of(scheduler_of(model).write(ids, config)) == expected
        assert [step.id for step in generate(model, ids, config)] == expected


def test_what_is_told_of_a_character_is_what_torch_computes(make_model):
    model = make_model(chars=None, vocab_size=40)
    config = SamplingConfig(40, 0.8, 10, 0.9, seed=2)
    writing, steps = scheduler_of(model).write([1], config), list(generate(model, [1], config))
    found = []
    while not writing.over:
        found += writing.take(1)
    for mine, step in zip(found, steps, strict=True):
        logs = step.logits.double().log_softmax(-1)
        assert mine.surprisal == pytest.approx(-logs[step.id].item(), abs=1e-5)
        sampled = distribution(step.logits, config)
        assert mine.sampled_probability == pytest.approx(sampled[step.id].item(), abs=1e-5)
        best = mine.alternatives(8)
        assert [p for _, p, _ in best] == pytest.approx(logs.exp().sort(descending=True).values[:8].tolist(), abs=1e-5)
        for id, p, q in best:
            assert p == pytest.approx(logs[id].exp().item(), abs=1e-5)
            assert q == pytest.approx(sampled[id].item(), abs=1e-5)


def test_a_visitor_who_leaves_makes_room(make_model, monkeypatch):
    monkeypatch.setattr(scheduler, "TEXTS", 2)
    monkeypatch.setattr(scheduler, "THREADS", 1)
    model = make_model(chars=None, vocab_size=12)
    shared = Scheduler(native.weights(model))
    long = [shared.write([1], SamplingConfig(10**7, seed=i)) for i in range(2)]
    third = shared.write([1], SamplingConfig(30, seed=3))
    assert long[0].take(5)
    assert not third.take(0.2), "it waits for a place"
    long[0].leave()
    assert all_of(third) == [step.id for step in generate(model, [1], SamplingConfig(30, seed=3))]
    long[1].leave()
    deadline = time.monotonic() + 20
    while len(shared):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_all_go_on_at_the_same_pace(make_model, monkeypatch):
    monkeypatch.setattr(scheduler, "THREADS", 1)
    shared = Scheduler(native.weights(make_model(chars=None, vocab_size=12, block_size=64)))
    prompts = [[1] * (64 if i % 2 else 1) for i in range(16)]
    writings = [shared.write(ids, SamplingConfig(10**7, seed=i)) for i, ids in enumerate(prompts)]
    time.sleep(1)
    for writing in writings:
        writing.leave()
    deadline = time.monotonic() + 20
    while len(shared) and time.monotonic() < deadline:
        time.sleep(0.01)
    counts = [len(writing.take(0)) for writing in writings]
    assert min(counts) > max(counts) / 2 > 0


def test_an_error_ends_its_own_text_alone(make_model):
    model = make_model(chars=None, vocab_size=12)
    shared = scheduler_of(model)
    first = next(generate(model, [1], SamplingConfig(1, 1.0, 0, seed=1))).logits
    boundary = first.double().softmax(-1).cumsum(-1)[3].item()  # where rounding decides, C leaves it to Python

    def failing(logits, u):
        raise ValueError("as it should")

    broken = scheduler.Writing([1], SamplingConfig(40, 1.0, 0, seed=1), 0, {}, ())
    broken.text.numbers, broken.text.decide = itertools.chain([boundary], uniforms(1)), failing
    shared._threads[0].submit(broken)
    others = [shared.write([1], SamplingConfig(40, seed=i)) for i in range(5)]
    with pytest.raises(ValueError, match="as it should"):
        all_of(broken)
    for i, writing in enumerate(others):
        assert all_of(writing) == [step.id for step in generate(model, [1], SamplingConfig(40, seed=i))]


def test_weights_that_give_no_numbers_are_an_error_of_the_text(make_model):
    model = make_model()
    with torch.no_grad():
        model.blocks[0].qkv.weight.mul_(1e30)
    with pytest.raises(ValueError, match="logits are not finite"):
        all_of(scheduler_of(model).write([1], SamplingConfig(5, seed=1)))


def test_too_little_memory_is_told_to_those_who_write(make_model, monkeypatch):
    model = make_model()
    shared = scheduler_of(model)
    native.weights(model)
    monkeypatch.setattr(native.os, "sysconf", lambda name: 10)
    with pytest.raises(MemoryError, match=r"texts remember needs"):
        all_of(shared.write([1], SamplingConfig(5, seed=1)))
    monkeypatch.undo()
    assert len(all_of(shared.write([1], SamplingConfig(5, seed=1)))) == 5


def test_ids_outside_the_vocabulary_are_refused(make_model):
    shared = scheduler_of(make_model(chars=None, vocab_size=12))
    for ids in ([], [12], [-1]):
        with pytest.raises(ValueError, match="vocabulary"):
            shared.write(ids, SamplingConfig(5))


def test_closing_a_text_gives_it_up(make_model):
    shared = scheduler_of(make_model(chars=None, vocab_size=12))
    coming = side_by_side([shared.write([1], SamplingConfig(10**7, seed=i)) for i in range(3)], 0.05)
    assert any(next(coming) for _ in range(100))
    coming.close()
    deadline = time.monotonic() + 20
    while len(shared):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_thread_without_texts_ends_and_another_begins(make_model, monkeypatch):
    monkeypatch.setattr(scheduler, "IDLE", 0.05)
    shared = scheduler_of(make_model())

    def writers():
        return [thread for thread in threading.enumerate() if thread.name == "writer"]

    before = len(writers())
    for _ in range(2):
        assert len(all_of(shared.write([1], SamplingConfig(5, seed=1)))) == 5
        deadline = time.monotonic() + 20
        while len(writers()) > before:
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_where_it_cannot_serve_there_is_none(make_model, monkeypatch):
    own = make_model()
    own.decoder = lambda batch_size=1: None
    assert scheduler_of(own) is None
    assert scheduler_of(make_model().double()) is None
    model = make_model()
    assert scheduler_of(model) is scheduler_of(model)
    monkeypatch.setattr(native, "_found", native.UnavailableError("there is no C compiler (cc)"))
    assert scheduler_of(model) is None


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a fork is POSIX's")
def test_a_fork_writes_by_itself(make_model):
    model = make_model()
    assert scheduler_of(model) is not None
    if not (child := os.fork()):
        os._exit(0 if scheduler_of(model) is None else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_changed_weights_are_another_scheduler(make_model):
    model = make_model()
    before = scheduler_of(model)
    with torch.no_grad():
        model.tok.weight.mul_(1.5)
    assert scheduler_of(model) is not before
    config = SamplingConfig(30, seed=1)
    assert all_of(scheduler_of(model).write([1], config)) == [step.id for step in generate(model, [1], config)]


def test_texts_of_all_models_share_memory(make_model, monkeypatch):
    models = [make_model(n_layer=2, n_embd=32, block_size=64, chars=None, vocab_size=12) for _ in range(3)]
    slot = native.slot_bytes(native.weights(models[0]))
    monkeypatch.setattr(scheduler, "MEMORY", 2 * slot)
    budget, most = scheduler._Budget(), []
    plain = budget.hold
    monkeypatch.setattr(budget, "hold", lambda *held: (plain(*held), most.append(sum(budget._held.values()))))
    monkeypatch.setattr(scheduler, "_budget", budget)
    config = SamplingConfig(150, 1.0, seed=1)
    expected = [[step.id for step in generate(model, [1], config)] for model in models]
    writings = [scheduler_of(model).write([1], config) for model in models for _ in range(4)]
    for i, writing in enumerate(writings):
        assert all_of(writing) == expected[i // 4]
    assert 0 < max(most) <= 2 * slot


def test_a_text_whose_visitor_left_waits_for_no_memory(make_model, monkeypatch):
    model = make_model(n_layer=1, n_embd=8, chars=None, vocab_size=12)
    budget = scheduler._Budget()
    monkeypatch.setattr(scheduler, "_budget", budget)
    monkeypatch.setattr(scheduler, "MEMORY", 1)
    other = scheduler._Thread(native.weights(model))
    budget.hold(other, 1)  # another has all there is
    writing = scheduler_of(model).write([1], SamplingConfig(5, seed=1))
    time.sleep(0.2)
    assert (writing.take(0.01), budget.is_wanted) == ([], True)
    writing.leave()
    deadline = time.monotonic() + 5
    while budget.is_wanted and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not budget.is_wanted
    budget.hold(other, 0)
    assert len(all_of(scheduler_of(model).write([1], SamplingConfig(5, seed=1)))) == 5
