"""The trace, the lens, attribution and ablation against TransformerLens, its weights neither folded nor centred.

TransformerLens is heavy and not in tests/requirements.txt; .ci/run installs it. Version 4 has no HookedTransformer.
"""

import pytest
import torch
from samples import TEXT

from strivelm.inspection import direct_logit_attribution, logit_lens, trace

try:
    from transformer_lens import HookedTransformer, HookedTransformerConfig
except ImportError:
    pytest.skip("needs TransformerLens 3: pip install 'transformer_lens>=3,<4'", allow_module_level=True)

L, H, C, HD, T = 3, 4, 24, 6, 13


@pytest.fixture(scope="module")
def model(make_model):
    return make_model(n_layer=L, n_head=H, n_embd=C).double()


@pytest.fixture
def theirs(model):
    """A HookedTransformer with the model's weights."""
    config = HookedTransformerConfig(
        n_layers=L,
        n_heads=H,
        d_model=C,
        d_head=HD,
        d_mlp=4 * C,
        n_ctx=model.block_size,
        d_vocab=model.vocab_size,
        act_fn="gelu",
        normalization_type="LN",
        eps=1e-5,
        dtype=torch.float64,
        device="cpu",
        default_prepend_bos=False,
    )
    hooked = HookedTransformer(config)
    state = {name: torch.zeros_like(value) for name, value in hooked.state_dict().items() if ".b_" in name}
    state |= {"embed.W_E": model.tok.weight, "pos_embed.W_pos": model.pos.weight, "unembed.W_U": model.head.weight.T}
    state |= {"ln_final.w": model.lnf.weight, "ln_final.b": model.lnf.bias}
    for i, block in enumerate(model.blocks):
        b = f"blocks.{i}."
        for name, rows in zip("QKV", block.qkv.weight.split(C), strict=True):
            state[f"{b}attn.W_{name}"] = rows.view(H, HD, C).transpose(1, 2)  # (H, C, hd)
        state[f"{b}attn.W_O"] = block.proj.weight.T.reshape(H, HD, C)
        for ln in ("ln1", "ln2"):
            state |= {f"{b}{ln}.w": getattr(block, ln).weight, f"{b}{ln}.b": getattr(block, ln).bias}
        state |= {f"{b}mlp.W_in": block.ff[0].weight.T, f"{b}mlp.b_in": block.ff[0].bias}
        state |= {f"{b}mlp.W_out": block.ff[2].weight.T, f"{b}mlp.b_out": block.ff[2].bias}
    missing, unexpected = hooked.load_state_dict(state, strict=False)
    assert not unexpected
    assert all(name.endswith(("mask", "IGNORE")) for name in missing)  # constants, not weights
    hooked.set_use_attn_result(True)
    return hooked


def close(found, expected):
    torch.testing.assert_close(found, expected.detach(), rtol=1e-10, atol=1e-10)


@pytest.fixture
def ids(model):
    return torch.tensor([model.tokenizer.encode(TEXT)])


def test_every_number_of_a_trace_is_theirs(model, theirs, ids):
    logits, cache = theirs.run_with_cache(ids, remove_batch_dim=True)
    found = trace(model, TEXT)
    close(found.logits, logits[0])
    close(found.token_embedding, cache["hook_embed"])
    close(found.position_embedding, cache["hook_pos_embed"])
    names = {
        "attn_out": "hook_attn_out",
        "mlp_pre": "mlp.hook_pre",
        "mlp_post": "mlp.hook_post",
        "mlp_out": "hook_mlp_out",
        "attention": "attn.hook_pattern",
    }
    for layer in range(L):
        b = f"blocks.{layer}."
        for ours, name in names.items():
            close(getattr(found, ours)[layer], cache[b + name])
        for ours, name in zip(("q", "k", "v", "z", "head_out"), ("q", "k", "v", "z", "result"), strict=True):
            close(getattr(found, ours)[layer], cache[f"{b}attn.hook_{name}"].transpose(0, 1))
        for half, ln in enumerate(("ln1", "ln2")):
            mean, scale = getattr(found, f"{ln}_mean")[layer], getattr(found, f"{ln}_scale")[layer]
            normalised = (found.residual[2 * layer + half] - mean[:, None]) * scale[:, None]
            close(normalised, cache[f"{b}{ln}.hook_normalized"])
            close(1 / scale, cache[f"{b}{ln}.hook_scale"][:, 0])
        close(found.scores[layer].tril(), cache[f"{b}attn.hook_attn_scores"].tril())
        close(found.residual[2 * layer], cache[b + "hook_resid_pre"])
        close(found.residual[2 * layer + 1], cache[b + "hook_resid_mid"])
        close(found.residual[2 * layer + 2], cache[b + "hook_resid_post"])
    close(1 / found.lnf_scale, cache["ln_final.hook_scale"][:, 0])
    close((found.lnf - model.lnf.bias) / model.lnf.weight, cache["ln_final.hook_normalized"])


