"""Embeddings, analogies, positions and bigrams against brute force, closed forms and planted answers."""

import itertools
import math
from collections import Counter

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from samples import TEXT

from strivelm.data.ngrams import count_ngrams
from strivelm.inspection.embeddings import (
    after_one,
    analogy,
    bigrams,
    case_analogies,
    positions,
    state_space,
    token_space,
)
from strivelm.inspection.trace import trace
from strivelm.inspection.vectors import by_character, char_class, purity, similarity

# -- spaces ------------------------------------------------------------------------------------------------------------


def test_token_embeddings_are_the_rows_of_the_embedding(model):
    points = token_space(model)
    assert points.chars == tuple(model.tokenizer.chars)
    assert points.classes == tuple(map(char_class, points.chars))
    assert torch.equal(points.vectors, model.tok.weight.detach().double())
    assert not points.vectors.requires_grad
    assert points.what == "token embeddings"


def test_states_are_the_residual_stream_at_a_depth(model):
    recorded = trace(model, TEXT)
    names = ["embeddings", "0 attention", "0 MLP", "1 attention", "1 MLP"]
    for depth, name in enumerate(names):
        for given_depth in (depth, depth - 5):
            points = state_space(model, TEXT, given_depth)
            assert points.chars == tuple(TEXT)
            assert points.classes == tuple(map(char_class, TEXT))
            assert points.what == f"the residual stream after {name}"
            assert torch.equal(points.vectors, recorded.residual[depth].double())
            assert torch.equal(state_space(model, recorded, given_depth).vectors, points.vectors)
    means = by_character(state_space(model, "aab", 0))
    positions = model.pos.weight.detach().double()
    expected = model.tok.weight[model.tokenizer.encode("a")[0]].detach().double() + positions[:2].mean(0)
    torch.testing.assert_close(means.vectors[means.index("a")], expected, rtol=0, atol=1e-6)


def test_what_is_no_state(model):
    for depth in (5, -6):
        with pytest.raises(
            IndexError, match=rf"there is no depth {depth}; expected one from 0 \(the embeddings\) to 4"
        ):
            state_space(model, TEXT, depth)
    with pytest.raises(AttributeError, match="add 'residual' to keep"):
        state_space(model, trace(model, TEXT, keep={"logits"}))
    with pytest.raises(ValueError, match="the text is empty"):
        state_space(model, "")


def test_a_model_without_letters_and_one_without_a_vocabulary(make_model):
    digits = make_model(chars="0123456789 .\n", n_layer=1)
    assert set(token_space(digits).classes) == {"digit", "punctuation", "space"}
    assert purity(token_space(digits)).chance == pytest.approx((10 * 9 + 2) / (13 * 12))
    nameless = make_model(chars=None, vocab_size=7, n_layer=1)
    points = token_space(nameless)
    assert points.chars == tuple("0123456")
    assert set(points.classes) == {"other"}  # an id written in digits is no digit
    assert state_space(nameless, [3, 3, 0]).chars == ("3", "3", "0")
    for model in (digits, nameless):
        found = case_analogies(token_space(model))
        assert (found.pairs, found.questions, found.right.shape) == ((), 0, (0, 0))
        assert math.isnan(found.accuracy)
        assert math.isnan(found.without_offset)
        assert similarity(token_space(model), "clusters").cosine.shape == (model.vocab_size, model.vocab_size)


# -- analogies ---------------------------------------------------------------------------------------------------------


def likeness(points, start, minus, plus):
    """Each character's cosine with start - minus + plus, by NumPy."""
    x = points.vectors.numpy()
    x = x / np.linalg.norm(x, axis=1, keepdims=True)
    wanted = x[points.index(start)] - x[points.index(minus)] + x[points.index(plus)]
    return dict(zip(points.chars, x @ wanted / np.linalg.norm(wanted), strict=True))


def test_an_analogy_ranks_all_other_characters(model):
    points = token_space(model)
    expected = likeness(points, "A", "a", "b")
    found = analogy(points, "A", "a", "b")
    assert found.question == "A - a + b"
    others = [char for char in expected if char not in "Aab"]
    assert list(found.ranking.chars) == sorted(others, key=expected.get, reverse=True)
    assert found.ranking.cosine.tolist() == pytest.approx([expected[char] for char in found.ranking.chars])
    assert found.nearest_of_all == max(expected, key=expected.get)
    with pytest.raises(ValueError, match="'z' has no point"):
        analogy(points, "A", "a", "z")
    with pytest.raises(ValueError, match="'a' has several points"):
        analogy(state_space(model, "aAab"), "A", "a", "b")


