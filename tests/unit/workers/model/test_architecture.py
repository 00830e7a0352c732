from __future__ import annotations

import numpy as np
import openvino
import pytest

from posestream.errors import ModelError
from tests.unit.workers.model.narrow_network import forward, narrow_tensors
from workers.model.architecture import build_network


def infer(network: openvino.Model, image: np.ndarray) -> dict[str, np.ndarray]:
    network.reshape([1, *image.shape])
    compiled = openvino.Core().compile_model(network, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    results = compiled({"data": image[None].astype(np.float32)})
    return {name: results[name][0] for name in ("features", "heatmaps", "pafs")}


# A usual size, and one that 8 does not divide, where strides and paddings meet the edges differently.
@pytest.mark.parametrize("size_hw", [(64, 80), (52, 44)])
def test_a_narrow_network_computes_what_the_unfolded_layers_in_numpy_compute(size_hw):
    tensors = narrow_tensors()
    image = np.random.default_rng(1).integers(0, 256, (3, *size_hw))

    actual = infer(build_network(tensors), image)

    for name, expected in forward(tensors, image).items():
        largest = np.abs(expected).max()
        assert largest > 0.05, "an oracle of zeros would agree with anything"
        np.testing.assert_allclose(actual[name], expected, rtol=0, atol=1e-4 * largest)


def test_the_network_is_named_and_shaped_as_the_contract_says():
    network = build_network(narrow_tensors())

    assert [(port.get_names(), list(port.shape)) for port in network.inputs] == [({"data"}, [1, 3, 256, 448])]
    assert [(port.get_names(), list(port.shape)) for port in network.outputs] == [
        ({"features"}, [1, 57, 32, 56]),
        ({"heatmaps"}, [1, 19, 32, 56]),
        ({"pafs"}, [1, 38, 32, 56]),
    ]
    assert network.input().get_element_type() == openvino.Type.f32


@pytest.mark.parametrize("width_px", [8, 256, 448, 1000])
def test_the_network_reshapes_to_other_widths(width_px):
    network = build_network(narrow_tensors())

    network.reshape([1, 3, 256, width_px])

    assert list(network.output("pafs").shape) == [1, 38, 32, width_px // 8]


def test_the_network_reshapes_to_sizes_unknown_until_inference():
    network = build_network(narrow_tensors())

    network.reshape([1, 3, 256, -1])

    assert network.output("heatmaps").get_partial_shape()[3].is_dynamic


def test_the_zero_convolutions_may_be_missing():
    tensors = {name: tensor for name, tensor in narrow_tensors().items() if not name.startswith("fake_conv")}

    build_network(tensors)


def test_the_batch_norms_counters_may_be_missing():
    tensors = {name: tensor for name, tensor in narrow_tensors().items() if not name.endswith("num_batches_tracked")}

    build_network(tensors)


def test_weights_in_half_precision_are_widened():
    tensors = narrow_tensors()
    halves = {
        name: tensor.astype(np.float16) if tensor.dtype == np.float32 else tensor for name, tensor in tensors.items()
    }
    image = np.random.default_rng(1).integers(0, 256, (3, 32, 32))

    actual = infer(build_network(halves), image)

    expected = forward(halves, image)
    np.testing.assert_allclose(actual["pafs"], expected["pafs"], rtol=0, atol=1e-4 * np.abs(expected["pafs"]).max())


def test_every_single_tensor_is_missed_by_name():
    tensors = narrow_tensors()
    for name in [name for name in tensors if "num_batches" not in name and "fake_conv" not in name]:
        with pytest.raises(ModelError, match=f"tensor {name} .*is missing"):
            build_network({other: tensor for other, tensor in tensors.items() if other != name})


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("model.0.0.weight", (4, 1, 3, 3)),  # a grey picture's
        ("model.3.0.weight", (8, 8, 3, 3)),  # dense where depthwise belongs
        ("model.3.1.running_var", (9,)),  # another number of channels than its convolution
        ("cpm.conv.0.weight", (8, 8, 5, 5)),  # another size of kernel
        ("cpm.trunk.1.2.weight", (9, 8, 1, 1)),  # cannot be added to what it is added to
        ("initial_stage.heatmaps.1.0.weight", (18, 15, 1, 1)),  # another number of joints
        ("Pose3D.stem.2.bottleneck.2.0.weight", (12, 5, 1, 1)),  # cannot be added to its residual
        ("Pose3D.prediction.feature_maps.1.0.bias", (1, 57)),  # too many axes
        ("model.0.0.weight", (0, 3, 3, 3)),  # no channels at all
    ],
)
def test_a_misshaped_tensor_is_named(name, shape):
    tensors = narrow_tensors() | {name: np.zeros(shape, np.float32)}

    with pytest.raises(ModelError, match=f"tensor {name} is "):
        build_network(tensors)


def test_tensors_of_another_network_are_named():
    tensors = narrow_tensors() | {"refinement_stages.1.trunk.0.initial.0.weight": np.zeros((1, 1, 1, 1), np.float32)}

    with pytest.raises(ModelError, match=r"tensor refinement_stages\.1\.trunk\.0\.initial\.0\.weight has no place"):
        build_network(tensors)
