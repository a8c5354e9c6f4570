"""Logit lens and direct logit attribution against shorter models, against formulas in NumPy, against identities."""

import itertools
import json
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from peak_memory import Peak
from samples import PRECISIONS, TEXT, sizes

from strivelm import GPT, UnknownCharacterError
from strivelm.inspection import direct_logit_attribution, logit_lens, trace

# -- logit lens --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("dtype", "tolerance"), PRECISIONS)
def test_after_whole_blocks_the_lens_is_a_model_that_ends_there(make_model, dtype, tolerance):
    model = make_model(n_layer=3).to(dtype)
    found = logit_lens(model, TEXT)
    ids = torch.tensor([model.tokenizer.encode(TEXT)])
    for n_layer in (1, 2, 3):
        shorter = GPT(**vars(model.config) | {"n_layer": n_layer}).to(dtype)
        kept = {name: value for name, value in model.state_dict().items() if name in shorter.state_dict()}
        shorter.load_state_dict(kept)
        expected = shorter(ids)[0][0].detach()
        torch.testing.assert_close(found.logits[2 * n_layer], expected, rtol=tolerance, atol=tolerance)
        probabilities = found.probabilities[2 * n_layer]
        torch.testing.assert_close(probabilities, expected.softmax(-1), rtol=tolerance, atol=tolerance)


def test_at_every_depth_the_lens_is_the_final_layer_norm_and_the_head(make_model):
    model = make_model(n_layer=3).double()
    found, recorded = logit_lens(model, TEXT), trace(model, TEXT)
    assert found.depths == ("embeddings", "0 attention", "0 MLP", "1 attention", "1 MLP", "2 attention", "2 MLP")
    for depth, x in enumerate(recorded.residual):
        normed = F.layer_norm(x, (32,), model.lnf.weight, model.lnf.bias)
        expected = (normed @ model.tok.weight.T).detach()
        torch.testing.assert_close(found.logits[depth], expected, rtol=1e-10, atol=1e-10)


def test_the_last_depth_is_the_models_own_answer_to_the_bit(make_model):
    @given(sizes(most_heads=3), st.sampled_from([torch.float32, torch.float64]), st.integers(1, 16))
    def of_any_model(chosen, dtype, length):
        model = make_model(**chosen).to(dtype)
        text = (TEXT + "abc")[:length]
        found, recorded = logit_lens(model, text), trace(model, text)
        assert torch.equal(found.logits[-1], recorded.logits)
        assert torch.equal(found.probabilities[-1], recorded.probabilities)
        assert not found.kl[-1].any()

    of_any_model()


def test_divergence_first_appearance_and_settling_are_those_counted_by_hand(make_model):
    @given(sizes(most_heads=3))
    def of_any_model(chosen):
        model = make_model(**chosen).double()
        found = logit_lens(model, TEXT, top=3)
        logits, (D, T, V) = found.logits.numpy(), found.logits.shape
        p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
        divergence = (p[-1] * np.log(p[-1] / p)).sum(-1)
        np.testing.assert_allclose(found.kl, divergence, rtol=1e-8, atol=1e-12)
        assert (found.kl >= 0).all()
        for t in range(T):
            answers = []
            for d in range(D):
                order = sorted(range(V), key=lambda i: -logits[d, t, i])
                assert found.top_ids[d, t].tolist() == order[:3]
                assert found.top_chars[d][t] == tuple(model.tokenizer.chars[i] for i in order[:3])
                assert found.top_probabilities[d, t].tolist() == found.probabilities[d, t, order[:3]].tolist()
                answers.append(order[0])
            assert found.appears[t] == answers.index(answers[-1])
            assert found.settles[t] == min(d for d in range(D) if set(answers[d:]) == {answers[-1]})

    of_any_model()


def test_an_answer_can_appear_and_go_before_it_settles(make_model):
    found = [logit_lens(make_model(n_layer=3, seed=seed), TEXT) for seed in range(4)]
    assert any((lens.appears < lens.settles).any() for lens in found)
    assert all((lens.appears <= lens.settles).all() for lens in found)


def test_equally_likely_characters_are_listed_by_their_ids(model):
    with torch.no_grad():
        model.lnf.weight.zero_()
        model.lnf.bias.zero_()
    found = logit_lens(model, "abc", top=4)
    assert found.top_ids.unique(dim=0).tolist() == [[[0, 1, 2, 3]] * 3]
    assert found.top_probabilities.unique().item() == pytest.approx(1 / model.vocab_size)
    assert not found.kl.any()
    assert not found.settles.any()


