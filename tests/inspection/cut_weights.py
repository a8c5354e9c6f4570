"""Models whose weights were cut by hand, which ablation is compared with."""

import copy

import torch


def cut(model, heads=(), mlps=(), means=None):
    """A copy of the model whose weights no longer let these parts write; with means, their mean is all they write.

    The projection has no bias to hold a head's mean, so a hook adds it.
    """
    model = copy.deepcopy(model)
    with torch.no_grad():
        for layer, block in enumerate(model.blocks):
            constant = torch.zeros_like(model.pos.weight[0])
            for head in (h for at, h in heads if at == layer):
                columns = block.proj.weight[:, head * block.hd : (head + 1) * block.hd]
                if means:
                    constant += columns @ means.z[layer, head]
                columns.zero_()
            block.proj.register_forward_hook(lambda _, inputs, out, constant=constant: out + constant)
            if layer in mlps:
                block.ff[2].weight.zero_()
                block.ff[2].bias.copy_(means.mlp_out[layer] if means else torch.zeros_like(block.ff[2].bias))
    return model
