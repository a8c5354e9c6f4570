"""A model whose heads are known by construction: previous character, first character, uniform."""

import math

import torch

from strivelm import GPT, OpenModel

CONTEXT, CHARS = 32, "\n abcdefgh<>${}é漢😀"
TEXT = "abc a bad cafe\nhead <b> ${a}é漢😀"[:CONTEXT]
PLANTED = [["previous character", "first position", "none"], ["none", "previous character", "first position"]]
"""What each head of each layer does."""
SHARP = 4_000.0
"""So steep that a neighbouring key, an angle of π/CONTEXT away, keeps next to no weight."""


def planted() -> OpenModel:
    """An open model of two layers with three heads each, PLANTED, that writes any character as likely as another.

    A position is an angle on half a circle, and nothing else is in the stream: characters are zero, and heads and MLPs
    add nothing. A query that is its own angle less one step meets the key before it; one that is the constant angle 0,
    the first key; one that is zero, all keys alike.
    """
    model = GPT(len(CHARS), CONTEXT, n_layer=2, n_head=3, n_embd=12, dropout=0.0, chars=CHARS).eval()
    step = math.pi / CONTEXT
    angles = torch.arange(CONTEXT) * step
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        # Both signs, so that LayerNorm finds the mean 0 and, at every position, the same variance.
        model.pos.weight[:, :4] = torch.stack([angles.cos(), angles.sin(), -angles.cos(), -angles.sin()], 1)
        model.lnf.weight.fill_(1)
        for block, words in zip(model.blocks, PLANTED, strict=True):
            block.ln1.weight.fill_(1)
            block.ln2.weight.fill_(1)
            block.ln1.weight[4:] = 0
            block.ln1.bias[4] = 1  # a constant, for the query that is the same everywhere
            queries, keys, _ = block.qkv.weight.view(3, 3, 4, 12)  # (head, dimension, channel)
            keys[:, 0, 0] = keys[:, 1, 1] = 1
            for head, word in enumerate(words):
                if word == "previous character":
                    queries[head, :2, :2] = SHARP * torch.tensor(
                        [[math.cos(step), math.sin(step)], [-math.sin(step), math.cos(step)]]
                    )
                if word == "first position":
                    queries[head, 0, 4] = SHARP
    return OpenModel("planted", model, {})
