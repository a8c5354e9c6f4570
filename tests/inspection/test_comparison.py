"""Two models on one text: each number against a direct computation from the models' own logits."""

import copy
import json
import math
import statistics

import pytest
import torch
from scipy.spatial import procrustes as scipy_procrustes
from scipy.stats import entropy

from strivelm.inspection import compare, compare_embeddings, compare_predictions, surprisal, token_space
from strivelm.inspection.results import axes_of

TEXT = "a bad cab. a cage"
SOME = "\n .!ABCabcdefg"
OTHER = "gfedcba XYZ.\n"


@pytest.fixture
def other(make_model):
    """Another size, context and order of the same vocabulary than `model`."""
    return make_model(n_layer=1, n_head=4, n_embd=16, block_size=64, seed=5)


@pytest.fixture
def stranger(make_model):
    """A model that knows some characters of `some`, in another order, and others."""
    return make_model(n_layer=1, n_embd=48, n_head=3, block_size=6, chars=OTHER, seed=8)


@pytest.fixture
def some(make_model):
    return make_model(chars=SOME, block_size=40, seed=3)


def expected_at(model, text, place, begin=0):
    """The probabilities (V,) that a model expects at a place, in float64, of a window that begins there."""
    ids = torch.tensor([model.tokenizer.encode(text[begin:place])])
    return model(ids)[0][0, -1].detach().double().softmax(-1)


def test_surprisals_their_differences_and_how_sure_the_mean_is(model, other):
    text = "a bad cab. a be"
    found = compare_predictions(model, other, text)
    differences = []
    for place in range(1, len(text)):
        p, q = (expected_at(m, text, place)[m.tokenizer.encode(text[place])[0]] for m in (model, other))
        assert found.surprisal[0, place].item() == pytest.approx(-math.log(p), abs=1e-5)
        assert found.surprisal[1, place].item() == pytest.approx(-math.log(q), abs=1e-5)
        differences.append(math.log(p / q))
    assert found.chars == tuple(text)
    assert found.difference[1:].tolist() == pytest.approx(differences, abs=1e-5)
    assert found.total == pytest.approx(sum(differences), abs=1e-4)
    assert found.mean == pytest.approx(statistics.fmean(differences), abs=1e-5)
    assert found.error == pytest.approx(statistics.stdev(differences) / math.sqrt(len(differences)), abs=1e-5)
    assert found.wins == (sum(x > 0 for x in differences), sum(x < 0 for x in differences))
    assert found.surprisals == pytest.approx((surprisal(model, text).mean, surprisal(other, text).mean))
    assert all(column[..., 0].isnan().all() for column in (found.surprisal, found.difference, found.kl))


def test_the_divergence_is_scipys_relative_entropy(model, other):
    text = "a bad cab."
    found = compare_predictions(model, other, text)
    for place in range(1, len(text)):
        p, q = expected_at(model, text, place).numpy(), expected_at(other, text, place).numpy()
        assert found.kl[place].item() == pytest.approx(entropy(p, q), abs=1e-5)
        assert found.kl_reverse[place].item() == pytest.approx(entropy(q, p), abs=1e-5)
    assert found.mean_kl == pytest.approx(found.kl[1:].mean().item())
    assert found.mean_kl_reverse == pytest.approx(found.kl_reverse[1:].mean().item())
    assert torch.equal(found.common_share[:, 1:], torch.ones(2, len(text) - 1, dtype=torch.float64))
    assert found.kl.dtype == torch.float64


def test_of_different_vocabularies_what_both_know_is_compared(some, stranger):
    text = "a bad g"
    found = compare_predictions(some, stranger, text)
    assert found.common == tuple(char for char in SOME if char in OTHER)
    places = [[model.tokenizer.encode(char)[0] for char in found.common] for model in (some, stranger)]
    for place in range(1, 6):  # within the smaller context
        p, q = (expected_at(m, text, place)[ids].numpy() for m, ids in zip((some, stranger), places, strict=True))
        assert found.common_share[:, place].tolist() == pytest.approx([p.sum(), q.sum()], abs=1e-6)
        assert found.kl[place].item() == pytest.approx(entropy(p, q), abs=1e-5)  # which scales both to 1
        own = expected_at(stranger, text, place)[stranger.tokenizer.encode(text[place])[0]]
        assert found.surprisal[1, place].item() == pytest.approx(-math.log(own), abs=1e-5)  # of all that it knows


def test_each_reads_a_long_text_in_windows_of_its_own(some, stranger):
    text = "a bad cab. " * 6
    found = compare_predictions(some, stranger, text)
    for row, model in zip(found.surprisal, (some, stranger), strict=True):
        assert row[1:].tolist() == pytest.approx(surprisal(model, text).model[1:].tolist(), abs=1e-12)


