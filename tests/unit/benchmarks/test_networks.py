from __future__ import annotations

import numpy as np
import openvino
import pytest

from tests.benchmarks.pipeline.networks import PEOPLE, maps_of_three, official_network, with_people
from tests.unit.workers.pose.decoding.recorded import RECORDED_VIEW
from workers.model.contract import OUTPUT_CHANNELS
from workers.pose.decoding import decode

WIDTH = 448


@pytest.fixture(scope="module")
def maps():
    return maps_of_three()[0]


def test_the_random_network_is_of_the_official_size():
    constants = [op for op in official_network().get_ops() if op.get_type_name() == "Constant"]
    assert sum(int(np.prod(op.shape)) for op in constants) == pytest.approx(5.07e6, rel=0.001)


def test_the_maps_have_three_people(maps):
    assert len(decode(maps.features, maps.heatmaps, maps.pafs, RECORDED_VIEW)) == PEOPLE


def test_a_network_with_people_answers_with_the_maps_whatever_it_sees(maps):
    network = with_people(official_network(), maps)
    compiled = openvino.Core().compile_model(network, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    pixels = np.random.default_rng(0).uniform(0, 255, (1, 3, 256, WIDTH)).astype(np.float32)
    answer = compiled(pixels)
    for name in OUTPUT_CHANNELS:
        np.testing.assert_allclose(answer[name][0], getattr(maps, name), atol=1e-6)


def test_a_network_with_people_still_does_all_of_its_work(maps):
    def convolutions(network: openvino.Model) -> int:
        compiled = openvino.Core().compile_model(network, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        # What the graph that really runs is made of, after everything that the compiler could leave out.
        return sum(
            "Convolution" in op.get_rt_info()["layerType"].astype(str) for op in compiled.get_runtime_model().get_ops()
        )

    plain = official_network()
    assert convolutions(with_people(official_network(), maps)) == convolutions(plain) > 50
