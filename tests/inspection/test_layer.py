"""Inside a layer: every number computed again by hand, and by the other inspections."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from samples import TEXT

from strivelm.inspection.layer import NEEDED, inside
from strivelm.inspection.lens import direct_logit_attribution
from strivelm.inspection.trace import trace


def same(tensor, expected, atol=1e-12):
    np.testing.assert_allclose(
        tensor, np.asarray(expected.detach() if hasattr(expected, "detach") else expected), atol=atol
    )


def gelu(x):
    return np.array([0.5 * value * (1 + math.erf(value / math.sqrt(2))) for value in x])


@pytest.mark.parametrize(("layer", "head", "position"), [(0, 0, 0), (0, 2, 5), (1, 3, -1), (1, 1, 7)])
def test_a_layer_computed_again_by_hand(make_model, layer, head, position):
    model = make_model(n_head=4).double()
    found, block, C = inside(model, TEXT, layer, position, head), model.blocks[layer], 32
    at = position % len(TEXT)
    assert (found.layer, found.head, found.position, found.char) == (layer, head, at, TEXT[at])
    assert found.chars == tuple(TEXT[: at + 1])  # nothing that comes later
    weights = {name: value.detach().numpy() for name, value in block.named_parameters()}

    same(found.token_embedding, model.tok.weight[model.tokenizer.encode(TEXT[at])[0]])
    same(found.position_embedding, model.pos.weight[at])
    same(found.embedding, found.token_embedding + found.position_embedding)
    if layer == 0:
        same(found.ln1.before, found.embedding)

    for norm, name in ((found.ln1, "ln1"), (found.ln2, "ln2")):
        x = norm.before.numpy()
        assert norm.mean == pytest.approx(sum(x) / C)
        assert norm.variance == pytest.approx(sum((x - norm.mean) ** 2) / C)
        assert norm.epsilon == 1e-5
        same(norm.normalised, (x - norm.mean) / math.sqrt(norm.variance + 1e-5))
        same(norm.gain, weights[f"{name}.weight"])
        same(norm.bias, weights[f"{name}.bias"])
        same(norm.after, norm.normalised * norm.gain + norm.bias)

    W_q, W_k, W_v = weights["qkv.weight"].reshape(3, 4, 8, C)[:, head]
    same(found.query, W_q @ found.ln1.after.numpy())
    same(found.keys[-1], W_k @ found.ln1.after.numpy())
    same(found.values[-1], W_v @ found.ln1.after.numpy())
    assert found.divisor == math.sqrt(8)
    scores = np.array([np.dot(found.query, key) for key in found.keys]) / math.sqrt(8)
    same(found.scores, scores)
    same(found.attention, np.exp(scores) / np.exp(scores).sum())
    same(found.weighted.sum(0), found.z)
    same(found.head_out, weights["proj.weight"][:, head * 8 : head * 8 + 8] @ found.z.numpy())
    heads = [inside(model, TEXT, layer, position, other).head_out for other in range(4)]
    same(found.attn_out, sum(heads))
    same(found.ln2.before, found.ln1.before + found.attn_out)

    pre = weights["ff.0.weight"] @ found.ln2.after.numpy() + weights["ff.0.bias"]
    post = gelu(pre)
    order = np.argsort(-post)[:10]
    assert found.neurons.tolist() == order.tolist()
    same(found.pre, pre[order])
    same(found.post, post[order])
    same(found.written, [np.linalg.norm(post[i] * weights["ff.2.weight"][:, i]) for i in order])
    same(found.mlp_out, weights["ff.2.weight"] @ post + weights["ff.2.bias"])
    same(found.after, found.ln2.before + found.mlp_out)
    stages = (found.ln1.before, found.ln2.before, found.after)
    same(found.norms, [math.hypot(*x.tolist()) for x in stages])
    same(found.added, [math.hypot(*x.tolist()) for x in (found.attn_out, found.mlp_out)])


def test_one_layer_hands_on_to_the_next(model):
    first, second = (inside(model, TEXT, layer, 4) for layer in (0, 1))
    assert torch.equal(first.after, second.ln1.before)
    assert torch.equal(first.embedding, second.embedding)


def test_what_neurons_raise_adds_up_to_the_mlps_part_of_each_logit(make_model):
    model = make_model().double()
    everything = inside(model, TEXT, 1, 5, neurons=10_000, raised=10_000)
    assert everything.raised_by.shape == (128, 25)
    assert everything.post.tolist() == sorted(everything.post.tolist(), reverse=True)
    bias = model.blocks[1].ff[2].bias.detach()
    scale = trace(model, TEXT).lnf_scale[5]
    of_bias = model.head.weight.detach() @ (scale * model.lnf.weight.detach() * (bias - bias.mean()))
    of_bias -= of_bias.mean()
    for number, char in enumerate(model.tokenizer.chars):
        by_neuron = [
            row[chars.index(char)].item() for row, chars in zip(everything.raised_by, everything.raised, strict=True)
        ]
        expected = direct_logit_attribution(model, TEXT, 5, char, against="mean").mlps[1].item()
        assert sum(by_neuron) + of_bias[number].item() == pytest.approx(expected, abs=1e-10)
    few = inside(model, TEXT, 1, 5, neurons=3, raised=2)
    assert few.raised == tuple(row[:2] for row in everything.raised[:3])
    same(few.raised_by, everything.raised_by[:3, :2])


def test_a_layer_of_any_model_hangs_together(make_model):
    @given(st.integers(1, 3), st.integers(1, 3), st.integers(1, 8), st.integers(0, 99), st.data())
    def of_any_size(n_layer, n_head, T, seed, data):
        model = make_model(n_layer=n_layer, n_head=n_head, n_embd=4 * n_head, block_size=T, seed=seed).double()
        layer, head = data.draw(st.integers(0, n_layer - 1)), data.draw(st.integers(0, n_head - 1))
        length = data.draw(st.integers(1, T))
        position = data.draw(st.integers(-length, length - 1))
        ids = torch.arange(length)
        found, recorded = inside(model, ids, layer, position, head), trace(model, ids)
        assert found.attention.sum().item() == pytest.approx(1)
        assert len(found.attention) == len(found.chars) == found.position + 1
        same(found.after, recorded.residual[2 * layer + 2, position])
        same(found.ln1.before + found.attn_out + found.mlp_out, found.after)
        same(found.ln1.after, recorded.ln1[layer, position])
        same(found.ln2.after, recorded.ln2[layer, position])

    of_any_size()


def test_later_characters_change_nothing(model):
    one, other = inside(model, "a cafe\nhead", 1, 4), inside(model, "a cafBBBBBB", 1, 4)
    for name in ("attention", "after", "post"):
        same(getattr(one, name), getattr(other, name), atol=1e-6)


def test_a_trace_will_do_and_nothing_is_disturbed(make_model):
    model = make_model(dropout=0.5)
    expected = inside(model, TEXT, 1)
    recorded = trace(model.train(), TEXT, keep=NEEDED)
    found = inside(model, recorded, 1)
    assert model.training
    assert torch.equal(found.after, expected.after)
    assert found.after.dtype == torch.float64
    assert not any(tensor.requires_grad for tensor in (found.after, found.ln1.gain, found.raised_by))
    off = inside(model, trace(model, TEXT, heads_off=["0.1"]), 0, head=1)
    assert not off.z.any()
    assert not off.head_out.any()
    assert off.weighted.any()


def test_a_model_without_a_vocabulary(make_model):
    found = inside(make_model(chars=None, vocab_size=4, n_layer=1), [3, 0, 2], 0, raised=9)
    assert (found.char, found.chars) == ("2", ("3", "0", "2"))
    assert sorted(found.raised[0]) == ["0", "1", "2", "3"]


@pytest.mark.parametrize(
    ("asked", "error", "message"),
    [
        ({"layer": 2}, ValueError, r"there is no head 2\.0; this model's are 0\.0 to 1\.1"),
        ({"layer": -1}, ValueError, r"there is no head -1\.0"),
        ({"layer": 0, "head": 2}, ValueError, r"there is no head 0\.2"),
        ({"layer": 0, "position": 13}, IndexError, "there is no position 13; expected one from 0 to 12"),
        ({"layer": 0, "position": -14}, IndexError, "there is no position -14"),
        ({"layer": 0, "neurons": 0}, ValueError, "neurons is 0; expected how many to list, at least 1"),
        ({"layer": 0, "raised": 0}, ValueError, "raised is 0"),
        ({"layer": 0, "max_bytes": 9}, ValueError, r"needs .* bytes; at most 9 are allowed"),
    ],
)
def test_what_can_not_be_shown(model, asked, error, message):
    with pytest.raises(error, match=message):
        inside(model, TEXT, **asked)


def test_a_trace_that_lacks_something_says_so(model):
    with pytest.raises(AttributeError, match="add 'lnf_scale' to keep"):
        inside(model, trace(model, TEXT, keep=set(NEEDED) - {"lnf_scale"}), 0)


def test_the_result_is_plain_python_and_tables(model):
    pytest.importorskip("pandas")
    found = inside(model, TEXT, 0, 3)
    plain = found.to_dict()
    assert plain["ln1"]["epsilon"] == 1e-5
    assert len(plain["keys"]) == 4
    assert list(found.to_frame("chars", "scores", "attention").columns) == ["key", "chars", "scores", "attention"]
    assert len(found.to_frame("raised", "raised_by", "neurons")) == 50
