"""Induction and copying against heads built by hand, plain loops, whole matrices and closed forms."""

import numpy as np
import pytest
import torch
from samples import uniform

from strivelm.inspection import copying, heads, induction, trace

LETTERS = "abcdefghijkl"


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
    assert found.notes[0] in every.notes
    assert sum("line beginnings (0)" in note for note in every.notes) == 1  # its text has one line, and no word


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
