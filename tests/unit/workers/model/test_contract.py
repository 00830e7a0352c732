from __future__ import annotations

import numpy as np
import openvino
import pytest
from openvino import opset8 as ops

from posestream.errors import ModelError
from tests.unit.workers.model.small_networks import OUTPUTS, kernels, small_network
from workers.model.contract import MeanScale, apply_mean_scale, fit_to_contract, has_arithmetic_at_input


def run(network: openvino.Model, image: np.ndarray) -> np.ndarray:
    compiled = openvino.Core().compile_model(network, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return compiled({0: image})["heatmaps"]


@pytest.mark.parametrize("named", [True, False])
def test_outputs_are_recognised_by_their_names_or_else_by_their_channels(named):
    network = fit_to_contract(small_network(kernels(dict(reversed(OUTPUTS.items()))), named=named), "net.onnx")

    assert network.input("data").get_any_name() == "data"
    assert {name: network.output(name).shape[1] for name in OUTPUTS} == OUTPUTS


@pytest.mark.parametrize("shape", [(1, 3, 256, 448), (1, 3, 64, 64), (-1, 3, -1, -1), (1, -1, 256, 448)])
def test_a_network_of_any_size_gets_the_default_one(shape):
    network = fit_to_contract(small_network(shape=shape), "net.xml")

    assert list(network.input().shape) == [1, 3, 256, 448]
    assert list(network.output("pafs").shape) == [1, 38, 32, 56]


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (small_network(kernels({"heatmaps": 19, "pafs": 38})), "2 outputs where the pose network has 3"),
        (small_network(kernels(OUTPUTS | {"more": 1})), "4 outputs where the pose network has 3"),
        (small_network(kernels({"a": 57, "b": 18, "c": 38})), "outputs of 57, 18, 38 channels where"),
        (small_network(kernels(OUTPUTS | {"pafs": 36})), r"output pafs is \[1,36,32,42\] for an input of 1x3x256x336"),
        (small_network(kernels(stride=4)), r"output features is \[1,57,64,84\]"),
        (small_network(kernels(inputs=1), shape=(1, 1, 256, 448)), r"an input of shape \[1,1,256,448\]"),
        (small_network(kernels(inputs=4), shape=(1, 4, 256, 448)), r"an input of shape \[1,4,256,448\]"),
        (small_network(element_type=np.uint8), "an input of type u8 where float32 is needed"),
    ],
)
def test_a_network_that_breaks_the_contract_is_refused_with_what_it_breaks(network, message):
    with pytest.raises(ModelError, match=rf"^net\.xml does not fit the pose network's contract: {message}"):
        fit_to_contract(network, "net.xml")


def test_a_network_of_two_inputs_is_refused():
    first, second = (ops.parameter([1, 3, 256, 448], np.float32) for _ in range(2))
    network = openvino.Model([ops.add(first, second)], [first, second])

    with pytest.raises(ModelError, match="2 inputs where the pose network has 1"):
        fit_to_contract(network, "net.xml")


def test_a_network_whose_size_is_frozen_inside_is_refused():
    network = small_network()
    data = network.get_parameters()[0]
    # Adding a map of one size ties the network to that size.
    frozen = ops.add(data, ops.constant(np.ones((1, 3, 256, 448), np.float32)))
    for target in list(data.output(0).get_target_inputs()):
        if target.get_node().get_friendly_name() != frozen.get_friendly_name():
            target.replace_source_output(frozen.output(0))

    with pytest.raises(ModelError, match="it cannot be reshaped to 1x3x256x336"):
        fit_to_contract(network, "net.xml")


def test_mean_and_scale_are_added_so_that_both_kinds_compute_the_same():
    image = np.random.default_rng(0).uniform(0, 255, (1, 3, 256, 448)).astype(np.float32)
    inside = fit_to_contract(small_network(), "net.xml")

    added = apply_mean_scale(
        fit_to_contract(small_network(mean_scale=False), "net.onnx"),
        MeanScale.AUTO,
        expected_inside=False,
        origin="net.onnx",
    )

    np.testing.assert_allclose(run(added, image), run(inside, image), atol=1e-5)
    assert added.input().get_names() == {"data"}
    assert {name: added.output(name).shape[1] for name in OUTPUTS} == OUTPUTS


@pytest.mark.parametrize(
    ("choice", "is_inside", "expected_inside", "is_added"),
    [
        (MeanScale.AUTO, True, True, False),  # an IR as it should be
        (MeanScale.AUTO, False, False, True),  # an ONNX as it should be
        (MeanScale.INSIDE, False, False, False),
        (MeanScale.INSIDE, True, False, False),
        (MeanScale.ADD, True, True, True),
        (MeanScale.ADD, False, True, True),
    ],
)
def test_mean_and_scale_are_added_as_chosen(choice, is_inside, expected_inside, is_added):
    network = fit_to_contract(small_network(mean_scale=is_inside), "net")
    operations = len(network.get_ops())

    network = apply_mean_scale(network, choice, expected_inside=expected_inside, origin="net")

    assert (len(network.get_ops()) > operations) == is_added


@pytest.mark.parametrize(
    ("is_inside", "message"),
    [(False, "seem not to be inside; say --mean-scale add"), (True, "inside already; say --mean-scale inside")],
)
def test_a_network_that_is_not_what_its_kind_should_be_is_asked_about(is_inside, message):
    network = fit_to_contract(small_network(mean_scale=is_inside), "net")

    with pytest.raises(ModelError, match=f"^net: .*{message}"):
        apply_mean_scale(network, MeanScale.AUTO, expected_inside=not is_inside, origin="net")


@pytest.mark.parametrize("is_inside", [True, False])
def test_a_quantised_input_hides_no_arithmetic(is_inside):
    data = ops.parameter([1, 3, 8, 8], np.float32)
    low, high = np.float32(0), np.float32(255)
    image = ops.fake_quantize(data, low, high, low, high, 256)
    if is_inside:
        image = ops.subtract(image, np.float32(128))
    output = ops.convolution(image, kernels()["pafs"], [8, 8], [0, 0], [0, 0], [1, 1])

    assert has_arithmetic_at_input(openvino.Model([output], [data])) == is_inside
