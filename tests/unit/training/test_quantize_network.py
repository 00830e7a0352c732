"""Networks in INT8: what they compute and how, what they remember, and what is refused."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import openvino
import pytest

from posestream.errors import ConfigurationError, ModelError
from tests.unit.training.quantizable import CONVOLUTIONS, noise, write_small
from tests.unit.workers.model.narrow_network import narrow_tensors
from training.quantize import quantize
from training.quantize_network import input_pixels
from workers.model.architecture import build_network
from workers.model.info import describe
from workers.pose.network import Inferencer, NetworkOptions, PoseNetwork

OPTIONS = NetworkOptions(device="CPU", threads=1, precision="f32", cache=None, limit=4)
RUN_WITHOUT_NNCF = (
    "import sys; sys.modules['nncf'] = None; from training.__main__ import main; "
    "from posestream.service.process import run_main; run_main(main)"
)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_small(tmp_path_factory.mktemp("network"))


@pytest.fixture(scope="module")
def quantized(model, tmp_path_factory):
    return quantize(model, noise(8), tmp_path_factory.mktemp("int8") / "small-int8.xml")


@pytest.fixture
def maps_of():
    """What a worker gets from a network for an input."""
    opened = []

    def infer(path, pixels):
        opened.append(PoseNetwork(path, OPTIONS))
        return Inferencer(opened[-1]).infer(pixels)

    yield infer
    for network in opened:
        network.close()


@pytest.mark.parametrize("width", [96, 448])
def test_a_worker_runs_it_at_any_width_and_gets_nearly_the_same(model, quantized, maps_of, width):
    (frame,) = noise(1, (width, 256), seed=1)
    before, after = (maps_of(path, input_pixels(frame)) for path in (model, quantized))
    for name in CONVOLUTIONS:
        right, given = getattr(before, name), getattr(after, name)
        error = np.sqrt(np.square(given - right).mean() / np.square(right).mean())
        assert 0 < error < 0.03


def test_it_is_computed_in_eight_bits(quantized):
    network = PoseNetwork(quantized, OPTIONS)
    try:
        runtime = network.compiled(96).get_runtime_model()
    finally:
        network.close()
    precisions = [
        node.get_rt_info()["runtimePrecision"].astype(str)
        for node in runtime.get_ops()
        if node.get_rt_info()["layerType"].astype(str) == "Convolution"
    ]
    assert precisions
    assert set(precisions) <= {"i8", "u8"}


def test_kernels_are_stored_in_eight_bits_and_named_ones_are_not(model, quantized, tmp_path):
    assert describe(quantized).precision == "INT8"
    assert describe(quantize(model, noise(2), tmp_path / "kept.xml", keep=["pafs"])).precision == "FP32, INT8"
    assert quantized.with_suffix(".bin").stat().st_size < 0.3 * model.with_suffix(".bin").stat().st_size


def test_the_official_architecture_goes_through_with_its_dilated_and_depthwise_convolutions(tmp_path, maps_of):
    path = tmp_path / "narrow.xml"
    openvino.save_model(build_network(narrow_tensors()), path, compress_to_fp16=False)
    given = quantize(path, noise(4, (64, 256)), tmp_path / "int8.xml")
    assert describe(given).precision == "INT8"
    assert maps_of(given, input_pixels(noise(1)[0])).heatmaps.shape == (19, 32, 12)


def test_frames_may_have_any_sizes(model, tmp_path):
    frames = [*noise(1, (1280, 720)), *noise(1, (90, 160)), *noise(1, (64, 64))]
    assert quantize(model, frames, tmp_path / "int8.xml").is_file()


def test_the_same_network_and_frames_make_the_same_files(model, quantized, tmp_path):
    again = quantize(model, noise(8), tmp_path / "small-int8.xml")
    for suffix in (".xml", ".bin"):
        assert again.with_suffix(suffix).read_bytes() == quantized.with_suffix(suffix).read_bytes()


def test_it_remembers_where_the_network_came_from_and_what_was_done(quantized):
    provenance = describe(quantized).provenance
    assert (provenance.origin, provenance.origin_sha256, provenance.precision) == ("small.pth", "5" * 64, "int8")
    assert provenance.tool.startswith("python -m training quantize (nncf 3.")


def test_what_is_int8_already_is_not_quantised_again(quantized, tmp_path):
    with pytest.raises(ModelError, match=r"small-int8\.xml is INT8 already; give the network that it was made from"):
        quantize(quantized, noise(1), tmp_path / "twice.xml")


def test_another_kind_of_network_is_refused(tmp_path):
    data = openvino.opset13.parameter([1, 3, 256, 448], np.float32)
    openvino.save_model(openvino.Model([openvino.opset13.relu(data)], [data], "other"), tmp_path / "other.xml")
    with pytest.raises(ModelError, match="does not fit the pose network's contract"):
        quantize(tmp_path / "other.xml", noise(1), tmp_path / "int8.xml")


@pytest.mark.parametrize(
    ("frames", "keep", "message"),
    [([], [], "no frame to calibrate with"), (noise(1), ["mouths"], "no operation 'mouths' to keep")],
)
def test_what_can_not_be_done_is_said_and_nothing_is_written(model, tmp_path, frames, keep, message):
    with pytest.raises(ConfigurationError, match=message):
        quantize(model, frames, tmp_path / "int8.xml", keep=keep)
    assert not list(tmp_path.iterdir())


def test_without_nncf_the_remedy_is_named():
    ended = subprocess.run(
        [sys.executable, "-c", RUN_WITHOUT_NNCF, "quantize"], capture_output=True, text=True, check=False, timeout=60
    )
    assert ended.returncode == 1
    assert ended.stderr.strip() == (
        "error: quantize needs NNCF, which is not installed: python -m pip install --group quantize"
    )


def test_nncf_reports_its_use_to_nobody():
    program = (
        "from training.quantize_network import load_nncf; load_nncf(); "
        "from nncf.telemetry.wrapper import NNCFTelemetry, telemetry; print(isinstance(telemetry, NNCFTelemetry))"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert ended.stdout.strip() == "False"
