"""The recorded pass against `GPT.forward`, against transformers, against identities; what is kept, what is refused."""

import ast
import copy
import inspect
import itertools
import math
import pickle
import re
import textwrap

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from peak_memory import Peak
from samples import PRECISIONS, TEXT, ids_for, sizes

from strivelm import UnknownCharacterError, inspection
from strivelm.inspection.forward import ids_of
from strivelm.inspection.results import MAX_BYTES
from strivelm.inspection.trace import RECORDED, Trace, bytes_needed, trace


@st.composite
def sizes_and_length(draw):
    """Sizes of a small model, and how many characters it reads."""
    block_size = draw(st.integers(1, 12))
    return draw(sizes()) | {"block_size": block_size}, draw(st.integers(1, block_size))


# -- the same numbers --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("dtype", "tolerance"), PRECISIONS)
def test_logits_are_those_of_the_fast_path(make_model, dtype, tolerance):
    @given(sizes_and_length())
    def of_any_model(chosen):
        model = make_model(**chosen[0]).to(dtype)
        ids = ids_for(model, chosen[1])
        recorded = trace(model, ids)
        expected = model(ids)[0][0].detach()
        assert recorded.logits.dtype == dtype
        torch.testing.assert_close(recorded.logits, expected, rtol=tolerance, atol=tolerance)
        torch.testing.assert_close(recorded.probabilities, expected.softmax(-1), rtol=tolerance, atol=tolerance)

    of_any_model()


def test_every_number_is_that_of_transformers(make_model, gpt2, tmp_path):
    model = make_model(n_layer=3, n_head=4).double()
    model.save_pretrained(tmp_path)
    theirs, seen, T, H = gpt2(tmp_path, torch.float64), {}, 11, 4
    theirs.set_attn_implementation("eager")

    def watch(module, name, of_input=False):
        module.register_forward_hook(
            lambda _, inputs, output: seen.setdefault(name, []).append(
                (inputs if of_input else output if isinstance(output, tuple) else [output])[0][0].detach()
            )
        )

    for block in theirs.transformer.h:
        watch(block.ln_1, "ln1")
        watch(block.attn.c_attn, "qkv")
        watch(block.attn.c_proj, "z", of_input=True)
        watch(block.attn, "attn_out")
        watch(block.ln_2, "residual", of_input=True)
        watch(block.ln_2, "ln2")
        watch(block.mlp.c_fc, "mlp_pre")
        watch(block.mlp.act, "mlp_post")
        watch(block.mlp, "mlp_out")
    ids = ids_for(model, T)
    out = theirs(
        ids, attention_mask=torch.ones_like(ids), output_attentions=True, output_hidden_states=True, use_cache=False
    )
    ours = trace(model, ids)

    def same(name, expected):
        torch.testing.assert_close(getattr(ours, name), expected.detach(), rtol=1e-10, atol=1e-10)

    same("token_embedding", theirs.transformer.wte(ids)[0])
    same("position_embedding", theirs.transformer.wpe.weight[:T])
    same("attention", torch.cat(out.attentions))
    same("logits", out.logits[0])
    for name in ("ln1", "attn_out", "ln2", "mlp_pre", "mlp_post", "mlp_out"):
        same(name, torch.stack(seen[name]))
    heads = torch.stack(seen["qkv"]).view(3, T, 3, H, 8).permute(2, 0, 3, 1, 4)  # (3, L, H, T, hd)
    for name, expected in zip("qkv", heads, strict=True):
        same(name, expected)
    same("z", torch.stack(seen["z"]).view(3, T, H, 8).transpose(1, 2))
    *before, last = out.hidden_states  # their last one is after the final LayerNorm
    same("lnf", last[0])
    torch.testing.assert_close(ours.residual[:-1:2], torch.cat(before))
    torch.testing.assert_close(ours.residual[1::2], torch.stack(seen["residual"]))
    torch.testing.assert_close(ours.residual[-1], ours.residual[-2] + seen["mlp_out"][-1])


def test_scores_are_scaled_products_of_every_query_with_every_key(make_model):
    recorded = trace(make_model(n_head=4).double(), TEXT)
    for query in (0, 5, 12):
        for key in (0, 5, 12):
            product = (recorded.q[1, 3, query] * recorded.k[1, 3, key]).sum() / math.sqrt(8)
            assert recorded.scores[1, 3, query, key].item() == pytest.approx(product.item(), abs=1e-12)


