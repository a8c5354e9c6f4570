"""The pass itself: parts switched off against hooks on `GPT.forward`, going on from any depth, batches."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from samples import TEXT, ids_for

from strivelm.inspection.forward import depth_names, embed, forward_pass, switch_off
from strivelm.inspection.trace import RECORDED, trace

# -- switched off ------------------------------------------------------------------------------------------------------


def test_ablating_nothing_changes_nothing_to_the_bit(model):
    plain, same = trace(model, TEXT), trace(model, TEXT, heads_off=[], mlps_off={})
    own = trace(
        model,
        TEXT,
        heads_off={(layer, head): plain.z[layer, head] for layer in range(2) for head in range(2)},
        mlps_off=dict(enumerate(plain.mlp_out)),
    )
    for name in RECORDED:
        assert torch.equal(getattr(plain, name), getattr(same, name))
        assert torch.equal(getattr(plain, name), getattr(own, name)), name


def hooked(model, ids, heads, mlps):
    """Logits of `model.forward` with outputs replaced by hooks on its modules."""
    handles = []
    for layer, block in enumerate(model.blocks):
        replaced = {head: value for (at, head), value in heads.items() if at == layer}

        def replace_heads(_, inputs, replaced=replaced, hd=block.hd):
            z = inputs[0].clone()
            for head, value in replaced.items():
                z[..., head * hd : (head + 1) * hd] = value
            return (z,)

        handles.append(block.proj.register_forward_pre_hook(replace_heads))
        if layer in mlps:
            handles.append(
                block.ff.register_forward_hook(lambda _, inputs, out, value=mlps[layer]: torch.zeros_like(out) + value)
            )
    try:
        return model(ids)[0][0].detach()
    finally:
        for handle in handles:
            handle.remove()


def test_what_is_switched_off_is_gone_and_nothing_else(make_model):
    heads = st.sets(st.tuples(st.integers(0, 2), st.integers(0, 3)))

    @given(heads, st.sets(st.integers(0, 2)), st.booleans(), st.integers(0, 99))
    def with_any_choice(heads, mlps, by_mean, seed):
        model = make_model(n_layer=3, n_head=4, n_embd=12, seed=seed).double()
        ids = ids_for(model, 9)
        plain = trace(model, ids)
        if by_mean:
            heads = {(layer, head): plain.z[layer, head].mean(0) for layer, head in heads}
            mlps = {layer: plain.mlp_out[layer] + 1 for layer in mlps}
        found = trace(model, ids, heads, mlps)
        expected = hooked(
            model, ids, heads if by_mean else dict.fromkeys(heads, 0.0), mlps if by_mean else dict.fromkeys(mlps, 0.0)
        )
        torch.testing.assert_close(found.logits, expected, rtol=1e-10, atol=1e-10)
        assert (set(found.heads_off), set(found.mlps_off)) == (set(heads), set(mlps))
        for layer, head in heads:
            value = heads[layer, head] if by_mean else torch.zeros(3, dtype=torch.float64)
            assert torch.equal(found.z[layer, head], value.expand(9, 3))
            assert by_mean or not found.head_out[layer, head].any()

    with_any_choice()


def test_heads_are_named_in_every_common_way(model):
    expected = trace(model, TEXT, heads_off=[(1, 0), (0, 1)], mlps_off=[1])
    assert expected.heads_off == ((1, 0), (0, 1))
    assert expected.mlps_off == (1,)
    for heads in (["1.0", "0.1"], [[1, 0], [0, 1]], np.array([[1, 0], [0, 1]]), {"1.0": 0, (0, 1): torch.zeros(16)}):
        found = trace(model, TEXT, heads_off=heads, mlps_off=np.array([1]))
        assert found.heads_off == ((1, 0), (0, 1))
        assert torch.equal(found.logits, expected.logits)


@pytest.mark.parametrize(
    ("heads", "mlps", "message"),
    [
        ([(2, 0)], [], r"there is no head 2\.0; this model's are 0\.0 to 1\.1"),
        (["0.-1"], [], r"there is no head 0\.-1"),
        ((0, 1), [], r"0 is no head; expected a list of pairs such as \[\(0, 1\)\], or \['0\.1'\]"),
        ("0.1", [], "'0' is no head"),
        ([(0, 1, 1)], [], r"\(0, 1, 1\) is no head"),
        ([(0, 0.5)], [], r"\(0, 0\.5\) is no head"),
        ([], [2], "there is no MLP 2; this model's are 0 to 1"),
        ([], [-1], "there is no MLP -1"),
        ([], "0", r"'0' is no layer; expected a list of layers such as \[0, 1\]"),
        ({(0, 0): torch.zeros(3)}, [], r"has shape \(3,\); expected one that broadcasts to \(1, 13, 16\)"),
        ([], {0: torch.zeros(5, 32)}, r"has shape \(5, 32\); expected one that broadcasts to \(1, 13, 32\)"),
    ],
)
def test_what_can_not_be_switched_off(model, heads, mlps, message):
    with pytest.raises(ValueError, match=message):
        trace(model, TEXT, heads_off=heads, mlps_off=mlps)


# -- one pass ----------------------------------------------------------------------------------------------------------


def test_a_pass_goes_on_from_any_depth_to_the_same_bits(model):
    recorded = trace(model, TEXT, heads_off=["1.1"], mlps_off=[0])
    off = switch_off(model, ["1.1"], [0])
    for depth in range(5):
        names = []
        with torch.no_grad():
            for name, index, value in forward_pass(model, recorded.residual[depth][None], depth, off):
                names.append(name)
                kept = getattr(recorded, name)
                assert torch.equal(value[0], kept if index is None else kept[index])
        assert names.count("residual") == 4 - depth
        assert names[-1] == "logits"


def test_a_batch_is_its_sequences_one_by_one(make_model, random_ids):
    model = make_model().double()
    ids = random_ids(model, 3, 9)
    token, position = embed(model, ids)
    values = torch.randn(3, 9, 16, dtype=torch.float64)  # another value for each sequence
    off = switch_off(model, {(0, 1): values})
    batched = {(name, index): value for name, index, value in forward_pass(model, token + position, off=off)}
    for row in range(3):
        single = trace(model, ids[row], heads_off={(0, 1): values[row]})
        for (name, index), value in batched.items():
            expected = getattr(single, name) if index is None else getattr(single, name)[index]
            torch.testing.assert_close(value[row].detach(), expected, rtol=1e-10, atol=1e-10)


def test_depths_have_names(make_model):
    names = depth_names(2)
    assert names == ("embeddings", "0 attention", "0 MLP", "1 attention", "1 MLP")
    assert len(trace(make_model(), TEXT).residual) == len(names)
