from __future__ import annotations

import hashlib

import numpy as np
import openvino
import pytest
from openvino import opset8 as ops

from posestream.errors import ModelError
from tests.unit.workers.model.checkpoint_writer import write_checkpoint
from tests.unit.workers.model.narrow_network import narrow_tensors
from tests.unit.workers.model.small_networks import kernels, onnx_file, small_network
from workers.model.architecture import build_network
from workers.model.convert import convert
from workers.model.info import Port, count_operations, count_parameters, describe, stored_precision
from workers.model.ir_file import Precision


def convolved(*, grouped: bool = False, bias: bool = True) -> openvino.Model:
    """Eight channels of 10 x 20 through a 3 x 3 convolution of stride 2, then ReLU added to what it was made from."""
    data = ops.parameter([1, 8, 10, 20], np.float32)
    kernel = np.ones((8, 1, 1, 3, 3) if grouped else (8, 8, 3, 3), np.float32)
    make = ops.group_convolution if grouped else ops.convolution
    output = make(data, ops.constant(kernel), [2, 2], [1, 1], [1, 1], [1, 1])
    if bias:
        output = ops.add(output, ops.constant(np.ones((1, 8, 1, 1), np.float32)))
    return openvino.Model([ops.add(output, ops.relu(output))], [data])


@pytest.mark.parametrize(
    ("network", "parameters", "operations"),
    [
        (convolved(), 8 * 8 * 9 + 8, 2 * (8 * 8 * 9) * (5 * 10)),
        (convolved(bias=False), 8 * 8 * 9, 2 * (8 * 8 * 9) * (5 * 10)),
        (convolved(grouped=True), 8 * 9 + 8, 2 * (8 * 9) * (5 * 10)),
    ],
)
def test_kernels_biases_and_multiply_adds_are_counted(network, parameters, operations):
    assert count_parameters(network) == parameters
    assert count_operations(network) == operations


def test_a_converted_checkpoint_is_described(tmp_path):
    checkpoint = tmp_path / "net.pth"
    checkpoint.write_bytes(write_checkpoint(narrow_tensors(), "zip"))
    path = convert(checkpoint, tmp_path)

    info = describe(path)

    assert info.file == path.name
    assert info.inputs == [Port("data", "[1,3,256,448]", "f32")]
    assert info.outputs == [
        Port("features", "[1,57,32,56]", "f32"),
        Port("heatmaps", "[1,19,32,56]", "f32"),
        Port("pafs", "[1,38,32,56]", "f32"),
    ]
    assert info.sha256 == {
        part.name: hashlib.sha256(part.read_bytes()).hexdigest() for part in (path, path.with_suffix(".bin"))
    }
    assert info.provenance is not None
    assert info.provenance.origin_sha256 == hashlib.sha256(checkpoint.read_bytes()).hexdigest()


def test_batch_norms_add_to_the_parameters_no_more_than_a_bias():
    tensors = narrow_tensors()
    kernels_ = {name: tensor for name, tensor in tensors.items() if tensor.ndim == 4 and "fake_conv" not in name}
    # Of the convolutions without a bias of their own, those of cpm.trunk are without a batch norm, too.
    biases = sum(len(kernel) for name, kernel in kernels_.items() if not name.startswith("cpm.trunk"))

    assert count_parameters(build_network(tensors)) == sum(kernel.size for kernel in kernels_.values()) + biases


def test_a_checkpoint_and_its_ir_have_the_same_size_and_cost(tmp_path):
    (tmp_path / "net.pth").write_bytes(write_checkpoint(narrow_tensors(), "legacy"))

    before, after = describe(tmp_path / "net.pth"), describe(convert(tmp_path / "net.pth", tmp_path))

    assert (before.parameters, before.gflops, before.precision) == (after.parameters, after.gflops, "FP32")
    assert before.provenance is None


def test_half_precision_is_told_and_counts_as_many_parameters(tmp_path):
    (tmp_path / "net.pth").write_bytes(write_checkpoint(narrow_tensors(), "legacy"))

    full, half = (
        describe(convert(tmp_path / "net.pth", tmp_path, name, precision=Precision(name))) for name in ("fp32", "fp16")
    )

    assert (half.precision, half.parameters) == ("FP16", full.parameters)


def test_kernels_quantised_to_eight_bits_are_told():
    data = ops.parameter([1, 3, 8, 8], np.float32)
    stored = ops.convert(ops.constant(np.ones((8, 3, 3, 3), np.int8)), "f32")
    scaled = ops.multiply(stored, ops.constant(np.full((8, 1, 1, 1), 0.1, np.float32)))
    network = openvino.Model([ops.convolution(data, scaled, [1, 1], [1, 1], [1, 1], [1, 1])], [data])

    assert stored_precision(network) == "INT8"
    assert count_parameters(network) == 8 * 3 * 9


def test_a_network_of_another_program_is_described_as_it_is_and_measured_at_the_default_size(tmp_path):
    (tmp_path / "net.onnx").write_bytes(onnx_file())
    openvino.save_model(small_network(shape=(1, 3, -1, -1), named=False), tmp_path / "net.xml", compress_to_fp16=False)
    expected = 2 * (57 + 19 + 38) * 3 * 64 * 32 * 56 / 1e9

    onnx, ir = describe(tmp_path / "net.onnx"), describe(tmp_path / "net.xml")

    assert onnx.gflops == ir.gflops == expected
    assert ir.inputs == [Port("image", "[1,3,?,?]", "f32")]
    assert (onnx.provenance, ir.provenance) == (None, None)


def test_another_network_is_refused(tmp_path):
    (tmp_path / "net.onnx").write_bytes(onnx_file(kernels({"classes": 10})))

    with pytest.raises(ModelError, match=r"net\.onnx does not fit the pose network's contract"):
        describe(tmp_path / "net.onnx")
