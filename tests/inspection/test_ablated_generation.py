"""Text written without some parts, against the decoder of models whose weights were cut by hand."""

import copy

import pytest
import torch
from cut_weights import cut
from samples import TEXT

from strivelm import UnknownCharacterError
from strivelm.generation import SamplingConfig, generate
from strivelm.inspection import Without, ablate, generate_without, mean_outputs, trace


@pytest.mark.parametrize("prompt", ["a", TEXT, TEXT * 3])
@pytest.mark.parametrize("block_size", [1, 2, 7, 16])
def test_it_writes_what_the_model_with_cut_weights_writes(make_model, prompt, block_size):
    model = make_model(block_size=block_size)
    found = generate_without(model, prompt, SamplingConfig(40, 0.8, 9, 0.95, seed=3), ["0.1", (1, 0)], [1])
    setting = {"max_new_tokens": 40, "temperature": 0.8, "top_k": 9, "top_p": 0.95, "seed": 3}
    cut_model = cut(model, [(0, 1), (1, 0)], [1])
    assert prompt + found.before == model.generate(prompt, **setting)
    assert prompt + found.after == cut_model.generate(prompt, **setting)
    at = found.first_difference
    assert found.before[:at] == found.after[:at]
    assert found.before[at] != found.after[at]
    assert (found.heads_off, found.mlps_off, found.method, found.seed) == (((0, 1), (1, 0)), (1,), "zero", 3)
    for who, ids, surprisal in (
        (model, found.ids_before, found.surprisal_before),
        (cut_model, found.ids_after, found.surprisal_after),
    ):
        steps = list(generate(who, model.tokenizer.encode(prompt), SamplingConfig(40, 0.8, 9, 0.95, seed=3)))
        assert ids.tolist() == [step.id for step in steps]
        torch.testing.assert_close(surprisal, torch.tensor([s.surprisal for s in steps]), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("engine", ["torch", None])
@pytest.mark.parametrize(("heads", "mlps"), [(["0.1"], []), ([], [1]), (["0.0", "1.1"], [0, 1]), ([], [])])
@torch.no_grad()
def test_a_cache_gives_what_a_whole_pass_without_the_parts_gives(make_model, engine, heads, mlps):
    model = make_model(block_size=24)
    off = Without(model, heads, mlps).parts
    decoder, read, rest = model.decoder(engine=engine, off=off), [3, 4, 5], [7 * i % 20 for i in range(60)]
    found = decoder.prefill([read])
    for id in rest:
        expected = trace(model, read, heads, mlps).logits[-1]
        torch.testing.assert_close(found[0], expected, rtol=1e-4, atol=1e-4)
        read = [*(read if len(read) < 24 else read[-11:]), id]  # a full context goes on from its last half
        found = decoder.step([id])
    config = SamplingConfig(80, 0.9, seed=4)
    whole = [step.id for step in generate(Without(model, heads, mlps), [3, 4], config)]
    decoding = [step.id for step in generate(Uncached(model, heads, mlps), [3, 4], config)]
    assert whole == decoding


class Uncached(Without):
    """The same, read afresh for every character."""

    def decoder(self):
        """A reader of its own."""
        return copy.copy(self)


def test_logits_while_writing_are_those_of_a_trace(make_model):
    model = make_model().double()
    means = mean_outputs(model, TEXT)
    without = Without(model, ["0.1"], [1], means)
    steps, read = list(generate(without, [3, 4], SamplingConfig(14, seed=0))), [3, 4]
    for step in steps:
        expected = trace(model, read, {(0, 1): means.z[0, 1]}, {1: means.mlp_out[1]}).logits[-1]
        torch.testing.assert_close(step.logits, expected.float())
        read.append(step.id)
    first, second = without.decoder(), without.decoder()
    expected = first.prefill([[1, 2]])
    second.prefill([[5]])
    assert torch.equal(first.step([3]), without.decoder().prefill([[1, 2, 3]]))
    assert torch.equal(first.prefill([[1, 2]]), expected)


def test_a_seed_that_is_not_given_is_told(model):
    found = generate_without(model, TEXT, SamplingConfig(9), ["0.0"])
    again = generate_without(model, TEXT, SamplingConfig(9, seed=found.seed), ["0.0"])
    assert again.to_dict() == found.to_dict()
    other = generate_without(model, TEXT, SamplingConfig(9), ["0.0"])
    assert other.seed != found.seed


def test_a_model_without_a_vocabulary_writes_ids(make_model):
    model = make_model(chars=None, vocab_size=30)
    found = generate_without(model, [3, 12], SamplingConfig(5, seed=1), ["0.0"])
    assert found.before == " ".join(map(str, found.ids_before.tolist()))
    assert [3, 12, *found.ids_before.tolist()] == model.generate([3, 12], 5, seed=1)
    assert ablate(model, [3, 12], ["0.0"], top=2).changed[0].isdigit()
    assert generate_without(model, [3], SamplingConfig(0)).first_difference is None


def test_what_can_not_be_written(model):
    with pytest.raises(ValueError, match="the text is empty"):
        generate_without(model, "")
    with pytest.raises(UnknownCharacterError, match="'Z' at 1"):
        generate_without(model, "aZ")
    with pytest.raises(ValueError, match=r"there is no head 5\.0"):
        generate_without(model, "a", heads_off=["5.0"])
