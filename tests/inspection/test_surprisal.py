"""Surprisal against evaluate, the writer's own words, brute force over windows, and the ladder's losses."""

import math
import sys

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from strivelm import SamplingConfig, UnknownCharacterError, generate
from strivelm.data.ngrams import count_ngrams, ladder
from strivelm.inspection.surprisal import loss_by_position, surprisal
from strivelm.training.evaluation import evaluate


def windows_by_hand(T, length, stride):
    """Where the window begins that predicts each place: the first that reaches it."""
    starts = [k * stride for k in range(length)]
    return {place: next(start for start in starts if place <= start + T) for place in range(1, length)}


def test_every_character_is_read_in_its_window(make_model):
    @given(st.integers(1, 7), st.integers(2, 40), st.data())
    def of_any_length(T, length, data):
        model = make_model(n_layer=1, n_embd=8, block_size=T).double()
        stride = data.draw(st.integers(1, T))
        ids = torch.randint(model.vocab_size, (length,), generator=torch.Generator().manual_seed(length))
        found = surprisal(model, ids, stride=stride)
        assert torch.equal(found.ids, ids)
        assert found.chars == tuple(model.tokenizer.decode(ids))
        assert math.isnan(found.model[0])
        assert math.isnan(found.entropy[0])
        assert (found.rank[0], found.seen[0]) == (-1, 0)
        for place, begin in windows_by_hand(T, length, stride).items():
            log_p = model(ids[None, begin:place])[0][0, -1].detach().log_softmax(-1)
            assert found.model[place].item() == pytest.approx(-log_p[ids[place]].item(), rel=1e-9)
            assert found.entropy[place].item() == pytest.approx(-(log_p.exp() * log_p).sum().item(), rel=1e-9)
            assert found.rank[place] == sorted(log_p.tolist(), reverse=True).index(log_p[ids[place]])
            assert found.seen[place] == place - begin
        assert found.mean == pytest.approx(found.model[1:].mean().item())

    of_any_length()


@pytest.mark.parametrize("length", [2, 16, 17, 33, 100])
def test_side_by_side_the_mean_is_evaluates(model, random_ids, length):
    ids = random_ids(model, length)
    assert surprisal(model, ids, stride=16).mean == pytest.approx(evaluate(model, ids), abs=1e-5)


