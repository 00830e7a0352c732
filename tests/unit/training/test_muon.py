"""The optimiser of the inner kernels, against a singular value decomposition."""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="training needs PyTorch: pip install --group training")

import torch

from training.muon import Muon, orthogonal


@pytest.mark.parametrize("shape", [(8, 8), (4, 30), (30, 4)])
def test_a_step_keeps_the_directions_and_makes_them_count_alike(shape):
    torch.manual_seed(0)
    matrix = torch.randn(shape) * 0.01
    left, sizes, right = torch.linalg.svd(matrix, full_matrices=False)
    assert sizes.max() > 1.3 * sizes.min()
    made = left.T @ orthogonal(matrix) @ right.T
    assert torch.diagonal(made).min() > 0.5
    assert torch.diagonal(made).max() < 1.3
    assert (made - torch.diag(torch.diagonal(made))).abs().max() < 1e-3


def test_it_goes_downhill():
    torch.manual_seed(1)
    wanted, kernel = torch.randn(4, 3, 3, 3), torch.nn.Parameter(torch.zeros(4, 3, 3, 3))
    optimiser = Muon([kernel], lr=0.05)
    before = float(wanted.square().sum())
    for _ in range(100):
        optimiser.zero_grad()
        (kernel - wanted).square().sum().backward()
        optimiser.step()
    assert float((kernel.detach() - wanted).square().sum()) < 0.2 * before


def test_kernels_without_a_gradient_stay_and_the_others_decay():
    still, moving = (torch.nn.Parameter(torch.ones(2, 2, 1, 1)) for _ in range(2))
    moving.grad = torch.zeros_like(moving)
    Muon([still, moving], lr=0.1, weight_decay=0.5).step()
    assert (still == 1).all()
    assert torch.allclose(moving, torch.full_like(moving, 0.95))
