from __future__ import annotations

import numpy as np
import openvino
import pytest

from posestream.errors import ModelError
from tests.unit.workers.model.small_networks import onnx_file, small_network
from workers.model import ir_file
from workers.model.ir_file import Precision, Provenance, read_network, read_provenance, write_ir

ORIGIN = Provenance("net & <more> ü.pth", "ab" * 32, "posestream 0.1.0", "fp32")


def test_an_ir_is_read_back_with_its_origin(tmp_path):
    path = write_ir(small_network(), tmp_path / "models", "net", ORIGIN)

    assert path == tmp_path / "models" / "net.xml"
    assert read_provenance(read_network(path)) == ORIGIN
    assert sorted(file.name for file in path.parent.iterdir()) == ["net.bin", "net.xml"]


def test_a_network_of_another_program_has_no_origin():
    assert read_provenance(small_network()) is None


def test_a_dot_in_the_name_is_part_of_the_name(tmp_path):
    path = write_ir(small_network(), tmp_path, "net.v1.2", ORIGIN)

    assert sorted(file.name for file in tmp_path.iterdir()) == ["net.v1.2.bin", "net.v1.2.xml"]
    read_network(path)


@pytest.mark.parametrize(("precision", "expected"), [(Precision.FP32, "f32"), (Precision.FP16, "f16")])
def test_kernels_are_stored_in_the_precision_asked_for(tmp_path, precision, expected):
    path = write_ir(small_network(), tmp_path, "net", Provenance("net.pth", "", "", precision.value))

    constants = [node for node in read_network(path).get_ops() if node.get_type_name() == "Constant"]
    assert {
        node.get_element_type().get_type_name()
        for node in constants
        if node.get_output_size() and len(node.get_output_shape(0)) == 4 and node.get_output_shape(0)[-1] == 8
    } == {expected}


def test_the_same_network_is_written_as_the_same_bytes(tmp_path):
    first, second = (write_ir(small_network(), tmp_path / folder, "net", ORIGIN) for folder in "ab")

    assert first.read_bytes() == second.read_bytes()
    assert first.with_suffix(".bin").read_bytes() == second.with_suffix(".bin").read_bytes()


def test_an_earlier_network_is_replaced(tmp_path):
    (tmp_path / "net.xml").write_text("old")
    (tmp_path / "net.bin").write_text("old")

    read_network(write_ir(small_network(), tmp_path, "net", ORIGIN))


def test_an_earlier_network_stays_whole_when_writing_fails(tmp_path, monkeypatch):
    (tmp_path / "net.xml").write_text("old xml")
    (tmp_path / "net.bin").write_text("old bin")

    def fail(_network, target, **_options):
        target.write_text("half")
        raise RuntimeError("No space left on device")

    monkeypatch.setattr(ir_file.openvino, "save_model", fail)
    with pytest.raises(ModelError, match=r"cannot write .*net\.xml: No space left on device"):
        write_ir(small_network(), tmp_path, "net", ORIGIN)

    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {"net.xml": "old xml", "net.bin": "old bin"}


def test_a_folder_that_cannot_be_made_is_one_clear_error(tmp_path):
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(ModelError, match=r"cannot write .*net\.xml: .* with --output"):
        write_ir(small_network(), tmp_path / "file", "net", ORIGIN)


def test_an_ir_without_its_weights_is_refused_with_what_to_copy(tmp_path):
    path = write_ir(small_network(), tmp_path, "net", ORIGIN)
    path.with_suffix(".bin").unlink()

    with pytest.raises(ModelError, match=r"net\.xml has no net\.bin beside it"):
        read_network(path)


def test_an_ir_whose_weights_are_cut_short_is_refused(tmp_path):
    path = write_ir(small_network(), tmp_path, "net", ORIGIN)
    weights = path.with_suffix(".bin")
    weights.write_bytes(weights.read_bytes()[:100])

    with pytest.raises(ModelError, match=r"net\.xml is no model that OpenVINO reads \(.+\); get or convert it anew"):
        read_network(path)


@pytest.mark.parametrize("name", ["net.xml", "net.onnx"])
@pytest.mark.parametrize("content", [b"", b"junk", b"<net", b"<html></html>", bytes(1000)])
def test_what_openvino_cannot_read_is_one_clear_error(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    (tmp_path / "net.bin").write_bytes(b"")

    with pytest.raises(ModelError, match=f"{name} is no model that OpenVINO reads") as caught:
        read_network(tmp_path / name)

    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named_with_how_to_get_one(tmp_path):
    with pytest.raises(ModelError, match=r"there is no file .*net\.xml; .*python -m workers model fetch"):
        read_network(tmp_path / "net.xml")


def test_an_onnx_file_is_read(tmp_path):
    (tmp_path / "net.onnx").write_bytes(onnx_file())

    network = read_network(tmp_path / "net.onnx")

    assert [port.get_any_name() for port in network.outputs] == ["features", "heatmaps", "pafs"]
    assert network.input().get_element_type() == openvino.Type(np.float32)