def first_answers(points, with_offset):
    """The case analogies one by one: the share that is right, of all ordered pairs of letters."""
    chars = points.chars
    pairs = [(c.upper(), c) for c in chars if c.upper() != c and c.upper() in chars]
    right = []
    for big, small in pairs:
        for answer, other in pairs:
            if other != small:
                table = likeness(points, big, small, other) if with_offset else likeness(points, other, big, big)
                left = {char: value for char, value in table.items() if char not in (big, small, other)}
                right.append(max(left, key=left.get) == answer)
    return np.mean(right), len(right)


@pytest.mark.parametrize("seed", range(3))
def test_case_analogies_are_the_single_ones_counted(make_model, seed):
    points = token_space(make_model(n_embd=4, n_head=1, chars="ABCDEXabcdefy é", seed=seed))
    found = case_analogies(points)
    assert found.pairs == ("Aa", "Bb", "Cc", "Dd", "Ee")
    expected, questions = first_answers(points, with_offset=True)
    assert found.questions == questions == 20
    assert found.accuracy == expected == found.right.sum().item() / 20
    assert found.without_offset == first_answers(points, with_offset=False)[0]
    assert found.chance == 1 / 12
    assert not found.right.diagonal().any()
    for row, column in ((0, 3), (4, 1)):
        single = analogy(points, "ABCDE"[row], "abcde"[row], "abcde"[column])
        assert found.right[row, column].item() == (single.ranking.chars[0] == "ABCDE"[column])


def test_one_pair_of_letters_asks_nothing(make_model):
    found = case_analogies(token_space(make_model(chars="Aa", n_layer=1)))
    assert (found.pairs, found.questions, found.right.tolist()) == (("Aa",), 0, [[False]])
    assert math.isnan(found.chance)


def test_a_planted_case_is_found_and_told_from_mere_nearness(make_model):
    """A letter's two cases share a direction and differ by one that is common to all; in the second model, nothing
    is nearer to a small letter than another small one, so only the offset leads to the capital."""
    for shared, case, near in ((1.0, 0.3, 1.0), (0.4, 2.0, 0.0)):
        model = make_model(chars="ABCDEabcde.", n_embd=12, n_head=1)
        with torch.no_grad():
            model.tok.weight.zero_()
            for number, char in enumerate("ABCDEabcde"):
                model.tok.weight[number, "abcde".index(char.lower())] = shared
                model.tok.weight[number, 6 + char.isupper()] = case
            model.tok.weight[10, 11] = 1.0
        found = case_analogies(token_space(model))
        assert (found.accuracy, found.without_offset) == (1.0, near)


# -- positions ---------------------------------------------------------------------------------------------------------


def test_positions_are_numpys(make_model):
    model = make_model(block_size=16, n_embd=8)
    found, x = positions(model), model.pos.weight.detach().double().numpy()
    np.testing.assert_allclose(found.norms, np.linalg.norm(x, axis=1))
    np.testing.assert_allclose(found.from_mean, np.linalg.norm(x - x.mean(0), axis=1))
    assert found.token_norm == pytest.approx(np.linalg.norm(model.tok.weight.detach().double(), axis=1).mean())
    assert found.common == pytest.approx((x.mean(0) ** 2).sum() / (x**2).sum(1).mean())
    table = np.corrcoef(np.vstack([x.T, -x.T]).T)  # centring (x, -x) changes nothing
    np.testing.assert_allclose(found.cosine, table, atol=1e-12)
    assert found.by_distance.tolist() == pytest.approx([np.diagonal(table, d).mean() for d in range(16)])
    values = np.linalg.eigvalsh(np.cov(x.T))[::-1]
    assert found.participation == pytest.approx(values.sum() ** 2 / (values**2).sum())
    assert found.components_95 == np.searchsorted(values.cumsum() / values.sum(), 0.95) + 1
    assert (found.dimensions, found.used) == (8, pytest.approx(found.participation / 8))
    assert found.explained.tolist() == pytest.approx(values[:3] / values.sum())
    assert found.path.shape == (16, 3)
    np.testing.assert_allclose(found.path.var(0, correction=1), values[:3])


