"""Muon against the singular value decomposition and against torch's own."""

import pytest
import torch

from strivelm.training.muon import Muon, orthogonalise


@pytest.mark.parametrize("shape", [(16, 16), (48, 16), (16, 64)])
def test_orthogonalise_keeps_directions_and_evens_out_lengths(shape):
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    u, _, vt = torch.linalg.svd(matrix, full_matrices=False)
    made = orthogonalise(matrix)
    lengths = u.t() @ made @ vt.t()  # diagonal if the singular vectors are those of the matrix
    assert torch.allclose(lengths, lengths.diag().diag(), atol=1e-3)
    assert lengths.diag().min() > 0.6
    assert lengths.diag().max() < 1.3


@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="this torch has no Muon")
@pytest.mark.parametrize("shape", [(48, 16), (16, 48)])
def test_steps_equal_torchs_but_for_its_bfloat16(shape):
    generator = torch.Generator().manual_seed(0)
    start = torch.randn(shape, generator=generator)
    ours, theirs = torch.nn.Parameter(start.clone()), torch.nn.Parameter(start.clone())
    a = Muon([ours], lr=0.05, momentum=0.95, weight_decay=0.1)
    b = torch.optim.Muon([theirs], lr=0.05, momentum=0.95, weight_decay=0.1)
    for _ in range(5):
        ours.grad = torch.randn(shape, generator=generator)
        theirs.grad = ours.grad.clone()
        a.step()
        b.step()
    moved = (ours - start).norm()
    assert moved > 0.1
    assert (ours - theirs).norm() < 0.02 * moved


def test_vectors_are_refused():
    with pytest.raises(ValueError, match="matrices only"):
        Muon([torch.nn.Parameter(torch.zeros(3))])
