"""What heads do: every score against plain loops and closed forms, verdicts against heads built by hand."""

import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from samples import uniform

from strivelm.inspection.attention import FEW, PARTS, STANDS_OUT, WORDS, copying, heads, induction, patterns, rollout
from strivelm.inspection.trace import trace

LETTERS = "abcdefghijkl"


@st.composite
def attentions(draw):
    """Attention (L, H, T, T) of some sharpness, and ids (T,) of which some repeat."""
    L, H, T = draw(st.integers(1, 2)), draw(st.integers(1, 3)), draw(st.integers(2, 9))
    stream = torch.Generator().manual_seed(draw(st.integers(0, 999)))
    scores = torch.randn(L, H, T, T, dtype=torch.float64, generator=stream) * draw(st.sampled_from([0.0, 1.0, 30.0]))
    ids = torch.randint(draw(st.integers(1, 6)), (T,), generator=stream)
    return scores.masked_fill(torch.ones(T, T, dtype=torch.bool).triu(1), -math.inf).softmax(-1), ids


# -- where heads look on a text ----------------------------------------------------------------------------------------


def by_hand(attention, ids):
    """The scores of one head (T, T), by their definitions, in plain Python."""
    A, ids, T = attention.tolist(), ids.tolist(), len(ids)

    def mean(values):
        return sum(values) / len(values) if values else math.nan

    later = range(1, T)
    repeated = [i for i in later if ids[i] in ids[:i]]
    scores = {
        "previous_character": mean([A[i][i - 1] for i in later]),
        "first_position": mean([A[i][0] for i in later]),
        "itself": mean([A[i][i] for i in later]),
        "same_character": mean([sum(A[i][j] for j in range(i) if ids[j] == ids[i]) for i in repeated]),
        "mean_distance": mean([sum(A[i][j] * (i - j) for j in range(i + 1)) for i in later]),
        "entropy": mean([-sum(p * math.log(p) for p in A[i] if p > 0) / math.log(i + 1) for i in later]),
    }
    scores |= dict.fromkeys(PARTS, math.nan)  # of unknown characters; test_text_parts.py has them
    return scores, [mean([A[i][i - d] for i in later if i >= d]) for d in range(T)], len(repeated)


@given(attentions())
def test_every_score_is_its_definition(drawn):
    attention, ids = drawn
    found, (L, H, T) = patterns(attention, ids), attention.shape[:3]
    expected_uniform, offsets, repeated = by_hand(uniform(T), ids)
    assert found.uniform == pytest.approx(expected_uniform, abs=1e-12, nan_ok=True)
    assert found.uniform_offsets.tolist() == pytest.approx(offsets, abs=1e-12)
    assert found.queries == dict.fromkeys(WORDS, T - 1) | {"same_character": repeated} | dict.fromkeys(PARTS, 0)
    for layer in range(L):
        for head in range(H):
            expected, offsets, _ = by_hand(attention[layer, head], ids)
            for name, value in expected.items():
                assert getattr(found, name)[layer, head].item() == pytest.approx(value, abs=1e-12, nan_ok=True), name
            assert found.offsets[layer, head].tolist() == pytest.approx(offsets, abs=1e-12)


@pytest.mark.parametrize("T", [2, 10, 64, 256])
def test_uniform_attention_has_the_values_of_the_closed_forms(T):
    found = patterns(uniform(T)[None, None], torch.arange(T))
    one = (sum(1 / i for i in range(1, T + 1)) - 1) / (T - 1)  # one key of those that each query sees
    for name, value in {
        "previous_character": one, "first_position": one, "itself": one, "mean_distance": T / 4, "entropy": 1
    }.items():  # fmt: skip
        assert getattr(found, name).item() == pytest.approx(value, abs=1e-12)
        assert found.uniform[name] == pytest.approx(value, abs=1e-12)
    assert torch.equal(found.offsets[0, 0], found.uniform_offsets)
    assert found.verdict == (("none",),)
    assert T <= FEW or found.strength.item() == pytest.approx(0, abs=1e-12)


def looking(T, key_of):
    """Attention (1, 1, T, T) that gives each query's whole weight to one key."""
    attention = torch.zeros(1, 1, T, T, dtype=torch.float64)
    for query in range(T):
        attention[0, 0, query, min(max(key_of(query), 0), query)] = 1
    return attention