@given(st.integers(1, 8), st.floats(-3, 3))
def test_directions_that_share_the_variance_evenly_are_counted(make_model, planted, offset):
    model = make_model(block_size=2 * planted, n_embd=16, n_head=1)
    with torch.no_grad():
        model.pos.weight.fill_(offset)
        for direction in range(planted):
            model.pos.weight[2 * direction, direction] += 1
            model.pos.weight[2 * direction + 1, direction] -= 1
    found = positions(model)
    assert found.participation == pytest.approx(planted)
    assert found.components_95 == math.ceil(0.95 * planted - 1e-9)
    assert found.dimensions == min(2 * planted - 1, 16)
    assert found.from_mean.tolist() == pytest.approx([1.0] * 2 * planted, rel=1e-5)
    assert found.common == pytest.approx(16 * offset**2 / (16 * offset**2 + 1), abs=1e-6)


def test_vectors_drawn_at_random_use_as_many_directions_as_is_said(make_model):
    found = positions(make_model(block_size=200, n_embd=48, n_head=2, n_layer=1))
    drawn = np.random.default_rng(0).normal(size=(200, 48))
    eigenvalues = np.linalg.eigvalsh(np.cov(drawn.T))
    assert found.by_chance == pytest.approx(eigenvalues.sum() ** 2 / (eigenvalues**2).sum(), rel=0.03)


def test_positions_that_are_all_the_same_use_no_direction(make_model):
    model = make_model(block_size=5)
    with torch.no_grad():
        model.pos.weight.copy_(model.pos.weight[:1].expand(5, -1))
    found = positions(model)
    assert (found.participation, found.components_95, found.used) == (0, 0, 0)
    assert found.common == pytest.approx(1)
    with torch.no_grad():
        model.pos.weight.zero_()
    assert (positions(model).common, positions(model).norms.max().item()) == (0, 0)
    alone = positions(make_model(block_size=1))
    assert (alone.dimensions, alone.used, alone.path.tolist()) == (0, 0, [[0]])
    assert alone.by_distance.tolist() == pytest.approx([1])
    with pytest.raises(ValueError, match="the similarity of 5 with 5 points needs 200 bytes"):
        positions(model, max_bytes=100)


# -- bigrams -----------------------------------------------------------------------------------------------------------

TRAINING = "abba cab\n" * 5 + "deaf bee"


def test_bigrams_are_the_counts_and_the_models_own_words(make_model):
    model = make_model(n_layer=1).double()
    ids = model.tokenizer.encode(TRAINING)
    found, V = bigrams(model, count_ngrams(ids, model.vocab_size)), model.vocab_size
    counts = Counter(itertools.pairwise(ids))
    for a in range(V):
        row = sum(counts[a, b] for b in range(V))
        assert found.frequency[a].item() == pytest.approx(row / (len(ids) - 1))
        expected = [counts[a, b] / row if row else math.nan for b in range(V)]
        assert found.counted[a].tolist() == pytest.approx(expected, nan_ok=True)
        torch.testing.assert_close(found.model[a], model(torch.tensor([[a]]))[0][0, 0].detach().softmax(-1))
        x = model.tok.weight[a] + model.pos.weight[0]
        direct = model.head(F.layer_norm(x, x.shape, model.lnf.weight, model.lnf.bias)).detach()
        torch.testing.assert_close(found.direct[a], direct.softmax(-1))
    assert found.chars == tuple(model.tokenizer.chars)


def test_divergences_are_torchs_and_add_up_to_losses(make_model):
    model = make_model().double()
    ids = torch.tensor(model.tokenizer.encode(TRAINING))
    found = bigrams(model, count_ngrams(ids, model.vocab_size, longest=2))
    unigram = ids[1:].bincount(minlength=model.vocab_size) / (len(ids) - 1)
    for name, other in (("model", found.model), ("direct", found.direct), ("unigram", unigram.expand_as(found.model))):
        kl = F.kl_div(other.double().log(), found.counted, reduction="none").nan_to_num(0.0, 0.0, 0.0).sum(1)
        seen = found.frequency > 0
        values = getattr(found, f"{name}_kl")
        torch.testing.assert_close(values[seen], kl[seen], rtol=1e-6, atol=1e-9)
        assert values[~seen].isnan().all()
        # What each loses on the text's own bigrams is the entropy left and the divergence.
        loss = -other.double().log()[ids[:-1], ids[1:]].mean().item()
        assert getattr(found, f"mean_{name}_kl") + found.entropy == pytest.approx(loss, abs=1e-6)
    joint = found.frequency[:, None] * found.counted.nan_to_num(0)
    information = F.kl_div((joint.sum(1)[:, None] * joint.sum(0)).log(), joint, reduction="none").nan_to_num(0).sum()
    assert found.mean_unigram_kl == pytest.approx(information.item())


