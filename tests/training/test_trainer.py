"""Training: right losses, own random streams, the best model kept, every short text and bad setting answered."""

import dataclasses
import math
import re
from pathlib import Path

import pytest
import torch

from strivelm.config import Sizes
from strivelm.data.corpus import corpus_from_text, load_corpus
from strivelm.training import Trainer, new_model, train
from strivelm.training.config import TrainConfig
from strivelm.training.evaluation import evaluate, training_loss
from strivelm.training.events import Evaluation, Finished, Progress, Snapshot
from strivelm.training.optimizers import optimizers, schedule
from strivelm.training.presets import PRESETS
from strivelm.training.trainer import TrainingDivergedError

SEED_TEXT = Path(__file__).resolve().parents[3] / "shared" / "seed" / "input.txt"
SIZES = Sizes(n_layer=1, n_head=2, n_embd=16, block_size=12, dropout=0.1)
QUICK = TrainConfig(max_steps=12, batch_size=4, eval_interval=6, warmup_steps=2)
TEXT = "the cat sat on the mat; the dog sat on the log. " * 12


@pytest.fixture
def corpus():
    return corpus_from_text(TEXT, "cats and dogs")


def finish(model, corpus, config) -> Finished:
    *_, last = train(model, corpus, config)
    assert isinstance(last, Finished)
    return last


def weights(model) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def test_events_come_in_order_and_loss_falls(corpus):
    model = new_model(corpus, SIZES, 0)
    config = dataclasses.replace(QUICK, max_steps=60, eval_interval=20)
    events = list(train(model, corpus, config))
    looks = [event for event in events if isinstance(event, Evaluation)]
    assert [look.step for look in looks] == [0, 20, 40, 60]
    assert abs(looks[0].train - math.log(len(corpus.tokenizer))) < 0.15  # knows nothing yet
    assert looks[-1].train < looks[0].train - 0.5
    assert isinstance(events[0], Evaluation)
    assert isinstance(events[-1], Finished)
    assert events[-1].evaluations == tuple(looks)
    assert all(0 <= e.fraction <= 1 and e.characters_per_second > 0 for e in events if isinstance(e, Progress))


def test_evaluate_is_the_mean_over_all_predictions(corpus):
    """Against one window after the other in float64, the last one shorter."""
    model = new_model(corpus, SIZES, 0).double()
    ids = corpus.validation
    assert len(ids) % SIZES.block_size != 1, "the last window should be a shorter one"
    losses = []
    with torch.no_grad():
        model.eval()
        for start in range(0, len(ids) - 1, SIZES.block_size):
            window = ids[start : start + SIZES.block_size + 1].long()
            probabilities = model(window[None, :-1])[0][0].softmax(-1)
            losses += [-math.log(probabilities[i, c]) for i, c in enumerate(window[1:])]
    assert len(losses) == len(ids) - 1
    assert evaluate(model, ids) == pytest.approx(sum(losses) / len(losses), abs=1e-6)


def test_evaluate_of_a_long_split_reads_a_fixed_sample(corpus):
    model = new_model(corpus, SIZES, 0).eval()
    whole, part = evaluate(model, corpus.train), evaluate(model, corpus.train, characters=120)
    assert part != whole
    assert part == evaluate(model, corpus.train, characters=120)
    assert part != evaluate(model, corpus.train, characters=120, seed=1)
    assert abs(part - whole) < 0.1


def test_training_loss_is_the_mean_over_the_windows_that_batches_come_from(corpus):
    model = new_model(corpus, SIZES, 0).eval()
    ids, T = corpus.train[:40].long(), SIZES.block_size
    with torch.no_grad():
        losses = [model(ids[None, s : s + T], ids[None, s + 1 : s + T + 1])[1].item() for s in range(40 - T)]
    assert training_loss(model, corpus.train[:40]) == pytest.approx(sum(losses) / len(losses), abs=1e-5)
    part = training_loss(model, corpus.train, characters=120)
    assert part == training_loss(model, corpus.train, characters=120)
    assert part != training_loss(model, corpus.train)


def test_evaluate_leaves_mode_and_random_state(corpus):
    model = new_model(corpus, SIZES, 0).train()
    before = torch.get_rng_state()
    evaluate(model, corpus.validation)
    assert model.training
    assert torch.equal(before, torch.get_rng_state())


