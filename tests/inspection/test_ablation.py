"""Ablation against models whose weights were cut by hand: transformers' and our own; the map against brute force."""

import copy
import json
import math

import numpy as np
import pytest
import torch
from cut_weights import cut
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import TEXT

from strivelm import UnknownCharacterError
from strivelm.generation import SamplingConfig
from strivelm.inspection import ablation
from strivelm.inspection.ablated_generation import generate_without
from strivelm.inspection.ablation import ablate, ablation_map, mean_outputs
from strivelm.inspection.trace import trace
from strivelm.training.evaluation import evaluate

HEADS = st.sets(st.tuples(st.integers(0, 2), st.integers(0, 3)), max_size=5)
MLPS = st.sets(st.integers(0, 2))


def surprisals(model, ids):
    """Of each character but the first, (T-1,)."""
    log_p = model(ids[None, :-1])[0][0].detach().log_softmax(-1)
    return torch.stack([-log_p[i - 1, ids[i]] for i in range(1, len(ids))])


# -- on a text ---------------------------------------------------------------------------------------------------------


def test_ablating_nothing_changes_nothing_to_the_bit(model):
    for reference in (None, "abc"):
        found = ablate(model, TEXT, reference=reference)
        assert torch.equal(found.before, found.after)
        assert torch.equal(found.surprisal_before[1:], found.surprisal_after[1:])
        assert found.loss_before == found.loss_after
        assert not found.kl.any()
        assert (found.heads_off, found.mlps_off) == ((), ())
        written = generate_without(model, TEXT, SamplingConfig(30, seed=1), reference=reference)
        assert written.before == written.after
        assert written.first_difference is None


def test_ablation_is_cutting_the_weights(make_model):
    @settings(max_examples=20)
    @given(HEADS, MLPS, st.booleans(), st.integers(0, 99))
    def of_any_parts(heads, mlps, by_mean, seed):
        model = make_model(n_layer=3, n_head=4, n_embd=12, seed=seed).double()
        means = mean_outputs(model, "bad\ncab :😀" * 5) if by_mean else None
        found = ablate(model, TEXT, heads, mlps, means, position=7)
        ids = torch.tensor(model.tokenizer.encode(TEXT))
        logits = [m(ids[None])[0][0].detach() for m in (model, cut(model, heads, mlps, means))]
        p, q = (x.softmax(-1) for x in logits)
        close = {"rtol": 1e-9, "atol": 1e-12}
        torch.testing.assert_close(found.before, p[7], **close)
        torch.testing.assert_close(found.after, q[7], **close)
        torch.testing.assert_close(found.kl, (p * (p / q).log()).sum(-1), rtol=1e-7, atol=1e-12)
        for m, surprisal, loss in (
            (model, found.surprisal_before, found.loss_before),
            (cut(model, heads, mlps, means), found.surprisal_after, found.loss_after),
        ):
            assert math.isnan(surprisal[0])
            torch.testing.assert_close(surprisal[1:], surprisals(m, ids), **close)
            assert loss == pytest.approx(m(ids[None, :-1], ids[None, 1:])[1].item(), abs=1e-12)
        assert (set(found.heads_off), set(found.mlps_off)) == (heads, mlps)
        assert found.method == ("mean" if by_mean else "zero")

    of_any_parts()


