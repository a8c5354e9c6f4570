"""Texts that go on where they stopped, and characters that are given instead of drawn."""

from dataclasses import replace

import pytest
import torch

from strivelm import SamplingConfig, generate
from strivelm.decoder import in_view
from strivelm.generation import draw, uniforms


@pytest.mark.parametrize("stopped", [1, 7, 30])
@pytest.mark.parametrize("prompt", [[3], [5, 6] * 20])
def test_a_text_that_was_stopped_goes_on_as_if_it_had_not_been(make_model, prompt, stopped):
    model = make_model(block_size=16)  # far beyond the context
    config = SamplingConfig(50, 1.2, 20, seed=4)
    whole = list(generate(model, prompt, config))
    ids = (prompt + [step.id for step in whole[:stopped]])[-in_view(len(prompt), stopped, 16) :]
    rest = list(generate(model, ids, replace(config, max_new_tokens=50 - stopped), first=stopped))
    assert [(step.index, step.id) for step in rest] == [(step.index, step.id) for step in whole[stopped:]]
    for step, before in zip(rest, whole[stopped:], strict=True):
        torch.testing.assert_close(step.logits, before.logits, rtol=1e-4, atol=1e-4)


def test_a_character_that_is_given_stands_and_the_others_keep_their_numbers(model):
    config = SamplingConfig(30, 1.0, seed=6)
    free = list(generate(model, [1], config))
    other = (free[4].id + 1) % model.vocab_size
    bent = list(generate(model, [1], config, forced={4: other}))
    assert [step.id for step in bent[:5]] == [step.id for step in free[:4]] + [other]
    assert torch.equal(bent[4].logits, free[4].logits)
    for step, u in zip(bent, uniforms(6), strict=False):
        assert step.index == 4 or draw(step.sampled_from, u) == step.id
    assert [step.id for step in generate(model, [1], config, forced={i: s.id for i, s in enumerate(bent)})] == [
        step.id for step in bent
    ]
    with pytest.raises(ValueError, match="expected ids from 0 to"):
        generate(model, [1], config, forced={0: model.vocab_size})
