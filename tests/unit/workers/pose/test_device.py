"""What settings of device and precision mean, on this machine and on ones that are only described."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import openvino
import pytest

from posestream.errors import ConfigurationError
from posestream.service.settings import load
from workers.pose.device import check_precision, compile_properties, devices_for, precisions_of
from workers.pose.settings import PoseSettings

WORKSTATION = {
    "CPU": ("Core i7", ["FP32", "FP16", "INT8", "BIN", "EXPORT_IMPORT"]),
    "GPU.0": ("UHD", ["FP32", "BIN", "FP16", "INT8"]),
    "GPU.1": ("Arc", ["FP32", "BIN", "FP16", "INT8"]),
    "NPU": ("AI Boost", ["FP16", "INT8"]),
}


def machine(there: dict[str, tuple[str, list[str]]]) -> Any:
    """Stands for OpenVINO on a machine with these devices: their names and capabilities."""

    def get_property(device: str, name: str) -> object:
        kind = device if device in there else f"{device}.0"
        return there[kind][["FULL_DEVICE_NAME", "OPTIMIZATION_CAPABILITIES"].index(name)]

    return SimpleNamespace(available_devices=list(there), get_property=get_property)


@pytest.mark.parametrize(
    ("device", "expected"),
    [
        ("CPU", ["CPU"]),
        ("GPU", ["GPU"]),  # OpenVINO's name for the first
        ("GPU.1", ["GPU.1"]),
        ("NPU", ["NPU"]),
        ("AUTO", ["CPU", "GPU.0", "GPU.1"]),  # no NPU that was not asked for
        ("AUTO:-CPU", ["GPU.0", "GPU.1"]),
        ("AUTO:NPU,GPU.1", ["NPU", "GPU.1"]),
        ("AUTO:GPU.7,CPU", ["GPU.7", "CPU"]),  # numbered where one has a number: OpenVINO knows which there are
        ("MULTI:GPU(4),CPU(2)", ["GPU", "CPU"]),
        ("HETERO:GPU,CPU", ["GPU", "CPU"]),
    ],
)
def test_a_device_means_what_openvino_takes_it_for(device, expected):
    there = WORKSTATION | ({"GPU": ("UHD", ["FP32"])} if "GPU.7" in device else {})

    assert devices_for(machine(there), device) == expected


@pytest.mark.parametrize(
    "device", ["GPU", "NPU", "cpu", "CPU.0", "TPU", "AUTO:GPU", "AUTO:GPU,NPU", "AUTO:-CPU", "MULTI:GPU,CPU"]
)
def test_a_device_that_is_not_there_is_answered_with_those_that_are(device):
    with pytest.raises(ConfigurationError) as refused:
        devices_for(openvino.Core(), device)

    assert f"device {device}: not on this machine; there is CPU (" in str(refused.value)
    assert "--device, POSESTREAM_DEVICE" in str(refused.value)


@pytest.mark.parametrize("device", ["MULTI:CPU(x)", "MULTI:CPU(2", "MULTI:CPU,", "AUTO:CPU()"])
def test_a_list_that_openvino_could_not_read_is_answered_with_how_one_looks(device):
    with pytest.raises(ConfigurationError) as refused:
        devices_for(openvino.Core(), device)

    assert f"device {device}: " in str(refused.value)
    assert "such as MULTI:GPU(4),CPU" in str(refused.value)


def test_an_order_of_preference_passes_over_what_is_not_there():
    assert devices_for(openvino.Core(), "AUTO:GPU,CPU") == ["CPU"]


def test_every_cpu_computes_in_single_precision():
    core = openvino.Core()

    assert "f32" in precisions_of(core, "CPU")
    check_precision(core, ["CPU"], "f32")
    check_precision(core, ["CPU"], "auto")


@pytest.mark.parametrize(
    ("capabilities", "precision", "instead"),
    [
        (["FP32", "INT8"], "bf16", "f32"),
        (["FP32", "BF16", "INT8"], "f16", "f32, bf16"),  # OpenVINO would silently compute in bf16
        (["FP16", "INT8"], "f32", "f16"),  # as NPUs are
    ],
)
def test_a_precision_that_the_device_lacks_is_answered_with_what_it_has(capabilities, precision, instead):
    with pytest.raises(ConfigurationError) as refused:
        check_precision(machine({"CPU": ("Xeon", capabilities)}), ["CPU"], precision)

    assert f"precision {precision}: CPU (Xeon) does not compute in it, but in {instead};" in str(refused.value)
    assert "or auto" in str(refused.value)


def test_all_devices_that_may_run_the_network_need_the_precision():
    core = machine(WORKSTATION)

    check_precision(core, devices_for(core, "AUTO"), "f32")
    with pytest.raises(ConfigurationError, match=r"precision f32: NPU \(AI Boost\)"):
        check_precision(core, devices_for(core, "AUTO:NPU,CPU"), "f32")


def test_auto_leaves_the_precision_to_openvino():
    assert "INFERENCE_PRECISION_HINT" not in compile_properties("CPU", "auto", 2)
    assert compile_properties("CPU", "bf16", 2)["INFERENCE_PRECISION_HINT"] == "bf16"


def test_other_devices_get_no_settings_of_cpus():
    assert compile_properties("GPU.1", "f16", 2) == {
        "PERFORMANCE_HINT": "THROUGHPUT",
        "INFERENCE_PRECISION_HINT": "f16",
    }


def test_the_setting_may_be_written_small():
    assert load(PoseSettings, ["--device", "auto:gpu,cpu"], program="test", table="pose").device == "AUTO:GPU,CPU"