def test_the_logit_lens_is_theirs(model, theirs, ids):
    _, cache = theirs.run_with_cache(ids)
    stack = cache.accumulated_resid(layer=-1, incl_mid=True)
    read = cache.apply_ln_to_stack(stack, recompute_ln=True) @ theirs.W_U  # (2L+1, 1, T, V)
    found = logit_lens(model, TEXT)
    close(found.logits, read[:, 0])
    assert len(found.depths) == len(read) == 2 * L + 1


@pytest.mark.parametrize("against", [None, "e"])
def test_direct_logit_attribution_is_theirs(model, theirs, ids, against):
    # Their attribution counts on the final LayerNorm's γ and β being folded into W_U and b_U, an exact rewriting.
    theirs.unembed.b_U.data = theirs.ln_final.b.data @ theirs.W_U.data
    theirs.unembed.W_U.data = theirs.ln_final.w.data[:, None] * theirs.W_U.data
    theirs.ln_final.w.data.fill_(1)
    theirs.ln_final.b.data.zero_()
    _, cache = theirs.run_with_cache(ids)
    parts, labels = cache.get_full_resid_decomposition(expand_neurons=False, return_labels=True)
    char = model.tokenizer.encode("h")[0]
    other = None if against is None else model.tokenizer.encode(against)[0]
    theirs_by_name = dict(zip(labels, cache.logit_attrs(parts, char, other)[:, 0, 7].tolist(), strict=True))
    assert theirs_by_name.pop("bias") == 0  # attention's; ours has none
    found = direct_logit_attribution(model, TEXT, 7, "h", against)
    names = {"embed": "token embedding", "pos_embed": "position embedding"}
    names |= {f"L{layer}H{head}": f"{layer}.{head}" for layer in range(L) for head in range(H)}
    names |= {f"{layer}_mlp_out": f"MLP {layer}" for layer in range(L)}
    expected = {names[label]: value for label, value in theirs_by_name.items()}
    bias = theirs.b_U[char] - (0 if other is None else theirs.b_U[other])
    assert found.parts == pytest.approx(expected | {"final LayerNorm's bias": bias.item()}, abs=1e-10)


@pytest.mark.parametrize(("heads", "mlps"), [([(0, 1)], []), ([(1, 0), (2, 3)], []), ([], [0]), ([(2, 2)], [0, 2])])
def test_ablation_is_theirs(model, theirs, ids, heads, mlps):
    def zero_head(z, hook, head):
        z[:, :, head] = 0
        return z

    hooks = [
        (f"blocks.{layer}.attn.hook_z", lambda z, hook, head=head: zero_head(z, hook, head)) for layer, head in heads
    ]
    hooks += [(f"blocks.{layer}.hook_mlp_out", lambda out, hook: torch.zeros_like(out)) for layer in mlps]
    expected = theirs.run_with_hooks(ids, fwd_hooks=hooks)[0]
    found = trace(model, TEXT, heads_off=heads, mlps_off=mlps)
    close(found.logits, expected)
    assert (found.logits - trace(model, TEXT).logits).abs().max() > 0.1