def test_looking_does_not_change_the_training(corpus):
    seldom, often = new_model(corpus, SIZES, 0), new_model(corpus, SIZES, 0)
    a = finish(seldom, corpus, dataclasses.replace(QUICK, eval_interval=12))
    for event in train(often, corpus, dataclasses.replace(QUICK, eval_interval=1)):
        torch.rand(3)  # nor does a reader that draws random numbers
        b = event
    assert a.evaluations[-1].train == b.evaluations[-1].train
    assert a.evaluations[-1].validation == b.evaluations[-1].validation


def test_training_leaves_the_callers_random_stream(corpus):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    finish(new_model(corpus, SIZES, 0), corpus, QUICK)
    assert torch.equal(torch.rand(3), expected)


def test_one_seed_one_model(corpus):
    runs = {}
    for seed in (1, 1, 2):
        model = new_model(corpus, SIZES, seed)
        finish(model, corpus, dataclasses.replace(QUICK, seed=seed))
        runs.setdefault(seed, []).append(weights(model))
    assert torch.equal(*runs[1])
    assert not torch.equal(runs[1][0], runs[2][0])


def test_the_best_weights_are_the_ones_kept():
    """Random letters can only be learnt by heart, so validation gets worse while training gets better."""
    letters = torch.randint(97, 107, (200,), generator=torch.Generator().manual_seed(0)).tolist()
    corpus = corpus_from_text("".join(map(chr, letters)), "noise")
    model = new_model(corpus, dataclasses.replace(SIZES, n_embd=64, dropout=0.0), 0)
    config = TrainConfig(max_steps=150, batch_size=16, eval_interval=10, lr=3e-3)
    finished = finish(model, corpus, config)
    assert finished.best.step < 150
    assert finished.best.validation == min(e.validation for e in finished.evaluations)
    assert finished.evaluations[-1].validation > finished.best.validation + 0.1
    assert not model.training
    assert evaluate(model, corpus.validation) == finished.best.validation
    assert re.search(rf"stopped improving at step {finished.best.step} .* overfitting", finished.verdict)


@pytest.mark.parametrize("text", ["ab", "abc", "abcab", "a" * 11, "ab" * 15])
def test_any_length_down_to_two_characters_trains(text):
    corpus = corpus_from_text(text, "short")
    model = new_model(corpus, SIZES, 0)
    finished = finish(model, corpus, QUICK)
    assert finished.steps == 12
    assert math.isfinite(finished.best.train)
    if not len(corpus.validation):
        assert finished.best.step == 12
        assert "no validation text" in finished.verdict


def test_zero_steps_is_a_look(corpus):
    model = new_model(corpus, SIZES, 0)
    before = weights(model)
    finished = finish(model, corpus, dataclasses.replace(QUICK, max_steps=0))
    assert [e.step for e in finished.evaluations] == [0]
    assert torch.equal(weights(model), before)


def test_minutes_end_a_run_with_an_evaluation(corpus):
    config = dataclasses.replace(QUICK, max_steps=10_000_000, minutes=0.01, eval_interval=10_000_000)
    finished = finish(new_model(corpus, SIZES, 0), corpus, config)
    assert 0 < finished.steps < 10_000_000
    assert finished.evaluations[-1].step == finished.steps


def test_divergence_stops_with_the_best_weights(corpus, monkeypatch):
    model = new_model(corpus, SIZES, 0)
    forward, calls = model.forward, []

    def spoilt(idx, targets=None):
        logits, loss = forward(idx, targets)
        if targets is not None:
            calls.append(1)
        return logits, loss if loss is None or len(calls) < 9 else loss * math.nan

    monkeypatch.setattr(model, "forward", spoilt)
    events = []
    with pytest.raises(
        TrainingDivergedError, match=r"the loss became nan at step 9; .*weights of step \d+\. Begin anew"
    ):
        events.extend(train(model, corpus, QUICK))
    evaluations = [event for event in events if isinstance(event, Evaluation)]
    assert torch.isfinite(weights(model)).all()
    monkeypatch.undo()
    assert evaluate(model, corpus.validation) == min(e.validation for e in evaluations)