WRITTEN = torch.tensor([0, 1, 2, 3, 1, 0, 4, 5, 6, 1, 7, 0, 8, 9, 3, 1, 2, 0, 9, 4])


def earlier(query):
    return WRITTEN.tolist().index(WRITTEN[query])


@pytest.mark.parametrize(
    ("key_of", "word", "score"),
    [
        (lambda i: i - 1, "previous character", "previous_character"),
        (lambda i: 0, "first position", "first_position"),
        (lambda i: i, "self", "itself"),
        (earlier, "same character", "same_character"),
        (lambda i: i - 2, "2 back", None),
        (lambda i: i - 9, "9 back", None),
    ],
)
def test_a_head_that_looks_at_one_place_is_named_for_it(key_of, word, score):
    found = patterns(looking(len(WRITTEN), key_of), WRITTEN)
    assert found.verdict == ((word,),)
    assert found.strength.item() == pytest.approx(1)
    assert found.entropy.item() == 0
    assert (getattr(found, score) if score else found.offsets[..., int(word.split()[0])]).item() == 1
    assert found.notes == ()


@pytest.mark.parametrize(("back", "score"), [(1, "previous_character"), (0, "itself"), (3, None)])
def test_a_verdicts_score_is_told_beside_uniform_attentions(back, score):
    T = len(WRITTEN)
    found = patterns(looking(T, lambda i: i - back), WRITTEN)
    chance = sum(1 / seen for seen in range(back + 1 if back > 1 else 2, T + 1)) / (T - max(back, 1))
    assert found.named_score(0, 0) == pytest.approx((1, chance))
    assert found.named_score(0, 0)[0] == (getattr(found, score) if score else found.offsets[..., back]).item()
    assert patterns(uniform(T)[None, None], WRITTEN).named_score(0, 0) is None


@given(st.floats(0, 1), st.sampled_from(["previous character", "first position", "self", "3 back"]))
def test_strength_is_the_weight_that_uniform_attention_does_not_explain(share, word):
    key = {"previous character": -1, "first position": -99, "self": 0, "3 back": -3}[word]
    T = 40
    mixed = share * looking(T, lambda i: i + key) + (1 - share) * uniform(T)
    found = patterns(mixed, torch.arange(T))
    if abs(share - STANDS_OUT) > 1e-9:
        assert found.verdict == ((word if share > STANDS_OUT else "none",),)
    if share > 0.05:
        assert found.strength.item() == pytest.approx(share, abs=1e-9)


def test_a_verdict_needs_enough_characters_and_the_result_says_so():
    T = FEW + 1
    enough, few = (patterns(looking(n, lambda i: i - 1), torch.arange(n)) for n in (T, T - 1))
    assert (enough.verdict, few.verdict) == ((("previous character",),), (("none",),))
    assert few.previous_character.item() == 1
    assert few.to_dict()["strength"] == [[None]]
    too_few = "Too few characters of this text could show these patterns, 8 are needed: "
    assert enough.notes == (f"{too_few}same character (0).",)
    assert few.notes == (f"{too_few}previous character (7), first position (7), self (7), same character (0).",)
    assert few.closest == (("none",),)
    assert math.isnan(enough.same_character.item())


def test_what_has_no_patterns():
    with pytest.raises(ValueError, match="the text has one character, which can only look at itself; at least 2"):
        patterns(torch.ones(1, 1, 1, 1), torch.tensor([0]))
    for shape in ((2, 3, 3), (1, 1, 3, 4)):
        with pytest.raises(ValueError, match=r"the attention has shape \(.*\); expected \(L, H, 3, 3\) for 3 ids"):
            patterns(torch.ones(shape), torch.tensor([0, 1, 2]))


# -- all at once -------------------------------------------------------------------------------------------------------


