"""What several tests of this folder read and draw."""

import torch
from hypothesis import strategies as st

TEXT = "a cafe\nhead 😀"
PRECISIONS = [(torch.float32, 1e-4), (torch.float64, 1e-10)]


@st.composite
def sizes(draw, most_heads=4):
    """Sizes of a small model without its context, and a seed for its weights."""
    n_head = draw(st.integers(1, most_heads))
    chosen = {"n_layer": draw(st.integers(1, 3)), "n_head": n_head, "n_embd": n_head * draw(st.integers(1, 5))}
    return chosen | {"seed": draw(st.integers(0, 99))}


def ids_for(model, length):
    return torch.randint(model.vocab_size, (1, length), generator=torch.Generator().manual_seed(length))


def uniform(T):
    """Uniform attention over the keys that each query sees, (T, T)."""
    return torch.tril(torch.ones(T, T, dtype=torch.float64)) / torch.arange(1, T + 1)[:, None]
