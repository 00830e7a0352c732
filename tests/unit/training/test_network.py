"""The demo network's shapes and its reach."""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="training needs PyTorch: pip install --group training")

import torch

from training.network import DemoNetwork


@pytest.fixture(scope="module")
def network() -> DemoNetwork:
    torch.manual_seed(0)
    return DemoNetwork()


@pytest.mark.parametrize("width", [448, 96, 104, 336])
def test_maps_are_an_eighth_of_any_input(network, width):
    with torch.no_grad():
        maps = network(torch.zeros(1, 3, 256, width))
    shapes = {name: tuple(values.shape) for name, values in maps.items()}
    cells = (32, width // 8)
    assert shapes == {
        "features": (1, 57, *cells),
        "heatmaps": (1, 19, *cells),
        "pafs": (1, 38, *cells),
        "first": (1, 57, *cells),
    }


def test_a_cell_sees_a_person_as_high_as_the_image(network):
    """A change at the top edge must be able to reach the bottom row."""
    network.eval()
    for block in (*network.first_blocks, *network.second_blocks):
        torch.nn.init.ones_(block.change[-1].weight)  # blocks begin as the identity
    pixels = torch.full((1, 3, 256, 96), 128.0, requires_grad=True)
    network(pixels)["features"][0, :, -1, 6].sum().backward()
    assert pixels.grad is not None
    assert (pixels.grad[0, :, :8].abs().sum() > 0).item()