def test_a_lens_on_a_trace_is_the_lens_on_its_text(model):
    by_text = logit_lens(model, TEXT).to_dict()
    assert logit_lens(model, trace(model, TEXT)).to_dict() == by_text
    assert logit_lens(model, trace(model, TEXT, keep={"residual", "logits"})).to_dict() == by_text
    assert json.loads(json.dumps(by_text, allow_nan=False)) == by_text
    with pytest.raises(AttributeError, match="this trace kept logits; trace again and add 'residual' to keep"):
        logit_lens(model, trace(model, TEXT, keep={"logits"}))
    ablated = trace(model, TEXT, heads_off=["0.0"], mlps_off=[1])
    assert torch.equal(logit_lens(model, ablated).logits[-1], ablated.logits)


def test_a_lens_as_a_table(model):
    pytest.importorskip("pandas")
    found = logit_lens(model, "abc", top=2)
    table = found.to_frame("top_chars", "top_probabilities", "chars", "depths")
    assert len(table) == 5 * 3 * 2
    last = table.iloc[-1]
    assert (last["depths"], last["chars"], last["rank"]) == ("1 MLP", "c", 1)
    assert last["top_chars"] == found.top_chars[4][2][1]
    assert last["top_probabilities"] == found.probabilities[4, 2].sort().values[-2]


def test_a_model_without_a_vocabulary_answers_in_ids(make_model):
    found = logit_lens(make_model(chars=None, vocab_size=7), [3, 6], top=100)
    assert found.chars == ("3", "6")
    assert sorted(found.top_chars[0][0]) == list("0123456")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_lens_beyond_the_limit_is_refused(make_model, dtype):
    model = make_model(n_layer=3, n_embd=4, n_head=1, block_size=50, chars=None, vocab_size=400).to(dtype)
    recorded = trace(model, torch.arange(50), keep={"residual", "logits"})
    with Peak() as peak:
        logit_lens(model, recorded)
    with pytest.raises(
        ValueError, match=r"a logit lens on 50 characters needs [\d,]+ bytes; at most 1 are allowed. R"
    ) as e:
        logit_lens(model, recorded, max_bytes=1)
    need = int(str(e.value).split("needs ")[1].split()[0].replace(",", ""))
    assert 0.7 * need < peak.bytes <= need
    with pytest.raises(ValueError, match="a trace of 50 characters that keeps residual, logits needs"):
        logit_lens(model, torch.arange(50), max_bytes=1)


def test_a_list_of_no_characters_is_refused(model):
    with pytest.raises(ValueError, match="top is 0; expected how many characters to list, at least 1"):
        logit_lens(model, TEXT, top=0)


# -- direct logit attribution ------------------------------------------------------------------------------------------


def by_hand(model, text, position, weights):
    """Every part's contribution to weights (C,) · LayerNorm_f(stream), in NumPy, from the trace's vectors."""
    t = trace(model, text)
    x = t.residual[-1, position].numpy()
    sigma = np.sqrt(((x - x.mean()) ** 2).mean() + 1e-5)

    def contribution(part):
        part = part[position].numpy()
        return float(((part - part.mean()) / sigma * model.lnf.weight.detach().numpy()) @ weights)

    parts = {
        "token embedding": contribution(t.token_embedding),
        "position embedding": contribution(t.position_embedding),
    }
    for layer in range(len(t.mlp_out)):
        parts |= {f"{layer}.{head}": contribution(out) for head, out in enumerate(t.head_out[layer])}
        parts[f"MLP {layer}"] = contribution(t.mlp_out[layer])
    return parts | {"final LayerNorm's bias": float(model.lnf.bias.detach().numpy() @ weights)}


def test_parts_are_those_written_out_by_hand(make_model):
    model = make_model(n_layer=3, n_head=4).double()
    rows = model.tok.weight.detach().numpy()
    for char, against, weights in (
        ("b", None, rows[model.tokenizer.encode("b")[0]]),
        (3, "!", rows[3] - rows[model.tokenizer.encode("!")[0]]),
        ("😀", "mean", rows[model.tokenizer.encode("😀")[0]] - rows.mean(0)),
    ):
        found = direct_logit_attribution(model, TEXT, 8, char, against)
        expected = by_hand(model, TEXT, 8, weights)
        assert list(found.parts) == list(expected)
        assert found.parts == pytest.approx(expected, abs=1e-11)
        assert found.heads.shape == (3, 4)
        assert found.mlps.shape == (3,)


