"""Models of many heads: what is computed in pieces is what is computed whole, and takes less memory."""

import pytest
import torch
from inspection.peak_memory import Peak

from strivelm.inspection import ablation, attention, circuits, forward
from strivelm.inspection.ablation import ablation_map
from strivelm.inspection.attention import heads, patterns, rollout
from strivelm.inspection.circuits import induction
from strivelm.inspection.embeddings import token_space
from strivelm.inspection.trace import trace

T = 64


@pytest.fixture
def many(make_model):
    """A model of 2 layers of 32 heads."""
    return make_model(n_head=32, n_embd=64, block_size=T)


@pytest.fixture
def ids(many):
    """A context's worth of ids."""
    return torch.arange(T) * 7 % many.vocab_size


@pytest.mark.parametrize("at_once", [1, 100, 5_000, T * T * 3])
def test_a_pass_in_pieces_gives_the_same_numbers(many, ids, monkeypatch, at_once):
    whole = trace(many, ids)
    monkeypatch.setattr(forward, "AT_ONCE", at_once)
    found = trace(many, ids, keep={"z", "logits"})
    assert torch.allclose(found.z, whole.z, atol=1e-5)
    assert torch.allclose(found.logits, whole.logits, atol=1e-4)


def test_switched_off_heads_are_off_in_pieces_too(many, ids, monkeypatch):
    monkeypatch.setattr(forward, "AT_ONCE", 1_000)
    off = [(0, 3), (1, 31)]
    found = trace(many, ids, heads_off=off, keep={"z", "logits"})
    assert not found.z[0, 3].any()
    assert found.z[0, 4].any()
    assert torch.allclose(found.logits, trace(many, ids, heads_off=off).logits, atol=1e-4)


def test_a_survey_never_holds_all_heads_outputs_or_tables(many, ids, monkeypatch):
    monkeypatch.setattr(forward, "AT_ONCE", T * T)
    with Peak() as peak, torch.no_grad():
        (found,) = ablation_map(many, ids)
    assert peak.bytes < 32 * T * 64 * 4  # the heads' outputs (H, T, C), and of tables (H, T, T) as much
    losses = [
        torch.nn.functional.cross_entropy(trace(many, ids[:-1], heads_off=off).logits.double(), ids[1:]).item()
        for off in ([], ["1.5"])
    ]
    expected = losses[1] - losses[0]
    assert found.heads[1, 5].item() == pytest.approx(expected, abs=1e-4)
    assert ablation.AT_ONCE > T


def test_induction_reads_a_few_sequences_at_a_time(many, monkeypatch):
    whole = induction(many)
    monkeypatch.setattr(circuits, "AT_ONCE", 1)
    found = induction(many)
    for name in ("score", "control"):
        assert torch.allclose(getattr(found, name), getattr(whole, name), atol=1e-6)
    for name in ("first_loss", "second_loss"):
        assert getattr(found, name) == pytest.approx(getattr(whole, name), abs=1e-6)


def test_patterns_and_rollout_in_pieces_are_the_same(many, ids, monkeypatch):
    weights = trace(many, ids, keep={"attention"}).attention
    whole, rolled = patterns(weights, ids), rollout(weights)
    monkeypatch.setattr(attention, "AT_ONCE", T * T)
    found = patterns(weights, ids)
    assert found.verdict == whole.verdict
    assert torch.allclose(found.offsets, whole.offsets)
    last = rollout(weights, last=True)
    assert last.weights.shape == (1, T, T)
    assert torch.allclose(last.weights[0], rolled.weights[-1])
    assert torch.allclose(last.uniform[0], rolled.uniform[-1])


def test_heads_are_measured_on_as_much_as_is_allowed(many):
    assert len(heads(many, most=20).chars) == 20
    assert len(heads(many, most=10_000).chars) == T
    with pytest.raises(ValueError, match=f"the attention of {T} characters needs"):
        heads(many, max_bytes=10_000)


def test_the_space_of_some_characters(many):
    some = token_space(many, [5, 2])
    assert torch.equal(some.vectors, token_space(many).vectors[[5, 2]])
    assert some.chars == (many.tokenizer.chars[5], many.tokenizer.chars[2])