def test_a_model_that_says_what_was_counted_diverges_by_nothing(make_model):
    """All characters alike follow all: a head of zeros says just that."""
    model = make_model(chars="ab")
    with torch.no_grad():
        model.tok.weight.zero_()
    found = bigrams(model, count_ngrams([0, 0, 1, 1, 0], 2))
    assert (found.mean_model_kl, found.mean_direct_kl, found.entropy) == pytest.approx((0, 0, math.log(2)), abs=1e-7)
    assert found.model_kl.min() >= 0


def test_a_tied_head_on_the_direct_path_calls_for_the_character_itself(make_model):
    model = make_model(std=1.0)
    with torch.no_grad():
        model.lnf.weight.fill_(1)
        model.pos.weight.mul_(0.1)
    found = bigrams(model, count_ngrams([0, 1], 25))
    assert (found.direct.argmax(1) == torch.arange(25)).float().mean() > 0.9


def test_the_mode_and_the_gradients_are_left_alone(make_model):
    model = make_model(dropout=0.5)
    tables = count_ngrams([0, 1, 2], model.vocab_size)
    expected = bigrams(model, tables)
    found = bigrams(model.train(), tables)
    assert model.training
    assert torch.equal(found.model, expected.model)
    assert not found.model.requires_grad


def test_a_large_vocabulary_is_read_in_pieces(make_model):
    model = make_model(chars=None, vocab_size=1030, n_layer=1, n_embd=4)
    found = bigrams(model, count_ngrams([0, 1029, 0], 1030))
    torch.testing.assert_close(found.model[1029], model(torch.tensor([[1029]]))[0][0, 0].detach().double().softmax(-1))
    assert found.model.shape == found.direct.shape == found.counted.shape == (1030, 1030)


def test_bigrams_of_other_tables(model):
    with pytest.raises(ValueError, match="the n-gram tables know 5 characters, the model 25; take its own"):
        bigrams(model, count_ngrams([0, 1], 5))
    with pytest.raises(ValueError, match="there is no table of 2-grams here"):
        bigrams(model, count_ngrams([0], 25))
    with pytest.raises(ValueError, match=r"the bigrams of 25 characters needs .* bytes; at most 9"):
        bigrams(model, count_ngrams([0, 1], 25), max_bytes=9)


def test_some_rows_are_those_of_all(make_model):
    model = make_model()
    ids = torch.randint(model.vocab_size, (500,), generator=torch.Generator().manual_seed(3)).tolist()
    tables, some = count_ngrams(ids, model.vocab_size), [4, 20, 0]
    every, found = bigrams(model, tables), bigrams(model, tables, some)
    assert found.chars == tuple(every.chars[i] for i in some)
    for name in ("frequency", "counted", "model", "direct", "model_kl", "direct_kl", "unigram_kl"):
        torch.testing.assert_close(getattr(found, name), getattr(every, name)[some], rtol=1e-6, atol=1e-7)
    weights = every.frequency[some] / every.frequency[some].sum()
    assert found.mean_model_kl == pytest.approx((weights @ every.model_kl[some]).item())
    said, direct = after_one(model, some)
    torch.testing.assert_close(said.exp(), found.model)
    torch.testing.assert_close(direct.exp(), found.direct)
    torch.testing.assert_close(after_one(model)[0].exp(), every.model)


def test_results_become_tables(model):
    pytest.importorskip("pandas")
    found = bigrams(model, count_ngrams([0, 1], model.vocab_size))
    assert len(found.to_frame("counted", "model", "direct")) == 25 * 25
    assert found.to_dict()["model_kl"][5] is None
    assert list(positions(model).to_frame("norms", "from_mean").columns) == ["position", "norms", "from_mean"]
    assert analogy(token_space(model), "A", "a", "b").to_dict()["ranking"]["chars"]
    assert token_space(model).to_frame("chars", "classes").shape == (25, 3)
