"""A text: its settings and seed, what a step records, what is left as it was, and several settings at once."""

import random
from itertools import islice

import numpy as np
import pytest
import torch

from strivelm import SamplingConfig, generate
from strivelm.generation import MAX_SEED, distribution, draw, generate_together, new_seed, uniforms


def text_of(model, **settings):
    return [step.id for step in generate(model, [3, 4], SamplingConfig(**{"max_new_tokens": 60} | settings))]


def test_one_seed_is_one_text_and_another_another(model):
    assert text_of(model, seed=7) == text_of(model, seed=7) != text_of(model, seed=8)
    assert text_of(model, seed=MAX_SEED) == text_of(model, seed=MAX_SEED)
    assert text_of(model, temperature=3.0) != text_of(model, temperature=3.0)  # no seed: a new one each time
    assert 0 <= new_seed() < 1_000_000


def test_switched_off_truncation_is_none(model):
    expected = text_of(model, seed=7)
    for off in ({"top_k": 0}, {"top_k": None}, {"top_k": 10**6}, {"top_k": model.vocab_size}, {"top_p": 1}):
        assert text_of(model, seed=7, **off) == expected


def test_greedy_is_the_most_likely_character_whatever_the_seed(model):
    ids = [3, 4]
    for _ in range(14):  # inside the context, where `forward` sees the same
        ids.append(int(model(torch.tensor([ids]))[0][0, -1].argmax()))
    assert text_of(model, temperature=0, max_new_tokens=14, seed=1) == ids[2:]
    assert text_of(model, temperature=0, seed=1) == text_of(model, temperature=0, seed=2) == text_of(model, top_k=1)


def test_two_settings_share_one_random_stream(model):
    def intervals(**settings):  # the numbers u that would have drawn what was drawn
        for step in generate(model, [3], SamplingConfig(40, **settings)):
            below = step.sampled_from.double().cumsum(-1)
            yield (below[step.id - 1].item() if step.id else 0.0), below[step.id].item()

    def agree(one, other):
        return all(max(a, c) < min(b, d) + 1e-6 for (a, b), (c, d) in zip(one, other, strict=True))

    plain = list(intervals(seed=1))
    assert agree(plain, intervals(seed=1, temperature=0.6, top_k=12, top_p=0.9))
    assert not agree(plain, intervals(seed=2))


