"""Which convolutions INT8 hurts, with networks where that is known."""

from __future__ import annotations

import numpy as np
import openvino
import pytest

from tests.unit.training.quantizable import CONVOLUTIONS, write_small
from tests.unit.workers.model.small_networks import kernels
from training.quantize_network import input_pixels
from training.quantize_search import convolutions_of, outputs_error, what_hurts

GREY = [input_pixels(np.full((256, 96, 3), level, np.uint8)) for level in (10, 90, 200, 250)]


@pytest.fixture(scope="module")
def delicate(tmp_path_factory):
    """A network whose heatmaps are the little that two huge weights leave of each other, on grey images."""
    weights = kernels()
    weights["heatmaps"][:, 0, 3, 3] += 100
    weights["heatmaps"][:, 1, 3, 3] -= 100
    return openvino.Core().read_model(write_small(tmp_path_factory.mktemp("network"), weights))


def test_the_convolution_that_eight_bits_ruin_comes_first(delicate):
    assert sorted(convolutions_of(delicate)) == sorted(CONVOLUTIONS)
    assert what_hurts(delicate, GREY)[0] == "heatmaps"


def test_the_error_of_an_output_is_relative_to_its_size(tmp_path):
    weights = kernels()
    before, after = (
        openvino.Core().read_model(write_small(tmp_path / name, weights | {"pafs": factor * weights["pafs"]}))
        for name, factor in (("before", 1.0), ("after", np.float32(0.9)))
    )
    assert outputs_error(before, after, GREY) == pytest.approx({"features": 0, "heatmaps": 0, "pafs": 0.1}, abs=1e-3)
