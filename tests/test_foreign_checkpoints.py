"""Checkpoints of nanoGPT and minGPT: imported to the same logits, or refused with the reason, and never run."""

import math
import pickle
from types import SimpleNamespace

import pytest
import torch
import torch.nn as nn
import torch.nn.functional as F
from commands import run

from strivelm import CheckpointError, foreign, load_model

CHARS = "\n !abcdé漢😀"
SIZES = {
    "n_layer": 2,
    "n_head": 2,
    "n_embd": 16,
    "block_size": 12,
    "vocab_size": len(CHARS),
    "bias": False,
    "dropout": 0.1,
}


class Norm(nn.Module):
    """A LayerNorm that may have no bias."""

    def __init__(self, width, bias):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width)) if bias else None

    def forward(self, x):
        return F.layer_norm(x, self.weight.shape, self.weight, self.bias, 1e-5)


class Layer(nn.Module):
    def __init__(self, s):
        super().__init__()
        C, bias = s.n_embd, s.bias
        self.heads = s.n_head
        self.ln_1, self.ln_2 = Norm(C, bias), Norm(C, bias)
        self.attn, self.mlp = nn.Module(), nn.Module()
        self.attn.c_attn, self.attn.c_proj = nn.Linear(C, 3 * C, bias=bias), nn.Linear(C, C, bias=bias)
        self.mlp.c_fc, self.mlp.c_proj = nn.Linear(C, 4 * C, bias=bias), nn.Linear(4 * C, C, bias=bias)
        self.attn.register_buffer("bias", torch.ones(s.block_size, s.block_size).tril()[None, None])

    def forward(self, x):
        _, T, C = x.shape
        q, k, v = (
            part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in self.attn.c_attn(self.ln_1(x)).chunk(3, -1)
        )
        scores = (q @ k.mT / math.sqrt(C // self.heads)).masked_fill(self.attn.bias[..., :T, :T] == 0, -math.inf)
        x = x + self.attn.c_proj((scores.softmax(-1) @ v).transpose(1, 2).flatten(2))
        return x + self.mlp.c_proj(F.gelu(self.mlp.c_fc(self.ln_2(x))))


class NanoGPT(nn.Module):
    """A GPT with nanoGPT's names, written from its paper's definition and its checkpoint's keys."""

    def __init__(self, tied=True, **sizes):
        super().__init__()
        s = SimpleNamespace(**sizes)
        self.transformer = nn.ModuleDict(
            {
                "wte": nn.Embedding(s.vocab_size, s.n_embd),
                "wpe": nn.Embedding(s.block_size, s.n_embd),
                "h": nn.ModuleList(Layer(s) for _ in range(s.n_layer)),
                "ln_f": Norm(s.n_embd, s.bias),
            }
        )
        self.lm_head = nn.Linear(s.n_embd, s.vocab_size, bias=False)
        if tied:
            self.lm_head.weight = self.transformer.wte.weight
        stream = torch.Generator().manual_seed(3)
        with torch.no_grad():
            for name, parameter in self.named_parameters():
                attention = "attn" in name and name.endswith("bias")
                parameter.add_(0.0 if attention else 0.3 * torch.randn(parameter.shape, generator=stream))
                if attention:
                    parameter.zero_()

    def forward(self, ids):
        x = self.transformer.wte(ids) + self.transformer.wpe.weight[: ids.shape[1]]
        for layer in self.transformer.h:
            x = layer(x)
        return self.lm_head(self.transformer.ln_f(x))


def content(model, sizes=SIZES, prefix="", **more):
    """What nanoGPT's train.py saves."""
    state = {prefix + name: tensor for name, tensor in model.state_dict().items()}
    optimizer = torch.optim.AdamW(model.parameters()).state_dict()
    config = {"dataset": "shakespeare_char", "compile": True, "learning_rate": 1e-3}
    known = {"model": state, "optimizer": optimizer, "model_args": sizes, "iter_num": 250}
    return known | {"best_val_loss": torch.tensor(1.5), "config": config} | more


def meta(chars=CHARS):
    """What nanoGPT's prepare.py saves beside the text."""
    return {"vocab_size": len(chars), "itos": dict(enumerate(chars)), "stoi": {char: i for i, char in enumerate(chars)}}


@pytest.fixture
def saved(tmp_path):
    """The function that saves a checkpoint and its meta.pkl as nanoGPT does: the .pt file's path."""

    def save(what, vocabulary=None):
        torch.save(what, tmp_path / "ckpt.pt")
        if vocabulary is not False:
            (tmp_path / "meta.pkl").write_bytes(pickle.dumps(vocabulary or meta()))
        return tmp_path / "ckpt.pt"

    return save


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("prefix", ["", "_orig_mod."])
@torch.no_grad()
def test_a_nanogpt_is_imported_to_the_same_logits(saved, tmp_path, bias, prefix):
    sizes = SIZES | {"bias": bias}
    theirs = NanoGPT(**sizes).eval()
    done = run("import_checkpoint.py", saved(content(theirs, sizes, prefix)), tmp_path / "out")
    assert (done.returncode, done.stderr) == (0, "")
    assert "2 layers, 2 heads, 16 wide, context 12" in done.stdout
    assert "from nanoGPT" in done.stdout
    assert "GELU" in done.stdout.splitlines()[-1]
    ours = load_model(tmp_path / "out")
    assert ours.config.chars == CHARS
    assert ours.config.dropout == 0.1
    ids = torch.randint(len(CHARS), (3, 12), generator=torch.Generator().manual_seed(1))
    expected = theirs(ids)
    assert expected.std() > 0.3
    torch.testing.assert_close(ours(ids)[0], expected, rtol=0, atol=1e-5)


def test_the_vocabulary_may_lie_elsewhere(saved, tmp_path):
    path = saved(content(NanoGPT(**SIZES)))
    (tmp_path / "meta.pkl").rename(tmp_path / "other.pkl")
    assert run("import_checkpoint.py", path, tmp_path / "out", "--meta", tmp_path / "other.pkl").returncode == 0
    done = run("import_checkpoint.py", path, tmp_path / "again")
    assert done.returncode == 1
    assert "meta.pkl, which says which characters a nanoGPT knows; copy" in done.stderr
    assert not (tmp_path / "again").exists()


def without(name):
    return {key: value for key, value in SIZES.items() if key != name}


def with_bias(value):
    model = NanoGPT(**SIZES | {"bias": True})
    model.transformer.h[1].attn.c_proj.bias.data[3] = value
    return content(model, SIZES | {"bias": True})


REFUSED = {
    "attention biases": (with_bias(1e-3), r"h\.1\.attn\.c_proj\.bias is not zero.*train it with --bias=False, or"),
    "NaN": (with_bias(math.nan), r"h\.1\.attn\.c_proj\.bias holds NaN"),
    "an untied head": (content(NanoGPT(tied=False, **SIZES)), "lm_head.weight differs from wte.weight"),
    "an old one": (content(NanoGPT(**SIZES), without("bias")), "whose GELU is the tanh one"),
    "no sizes": (content(NanoGPT(**SIZES), without("n_head")), "its model_args lack n_head"),
    "wrong sizes": (content(NanoGPT(**SIZES), SIZES | {"n_embd": 20}), r"wte\.weight has shape \(10, 16\); its sizes"),
    "odd sizes": (content(NanoGPT(**SIZES), SIZES | {"n_head": 3}), "n_embd=16 is not divisible by n_head=3"),
    "no weights": (content(NanoGPT(**SIZES)) | {"model": 3}, "its model is a int; expected a state_dict"),
    "a layer less": (content(NanoGPT(**SIZES | {"n_layer": 1})), r"it lacks, or has beyond ours, h\.1"),
    "words": (
        content(NanoGPT(**SIZES), SIZES | {"vocab_size": 50304}),
        "10 characters, but the model's vocab_size is 5",
    ),
    "minGPT": (NanoGPT(tied=False, **SIZES).state_dict(), r"minGPT's is another .*tanh one, its head .* is not tied"),
    "minGPT's biases": (with_bias(1.0)["model"], "the tanh one, its attention has biases"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_this_architecture_can_not_hold_is_refused_with_the_reason(saved, case):
    what, words = REFUSED[case]
    with pytest.raises(CheckpointError, match=words) as caught:
        foreign.read(saved(what))
    assert "\n" not in str(caught.value)


class Harm:
    """Unpickled, it would print."""

    def __reduce__(self):
        return print, ("harmed",)


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("harm", [Harm(), {"itos": Harm()}, {"itos": {0: Harm()}}, SimpleNamespace(itos={}), math.sqrt])
def test_a_vocabulary_with_code_in_it_is_not_read(saved, tmp_path, capsys, protocol, harm):
    path = saved(content(NanoGPT(**SIZES)), False)
    (tmp_path / "meta.pkl").write_bytes(pickle.dumps(harm, protocol))
    with pytest.raises(
        CheckpointError, match=r"meta\.pkl is no pickle of plain values alone, so it is not read: it asks"
    ):
        foreign.read(path)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("vocabulary", "words"),
    [
        ([1, 2], "holds no 'itos'"),
        ({"itos": None}, "holds no 'itos'"),
        ({"itos": {1: "a"}}, "holds no 'itos'"),
        ({"itos": {True: "a", 0: "b"}}, "holds no 'itos'"),
        ({"itos": dict(enumerate(["the", *CHARS[1:]]))}, "knows the token 'the'; this is not a character model"),
        ({"itos": dict(enumerate([7, *CHARS[1:]]))}, "knows the token 7; this is not a character model"),
        (meta(CHARS[:-1]), "holds 9 characters, but the model's vocab_size is 10"),
        (meta(CHARS[:-1] + CHARS[0]), r"holds .* twice; expected distinct characters"),
    ],
)
def test_a_vocabulary_that_is_none_is_refused(saved, vocabulary, words):
    with pytest.raises(CheckpointError, match=words):
        foreign.read(saved(content(NanoGPT(**SIZES)), vocabulary))


def test_a_vocabulary_may_be_a_list(saved):
    assert foreign.read(saved(content(NanoGPT(**SIZES)), {"itos": list(CHARS)})).config.chars == CHARS


@pytest.mark.parametrize("junk", [b"", b"not a pickle", b"\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\xff", b"(" * 99])
def test_bytes_that_are_no_pickle_are_refused(saved, tmp_path, junk):
    path = saved(content(NanoGPT(**SIZES)), False)
    (tmp_path / "meta.pkl").write_bytes(junk)
    with pytest.raises(CheckpointError, match=r"meta\.pkl is no pickle of plain values alone"):
        foreign.read(path)
