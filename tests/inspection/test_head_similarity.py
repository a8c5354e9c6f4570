"""How much of their attention heads of two models give to the same characters, against a loop over every weight."""

import sys

import pytest
import torch
from samples import TEXT, uniform

from strivelm.inspection.head_similarity import head_similarity
from strivelm.inspection.trace import trace


def by_hand(one, other):
    """The mean over queries, from the second on, of Σ min over the keys."""
    return sum(torch.minimum(a, b).sum() for a, b in zip(one[1:], other[1:], strict=True)).item() / (len(one) - 1)


@pytest.fixture
def other(make_model):
    """A model of another shape and context than `model`, of the same vocabulary."""
    return make_model(n_layer=3, n_head=4, n_embd=16, block_size=20, seed=5, std=0.4)


def test_every_overlap_is_the_attention_that_both_give_to_the_same_characters(model, other):
    found = head_similarity(model, other, TEXT)
    maps, others = (trace(m, TEXT).attention.double() for m in (model, other))
    assert found.chars == tuple(TEXT)
    assert found.overlap.shape == (2, 2, 3, 4)
    for layer in range(2):
        for head in range(2):
            own = maps[layer, head]
            row = [[by_hand(own, others[m, k]) for k in range(4)] for m in range(3)]
            assert found.overlap[layer, head].tolist() == [pytest.approx(each, abs=1e-6) for each in row]
            assert found.best[layer, head].item() == found.overlap[layer, head].max()
            best = found.best_layer[layer, head], found.best_head[layer, head]
            assert found.overlap[layer, head][best] == found.best[layer, head]
            assert found.average[layer, head].item() == pytest.approx(sum(map(sum, row)) / 12, abs=1e-6)
            assert found.uniform[layer, head].item() == pytest.approx(by_hand(own, uniform(len(TEXT))), abs=1e-6)
    assert found.chance == pytest.approx(found.overlap.mean().item())
    expected = [[by_hand(others[m, k], uniform(len(TEXT))) for k in range(4)] for m in range(3)]
    assert found.other_uniform.tolist() == [pytest.approx(row, abs=1e-6) for row in expected]


def test_the_most_similar_heads_come_in_order(model, other):
    found = head_similarity(model, other, TEXT)
    names = found.most_similar(1, 0, k=12)
    assert [value for _, value in names] == sorted(found.overlap[1, 0].flatten().tolist(), reverse=True)
    assert all(found.overlap[1, 0][tuple(map(int, name.split(".")))] == value for name, value in names)
    assert names[0] == (f"{found.best_layer[1, 0]}.{found.best_head[1, 0]}", found.best[1, 0])


def test_a_head_is_all_like_itself_to_the_bit(model):
    found = head_similarity(model, model, TEXT)
    for layer in range(2):
        for head in range(2):
            assert found.overlap[layer, head, layer, head] == 1
            assert found.most_similar(layer, head)[0] == (f"{layer}.{head}", 1.0)
    assert found.chance < 1


def test_maps_without_a_key_in_common_overlap_nowhere_but_in_the_first_row(model):
    recorded, T = trace(model, "abab", keep={"attention"}), 4
    first, last = torch.zeros(1, 1, T, T), torch.eye(T)[None, None]
    first[..., 0] = 1
    recorded, same = (type(recorded)(**vars(recorded) | {"attention": maps}) for maps in (first, last))
    assert head_similarity(model, model, recorded, same).overlap.tolist() == [[[[0.0]]]]


def test_it_is_the_same_in_small_pieces(model, other, monkeypatch):
    expected = head_similarity(model, other, TEXT)
    monkeypatch.setattr(sys.modules["strivelm.inspection.head_similarity"], "AT_ONCE", 40)
    torch.testing.assert_close(head_similarity(model, other, TEXT).overlap, expected.overlap)


def test_what_can_not_be_compared(model, other):
    with pytest.raises(ValueError, match="one character"):
        head_similarity(model, other, "a")
    with pytest.raises(ValueError, match="expected the same text"):
        head_similarity(model, other, "abc", "ab")
    with pytest.raises(ValueError, match="comparing 4 with 12 heads"):
        head_similarity(model, other, "abc", max_bytes=10_000)
