"""What a model is made of, against its own tensors and sizes that are written out."""

import pytest
import torch

from strivelm import GPT, load_model
from strivelm.inspection.architecture import architecture


@pytest.mark.parametrize(("L", "H", "C", "V", "T"), [(1, 1, 1, 1, 1), (2, 3, 12, 5, 7), (3, 2, 8, 65, 16)])
def test_the_closed_form_is_what_the_tensors_hold(L, H, C, V, T):
    model = GPT(vocab_size=V, block_size=T, n_layer=L, n_head=H, n_embd=C)
    found = architecture(model)
    stored = {name: tensor.numel() for name, tensor in model.state_dict().items() if name != "head.weight"}
    assert found.total == found.closed_total == sum(stored.values()) == model.num_parameters()
    assert sum(count * times for count, times in zip(found.counted, found.times, strict=True)) == found.total
    for part, closed, counted, shapes in zip(found.parts, found.closed, found.counted, found.shapes, strict=True):
        where = part if part in ("tok", "pos", "lnf", "head") else f"blocks.0.{part}"
        held = sum(size for name, size in stored.items() if name.rpartition(".")[0] == where)
        assert closed == counted == held == sum(torch.Size(shape).numel() for shape in shapes), part


def test_the_bundled_model_has_as_many_as_its_record_says():
    assert architecture(load_model("bundled")).total == 4_815_104