@pytest.mark.parametrize("by_mean", [False, True])
def test_ablation_is_that_of_transformers_with_the_weights_edited(make_model, gpt2, tmp_path, by_mean):
    model = make_model(n_layer=3, n_head=4).double()
    model.save_pretrained(tmp_path)
    theirs, hd = gpt2(tmp_path, torch.float64), 8
    means = mean_outputs(model, TEXT * 4) if by_mean else None
    with torch.no_grad():
        for layer, head in ((0, 1), (2, 3), (2, 0)):
            c_proj = theirs.transformer.h[layer].attn.c_proj  # a Conv1D: rows are inputs
            rows = slice(head * hd, (head + 1) * hd)
            if by_mean:
                c_proj.bias += means.z[layer, head] @ c_proj.weight[rows]
            c_proj.weight[rows] = 0
        last = theirs.transformer.h[1].mlp.c_proj
        last.weight.zero_()
        last.bias.copy_(means.mlp_out[1] if by_mean else torch.zeros(32))
    ids = torch.tensor([model.tokenizer.encode(TEXT)])
    with torch.no_grad():
        expected = theirs(ids, attention_mask=torch.ones_like(ids)).logits[0].softmax(-1)
    for position in (0, 5, -1):
        found = ablate(model, TEXT, ["0.1", "2.3", (2, 0)], [1], means, position)
        torch.testing.assert_close(found.after, expected[position], rtol=1e-9, atol=1e-12)
    assert found.heads_off == ((0, 1), (2, 3), (2, 0))


def test_what_changed_most_is_listed_first(model):
    found = ablate(model, TEXT, ["0.0", "1.1"], position=3, top=4)
    changes = sorted((-abs(a - b), i) for i, (b, a) in enumerate(zip(found.before, found.after, strict=True)))[:4]
    assert found.changed_ids.tolist() == [i for _, i in changes]
    assert found.changed == tuple(model.tokenizer.chars[i] for _, i in changes)
    assert torch.equal(found.changed_before, found.before[found.changed_ids])
    assert torch.equal(found.changed_after, found.after[found.changed_ids])
    assert (found.position, found.chars) == (3, tuple(TEXT))
    assert len(ablate(model, TEXT, top=999).changed) == model.vocab_size


def test_an_ablation_becomes_json_and_a_table(model):
    pandas = pytest.importorskip("pandas")
    found = ablate(model, "cab", ["1.0"], [0], reference="abba")
    plain = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert plain["surprisal_before"][0] is None
    assert plain["heads_off"] == [[1, 0]]
    assert plain["method"] == "mean"
    table = found.to_frame()
    assert isinstance(table, pandas.DataFrame)
    assert list(table["chars"]) == ["c", "a", "b"]
    assert list(table["kl"]) == found.kl.tolist()
    assert len(found.to_frame("before", "after")) == model.vocab_size


def test_one_character_has_a_next_one_but_no_loss(model):
    found = ablate(model, "a", ["0.0"])
    assert found.kl.shape == (1,)
    assert found.kl.item() > 0
    assert math.isnan(found.loss_before)


def test_training_mode_plays_no_part(make_model, random_ids):
    model = make_model(dropout=0.5)
    ids = random_ids(model, 70)

    def everything():
        before = ablate(model, TEXT, ["0.1"], reference=ids)
        written = generate_without(model, TEXT, SamplingConfig(10, seed=1), ["0.1"])
        return before.after, list(ablation_map(model, ids))[-1].heads, written.after

    expected, state = everything(), torch.get_rng_state()
    model.train()
    found = everything()
    assert model.training
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(found[0], expected[0])
    assert torch.equal(found[1], expected[1])
    assert found[2] == expected[2]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"heads_off": ["2.0"]}, ValueError, r"there is no head 2\.0; this model's are 0\.0 to 1\.1"),
        ({"mlps_off": [2]}, ValueError, "there is no MLP 2; this model's are 0 to 1"),
        ({"text": ""}, ValueError, "the text is empty; at least one character is needed"),
        ({"text": "a" * 17}, ValueError, "the text has 17 characters, but this model's context is 16"),
        ({"position": 13}, IndexError, "there is no position 13; expected one from 0 to 12"),
        ({"position": -14}, IndexError, "there is no position -14"),
        ({"top": 0}, ValueError, "top is 0; expected how many characters to list, at least 1"),
        ({"reference": ""}, ValueError, "the text is empty; at least one character is needed"),
        ({"reference": "a" * 20 + "Z"}, UnknownCharacterError, "'Z' at 20"),
        ({"reference": [0] * 20 + [99]}, IndexError, "the text holds ids from 0 to 99"),
    ],
)
def test_what_can_not_be_ablated(model, arguments, error, message):
    with pytest.raises(error, match=message):
        ablate(model, **{"text": TEXT} | arguments)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpus_numbers_are_the_cpus(model, random_ids):
    ids = random_ids(model, 90)
    expected, found = [
        (
            ablate(m, TEXT, ["0.1"], [1], ids).after,
            list(ablation_map(m, ids))[-1].heads,
            list(ablation_map(m, ids, ids))[-1].mlps,
            mean_outputs(m, ids).z.cpu(),
            generate_without(m, TEXT, SamplingConfig(20, seed=1), ["0.1"], reference=ids).ids_after,
        )
        for m in (model, copy.deepcopy(model).cuda())
    ]
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)


