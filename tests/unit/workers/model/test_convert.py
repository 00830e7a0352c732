from __future__ import annotations

import hashlib
import io
import tarfile
from pathlib import Path

import numpy as np
import openvino
import pytest

from posestream.errors import ModelError
from tests.unit.workers.model.checkpoint_writer import pickled, write_checkpoint
from tests.unit.workers.model.narrow_network import forward, narrow_tensors
from tests.unit.workers.model.small_networks import kernels, onnx_file, small_network
from workers.model.contract import MeanScale
from workers.model.convert import convert, load_network
from workers.model.ir_file import Precision, read_network, read_provenance

IMAGE = np.random.default_rng(5).integers(0, 256, (3, 256, 64))


def infer(path: Path, image: np.ndarray) -> dict[str, np.ndarray]:
    network = openvino.Core().read_model(path)
    network.reshape([1, *image.shape])
    compiled = openvino.Core().compile_model(network, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    results = compiled({"data": image[None].astype(np.float32)})
    return {name: results[name][0] for name in ("features", "heatmaps", "pafs")}


def assert_close(actual: dict[str, np.ndarray], expected: dict[str, np.ndarray], tolerance: float) -> None:
    for name, array in expected.items():
        np.testing.assert_allclose(actual[name], array, rtol=0, atol=tolerance * np.abs(array).max())


@pytest.mark.parametrize(
    ("kind", "wrapped", "suffix"),
    [("zip", False, ".pth"), ("zip", True, ".pth"), ("legacy", False, ".pth"), ("legacy", True, ".tar.gz")],
)
def test_every_kind_of_checkpoint_becomes_an_ir_that_computes_what_its_tensors_say(tmp_path, kind, wrapped, suffix):
    tensors = narrow_tensors(seed=7)
    file = tmp_path / f"net{suffix}"
    content = write_checkpoint(tensors, kind, wrapped=wrapped)
    if suffix == ".pth":
        file.write_bytes(content)
    else:
        with tarfile.open(file, "w:gz") as archive:
            member = tarfile.TarInfo("human-pose-estimation-3d-0001.pth")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))

    path = convert(file, tmp_path / "models")

    assert path == tmp_path / "models" / "human-pose-estimation-3d-0001.xml"
    assert_close(infer(path, IMAGE), forward(tensors, IMAGE), 1e-4)


def test_an_ir_remembers_the_file_it_was_converted_from(tmp_path):
    file = tmp_path / "net.pth"
    file.write_bytes(write_checkpoint(narrow_tensors(), "zip"))

    provenance = read_provenance(read_network(convert(file, tmp_path, "out", precision=Precision.FP16)))

    assert provenance is not None
    assert provenance.origin == "net.pth"
    assert provenance.origin_sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert provenance.tool.startswith("posestream ")
    assert provenance.precision == "fp16"


def test_half_precision_halves_the_weights_and_stays_near(tmp_path):
    tensors = narrow_tensors()
    (tmp_path / "net.pth").write_bytes(write_checkpoint(tensors, "zip"))

    full, half = (convert(tmp_path / "net.pth", tmp_path, name, precision=Precision(name)) for name in ("fp32", "fp16"))

    assert half.with_suffix(".bin").stat().st_size < 0.6 * full.with_suffix(".bin").stat().st_size
    assert_close(infer(half, IMAGE), forward(tensors, IMAGE), 1e-2)


def test_an_ir_converts_to_itself_in_place(tmp_path):
    tensors = narrow_tensors()
    (tmp_path / "net.pth").write_bytes(write_checkpoint(tensors, "zip"))
    first = convert(tmp_path / "net.pth", tmp_path, "net")

    second = convert(first, tmp_path, "net")

    assert first == second
    assert_close(infer(second, IMAGE), forward(tensors, IMAGE), 1e-4)


def test_an_onnx_gets_mean_and_scale_and_an_ir_has_them(tmp_path):
    (tmp_path / "plain.onnx").write_bytes(onnx_file())
    openvino.save_model(small_network(), tmp_path / "ready.xml", compress_to_fp16=False)

    onnx = convert(tmp_path / "plain.onnx", tmp_path, "from-onnx")
    ir = convert(tmp_path / "ready.xml", tmp_path, "from-ir")

    assert_close(infer(onnx, IMAGE), infer(ir, IMAGE), 1e-5)


def test_an_onnx_that_has_arithmetic_inside_is_asked_about_and_taken_as_told(tmp_path):
    (tmp_path / "centred.onnx").write_bytes(onnx_file(mean=128))

    with pytest.raises(ModelError, match=r"centred\.onnx: .*--mean-scale inside"):
        convert(tmp_path / "centred.onnx", tmp_path)

    convert(tmp_path / "centred.onnx", tmp_path, "told", mean_scale=MeanScale.INSIDE)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["centred.onnx", "told.bin", "told.xml"]


BAD_FILES = {
    "missing.pth": (None, "there is no file .*missing.pth"),
    "missing.xml": (None, "there is no file .*missing.xml"),
    "empty.pth": (b"", "is empty"),
    "junk.pth": (b"junk" * 100, "is neither a PyTorch checkpoint"),
    "junk.onnx": (b"junk" * 100, "is no model that OpenVINO reads"),
    "cut.pth": (write_checkpoint(narrow_tensors(), "zip")[:-5000], "is a damaged or cut zip file"),
    "cut-legacy.pth": (write_checkpoint(narrow_tensors(), "legacy")[:-5000], "is cut short"),
    "few.pth": (
        write_checkpoint({"model.0.0.weight": np.ones((4, 3, 3, 3), np.float32)}, "zip"),
        "few.pth: tensor model",
    ),
    "evil.pth": (pickled(1001), "is neither"),
    "other.onnx": (onnx_file(kernels({"boxes": 4, "scores": 2, "labels": 1})), "outputs of 4, 2, 1 channels"),
    "lonely.xml": (b"<net/>", "has no lonely.bin beside it"),
    "x.tar.gz": (b"\x1f\x8b" + bytes(50), "is a damaged or cut archive"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_file_that_cannot_be_converted_is_one_clear_error_that_leaves_nothing(tmp_path, name):
    content, message = BAD_FILES[name]
    file = tmp_path / name
    if content is not None:
        file.write_bytes(content)

    with pytest.raises(ModelError, match=message) as caught:
        convert(file, tmp_path / "models" / "new")

    assert name in str(caught.value)
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ([name] if content is not None else [])


def test_a_checkpoint_can_be_loaded_without_writing_anything(tmp_path):
    (tmp_path / "net.pth").write_bytes(write_checkpoint(narrow_tensors(), "legacy"))

    assert list(load_network(tmp_path / "net.pth").output("features").shape) == [1, 57, 32, 56]
