"""What heads do: every score against plain loops and closed forms, verdicts against heads built by hand."""

import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from strivelm.inspection.attention import FEW, STANDS_OUT, WORDS, copying, heads, induction, patterns, rollout
from strivelm.inspection.trace import trace

LETTERS = "abcdefghijkl"


def uniform(T):
    return torch.tril(torch.ones(T, T, dtype=torch.float64)) / torch.arange(1, T + 1)[:, None]


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
    return scores, [mean([A[i][i - d] for i in later if i >= d]) for d in range(T)], len(repeated)


@given(attentions())
def test_every_score_is_its_definition(drawn):
    attention, ids = drawn
    found, (L, H, T) = patterns(attention, ids), attention.shape[:3]
    expected_uniform, offsets, repeated = by_hand(uniform(T), ids)
    assert found.uniform == pytest.approx(expected_uniform, abs=1e-12, nan_ok=True)
    assert found.uniform_offsets.tolist() == pytest.approx(offsets, abs=1e-12)
    assert found.queries == dict.fromkeys(WORDS, T - 1) | {"same_character": repeated}
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
    assert enough.notes == (
        f'Only 0 characters of this text could show a "same character" head; a verdict needs {FEW}.',
    )
    assert len(few.notes) == 4
    assert math.isnan(enough.same_character.item())


def test_what_has_no_patterns():
    with pytest.raises(ValueError, match="the text has one character, which can only look at itself; at least 2"):
        patterns(torch.ones(1, 1, 1, 1), torch.tensor([0]))
    for shape in ((2, 3, 3), (1, 1, 3, 4)):
        with pytest.raises(ValueError, match=r"the attention has shape \(.*\); expected \(L, H, 3, 3\) for 3 ids"):
            patterns(torch.ones(shape), torch.tensor([0, 1, 2]))


# -- models built by hand ----------------------------------------------------------------------------------------------


def by_construction(make_model, n_layer=2, back=1):
    """A model with one head a layer: the first looks `back` characters back, the second is an induction head.

    The stream has a channel for each character, then for each position, then for the character before.
    """
    V, T = len(LETTERS), 2 * len(LETTERS)
    char, place, before = slice(0, V), slice(V, V + T), slice(V + T, 2 * V + T)
    model = make_model(n_layer=n_layer, n_head=1, n_embd=2 * V + T, block_size=T, chars=LETTERS, std=0.0)
    with torch.no_grad():
        model.tok.weight[:, char], model.pos.weight[:, place] = torch.eye(V), torch.eye(T)
        query, key, value = model.blocks[0].qkv.weight.view(3, 2 * V + T, 2 * V + T)
        query[: T - back, V + back : V + T], key[: T - back, V : V + T - back] = (
            30 * torch.eye(T - back),
            torch.eye(T - back),
        )
        value[:V, char] = torch.eye(V)
        model.blocks[0].proj.weight[before, :V] = 0.3 * torch.eye(V)
        if n_layer > 1:
            query, key, value = model.blocks[1].qkv.weight.view(3, 2 * V + T, 2 * V + T)
            query[:V, char], key[:V, before] = 30 * torch.eye(V), torch.eye(V)
            query[V, char], key[V, V] = 30.0, -2.0  # position 0, which has nothing before it, took itself for that
            value[:V, char] = torch.eye(V)
            model.blocks[1].proj.weight[char, :V] = 3 * torch.eye(V)
    return model


def test_a_perfect_induction_head_is_found(make_model):
    model = by_construction(make_model)
    found, text = induction(model), "abcadebfcagbhiajcbkalbca"
    assert found.score[1].item() == pytest.approx(1, abs=1e-6)
    assert found.control[1].item() < 1e-6
    assert found.score[0].item() < 1e-6
    assert found.distinct == len(LETTERS)
    assert found.second_loss < 0.1 < 1 < found.first_loss
    assert found.notes == (
        "Induction is measured on 12 distinct characters, twice, rather than 32: this model knows 12 characters "
        "and its context is 24.",
    )
    every = heads(model, text)
    assert every.verdict == (("previous character",), ("induction",))
    assert every.strength.flatten().tolist() == pytest.approx([1, 1], abs=1e-6)
    assert every.copies[1] == ("copies",)
    assert every.copying[1].item() == 1
    assert every.uniform["induction"] == found.uniform
    assert every.notes == found.notes