def test_a_step_records_the_choice(model):
    config = SamplingConfig(13, temperature=0.8, top_k=5, seed=3)
    ids = [3, 4]
    for index, step in enumerate(generate(model, ids, config)):
        logits = model(torch.tensor([ids]))[0][0, -1]
        p, q = logits.softmax(-1), distribution(logits, config)
        assert step.index == index
        torch.testing.assert_close(step.logits, logits, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(step.sampled_from, q, rtol=1e-4, atol=1e-5)
        assert step.probability == pytest.approx(p[step.id].item(), rel=1e-3)
        assert step.sampled_probability == pytest.approx(q[step.id].item(), rel=1e-3)
        assert step.surprisal == pytest.approx(-p[step.id].log().item(), abs=1e-3)
        shown = step.alternatives(7)
        assert [i for i, _, _ in shown] == p.argsort(descending=True)[:7].tolist()
        assert [a for _, a, _ in shown] == pytest.approx(p.sort(descending=True).values[:7].tolist(), rel=1e-3)
        assert [b > 0 for _, _, b in shown] == [True] * 5 + [False] * 2
        assert len(step.alternatives(1000)) == model.vocab_size
        ids.append(step.id)
    assert index == 12


def test_a_prompt_longer_than_the_context_is_read_from_its_end(model, random_ids):
    ids = random_ids(model, 40).tolist()
    first = next(generate(model, ids, SamplingConfig(seed=1)))
    torch.testing.assert_close(first.logits, model(torch.tensor([ids[-16:]]))[0][0, -1], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("ids", "words"),
    [
        ([], "the prompt is empty; give at least one character to go on from, for example a line break"),
        ([0, -1], "the prompt holds the id -1; expected ids from 0 to 24"),
        ([0, 25], "the prompt holds the id 25; expected ids from 0 to 24"),
        ([0, 1.0], r"the prompt is \[0, 1.0\]; expected ids, one whole number a character"),
        ("ab", "the prompt is 'ab'; expected ids"),
        (torch.zeros(1, 2, dtype=torch.long), "the prompt is tensor.*; expected ids"),
    ],
)
def test_a_bad_prompt_is_refused_at_the_call(model, ids, words):
    assert model.vocab_size == 25
    with pytest.raises(ValueError, match=words):
        generate(model, ids, SamplingConfig())  # nothing is drawn from what comes back


class FixedModel:
    """Anything that turns ids into logits can be spoken to; this one breaks after a while."""

    vocab_size, training = 3, True

    def __init__(self, breaks_after):
        self.breaks_after, self.read = breaks_after, []

    def decoder(self):
        return self

    def prefill(self, ids):
        self.read += ids[0]
        return torch.tensor([[0.0, 9.0, 1.0]])

    def step(self, ids):
        if len(self.read) > self.breaks_after:
            raise RuntimeError("out of memory")
        return self.prefill([ids])


def test_both_engines_write_the_same(model, monkeypatch):
    """Whatever of the logits differs by rounding decides nothing in these texts."""
    make, texts = model.decoder, []
    for engine in ("torch", None):
        monkeypatch.setattr(model, "decoder", lambda batch_size=1, engine=engine: make(batch_size, engine))
        texts.append([text_of(model, seed=seed, top_k=12, top_p=0.9, temperature=0.8) for seed in range(5)])
    assert texts[0] == texts[1]


def test_generate_needs_nothing_but_a_decoder():
    model = FixedModel(breaks_after=100)
    assert [step.id for step in generate(model, [0, 2], SamplingConfig(4, temperature=0))] == [1, 1, 1, 1]
    assert model.read == [0, 2, 1, 1, 1]


def random_states():
    return torch.get_rng_state().tolist(), random.getstate(), np.random.get_state()[1].tolist()


@pytest.mark.parametrize("seed", [None, 5])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("ending", ["exhausted", "abandoned", "closed"])
def test_random_states_and_the_models_mode_are_untouched(make_model, seed, training, ending):
    model = make_model(dropout=0.3).train(training)
    before = random_states()
    steps = generate(model, [1], SamplingConfig(30, seed=seed))
    for _ in islice(steps, 100 if ending == "exhausted" else 3):
        assert torch.is_grad_enabled()
        assert not torch.is_inference_mode_enabled()
        assert model.training == training
    if ending == "closed":
        steps.close()
    del steps
    assert random_states() == before
    assert model.training == training
    assert all(module.training == training for module in model.modules())
    assert torch.is_grad_enabled()


def test_an_error_midway_leaves_nothing_behind():
    before, model = random_states(), FixedModel(breaks_after=3)
    with pytest.raises(RuntimeError, match="out of memory"):
        list(generate(model, [0], SamplingConfig(10, seed=1)))
    assert random_states() == before
    assert model.training
    assert torch.is_grad_enabled()
    assert not torch.is_inference_mode_enabled()


def test_training_can_go_on_from_a_text(make_model):
    """Steps keep tensors made in inference mode; they must not poison a later backward pass of the model."""
    model = make_model().train()
    for step in islice(generate(model, [1, 2], SamplingConfig(5, seed=0)), 3):
        loss = model(torch.tensor([[1, step.id]]), torch.tensor([[2, 3]]))[1]
        loss.backward()
    assert model.pos.weight.grad.abs().sum() > 0


SETTINGS = (
    SamplingConfig(50, 0.5, 10, seed=4),
    SamplingConfig(50, 1.3, 20, 0.9, seed=4),
    SamplingConfig(50, 0, seed=4),
    SamplingConfig(50, seed=9),
)


@pytest.mark.parametrize("prompt", [[3], [5, 6] * 20])
@pytest.mark.parametrize("block_size", [1, 16])
def test_settings_together_write_what_each_writes_alone(make_model, block_size, prompt):
    model = make_model(block_size=block_size)  # the text goes on beyond the context
    together = list(generate_together(model, prompt, SETTINGS))
    assert len(together) == 50
    for column, config in enumerate(SETTINGS):
        for step, alone in zip((steps[column] for steps in together), generate(model, prompt, config), strict=True):
            assert (step.id, step.index) == (alone.id, alone.index)
            torch.testing.assert_close(step.logits, alone.logits, rtol=1e-4, atol=1e-4)
            torch.testing.assert_close(step.sampled_from, alone.sampled_from, rtol=1e-4, atol=1e-5)


def test_settings_together_have_to_agree_on_a_length(model):
    with pytest.raises(ValueError, match=r"the settings ask for \[3, 4\] characters; expected one number"):
        generate_together(model, [1], [SamplingConfig(3), SamplingConfig(4)])
    with pytest.raises(ValueError, match=r"the settings ask for \[\] characters"):
        generate_together(model, [1], [])
    with pytest.raises(ValueError, match="the prompt is empty"):
        generate_together(model, [], SETTINGS)


def test_the_uniform_numbers_of_a_seed_are_those_that_draw(model):
    numbers = uniforms(11)
    for step, u in zip(generate(model, [2], SamplingConfig(20, seed=11)), numbers, strict=False):
        assert 0 <= u < 1
        assert draw(step.sampled_from, u) == step.id
