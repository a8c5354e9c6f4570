"""The seed's notebook, the first user: its cells of steps 3.1 to 3.6 and 4, run as they stand."""

import contextlib
import io
import re

import pytest

CELLS = [
    # 3.1 Token embedding
    """
from model import GPT

model = GPT(vocab_size=vocab_size, block_size=64, n_layer=2, n_head=2, n_embd=128)
print("Token Embedding Layer:")
print(f"  Shape: {model.tok.weight.shape}")
print(f"  Meaning: {vocab_size} tokens × {128} dimensions")
""",
    # 3.2 Positional embedding
    """
print("Positional Embedding Layer:")
print(f"  Shape: {model.pos.weight.shape}")
print(f"  Meaning: {64} positions × {128} dimensions")
""",
    # 3.3 Multi-head self-attention
    """
block = model.blocks[0]  # First transformer block
print("Multi-Head Attention:")
print(f"  Number of heads: {block.h}")
print(f"  Head dimension: {block.hd}")
print(f"  QKV projection shape: {block.qkv.weight.shape}")
print(f"  Then split into {block.h} heads of {block.hd} dims each")
""",
    # 3.4 Layer normalisation
    """
print("Layer Normalization:")
print(f"  Pre-attention LayerNorm: {block.ln1}")
print(f"  Pre-FFN LayerNorm: {block.ln2}")
""",
    # 3.5 Residual connections: the cell only prints; what it prints is tested in test_model.py
    """
print("\\n1. x = input")
print("2. x = x + Dropout(Attention(LayerNorm(x)))    ← Residual #1")
print("3. x = x + Dropout(FFN(LayerNorm(x)))          ← Residual #2")
""",
    # 3.6 Feed-forward network
    """
print("Feed-Forward Network:")
print(f"  Architecture: {block.ff}")
""",
    # 4 Complete architecture summary
    """
print("Complete Model Architecture:")
print("="*60)
print(model)
print("="*60)
total_params = sum(p.numel() for p in model.parameters())
trainable_params = sum(p.numel() for p in model.parameters() if p.requires_grad)
print(f"\\nTotal parameters: {total_params:,}")
print(f"Trainable parameters: {trainable_params:,}")
""",
]


@pytest.mark.parametrize(("vocab_size", "parameters"), [(40, "409,088"), (65, "412,288")])
def test_the_notebooks_cells_print_the_sizes_that_the_prose_around_them_names(vocab_size, parameters):
    printed, names = io.StringIO(), {"vocab_size": vocab_size}
    with contextlib.redirect_stdout(printed):
        for cell in CELLS:
            exec(cell.replace("from model import GPT", "from strivelm import GPT"), names)
    out = printed.getvalue()
    for line in [
        f"Shape: torch.Size([{vocab_size}, 128])",
        "Shape: torch.Size([64, 128])",
        "Number of heads: 2",
        "Head dimension: 64",
        "QKV projection shape: torch.Size([384, 128])",
        "Then split into 2 heads of 64 dims each",
        "Pre-attention LayerNorm: LayerNorm((128,)",
        "Pre-FFN LayerNorm: LayerNorm((128,)",
        f"(tok): Embedding({vocab_size}, 128)",
        "(pos): Embedding(64, 128)",
        f"(head): Linear(in_features=128, out_features={vocab_size}, bias=False)",
        f"Total parameters: {parameters}",
        f"Trainable parameters: {parameters}",
    ]:
        assert line in out, line
    feed_forward = out[out.index("Feed-Forward Network:") : out.index("Complete Model Architecture:")]
    assert re.findall(r"in_features=(\d+), out_features=(\d+), bias=True", feed_forward) == [
        ("128", "512"),
        ("512", "128"),
    ]
    assert "GELU(approximate='none')" in feed_forward
    for name in ("ln1", "qkv", "proj", "ln2", "ff", "drop", "lnf"):
        assert f"({name}): " in out


def test_the_configuration_of_step_8_works_with_the_seeds_keys():
    """Step 8 builds the model from a checkpoint's `meta` and looks at it with `.eval()` and `load_state_dict`."""
    from strivelm import GPT

    meta = {"vocab": "\n abc", "block_size": 64, "n_layer": 2, "n_head": 2, "n_embd": 128}
    trained = GPT(vocab_size=len(meta["vocab"]), **{key: meta[key] for key in meta if key != "vocab"}).eval()
    seeds_keys = {"tok.weight", "pos.weight", "lnf.weight", "lnf.bias", "head.weight"} | {
        f"blocks.{i}.{part}"
        for i in range(2)
        for part in [f"{m}.{p}" for m in ("ln1", "ln2", "ff.0", "ff.2") for p in ("weight", "bias")]
        + ["qkv.weight", "proj.weight"]
    }
    assert set(trained.state_dict()) == seeds_keys
    trained.load_state_dict(trained.state_dict())
    assert not trained.training