def test_a_head_that_knows_only_the_distance_is_no_induction_head(make_model):
    model = by_construction(make_model, n_layer=1, back=len(LETTERS) - 1)
    found, every = induction(model), heads(model, LETTERS + LETTERS[::-1])
    assert found.score.item() == pytest.approx(1, abs=1e-6)
    assert found.control.item() == pytest.approx(1, abs=1e-6)
    assert every.verdict == (("11 back",),)


def test_a_model_with_one_layer_is_told_that_it_has_no_induction_head(make_model):
    found = induction(make_model(n_layer=1))
    assert found.notes[0] == (
        "A model with one layer has no induction head: an earlier layer's head must first tell each character "
        "what came before it."
    )
    assert not any("one layer" in note for note in induction(make_model(n_layer=2)).notes)


def test_uniform_attention_has_the_induction_score_of_the_closed_form(make_model):
    model = make_model(block_size=64, chars=None, vocab_size=40)
    with torch.no_grad():
        for block in model.blocks:
            block.qkv.weight.zero_()
    found = induction(model)
    assert found.distinct == 32
    assert found.notes == ()
    assert found.uniform == pytest.approx(0.0214, abs=5e-5)
    expected = torch.full((2, 2), found.uniform, dtype=torch.float64)
    torch.testing.assert_close(found.score, expected, rtol=1e-6, atol=0)
    torch.testing.assert_close(found.control, expected, rtol=1e-6, atol=0)
    # The whole diagonal has one query more, the last of the first copy, which has no earlier place.
    assert uniform(64).diagonal(-31).mean().item() == pytest.approx(0.0217, abs=5e-5)
    assert uniform(64).diagonal(-31)[1:].mean().item() == pytest.approx(found.uniform)


def test_induction_is_what_loops_over_the_same_sequences_find(make_model):
    model, read = make_model(n_layer=2, n_head=3, n_embd=12, block_size=21).double(), []
    model.tok.register_forward_hook(lambda module, inputs, output: read.append(inputs[0]))
    found, n = induction(model, seed=5), 10
    ids = read.pop()
    copies, rotated = ids.chunk(2)
    assert torch.equal(copies[:, :n], copies[:, n:])
    assert torch.equal(copies[:, :n], rotated[:, :n])
    assert all(len(set(row.tolist())) == n for row in copies)
    for row in rotated.tolist():
        turn = row.index(row[n])
        assert turn >= 2
        assert row[n:] == row[turn:n] + row[:turn]
    for score, rows in ((found.score, copies), (found.control, rotated)):
        weights = torch.stack([trace(model, row).attention for row in rows])  # (S, L, H, 2n, 2n)
        expected = sum(weights[..., query, query - n + 1].mean(0) for query in range(n, 2 * n)) / n
        torch.testing.assert_close(score, expected, rtol=1e-10, atol=1e-12)
    log_p = model(copies)[0].detach().log_softmax(-1)
    lost = [[-log_p[s, i - 1, copies[s, i]].item() for i in range(1, 2 * n)] for s in range(len(copies))]
    assert found.first_loss == pytest.approx(np.mean([row[: n - 1] for row in lost]))
    assert found.second_loss == pytest.approx(np.mean([row[n:] for row in lost]))


@pytest.mark.parametrize(("vocab_size", "block_size", "n"), [(2, 16, 2), (30, 5, 2), (1, 1, 0), (30, 1, 0)])
def test_a_model_too_small_for_induction_has_no_number_and_says_why(make_model, vocab_size, block_size, n):
    found = induction(make_model(chars=None, vocab_size=vocab_size, block_size=block_size))
    assert found.distinct == n
    assert found.notes == (
        f"Induction can't be measured: this model knows {vocab_size} characters and its context is {block_size}, "
        "but it takes 3 distinct characters, twice.",
    )
    plain = found.to_dict()
    assert plain["score"] == plain["control"] == [[None, None]] * 2
    assert plain["uniform"] is plain["first_loss"] is plain["second_loss"] is None