def test_weight_decay_is_for_matrices_only(corpus):
    model = new_model(corpus, SIZES, 0)
    (adamw,) = optimizers(model, dataclasses.replace(QUICK, optimizer="adamw", weight_decay=0.3))
    for group in adamw.param_groups:
        assert group["params"]
        for p in group["params"]:
            assert group["weight_decay"] == (0.3 if p.dim() == 2 else 0.0)
    muon, rest = optimizers(model, dataclasses.replace(QUICK, weight_decay=0.3))
    assert {id(p) for g in muon.param_groups for p in g["params"]} == {
        id(p) for p in model.blocks.parameters() if p.dim() == 2
    }
    assert all(group["weight_decay"] == 0 for group in rest.param_groups)
    for made in ([adamw], [muon, rest]):
        held = [id(p) for opt in made for group in opt.param_groups for p in group["params"]]
        assert sorted(held) == sorted(id(p) for p in model.parameters()), "each weight once"


def test_noise_replaces_inputs_by_characters_as_frequent_as_in_the_text(corpus):
    """Against the same step without noise: the same windows and targets, and of the inputs a share that is replaced by
    draws from the text, of which some are what stood there before.
    """

    def seen(noise):
        model, kept = new_model(corpus, SIZES, 0), []
        model.register_forward_pre_hook(lambda _, given: kept.append(given))
        trainer = Trainer(model, corpus, dataclasses.replace(QUICK, noise=noise, batch_size=500))
        for _ in range(4):
            trainer.take_step()
        inputs, targets = (torch.cat(part) for part in zip(*kept, strict=True))
        return inputs, targets

    (clean, targets), (noisy, same) = seen(0.0), seen(0.25)
    assert torch.equal(targets, same)
    assert torch.equal(clean[:, 1:], targets[:, :-1])
    frequency = torch.bincount(corpus.train.long()).double() / len(corpus.train)
    stays = frequency[clean].mean().item()  # a draw that is what stood there
    changed = noisy != clean
    assert changed.double().mean().item() == pytest.approx(0.25 * (1 - stays), abs=0.01)
    of_drawn = torch.bincount(noisy[changed], minlength=len(frequency)).double() / changed.sum()
    expected = torch.stack([frequency * (frequency.new_tensor(range(len(frequency))) != i) for i in clean[changed]])
    assert torch.allclose(of_drawn, (expected / expected.sum(-1, keepdim=True)).mean(0), atol=0.015)


def test_schedule():
    linear = TrainConfig(warmup_steps=4, schedule="linear")
    assert [schedule(linear, step, 0.0) for step in range(4)] == pytest.approx([0.2, 0.4, 0.6, 0.8])
    assert schedule(linear, 50, 0.25) == 0.75
    assert schedule(dataclasses.replace(linear, schedule="cosine"), 50, 0.5) == pytest.approx(0.5)
    assert schedule(dataclasses.replace(linear, schedule="constant"), 50, 0.9) == 1.0


def test_new_model_is_the_same_for_a_seed_and_leaves_the_random_state(corpus):
    before = torch.get_rng_state()
    a, b = new_model(corpus, SIZES, 3), new_model(corpus, SIZES, 3)
    assert torch.equal(weights(a), weights(b))
    assert torch.equal(before, torch.get_rng_state())
    assert a.config.chars == corpus.tokenizer.chars


