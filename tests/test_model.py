"""What a GPT is: its initial weights, its forward pass, its refusals, and text in, text out."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from strivelm import GPT, CharTokenizer, UnknownCharacterError
from strivelm.model import Block

# -- initial weights ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def fresh():
    """An untrained model, large enough for its standard deviations to be measured to a few per cent."""
    torch.manual_seed(0)
    return GPT(vocab_size=65, block_size=64, n_layer=8, n_head=4, n_embd=128)


@pytest.mark.parametrize(
    ("part", "std"),
    [
        ("tok.weight", 0.02),
        ("pos.weight", 0.02),
        ("qkv.weight", 0.02),
        ("ff.0.weight", 0.02),
        ("proj.weight", 0.02 / math.sqrt(2 * 8)),
        ("ff.2.weight", 0.02 / math.sqrt(2 * 8)),
    ],
)
def test_each_kind_of_matrix_starts_with_gpt2s_spread(fresh, part, std):
    matrices = [p for name, p in fresh.named_parameters() if name.endswith(part)]
    assert len(matrices) == (1 if part in ("tok.weight", "pos.weight") else 8)
    for matrix in matrices:
        assert matrix.std().item() == pytest.approx(std, rel=0.05)
        assert abs(matrix.mean().item()) < 5 * std / math.sqrt(matrix.numel())


def test_biases_start_at_zero_and_gains_at_one(fresh):
    vectors = {name: p for name, p in fresh.named_parameters() if p.dim() == 1}
    assert len(vectors) == 8 * 6 + 2  # a block: two LayerNorms of two, two biases of the MLP
    for name, vector in vectors.items():
        assert vector.unique().tolist() == [1.0 if "ln" in name and name.endswith("weight") else 0.0], name


def test_a_fresh_model_knows_nothing(fresh, random_ids):
    _, loss = fresh(random_ids(fresh, 16, 64), random_ids(fresh, 16, 64, seed=1))
    assert loss.item() == pytest.approx(math.log(65), abs=0.05)


# -- the forward pass --------------------------------------------------------------------------------------------------


def layer_norm(x, norm):
    x = x - x.mean(-1, keepdims=True)
    return (
        x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-5) * norm.weight.detach().numpy() + norm.bias.detach().numpy()
    )


def in_numpy(model, ids):
    """Logits (T, V) of one sequence, written out character by character in NumPy and float64."""
    w = {name: p.detach().numpy() for name, p in model.named_parameters()}
    x = w["tok.weight"][ids] + w["pos.weight"][: len(ids)]
    for i, block in enumerate(model.blocks):
        b, H, hd = f"blocks.{i}.", block.h, block.hd
        qkv = layer_norm(x, block.ln1) @ w[b + "qkv.weight"].T
        q, k, v = np.split(qkv, 3, axis=-1)
        out = np.zeros_like(x)
        for t in range(len(ids)):
            for head in range(H):
                s = slice(head * hd, (head + 1) * hd)
                scores = np.exp(k[: t + 1, s] @ q[t, s] / math.sqrt(hd))
                out[t, s] = scores / scores.sum() @ v[: t + 1, s]
        x = x + out @ w[b + "proj.weight"].T
        inner = layer_norm(x, block.ln2) @ w[b + "ff.0.weight"].T + w[b + "ff.0.bias"]
        inner = inner * 0.5 * (1 + np.vectorize(math.erf)(inner / math.sqrt(2)))
        x = x + inner @ w[b + "ff.2.weight"].T + w[b + "ff.2.bias"]
    return layer_norm(x, model.lnf) @ w["tok.weight"].T


@pytest.mark.parametrize("shape", [(1, 1, 8), (2, 2, 32), (3, 6, 18)])
def test_logits_are_those_written_out_by_hand(make_model, random_ids, shape):
    model = make_model(*shape).double()
    ids = random_ids(model, 1, 16)
    np.testing.assert_allclose(model(ids)[0][0].detach().numpy(), in_numpy(model, ids[0].numpy()), atol=1e-10)


def test_float32_is_float64_rounded(make_model, random_ids):
    ids = random_ids(make_model(), 4, 16)
    single, double = make_model()(ids)[0], make_model().double()(ids)[0]
    assert double.std() > 0.5
    torch.testing.assert_close(single.double(), double, rtol=1e-4, atol=1e-4)


def test_nothing_is_seen_of_what_comes_later(model, random_ids):
    ids = random_ids(model, 1, 16)
    for t in range(1, 16):
        other = ids.clone()
        other[:, t:] = (other[:, t:] + 1) % model.vocab_size
        assert torch.equal(model(ids)[0][:, :t], model(other)[0][:, :t])
        assert not torch.allclose(model(ids)[0][:, t], model(other)[0][:, t])


def test_the_loss_is_the_mean_surprisal_of_the_targets(model, random_ids):
    idx, targets = random_ids(model, 3, 7), random_ids(model, 3, 7, seed=1)
    logits, loss = model(idx, targets)
    surprisals = [-logits[b, t].log_softmax(-1)[targets[b, t]].item() for b in range(3) for t in range(7)]
    assert loss.item() == pytest.approx(sum(surprisals) / 21, abs=1e-5)
    assert model(idx)[1] is None


def test_every_weight_learns(model, random_ids):
    model(random_ids(model, 2, 16), random_ids(model, 2, 16, seed=1))[1].backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad.abs().sum() > 0, name
    assert model.head.weight is model.tok.weight


def test_dropout_works_in_training_and_never_else(make_model, random_ids):
    model = make_model(dropout=0.5)
    ids = random_ids(model, 1, 8)
    torch.manual_seed(0)
    assert torch.equal(model(ids)[0], make_model()(ids)[0])
    model.train()
    assert not torch.allclose(model(ids)[0], model(ids)[0])


def test_a_block_without_dropout_is_the_residual_sum_of_its_parts():
    torch.manual_seed(0)
    block, x = Block(12, 3).double(), torch.randn(2, 5, 12, dtype=torch.float64)
    middle = x + block.attention(F.layer_norm(x, (12,)))
    torch.testing.assert_close(block(x), middle + block.ff(F.layer_norm(middle, (12,))))


# -- refusals ----------------------------------------------------------------------------------------------------------


def test_too_long_a_sequence_is_refused_and_the_advice_works(model, random_ids):
    ids = random_ids(model, 2, 17)
    with pytest.raises(ValueError, match=r"17 characters, .* context is 16; pass the last 16: idx\[:, -16:\]$"):
        model(ids)
    assert model(ids[:, -16:])[0].shape == (2, 16, model.vocab_size)


@pytest.mark.parametrize("shape", [(5,), (1, 0), (1, 2, 3), ()])
def test_ids_of_another_shape_are_refused(model, shape):
    with pytest.raises(ValueError, match=r"idx has shape \(.*\); expected a tensor \(B, T\) with T from 1 to 16"):
        model(torch.zeros(shape, dtype=torch.long))


@pytest.mark.parametrize("wrong", [-1, 10**6])
@pytest.mark.parametrize("which", ["idx", "targets"])
def test_ids_outside_the_vocabulary_are_named(model, wrong, which):
    good, bad = torch.tensor([[0, 5]]), torch.tensor([[3, wrong]])
    span = f"{min(3, wrong)} to {max(3, wrong)}"
    last = model.vocab_size - 1
    with pytest.raises(
        IndexError, match=rf"{which} holds ids from {span}; expected ids from 0 to {last} \(vocab_size="
    ):
        model(bad if which == "idx" else good, bad if which == "targets" else good)


def test_targets_of_another_shape_are_refused(model):
    with pytest.raises(ValueError, match=r"targets have shape \(1, 2\); expected that of idx, \(1, 3\)"):
        model(torch.zeros(1, 3, dtype=torch.long), torch.zeros(1, 2, dtype=torch.long))


def test_bad_sizes_are_refused_before_anything_is_built():
    with pytest.raises(ValueError, match="n_embd=100 is not divisible by n_head=3; pick n_embd=99 or n_head=2"):
        GPT(vocab_size=40, block_size=64, n_layer=2, n_head=3, n_embd=100)
    with pytest.raises(ValueError, match=r"these sizes make [\d,]+ parameters; at most"):
        GPT(vocab_size=40, block_size=64, n_layer=512, n_head=1, n_embd=1 << 16)


def test_a_vocabulary_that_names_a_character_twice_is_refused():
    with pytest.raises(ValueError, match="chars holds 'a' twice; expected distinct characters"):
        GPT(vocab_size=3, block_size=4, n_layer=1, n_head=1, n_embd=4, chars="aba")


def test_a_model_without_a_vocabulary_speaks_ids_only(make_model):
    model = make_model(chars=None, vocab_size=7)
    assert len(model.generate([3], max_new_tokens=4)) == 5
    with pytest.raises(ValueError, match=r"this model has no vocabulary; build it with GPT\(\.\.\., chars='\.\.\.'\)"):
        model.generate("a")
    with pytest.raises(ValueError, match="no vocabulary"):
        _ = model.tokenizer


# -- speaking ----------------------------------------------------------------------------------------------------------


def test_what_goes_in_comes_out_longer_and_of_the_same_kind(model):
    ids = model.tokenizer.encode("cafe.")
    settings = {"max_new_tokens": 30, "temperature": 0.8, "top_k": 9, "top_p": 0.9, "seed": 5}
    text = model.generate("cafe.", **settings)
    assert text.startswith("cafe.")
    assert len(text) == 35
    expected = model.tokenizer.encode(text)
    assert model.generate(ids, **settings) == expected
    assert model.generate(tuple(ids), **settings) == expected
    assert model.generate(np.array(ids, dtype=np.uint8), **settings) == expected
    for tensor in (torch.tensor(ids), torch.tensor([ids])):
        out = model.generate(tensor, **settings)
        assert (out.dtype, out.shape) == (torch.long, (*tensor.shape[:-1], 35))
        assert out.flatten().tolist() == expected


@pytest.mark.parametrize("prompt", ["ab", [4, 5], torch.tensor([4, 5])])
def test_no_new_characters_are_none(model, prompt):
    out = model.generate(prompt, max_new_tokens=0)
    assert torch.equal(out, prompt) if isinstance(prompt, torch.Tensor) else out == prompt


def test_the_default_is_200_characters_across_the_end_of_the_context(model):
    assert len(model.generate("a")) == 201


def test_a_prompt_that_cannot_be_read_is_refused(model):
    with pytest.raises(ValueError, match="the prompt is empty; give at least one character to go on from"):
        model.generate("")
    with pytest.raises(UnknownCharacterError, match="'Z' at 1"):
        model.generate("aZ")
    for shape in [(2, 3), (), (1, 1, 3)]:
        with pytest.raises(ValueError, match=r"the prompt has shape \(.*\); expected \(T,\) or \(1, T\)"):
            model.generate(torch.zeros(shape, dtype=torch.long))
    with pytest.raises(ValueError, match=r"temperature is -1; expected a number, at least 0"):
        model.generate("a", temperature=-1)


def test_the_tokenizer_is_the_models_vocabulary(model):
    assert model.tokenizer == CharTokenizer(model.config.chars)
    assert len(model.tokenizer) == model.vocab_size


def test_ids_of_any_whole_type_are_read_and_others_refused(model):
    ids = torch.tensor([[1, 2, 3]])
    expected, loss = model(ids, ids)
    for dtype in (torch.uint8, torch.int16, torch.int32):
        found, again = model(ids.to(dtype), ids.to(dtype))
        assert torch.equal(found, expected)
        assert torch.equal(again, loss)
    for wrong, what in ((ids.float(), "torch.float32"), (ids.bool(), "torch.bool")):
        with pytest.raises(ValueError, match=f"idx holds {what}; expected ids"):
            model(wrong)
    with pytest.raises(ValueError, match="idx is a list; expected a tensor"):
        model([[1, 2]])


def test_numbers_of_numpy_and_torch_are_numbers(model):
    plain = model.generate([1, 2], 4, 0.5, 3, 0.9, 7)
    assert plain == model.generate(
        np.array([1, 2]), np.int64(4), np.float64(0.5), torch.tensor(3), np.float64(0.9), np.int64(7)
    )
    assert {type(i) for i in model.generate(np.array([1, 2]), 2)} == {int}
    for wrong in (None, 5):
        with pytest.raises(ValueError, match=f"the prompt is {wrong}; expected text, a list of ids"):
            model.generate(wrong)


def test_a_misspelt_keyword_is_refused(folder):
    with pytest.raises(TypeError, match="revison"):
        GPT.from_pretrained(folder, revison="main")