def test_layer_norms_mean_and_scale_are_numpys(make_model):
    model = make_model(n_layer=2).double()
    recorded = trace(model, TEXT)
    norms = [
        *((f"ln{half}", recorded.residual[half - 1 :: 2][:2], [getattr(b, f"ln{half}") for b in model.blocks])
          for half in (1, 2)),
        ("lnf", recorded.residual[-1], [model.lnf]),
    ]  # fmt: skip
    for name, stream, modules in norms:
        x = stream.numpy()
        mean, scale = x.mean(-1), 1 / np.sqrt(x.var(-1) + 1e-5)
        np.testing.assert_allclose(getattr(recorded, f"{name}_mean"), mean, atol=1e-12)
        np.testing.assert_allclose(getattr(recorded, f"{name}_scale"), scale, rtol=1e-12)
        gain, bias = (np.stack([getattr(m, part).detach() for m in modules])[:, None] for part in ("weight", "bias"))
        normed = (x - mean[..., None]) * scale[..., None]
        np.testing.assert_allclose(getattr(recorded, name), (normed * gain + bias).reshape(x.shape), atol=1e-12)


def test_what_attention_and_the_stream_are(make_model):
    @given(sizes_and_length())
    def in_any_model(chosen):
        recorded = trace(make_model(**chosen[0]).double(), ids_for(make_model(**chosen[0]), chosen[1]))
        attention = recorded.attention
        torch.testing.assert_close(attention.sum(-1), torch.ones_like(attention[..., 0]), rtol=0, atol=1e-14)
        assert torch.equal(attention, attention.tril())  # exactly 0 for what comes later
        assert (attention >= 0).all()
        torch.testing.assert_close(recorded.head_out.sum(1), recorded.attn_out, rtol=1e-10, atol=1e-10)
        assert torch.equal(recorded.residual[0], recorded.token_embedding + recorded.position_embedding)
        assert torch.equal(recorded.residual[1::2], recorded.residual[:-1:2] + recorded.attn_out)
        assert torch.equal(recorded.residual[2::2], recorded.residual[1::2] + recorded.mlp_out)

    in_any_model()


def test_nothing_in_a_trace_depends_on_what_comes_later(model, random_ids):
    ids, later = random_ids(model, 1, 12), random_ids(model, 1, 12)
    later[:, 7:] = (later[:, 7:] + 1) % model.vocab_size
    before, after = trace(model, ids), trace(model, later)
    for name, axes in RECORDED.items():
        if name == "scores":
            continue  # before the mask, they know the keys that come later
        for axis in {"position", "query", "key"} & set(axes):
            first, second = (getattr(t, name).narrow(axes.index(axis), 0, 7) for t in (before, after))
            if axis == "key":
                first, second = first[..., :7, :], second[..., :7, :]
            torch.testing.assert_close(first, second, msg=name)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpus_trace_is_the_cpus(model):
    expected, found = trace(model, TEXT), trace(model.cuda(), TEXT)
    for name in RECORDED:
        assert getattr(found, name).is_cuda
        torch.testing.assert_close(getattr(found, name).cpu(), getattr(expected, name), rtol=1e-3, atol=1e-3)


# -- looking changes nothing -------------------------------------------------------------------------------------------


def test_dropout_and_training_mode_play_no_part(make_model):
    model = make_model(dropout=0.5)
    expected = trace(model, TEXT)
    model.train()
    model(ids_of(model, TEXT))[0].sum().backward()
    gradients = [p.grad.clone() for p in model.parameters()]
    before = torch.get_rng_state()
    found = trace(model, TEXT)
    assert torch.equal(found.logits, expected.logits)
    assert model.training
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(p.grad, g) for p, g in zip(model.parameters(), gradients, strict=True))
    assert not any(getattr(found, name).requires_grad for name in RECORDED)


def test_a_trace_is_a_record_that_nothing_later_touches(model):
    ids = torch.tensor(model.tokenizer.encode(TEXT))
    found = trace(model, ids)
    before = copy.deepcopy(vars(found))
    ids.zero_()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1)
    assert all(torch.equal(before[name], getattr(found, name)) for name in ("ids", *RECORDED))
    with pytest.raises(AttributeError, match="cannot assign to field 'logits'"):
        found.logits = None


