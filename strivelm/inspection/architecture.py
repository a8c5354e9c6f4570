"""What a model is made of: every learnt number counted, and its place in the closed form.

    V·C + T·C + L(12C² + 9C) + 2C

V characters, context T, L blocks, width C. A block has 12C² + 9C: two LayerNorms (γ and β, 2C each), the queries, keys
and values of all heads (3C², no bias), their projection (C², no bias), and the MLP (4C² + 4C up, 4C² + C down). The
number of heads is not in it: heads share out the width. The head has no matrix of its own (Press & Wolf 2017).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Annotated

import torch

from strivelm.config import GPTConfig
from strivelm.inspection.results import Result
from strivelm.model import GPT

PARTS: dict[str, tuple[str, str, Callable[[GPTConfig], int]]] = {
    "tok": ("token embedding", "V·C", lambda c: c.vocab_size * c.n_embd),
    "pos": ("position embedding", "T·C", lambda c: c.block_size * c.n_embd),
    "ln1": ("first LayerNorm", "2C", lambda c: 2 * c.n_embd),
    "qkv": ("queries, keys, values", "3C²", lambda c: 3 * c.n_embd**2),
    "proj": ("projection of the heads", "C²", lambda c: c.n_embd**2),
    "ln2": ("second LayerNorm", "2C", lambda c: 2 * c.n_embd),
    "ff.0": ("MLP, up", "4C² + 4C", lambda c: 4 * c.n_embd**2 + 4 * c.n_embd),
    "ff.2": ("MLP, down", "4C² + C", lambda c: 4 * c.n_embd**2 + c.n_embd),
    "lnf": ("final LayerNorm", "2C", lambda c: 2 * c.n_embd),
    "head": ("head (the token embedding again)", "0", lambda c: 0),
}
"""Each part as the model calls it: what it is, its closed form, and the function that this is."""

OUTSIDE = ("tok", "pos", "lnf", "head")
"""The parts that no block has, so that a model has each once."""


@dataclass(frozen=True, eq=False)
class Architecture(Result):
    """Every part of a model with the numbers that it has learnt."""

    parts: Annotated[tuple[str, ...], "part"]
    """What the model calls each: tok, pos, ln1 …; those of a block stand here once."""
    names: Annotated[tuple[str, ...], "part"]
    """What each is."""
    shapes: Annotated[tuple[tuple[tuple[int, ...], ...], ...], "part"]
    """The shapes of its tensors."""
    forms: Annotated[tuple[str, ...], "part"]
    """How many numbers it has, as a formula."""
    closed: Annotated[tuple[int, ...], "part"]
    """The formula's value."""
    counted: Annotated[tuple[int, ...], "part"]
    """The same counted: the tensors' entries."""
    times: Annotated[tuple[int, ...], "part"]
    """How often there is such a part: L for those of a block."""
    closed_total: int
    """V·C + T·C + L(12C² + 9C) + 2C."""
    total: int
    """All entries of all tensors, counted one tensor at a time."""


def architecture(model: GPT) -> Architecture:
    """What a model is made of, in the order of the pass; a block's parts are those of block 0, as all are alike."""
    c, rows = model.config, []
    for part, (name, form, closed) in PARTS.items():
        outside = part in OUTSIDE
        module = model.get_submodule(part) if outside else model.blocks[0].get_submodule(part)
        tensors = [] if part == "head" and module.weight is model.tok.weight else list(module.parameters())
        shapes = tuple(tuple(tensor.shape) for tensor in tensors)
        rows.append((part, name, shapes, form, closed(c), _entries(tensors), 1 if outside else c.n_layer))
    C = c.n_embd
    return Architecture(
        *map(tuple, zip(*rows, strict=True)),
        closed_total=c.vocab_size * C + c.block_size * C + c.n_layer * (12 * C**2 + 9 * C) + 2 * C,
        total=_entries(list(model.parameters())),
    )


def _entries(tensors: Iterable[torch.Tensor]) -> int:
    return sum(tensor.numel() for tensor in tensors)