def test_blocks_that_begin_at_zero_add_nothing_and_learn(corpus):
    model, usual = (new_model(corpus, SIZES, 5, init=init).eval() for init in ("zero", "gpt2"))
    ids = corpus.train[: SIZES.block_size].long()[None]
    logits, without = model(ids)[0], model.head(model.lnf(model.tok(ids) + model.pos.weight))
    assert torch.equal(logits, without)
    assert not torch.allclose(usual(ids)[0], without)
    zero = {"blocks.0.proj.weight", "blocks.0.ff.2.weight"}
    for name, value in usual.state_dict().items():
        assert torch.equal(model.state_dict()[name], torch.zeros_like(value) if name in zero else value)
    finished = finish(model, corpus, dataclasses.replace(QUICK, init="zero", max_steps=60))
    assert finished.best.train < finished.evaluations[0].train - 0.5
    assert all(p.any() for p in model.parameters())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"max_steps": -1}, "max_steps is -1; expected a whole number, at least 0"),
        ({"batch_size": 0}, "batch_size is 0; expected a whole number, at least 1"),
        ({"batch_size": 2.5}, "batch_size is 2.5; expected a whole number"),
        ({"lr": math.nan}, "lr is nan; expected a number from 0"),
        ({"lr": -1.0}, "lr is -1.0"),
        ({"beta2": 1.0}, "beta2 is 1.0; expected a number from 0 up to but not including 1"),
        ({"noise": 1}, "noise is 1; expected a number from 0 up to but not including 1"),
        ({"noise": -0.1}, "noise is -0.1"),
        ({"minutes": 0.0}, "minutes is 0.0; expected a number above 0"),
        ({"minutes": math.nan}, "minutes is nan"),
        ({"init": "ones"}, "init is 'ones'; expected one of gpt2, zero"),
        ({"optimizer": "sgd"}, "optimizer is 'sgd'; expected one of muon, adamw"),
        ({"schedule": "up"}, "schedule is 'up'; expected one of linear, cosine, constant"),
    ],
)
def test_settings_that_mean_nothing(change, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        TrainConfig(**change)


def test_a_model_of_another_vocabulary_is_refused_at_the_call(corpus):
    other = corpus_from_text("something else entirely", "other")
    with pytest.raises(ValueError, match="vocabulary differs from the corpus's"):
        train(new_model(other, SIZES, 0), corpus, QUICK)


@pytest.mark.slow
@pytest.mark.skipif(not SEED_TEXT.is_file(), reason=f"{SEED_TEXT} is not on this machine")
def test_the_seed_projects_run():
    """The notebook's own training: from ln 40 to learning by heart."""
    corpus, preset = load_corpus(str(SEED_TEXT)), PRESETS["seed"]
    model = new_model(corpus, preset.sizes, preset.training.seed)
    assert model.num_parameters() == 409_088
    finished = finish(model, corpus, preset.training)
    assert abs(finished.evaluations[0].train - math.log(40)) < 0.15
    assert finished.evaluations[-1].train < 0.25
    assert "overfitting" in finished.verdict


@pytest.mark.parametrize(
    ("snapshots", "max_steps", "expected"),
    [
        (0, 27, []),
        (1, 27, [27]),
        (2, 27, [0, 27]),
        (3, 27, [0, 1, 27]),
        (5, 27, [0, 1, 3, 9, 27]),
        (12, 12, [0, 1, 2, 3, 4, 5, 6, 8, 10, 12]),
        (4, 0, [0]),
    ],
)
def test_snapshots_are_even_in_the_logarithm_of_the_step(corpus, snapshots, max_steps, expected):
    config = dataclasses.replace(QUICK, max_steps=max_steps, snapshots=snapshots, eval_interval=1000)
    model, seen, losses = new_model(corpus, SIZES, 0), [], []
    for event in train(model, corpus, config):
        if isinstance(event, Snapshot):
            seen.append(event.evaluation.step)
            losses.append(event.evaluation.validation)
            assert losses[-1] == pytest.approx(evaluate(model, corpus.validation), abs=1e-6), "the model of that step"
    assert seen == expected


def test_snapshots_of_a_run_by_the_clock_are_even_in_the_logarithm_too(corpus, monkeypatch):
    """With a clock that runs only while a step is taken, and jumps while something is looked at or saved."""
    now = [0.0]
    monkeypatch.setattr("strivelm.training.trainer.time.perf_counter", lambda: now[0])
    take_step, look = Trainer.take_step, Trainer.look
    monkeypatch.setattr(Trainer, "take_step", lambda self: (now.__setitem__(0, now[0] + 0.1), take_step(self))[1])
    monkeypatch.setattr(Trainer, "look", lambda self, last: (now.__setitem__(0, now[0] + 0.05), look(self, last))[1])
    config = dataclasses.replace(QUICK, max_steps=None, minutes=0.5, snapshots=7, eval_interval=10_000)
    events = list(train(new_model(corpus, SIZES, 0), corpus, config))
    steps = [event.evaluation.step for event in events if isinstance(event, Snapshot)]
    last = events[-1].steps
    assert steps[:2] == [0, 1]
    assert steps[-1] == last > 200
    assert len(steps) == 7
    for k, step in enumerate(steps[2:-1], 1):  # each look costs ten steps, which shortens what was expected
        assert step == pytest.approx(last ** (k / 5), rel=0.25, abs=1.1)


def test_a_loss_that_explodes_stops_the_run(corpus):
    config = dataclasses.replace(QUICK, lr=30.0, muon_lr=30.0, grad_clip=0.0, max_steps=100, warmup_steps=0)
    model = new_model(corpus, SIZES, 0)
    with pytest.raises(TrainingDivergedError, match=r"the model holds the weights of step 0\. Begin anew"):
        list(train(model, corpus, config))
    assert evaluate(model, corpus.validation) == pytest.approx(math.log(model.vocab_size), abs=0.3)