# -- what is kept ------------------------------------------------------------------------------------------------------


def test_a_slim_trace_keeps_what_was_asked_for_and_the_same_bits(model):
    full = trace(model, TEXT)

    @given(st.sets(st.sampled_from(list(RECORDED))))
    def of_any_choice(keep):
        slim = trace(model, TEXT, keep=keep)
        assert set(slim.kept) == keep
        assert slim.to_dict().keys() == keep | {"ids", "chars", "heads_off", "mlps_off"}
        for name in RECORDED:
            assert hasattr(slim, name) == (name in keep)
            if name in keep:
                assert torch.equal(getattr(slim, name), getattr(full, name))

    of_any_choice()


def test_what_a_trace_lacks_is_said(model):
    slim = trace(model, TEXT, keep=["logits", "attention"])
    assert repr(slim) == "<Trace of 13 characters: attention, logits>"
    with pytest.raises(AttributeError, match="this trace kept attention, logits; trace again and add 'z' to keep"):
        _ = slim.z
    with pytest.raises(AttributeError, match=r"a Trace has no 'heads'; it has ids, chars, heads_off, .*, logits"):
        _ = slim.heads
    for again in (copy.copy(slim), copy.deepcopy(slim), pickle.loads(pickle.dumps(slim))):
        assert again.kept == slim.kept
        assert torch.equal(again.logits, slim.logits)


def test_no_such_field_can_be_kept(model):
    with pytest.raises(ValueError, match=r"keep holds 'heads', 'pattern'; choose from token_embedding, .*, logits"):
        trace(model, TEXT, keep={"logits", "pattern", "heads"})
    assert trace(model, TEXT, keep="logits").kept == ("logits",)


def test_documented_shapes_are_those_of_the_fields(make_model):
    model = make_model(n_layer=3, n_head=4, n_embd=20)
    letters = {"T": 13, "C": 20, "2L+1": 7, "L": 3, "H": 4, "hd": 5, "4C": 80, "V": model.vocab_size}
    statements = ast.parse(inspect.getsource(Trace)).body[0].body
    documented = {
        field.target.id: re.match(r"\((.*?),?\) ", text.value.value)
        for field, text in itertools.pairwise(statements)
        if isinstance(field, ast.AnnAssign)
    }
    recorded = trace(model, TEXT)
    for name in ("ids", *RECORDED):
        shape = tuple(letters[letter] for letter in documented[name][1].split(", "))
        assert tuple(getattr(recorded, name).shape) == shape, name


@pytest.mark.parametrize("keep", [None, {"attention", "logits"}, {"head_out"}, {"residual"}, set()])
@pytest.mark.parametrize("shape", [(4, 2, 16, 200), (6, 4, 128, 40), (1, 1, 4, 1)])
def test_the_memory_that_is_announced_suffices_and_is_not_idle(make_model, keep, shape):
    L, H, C, T = shape
    model = make_model(n_layer=L, n_head=H, n_embd=C, block_size=T).double()
    with Peak() as peak:
        recorded = trace(model, ids_for(model, T), keep=keep)
    need, kept = bytes_needed(model, T, keep), sum(getattr(recorded, name).nbytes for name in recorded.kept)
    assert kept < peak.bytes <= need < 2.5 * peak.bytes


def test_a_trace_beyond_the_limit_is_refused_before_it_is_computed(make_model):
    model = make_model(n_layer=1, n_head=1, n_embd=2, block_size=20_000)
    ids = torch.zeros(20_000, dtype=torch.long)
    for keep, kept in ((None, "token_embedding, .*, probabilities"), ({"attention"}, "attention")):
        need = bytes_needed(model, 20_000, keep)
        assert need > MAX_BYTES
        with pytest.raises(
            ValueError,
            match=rf"a trace of 20,000 characters that keeps {kept} needs {need:,} bytes; at most 1,073,741,824 "
            r"are allowed. Trace a shorter text, or keep less, such as keep=\{'attention', 'logits'\}",
        ):
            trace(model, ids, keep=keep)
    least = bytes_needed(model, 8)
    assert trace(model, ids[:8], max_bytes=least).logits.shape == (8, model.vocab_size)
    with pytest.raises(ValueError, match=f"needs {least:,} bytes; at most {least - 1:,} are allowed"):
        trace(model, ids[:8], max_bytes=least - 1)


