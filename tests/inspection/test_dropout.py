"""What dropout does, against torch's own and by its mean."""

import pytest
import torch

from strivelm.inspection.dropout import dropped


@pytest.mark.parametrize("p", [0.0, 0.1, 0.5, 0.9])
def test_each_number_is_zero_or_scaled_as_torch_does(p):
    vector = torch.randn(4000, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    found = dropped(vector, p, seed=2)
    assert set((found.after / vector).unique().round(decimals=9).tolist()) <= {0.0, round(1 / (1 - p), 9)}
    torch.manual_seed(0)
    theirs = torch.nn.Dropout(p).train()(vector)
    kept = theirs != 0
    torch.testing.assert_close(theirs[kept], vector[kept] * found.scale)
    assert found.zeroed == pytest.approx(1 - found.kept.double().mean().item())
    assert found.zeroed == pytest.approx(p, abs=4 * (p * (1 - p) / 4000) ** 0.5 + 1e-12)


def test_the_mean_over_many_draws_is_the_vector():
    vector = torch.tensor([1.0, -2.0, 0.5])
    mean = torch.stack([dropped(vector, 0.3, seed).after for seed in range(2000)]).mean(0)
    torch.testing.assert_close(mean, vector.double(), rtol=0, atol=0.15)


def test_one_seed_is_one_choice_and_torchs_random_state_stays():
    vector, before = torch.ones(64), torch.get_rng_state()
    assert torch.equal(dropped(vector, 0.5, 7).after, dropped(vector, 0.5, 7).after)
    assert not torch.equal(dropped(vector, 0.5, 7).after, dropped(vector, 0.5, 8).after)
    assert torch.equal(torch.get_rng_state(), before)
    with pytest.raises(ValueError, match="from 0 to below 1"):
        dropped(vector, 1.0)
