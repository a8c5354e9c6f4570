"""The loss without kinds of parts, against models whose weights were cut by hand."""

import copy
import math

import pytest
import torch
import torch.nn.functional as F
from cut_weights import cut
from samples import TEXT

from strivelm.inspection.component_ablation import COMPONENTS, component_losses

CLOSE = {"rtol": 1e-9, "atol": 1e-9}


@pytest.mark.parametrize("block_size", [2, 16])
def test_losses_are_those_of_models_with_cut_weights(make_model, block_size):
    model = make_model(block_size=block_size).double()
    text, c = TEXT[:block_size], model.config
    ids = torch.tensor([model.tokenizer.encode(text)])
    every = [(layer, head) for layer in range(c.n_layer) for head in range(c.n_head)]

    def loss(other):
        with torch.no_grad():
            return F.cross_entropy(other(ids)[0][0, :-1], ids[0, 1:]).item()

    unplaced = copy.deepcopy(model)
    torch.nn.init.zeros_(unplaced.pos.weight)
    found = component_losses(model, text)
    assert found.whole == pytest.approx(loss(model), rel=1e-9)
    assert found.no_positions == pytest.approx(loss(unplaced), rel=1e-9)
    assert found.no_attention == pytest.approx(loss(cut(model, every, [])), rel=1e-9)
    assert found.no_mlps == pytest.approx(loss(cut(model, [], range(c.n_layer))), rel=1e-9)
    assert found.one_head == pytest.approx(
        [loss(cut(model, [one for one in every if one[1] != head], [])) for head in range(c.n_head)], rel=1e-9
    )
    assert found.chars == tuple(text)
    assert len({found.whole, found.no_positions, found.no_attention, found.no_mlps}) == 4


@pytest.mark.parametrize("asked", COMPONENTS)
def test_what_is_not_asked_for_is_not_computed(make_model, asked):
    found = component_losses(make_model(), TEXT, [asked])
    values = {name: torch.tensor(getattr(found, name)).isnan().all().item() for name in COMPONENTS}
    assert values == {name: name != asked for name in COMPONENTS}
    assert math.isfinite(found.whole)


def test_what_has_no_loss_is_refused(make_model):
    with pytest.raises(ValueError, match="at least 2"):
        component_losses(make_model(), "a")
    with pytest.raises(ValueError, match="'dropout'; choose from no_positions"):
        component_losses(make_model(), TEXT, ["dropout"])