# -- what it reads -----------------------------------------------------------------------------------------------------


def test_text_and_ids_are_the_same(model):
    by_text = trace(model, TEXT)
    ids = model.tokenizer.encode(TEXT)
    assert by_text.ids.tolist() == ids
    assert by_text.chars == tuple(TEXT)
    for given_ids in (
        ids,
        tuple(ids),
        np.array(ids),
        np.array(ids, dtype=np.uint16),
        torch.tensor(ids, dtype=torch.int16),
        torch.tensor([ids]),
    ):
        assert torch.equal(trace(model, given_ids).logits, by_text.logits)


def test_a_model_without_a_vocabulary_reads_ids(make_model):
    model = make_model(chars=None, vocab_size=30)
    assert trace(model, [3, 12, 29]).chars == ("3", "12", "29")
    with pytest.raises(ValueError, match="this model has no vocabulary"):
        trace(model, "abc")


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("", ValueError, "the text is empty; at least one character is needed"),
        ([], ValueError, "the text is empty"),
        ("a" * 17, ValueError, "the text has 17 characters, but this model's context is 16; pass 16 of them at most"),
        ("aZb", UnknownCharacterError, "'Z' at 1"),
        ([0, 99], IndexError, "the text holds ids from 0 to 99; expected ids from 0 to"),
        ([-1], IndexError, "the text holds ids from -1 to -1"),
        ([0.5], ValueError, r"the text holds torch\.float32; expected ids, which are whole numbers"),
        ([[1, 2], [3, 4]], ValueError, r"the ids have shape \(2, 2\); expected \(T,\) or \(1, T\), one text at a time"),
        (3, ValueError, r"the ids have shape \(\)"),
        (None, ValueError, "the text is None; expected a string, or ids"),
        (["a"], ValueError, r"the text is \['a'\]; expected a string, or ids"),
    ],
)
def test_what_can_not_be_traced(model, text, error, message):
    with pytest.raises(error, match=message):
        trace(model, text)


def test_the_example_in_the_packages_documentation_runs():
    example = re.search(r"\n\n((?:    .*\n|\n)+)", inspection.__doc__)[1]
    names = {}
    exec(textwrap.dedent(example), names)
    assert torch.equal(names["recorded"].logits, trace(names["model"], "ROMEO:").logits)


def test_everything_recorded_is_plain_and_tabular(model):
    pandas = pytest.importorskip("pandas")
    recorded = trace(model, "café"[:3], heads_off=["0.1"])
    plain = recorded.to_dict()
    assert plain["heads_off"] == [[0, 1]]
    assert plain["chars"] == ["c", "a", "f"]
    assert plain["attention"][1][0][2] == recorded.attention[1, 0, 2].tolist()
    table = recorded.to_frame("attention", "scores")
    assert list(table.columns) == ["layer", "head", "query", "key", "attention", "scores"]
    assert len(table) == 2 * 2 * 3 * 3
    row = table[(table["layer"] == 1) & (table["head"] == 0) & (table["query"] == 2) & (table["key"] == 1)]
    assert row["attention"].item() == recorded.attention[1, 0, 2, 1].item()
    assert isinstance(recorded.to_frame(), pandas.DataFrame)
    assert list(recorded.to_frame()["chars"]) == ["c", "a", "f"]


def test_bertviz_gets_what_its_views_take(model):
    """head_view wants a list of (1, H, T, T) and a word for each position; a blank would be none."""
    seen = trace(model, "a b\n", keep={"attention"})
    given = seen.to_bertviz()
    assert given["tokens"] == ["a", "␣", "b", "⏎"]
    assert [tuple(layer.shape) for layer in given["attention"]] == [(1, 2, 4, 4)] * 2
    assert torch.equal(torch.cat(given["attention"]), seen.attention)
    with pytest.raises(AttributeError, match="add 'attention' to keep"):
        trace(model, "a", keep={"logits"}).to_bertviz()
