"""A sudden change in training: found where it is, and only where the curve earns it."""

import math

import pytest
import torch

from strivelm.inspection import phase_change


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ([0.1, 0.1, 0.1, 0.9, 0.9], 2),  # a step
        ([0.9, 0.9, 0.2, 0.1], 1),  # downwards
        ([0.0, 0.2, 0.4, 0.6, 0.8], None),  # little by little
        ([0.0, 0.1, 0.6, 1.0], None),  # exactly half of it is not more than half
        ([0.0, 0.1, 0.62, 1.0], 1),
        ([0.0, 1.0, 0.0, 0.1], 0),  # up and back: the first of the two largest
        ([0.50, 0.50, 0.55, 0.55], None),  # too small
        ([0.0, 1.0], None),  # two snapshots can't tell
        ([1.0, 1.0, 1.0], None),
        ([], None),
        ([0.0, math.nan, 1.0], None),
        ([0.0, math.inf, 1.0], None),
    ],
)
def test_it_is_the_largest_change_if_it_is_most_of_all_change(values, found):
    assert phase_change(values, 0.2) == found
    assert phase_change(torch.tensor(values, dtype=torch.float64), 0.2) == found


def test_it_has_to_be_at_least_so_large():
    assert phase_change([0, 0, 0.5, 0.5], 0.5) == 1
    assert phase_change([0, 0, 0.5, 0.5], 0.51) is None


@pytest.mark.parametrize("least", [0, -1, math.nan])
def test_what_would_let_noise_count_is_refused(least):
    with pytest.raises(ValueError, match="expected a positive number"):
        phase_change([0, 0, 1], least)