# -- means -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [1, 16, 37, 160])
def test_means_are_over_every_character_in_windows_of_the_context(make_model, random_ids, monkeypatch, length):
    monkeypatch.setattr(ablation, "AT_ONCE", 48)  # three windows at once
    model = make_model().double()
    ids = random_ids(model, length)
    windows = [trace(model, ids[at : at + 16]) for at in range(0, length, 16)]
    found = mean_outputs(model, ids)
    torch.testing.assert_close(found.z, torch.cat([w.z for w in windows], 2).mean(2), rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(
        found.mlp_out, torch.cat([w.mlp_out for w in windows], 1).mean(1), rtol=1e-10, atol=1e-12
    )
    assert found.characters == length
    by_text = mean_outputs(model, model.tokenizer.decode(ids))
    assert torch.equal(by_text.z, found.z)


def test_a_reference_is_a_text_its_ids_or_its_means(model):
    reference = "a bad cab :" * 4
    found = [ablate(model, TEXT, ["0.1"], [1], r).after for r in (
        reference, model.tokenizer.encode(reference), mean_outputs(model, reference)
    )]  # fmt: skip
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])
    assert not torch.equal(found[0], ablate(model, TEXT, ["0.1"], [1]).after)


# -- the map -----------------------------------------------------------------------------------------------------------


def window_losses(model, ids):
    """Each window's summed loss, and how many characters it predicts, one window after another."""
    T = model.block_size
    windows = [ids[at : at + T + 1] for at in range(0, len(ids) - 1, T)]
    return np.array([surprisals(model, w).sum() for w in windows]), np.array([len(w) - 1 for w in windows])


@pytest.mark.parametrize("by_mean", [False, True])
def test_the_map_is_that_of_brute_force(make_model, random_ids, monkeypatch, by_mean):
    monkeypatch.setattr(ablation, "AT_ONCE", 40)
    model = make_model(n_layer=3, n_head=2, n_embd=12).double()
    ids = random_ids(model, 16 * 7 + 6)  # 7 windows of the context, and one of 5 characters
    means = mean_outputs(model, ids) if by_mean else None
    events = list(ablation_map(model, ids, means))
    assert [event.windows for event in events] == [2, 4, 6, 7, 8]
    found = events[-1]
    assert (found.windows_in_all, found.characters) == (8, 117)
    assert found.loss == pytest.approx(evaluate(model, ids), abs=1e-6)
    assert found.method == ("mean" if by_mean else "zero")
    before, counts = window_losses(model, ids)

    def check(without, change, error):
        after, _ = window_losses(without, ids)
        delta = (after - before).sum() / counts.sum()
        residuals = after - before - counts * delta
        assert change.item() == pytest.approx(delta, abs=1e-10)
        assert error.item() == pytest.approx(math.sqrt(8 / 7 * (residuals**2).sum()) / counts.sum(), rel=1e-6)

    for layer in range(3):
        check(cut(model, mlps=[layer], means=means), found.mlps[layer], found.mlps_error[layer])
        for head in range(2):
            check(cut(model, [(layer, head)], means=means), found.heads[layer, head], found.heads_error[layer, head])