def test_heads_are_patterns_induction_and_copying_together(make_model):
    model, text = make_model(block_size=32), "abc a cafe\nhead abide a big cab?"
    before = torch.get_rng_state()
    found, recorded = heads(model, text), trace(model, text)
    assert torch.equal(torch.get_rng_state(), before)
    alone, repeats, copies = patterns(recorded.attention, recorded.ids, text), induction(model), copying(model)
    for name in (*WORDS, *PARTS, "mean_distance", "entropy"):
        torch.testing.assert_close(getattr(found, name), getattr(alone, name), rtol=0, atol=0, equal_nan=True)
    assert torch.equal(found.offsets, alone.offsets)
    assert torch.equal(found.induction, repeats.score)
    assert torch.equal(found.induction_control, repeats.control)
    assert torch.equal(found.copying, copies.score)
    assert (found.copies, found.chars) == (copies.verdict, tuple(text))
    assert found.uniform == pytest.approx(alone.uniform | {"induction": repeats.uniform}, nan_ok=True)
    assert found.verdict == (("none", "none"),) * 2  # random weights do nothing in particular
    again = heads(model, recorded)
    assert torch.equal(again.previous_character, found.previous_character)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpus_numbers_are_the_cpus(make_model):
    model = make_model(block_size=32)
    expected = heads(model, "a cafe\nhead abide a big cab?")
    found = heads(model.cuda(), "a cafe\nhead abide a big cab?")
    for name in ("previous_character", "entropy", "offsets", "induction", "induction_control", "copying"):
        torch.testing.assert_close(getattr(found, name), getattr(expected, name), rtol=1e-3, atol=1e-4)


def test_without_a_text_the_model_writes_one(make_model):
    model = make_model(block_size=24)
    assert "".join(heads(model).chars) == model.generate("\n", 23, 1.0, 0, seed=0)
    nameless = make_model(chars=None, vocab_size=9, block_size=12)
    assert heads(nameless).chars == tuple(map(str, nameless.generate([0], 11, 1.0, 0, seed=0)))


@pytest.mark.parametrize(("vocab_size", "block_size"), [(1, 2), (2, 3), (5, 2), (2, 40)])
def test_the_smallest_models_have_heads_too(make_model, vocab_size, block_size):
    found = heads(make_model(chars=None, vocab_size=vocab_size, block_size=block_size))
    assert found.copies == (("neither", "neither"),) * 2
    assert "induction" not in {word for row in found.verdict for word in row}
    assert any("Induction can't be measured" in note for note in found.notes)
    json.dumps(found.to_dict(), allow_nan=False)


def test_heads_become_json_and_a_table(make_model):
    pytest.importorskip("pandas")
    found = heads(make_model(n_head=4), "a cafe\nhead")
    plain = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert plain["verdict"] == [["none"] * 4] * 2
    assert plain["uniform"]["mean_distance"] == 11 / 4
    table = found.to_frame()
    assert len(table) == 8
    assert {"layer", "head", "verdict", "previous_character", "induction", "copying", "copies"} <= set(table.columns)
    row = table[(table["layer"] == 1) & (table["head"] == 3)]
    assert row["itself"].item() == found.itself[1, 3].item()
    assert len(found.to_frame("offsets", "uniform_offsets")) == 2 * 4 * 11


# -- rollout -----------------------------------------------------------------------------------------------------------


@given(attentions())
def test_rollout_follows_all_paths(drawn):
    attention, _ = drawn
    found, means, T = rollout(attention), attention.mean(1).numpy(), attention.shape[-1]
    paths = np.eye(T)
    for layer, mean in enumerate(means):
        paths = (mean @ paths + paths) / 2  # attended, or stayed
        np.testing.assert_allclose(found.weights[layer], paths, atol=1e-12)
    torch.testing.assert_close(found.weights.sum(-1), torch.ones(len(means), T, dtype=torch.float64))
    assert torch.equal(found.weights, found.weights.tril())
    torch.testing.assert_close(found.weights[0], (attention[0].mean(0) + torch.eye(T)) / 2)
    torch.testing.assert_close(found.uniform[-1], torch.from_numpy(
        np.linalg.matrix_power((uniform(T).numpy() + np.eye(T)) / 2, len(means))
    ))  # fmt: skip


def test_rollout_gathers_at_the_first_character_whatever_heads_do():
    uniform_everywhere = rollout(uniform(64).expand(6, 2, 64, 64)).uniform
    last = uniform_everywhere[:, -1]
    assert last[-1, 0] > 10 * last[0, 0]  # six layers back, ten times as much as after one
    assert last[-1, 0] == last[-1, :-1].max()