def test_embeddings_are_turned_and_their_neighbours_counted(some, stranger):
    found = compare_embeddings(some, stranger, k=3)
    common = [char for char in SOME if char in OTHER]
    assert found.chars == tuple(common)
    vectors = [
        token_space(model).vectors[[model.tokenizer.encode(char)[0] for char in common]] for model in (some, stranger)
    ]
    narrow = torch.nn.functional.pad(vectors[0], (0, 16))
    assert found.procrustes.residual == pytest.approx(scipy_procrustes(narrow, vectors[1])[2], abs=1e-12)
    shared = 0
    for i, char in enumerate(common):
        near = []
        for model, table in zip(range(2), vectors, strict=True):
            cosines = torch.cosine_similarity(table, table[i][None], dim=-1)
            order = [j for j in cosines.argsort(descending=True).tolist() if j != i][:3]
            near.append([common[j] for j in order])
            assert list(found.neighbours[model][i]) == near[-1], char
        assert set(found.both[i]) == set(near[0]) & set(near[1])
        shared += len(set(near[0]) & set(near[1]))
    assert found.shared == pytest.approx(shared / (3 * len(common)))
    assert found.chance == pytest.approx(3 / (len(common) - 1))


def test_of_few_characters_all_others_are_neighbours(make_model):
    found = compare_embeddings(make_model(chars="abc"), make_model(chars="cbaX", seed=2))
    assert (found.k, found.shared, found.chance) == (2, 1, 1)
    assert compare_embeddings(make_model(chars="abcdef"), make_model(chars="abcdef"), most=4).chars == tuple("abcd")


def zeros(model, text):
    found = compare(model, copy.deepcopy(model), text)
    expected = found.predictions
    assert expected.difference[1:].count_nonzero() == 0
    assert (expected.total, expected.mean, expected.error) == (0, 0, 0)
    assert expected.wins == (0, 0)
    for name in ("kl", "kl_reverse"):
        assert getattr(expected, name)[1:].count_nonzero() == 0
    assert (expected.mean_kl, expected.mean_kl_reverse) == (0, 0)
    assert all(found.heads.overlap[place + place] == 1 for place in [(0, 0), (0, 1), (1, 0), (1, 1)])
    assert found.embeddings.procrustes.residual == 0
    assert found.embeddings.shared == 1


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("text", ["abc", TEXT, 7 * TEXT])
def test_a_model_beside_itself_shows_zero_everywhere_to_the_bit(make_model, dtype, text):
    zeros(make_model().to(dtype), text)


def test_what_is_compared_in_part_is_said(some, stranger):
    notes = " ".join(compare(some, stranger, "a bad cab. a bad", names=("one", "two")).notes)
    assert "Only one knows '!', 'A', 'B', 'C'" in notes
    assert "Only two knows 'X', 'Y', 'Z'" in notes
    assert "over the 10 characters that both know" in notes
    assert "one sees at most 40 characters at a time, two 6" in notes
    assert "32 and 48 numbers" in notes


def test_one_vocabulary_and_one_size_leave_nothing_to_say(model, make_model):
    assert compare(model, make_model(seed=9), "a bad").notes == ()


def test_what_can_not_be_compared_is_a_sentence_and_the_rest_is_compared(make_model):
    one, two = make_model(chars="ab"), make_model(chars="ba", block_size=1)
    found = compare(one, two, "abab")
    assert found.embeddings is None
    assert found.heads is None
    assert "only 2 characters in common" in found.notes[-1]
    assert "can only look at itself" in found.notes[0]
    assert found.predictions.kl[1:].isfinite().all()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a", "at least 2 are needed"),
        ("aA", "two can't read the text. This character is not in the model's vocabulary: 'A' at 1"),
        ("aX", "one can't read the text"),
        ([1, 2], "ids mean other characters in one than in two"),
    ],
)
def test_what_can_not_be_read(some, stranger, text, words):
    with pytest.raises(ValueError, match=words):
        compare(some, stranger, text, names=("one", "two"))


def test_models_that_have_nothing_in_common(make_model):
    with pytest.raises(ValueError, match="can't read"):
        compare(make_model(chars="abc"), make_model(chars="xyz"), "abc")
    with pytest.raises(ValueError, match="no character in common"):
        compare_embeddings(make_model(chars="abc"), make_model(chars="xyz"))
    with pytest.raises(ValueError, match="the second model has no vocabulary"):
        compare_embeddings(make_model(chars="abc"), make_model(chars=None, vocab_size=3))


def test_models_without_a_vocabulary_are_compared_by_their_ids(make_model):
    one, two = (make_model(chars=None, vocab_size=9, n_layer=1, block_size=4, seed=seed) for seed in (1, 2))
    found = compare(one, two, [3, 0, 8, 8, 1, 2])
    assert found.predictions.chars == ("3", "0", "8", "8", "1", "2")
    assert found.predictions.common == tuple("012345678")


def test_memory_is_bounded(model, other):
    with pytest.raises(ValueError, match="comparing what is expected at 16 places needs"):
        compare(model, other, "a bad cab. a bad", max_bytes=1000)


def test_the_result_is_plain_python_and_its_axes_have_their_names(model, other):
    found = compare(model, other, "a bad cab")
    plain = found.to_dict()
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert plain["predictions"]["kl"][0] is None
    assert axes_of(type(found.predictions))["surprisal"] == ("model", "position")
    frame = found.predictions.to_frame("chars", "difference", "kl")
    assert frame["kl"][1:].tolist() == found.predictions.kl[1:].tolist()


def test_the_mode_and_the_random_state_are_left_alone(make_model):
    model, before = make_model(dropout=0.5), torch.get_rng_state()
    expected = compare(model, model, "a bad")
    found = compare(model.train(), model, "a bad")
    assert model.training
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(found.predictions.surprisal[:, 1:], expected.predictions.surprisal[:, 1:])