def test_three_characters_twice_suffice(make_model):
    found = induction(make_model(block_size=6))
    assert found.distinct == 3
    assert found.score.isfinite().all()
    assert found.control.isfinite().all()


# -- copying -----------------------------------------------------------------------------------------------------------


def test_copying_is_the_share_of_raised_characters_by_whole_matrices(make_model):
    model, read = make_model(n_layer=2, n_head=3, n_embd=12).double(), []
    model.tok.register_forward_hook(lambda module, inputs, output: read.append(inputs[0]))
    found = copying(model)
    ids, V = read.pop(), model.vocab_size
    assert found.characters == V
    recorded = [trace(model, row, keep={"ln1"}).ln1 for row in ids]
    for layer, block in enumerate(model.blocks):
        states = torch.cat([ln1[layer] for ln1 in recorded])
        x = torch.stack([states[ids.flatten() == char].mean(0) for char in range(V)])  # (V, C)
        for head in range(3):
            values = block.qkv.weight[24 + 4 * head : 28 + 4 * head].detach()  # (hd, C)
            written = x @ values.T @ block.proj.weight[:, 4 * head : 4 * head + 4].detach().T  # (V, C)
            written = written - written.mean(-1, keepdim=True)  # as the final LayerNorm does
            effect = written @ (model.lnf.weight * model.head.weight).detach().T  # [looked at, raised]
            effect = effect - effect.mean(0) - effect.mean(1, keepdim=True) + effect.mean()
            assert found.score[layer, head].item() == pytest.approx((effect.diagonal() > 0).double().mean().item())


def test_a_head_that_copies_suppresses_when_its_sign_is_turned(make_model):
    model = by_construction(make_model)
    proj = model.blocks[1].proj.weight
    for sign, word in ((1, "copies"), (-1, "suppresses"), (0, "neither")):
        turned = by_construction(make_model)
        with torch.no_grad():
            turned.blocks[1].proj.weight.copy_(sign * proj)
        found = copying(turned)
        assert found.verdict[1] == (word,)
        assert found.score[1].item() == (1 + sign) / 2


def test_copying_strays_by_chance_no_further_than_it_says(make_model):
    flagged, scores = 0, []
    for seed in range(12):
        found = copying(make_model(n_layer=2, n_head=4, seed=seed))
        flagged += sum(word != "neither" for row in found.verdict for word in row)
        scores += found.score.flatten().tolist()
        assert ((found.chance > 0) & (found.chance <= 0.5)).all()
    assert flagged <= 2  # of 96 random heads; each has one chance in 200 to be beyond
    assert np.mean(scores) == pytest.approx(0.5, abs=0.05)


# -- all at once -------------------------------------------------------------------------------------------------------


def test_heads_are_patterns_induction_and_copying_together(make_model):
    model, text = make_model(block_size=32), "abc a cafe\nhead abide a big cab?"
    before = torch.get_rng_state()
    found, recorded = heads(model, text), trace(model, text)
    assert torch.equal(torch.get_rng_state(), before)
    alone, repeats, copies = patterns(recorded.attention, recorded.ids), induction(model), copying(model)
    for name in ("previous_character", "first_position", "itself", "same_character", "mean_distance", "entropy"):
        assert torch.equal(getattr(found, name), getattr(alone, name))
    assert torch.equal(found.offsets, alone.offsets)
    assert torch.equal(found.induction, repeats.score)
    assert torch.equal(found.induction_control, repeats.control)
    assert torch.equal(found.copying, copies.score)
    assert (found.copies, found.chars) == (copies.verdict, tuple(text))
    assert found.uniform == alone.uniform | {"induction": repeats.uniform}
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
    assert "".join(heads(model).chars) == model.generate("\n", 23, seed=0)
    nameless = make_model(chars=None, vocab_size=9, block_size=12)
    assert heads(nameless).chars == tuple(map(str, nameless.generate([0], 11, seed=0)))


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