def test_the_error_of_equal_windows_is_the_standard_error_of_their_mean(make_model, random_ids):
    model = make_model().double()
    ids = random_ids(model, 16 * 9 + 1)
    *_, found = ablation_map(model, ids)
    before, _ = window_losses(model, ids)
    after, _ = window_losses(cut(model, [(1, 0)]), ids)
    per_window = (after - before) / 16
    assert found.heads[1, 0].item() == pytest.approx(per_window.mean(), abs=1e-10)
    assert found.heads_error[1, 0].item() == pytest.approx(per_window.std(ddof=1) / 3, rel=1e-6)


def test_each_event_is_the_map_of_what_has_been_read_so_far(model, random_ids, monkeypatch):
    ids = random_ids(model, 16 * 20)
    *_, once = ablation_map(model, ids)
    monkeypatch.setattr(ablation, "AT_ONCE", 64)
    events = list(ablation_map(model, ids))
    assert [event.windows for event in events] == [4, 8, 12, 16, 19, 20]
    assert all(event.windows_in_all == 20 for event in events)
    torch.testing.assert_close(events[-1].heads, once.heads, rtol=1e-4, atol=1e-6)
    *_, sample = ablation_map(model, ids, most=8)
    assert (sample.windows, sample.windows_in_all, sample.characters) == (8, 8, 128)
    torch.testing.assert_close(sample.heads, events[1].heads, rtol=1e-6, atol=1e-7)
    other = next(ablation_map(model, ids, seed=1))
    assert not torch.equal(other.heads, events[0].heads)  # other windows


def test_one_window_has_no_error(model):
    (found,) = ablation_map(model, "a cab")
    assert found.characters == 4
    assert found.to_dict()["heads_error"] == [[None, None]] * 2
    assert found.heads.isfinite().all()
    (least,) = ablation_map(model, "ab")
    assert least.characters == 1


def test_passes_go_on_from_where_they_differ(make_model, random_ids):
    model, attended, thought = make_model(n_layer=4, n_head=3, n_embd=12), [], []
    for block in model.blocks:
        block.qkv.register_forward_hook(lambda *_: attended.append(1))
        block.ff[2].register_forward_hook(lambda *_: thought.append(1))
    *_, _ = ablation_map(model, random_ids(model, 17))
    later = 3 + 2 + 1 + 0  # whole layers after each
    assert len(attended) == 4 + 3 * later + later  # with all parts, without each head, without each MLP
    assert len(thought) == 4 + 3 * (later + 4) + later


def test_a_map_can_be_stopped_and_leaks_nothing(model, random_ids):
    events = ablation_map(model, random_ids(model, 16 * 200))
    assert torch.is_grad_enabled()
    first = next(events)
    assert torch.is_grad_enabled()
    events.close()
    assert not first.heads.requires_grad
    assert first.windows < first.windows_in_all == 200


def test_a_map_becomes_a_table(model, random_ids):
    pytest.importorskip("pandas")
    *_, found = ablation_map(model, random_ids(model, 50))
    table = found.to_frame()
    assert list(table.columns) == ["layer", "head", "heads", "heads_error"]
    assert len(table) == 4
    assert list(found.to_frame("mlps", "mlps_error")["mlps"]) == found.mlps.tolist()
    json.dumps(found.to_dict(), allow_nan=False)


def test_what_has_no_map(model):
    for text, most, message in (
        ("a", None, "the text has 1 character; at least 2 are needed to have one to predict"),
        ("", None, "the text is empty"),
        ("abc", 0, "most is 0; expected how many windows to read, at least 1"),
    ):
        with pytest.raises(ValueError, match=message):
            ablation_map(model, text, most=most)  # at the call, before anything is asked of it
    with pytest.raises(UnknownCharacterError, match="'Z' at 30"):
        ablation_map(model, "a" * 30 + "Z")
    with pytest.raises(ValueError, match="the text is empty"):
        ablation_map(model, "abc", reference="")