def test_parts_sum_to_the_logit(make_model):
    against = st.one_of(st.none(), st.just("mean"), st.integers(0, 24))
    heads = st.sets(st.tuples(st.just(0), st.just(0)))

    @given(sizes(most_heads=3), st.integers(0, 12), st.integers(0, 24), against, heads)
    def in_any_model(chosen, position, char, against, heads_off):
        model = make_model(**chosen).double()
        recorded = trace(model, TEXT, heads_off=heads_off)
        found = direct_logit_attribution(model, recorded, position, char, against)
        logits = recorded.logits[position]
        other = 0.0 if against is None else logits.mean() if against == "mean" else logits[against]
        assert found.logit == pytest.approx((logits[char] - other).item(), abs=1e-13)
        assert math.fsum(found.parts.values()) == pytest.approx(found.logit, abs=1e-10)
        assert found.total == pytest.approx(found.logit, abs=1e-10)
        assert found.error == found.total - found.logit
        assert found.scale == recorded.lnf_scale[position].item()
        for layer, head in heads_off:
            assert found.heads[layer, head] == 0

    in_any_model()


def test_in_single_precision_the_error_is_rounding(make_model):
    single, double = (direct_logit_attribution(model, TEXT, 4, "a") for model in (make_model(), make_model().double()))
    assert 0 < abs(single.error) < 1e-4
    assert single.parts == pytest.approx(double.parts, abs=1e-4)


def test_a_lead_is_the_logarithm_of_the_ratio_of_probabilities(model):
    found = direct_logit_attribution(model, TEXT, 5, "a", against="b")
    a, b = trace(model, TEXT).probabilities[5, model.tokenizer.encode("ab")]
    assert found.logit == pytest.approx(math.log(a / b), abs=1e-5)
    assert (found.char, found.against) == ("a", "b")
    back = direct_logit_attribution(model, TEXT, 5, "b", against="a")
    assert back.parts == pytest.approx({name: -value for name, value in found.parts.items()}, abs=1e-12)
    assert not any(direct_logit_attribution(model, TEXT, 5, "a", against="a").parts.values())


def test_what_all_logits_share_is_gone_against_the_mean(model):
    @given(st.integers(0, 12))
    def at_any_position(position):
        parts = [
            list(direct_logit_attribution(model, TEXT, position, char, "mean").parts.values())
            for char in range(model.vocab_size)
        ]
        np.testing.assert_allclose(np.sum(parts, axis=0), 0, atol=1e-10)

    at_any_position()


def test_unsaid_it_is_about_the_likeliest_character_after_the_last(model):
    found, recorded = direct_logit_attribution(model, TEXT), trace(model, TEXT)
    assert found.position == 12
    assert found.id == recorded.logits[-1].argmax()
    assert found.char == model.tokenizer.decode([found.id])
    assert found.against is None
    assert found.logit == pytest.approx(recorded.logits[-1].max().item())
    assert direct_logit_attribution(model, recorded, 12, found.id).to_dict() == found.to_dict()


def test_an_attribution_is_plain_and_tabular(model):
    pytest.importorskip("pandas")
    found = direct_logit_attribution(model, TEXT, against="mean")
    plain = found.to_dict()
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    parts = [
        plain["token_embedding"],
        plain["position_embedding"],
        *itertools.chain(*plain["heads"]),
        *plain["mlps"],
        plain["bias"],
    ]
    assert math.fsum(parts) == pytest.approx(plain["total"], abs=1e-12)
    assert found.to_frame()["heads"].tolist() == found.heads.flatten().tolist()


@pytest.mark.parametrize(
    ("request_", "error", "message"),
    [
        ({"position": 13}, IndexError, "there is no position 13; expected one from 0 to 12"),
        ({"position": -14}, IndexError, "there is no position -14"),
        ({"char": "ab"}, ValueError, "'ab' is not one character; expected one, or its id"),
        ({"char": ""}, ValueError, "'' is not one character"),
        ({"char": "Z"}, UnknownCharacterError, "'Z' at 0"),
        ({"char": -1}, IndexError, "there is no character with id -1; expected one from 0 to 24"),
        ({"against": 25}, IndexError, "there is no character with id 25"),
        ({"against": "median"}, ValueError, "'median' is not one character"),
    ],
)
def test_what_can_not_be_asked(model, request_, error, message):
    with pytest.raises(error, match=message):
        direct_logit_attribution(model, TEXT, **request_)


def test_a_trace_that_kept_too_little_is_named(model):
    with pytest.raises(AttributeError, match=r"this trace kept logits; trace again and add '.*' to keep"):
        direct_logit_attribution(model, trace(model, TEXT, keep={"logits"}))