@pytest.mark.parametrize("T", [1, 2, 7, 16])
def test_what_a_model_wrote_surprises_it_as_when_it_wrote_it(make_model, T):
    model = make_model(block_size=T)
    prompt = model.tokenizer.encode("a")
    steps = list(generate(model, prompt, SamplingConfig(3 * T + 5, seed=3)))
    found = surprisal(model, prompt + [step.id for step in steps])
    assert found.model[1:].tolist() == pytest.approx([step.surprisal for step in steps], abs=1e-4)
    assert found.seen[T + 1 :].min() == max(T // 2, 1)


def test_many_windows_are_read_in_batches_to_the_same_numbers(make_model, random_ids, monkeypatch):
    model = make_model().double()
    ids = random_ids(model, 100)
    expected = surprisal(model, ids, stride=3)
    monkeypatch.setattr(sys.modules["strivelm.inspection.surprisal"], "AT_ONCE", 2 * 16 * (25 + 2 * 16))  # two windows
    found = surprisal(model, ids, stride=3)
    for name in ("model", "entropy", "rank", "seen"):
        torch.testing.assert_close(getattr(found, name), getattr(expected, name), equal_nan=True)


def test_tables_say_what_the_ladder_says(make_model):
    model = make_model(n_layer=1)
    train, text = (torch.randint(25, (n,), generator=torch.Generator().manual_seed(n)) for n in (400, 60))
    found = surprisal(model, text, count_ngrams(train, 25))
    assert dict(zip(found.table_names, found.table_means.tolist(), strict=True)) == pytest.approx(
        ladder(train, text, 25)
    )
    np.testing.assert_array_equal(found.tables, np.stack(list(count_ngrams(train, 25).surprisal(text).values())))
    assert found.note == ""
    short = surprisal(model, text[:3], count_ngrams(train, 25))
    assert short.table_means[-2:].isnan().all()
    assert not short.table_means[:-2].isnan().any()


def test_without_tables_it_says_so(model):
    found = surprisal(model, "a cab")
    assert (found.table_names, found.tables.shape, found.table_means.shape) == ((), (0, 5), (0,))
    assert found.note == "There are no n-gram tables of the training text to compare the model with."


def test_a_text_can_be_ids_and_the_model_have_no_vocabulary(make_model):
    model = make_model(chars=None, vocab_size=9, n_layer=1, block_size=4)
    ids = [3, 0, 8, 8, 1, 2]
    expected = surprisal(model, ids)
    assert expected.chars == ("3", "0", "8", "8", "1", "2")
    for same in (np.array(ids), torch.tensor(ids), torch.tensor(ids, dtype=torch.uint8)):
        assert torch.equal(surprisal(model, same).model.nan_to_num(), expected.model.nan_to_num())


def test_the_mode_and_the_random_state_are_left_alone(make_model):
    model = make_model(dropout=0.5)
    expected, before = surprisal(model, "a cab"), torch.get_rng_state()
    found = surprisal(model.train(), "a cab")
    next(loss_by_position(model, "a cab bad"))
    assert model.training
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(found.model[1:], expected.model[1:])
    assert not found.model.requires_grad


def test_what_can_not_be_read(model):
    for read in (surprisal, loss_by_position):
        with pytest.raises(ValueError, match="the text has 1 character; at least 2 are needed"):
            read(model, "a")
        with pytest.raises(ValueError, match="the text is empty"):
            read(model, "")
        with pytest.raises(UnknownCharacterError, match=r"'z' at 20"):  # counted in the whole text, not in a window
            read(model, "a" * 20 + "z")
        with pytest.raises(IndexError, match="expected ids from 0 to 24"):
            read(model, [1] * 20 + [25])
    for stride in (0, 17):
        with pytest.raises(ValueError, match=f"stride is {stride}; expected a whole number from 1 to the context, 16"):
            surprisal(model, "ab", stride=stride)
    with pytest.raises(ValueError, match="the n-gram tables know 3 characters, the model 25; take its own"):
        surprisal(model, "ab", count_ngrams([0, 1], 3))
    for name in ("most", "stride"):
        with pytest.raises(ValueError, match=f"{name} is 0; expected a whole number from 1"):
            loss_by_position(model, "ab", **{name: 0})


# -- by position -------------------------------------------------------------------------------------------------------


def last(generator):
    *_, found = generator
    return found


@pytest.mark.parametrize(("length", "stride"), [(200, None), (60, 5), (17, None)])
def test_the_loss_at_each_position_is_the_mean_over_windows(make_model, random_ids, length, stride):
    model = make_model(n_layer=1).double()
    ids = random_ids(model, length)
    starts = range(0, length - 16, stride or 16)
    losses = np.array(
        [
            -model(ids[None, s : s + 16])[0][0].detach().log_softmax(-1)[range(16), ids[s + 1 : s + 17]].numpy()
            for s in starts
        ]
    )
    found = last(loss_by_position(model, ids, stride=stride))
    W = len(starts)
    assert found.windows == found.windows_in_all == W
    assert found.seen.tolist() == list(range(1, 17))
    np.testing.assert_allclose(found.mean, losses.mean(0))
    assert found.loss == pytest.approx(losses.mean())
    bins = [(1, 1), (2, 2), (3, 4), (5, 8), (9, 16)]
    assert list(zip(found.least.tolist(), found.most.tolist(), strict=True)) == bins
    binned = np.stack([losses[:, a - 1 : b].mean(1) for a, b in bins], 1)
    np.testing.assert_allclose(found.bin_mean, binned.mean(0))
    if W > 1:
        np.testing.assert_allclose(found.error, losses.std(0, ddof=1) / math.sqrt(W))
        np.testing.assert_allclose(found.bin_error, binned.std(0, ddof=1) / math.sqrt(W))
    else:
        assert found.error.isnan().all()
        assert found.bin_error.isnan().all()


def test_side_by_side_the_loss_is_evaluates(model, random_ids):
    ids = random_ids(model, 16 * 5 + 1)
    assert last(loss_by_position(model, ids)).loss == pytest.approx(evaluate(model, ids), abs=1e-5)


def test_it_is_told_again_and_again_and_the_last_word_is_the_whole(make_model, random_ids, monkeypatch):
    monkeypatch.setattr(sys.modules["strivelm.inspection.surprisal"], "A_STEP", 40)
    model = make_model(n_layer=1)
    ids = random_ids(model, 16 * 7 + 1)
    found = list(loss_by_position(model, ids))
    assert [(one.windows, one.windows_in_all) for one in found] == [(2, 7), (4, 7), (6, 7), (7, 7)]
    some = [last(loss_by_position(model, ids, most=3, seed=seed)) for seed in (0, 0, 1)]
    assert [one.windows for one in some] == [3, 3, 3]
    assert torch.equal(some[0].mean, some[1].mean)
    assert not torch.equal(some[0].mean, some[2].mean)


def test_context_that_does_not_help_is_told(make_model):
    """A model that looks only at the last character needs one; one of a constant text's, none beyond."""
    model = make_model(n_layer=1, block_size=8, chars="ab").double()
    with torch.no_grad():
        for parameter in (model.blocks[0].proj.weight, model.blocks[0].ff[2].weight, model.blocks[0].ff[2].bias):
            parameter.zero_()
        model.pos.weight.zero_()
    ids = torch.randint(2, (800,), generator=torch.Generator().manual_seed(0))
    found = last(loss_by_position(model, ids))
    assert found.enough == 1
    assert found.bin_mean.tolist() == pytest.approx([found.loss] * 4, abs=4 * found.bin_error.max().item())


def test_context_that_helps_is_told(make_model):
    """Positions from 4 on know the answer: there the final LayerNorm's bias is not drowned."""
    model = make_model(n_layer=1, block_size=8, n_embd=2, n_head=1, chars="ab").double()
    with torch.no_grad():
        for parameter in (model.blocks[0].proj.weight, model.blocks[0].ff[2].weight, model.blocks[0].ff[2].bias):
            parameter.zero_()
        model.tok.weight.copy_(torch.tensor([[1.0, -1.0], [-1.0, 1.0]]))
        model.lnf.weight.fill_(3)
        model.lnf.bias.zero_()
        model.pos.weight.copy_(torch.tensor([[-9.0, 9.0]]).expand(8, 2))
        model.pos.weight[4:] *= -1  # from here on it is sure of "a", before of "b"
    found = last(loss_by_position(model, torch.zeros(800, dtype=torch.long)))
    assert found.enough == 5
    assert found.mean.tolist() == pytest.approx([12.0] * 4 + [0.0] * 4, abs=0.01)


def test_a_short_text_has_one_short_window(model):
    found = last(loss_by_position(model, "abc"))
    assert (found.windows, found.seen.tolist(), found.most.tolist()) == (1, [1, 2], [1, 2])
    assert found.to_dict()["error"] == [None, None]
    assert 1 <= found.enough <= 2


def test_results_become_tables(model):
    pytest.importorskip("pandas")
    found = surprisal(model, "a cab", count_ngrams([0, 1, 2], 25, longest=2))
    assert list(found.to_frame().columns) == ["position", "ids", "chars", "model", "entropy", "rank", "seen"]
    assert len(found.to_frame("tables", "table_names", "chars")) == 15
    assert found.to_dict()["model"][0] is None
    assert list(last(loss_by_position(model, "abc")).to_frame("bin_mean", "least").columns) == [
        "bin",
        "bin_mean",
        "least",
    ]
