"""Where the network runs and in which numbers: what the settings ask for, against what this machine has.

With `network.py` the only module of the worker that talks to OpenVINO.
"""

from __future__ import annotations

import re
from typing import Any, Final, Literal

import openvino

from posestream.errors import ConfigurationError

Precision = Literal["f32", "bf16", "f16", "auto"]
AUTO: Final = "auto"
VIRTUAL: Final = ("AUTO", "MULTI", "HETERO")
"""Devices of OpenVINO that pass work on to others: AUTO:GPU,CPU takes the first of these that is there."""
_CAPABILITIES: Final[dict[Precision, str]] = {"f32": "FP32", "bf16": "BF16", "f16": "FP16"}
_LISTED: Final = re.compile(r"([^()\s]+)(?:\(\d{1,6}\))?")  # GPU, or GPU(4): how many requests it is to have
_NOT_BY_ITSELF: Final = "NPU"  # AUTO takes an NPU only where it is listed
_TOLD: Final = ("EXECUTION_DEVICES", "INFERENCE_PRECISION_HINT", "DEVICE_PROPERTIES")


def devices_for(core: openvino.Core, device: str) -> list[str]:
    """Return the devices of this machine that `device` may run on: itself, or those behind AUTO, MULTI or HETERO.

    Raises:
        ConfigurationError: it is not on this machine; names those that are.
    """
    there = list(core.available_devices)
    kind, _, listed = device.partition(":")
    if kind not in VIRTUAL:
        wanted, enough = [device], _is_there(device, there)
    elif not listed or listed.startswith("-"):
        left_out = {name.strip().removeprefix("-") for name in listed.split(",")}
        wanted = [name for name in there if name.partition(".")[0] != _NOT_BY_ITSELF and name not in left_out]
        enough = bool(wanted)
    else:
        names = [_name(device, entry.strip()) for entry in listed.split(",")]
        wanted = [name for name in names if _is_there(name, there)]
        # AUTO's list is an order of preference, for hosts that differ; the others need every one.
        enough = bool(wanted) and (kind == "AUTO" or len(wanted) == len(names))
    if not enough:
        known = ", ".join(_described(core, name) for name in there)
        raise ConfigurationError(
            f"device {device}: not on this machine; there is {known}; give one of these (--device, POSESTREAM_DEVICE)"
        )
    return wanted


def check_precision(core: openvino.Core, devices: list[str], precision: Precision) -> None:
    """See to it that all of the devices compute in a precision: asked for another, OpenVINO takes one without a word.

    Raises:
        ConfigurationError: one does not; names what it computes in.
    """
    if precision == AUTO:
        return
    for device in devices:
        known = precisions_of(core, device)
        if precision not in known:
            raise ConfigurationError(
                f"precision {precision}: {_described(core, device)} does not compute in it, but in {', '.join(known)}; "
                f"give one of these, or {AUTO} for what the device likes best (--precision, POSESTREAM_PRECISION)"
            )


def precisions_of(core: openvino.Core, device: str) -> list[Precision]:
    """Return what a device computes in, of f32, bf16 and f16; INT8 is a matter of the network."""
    capabilities = core.get_property(device, "OPTIMIZATION_CAPABILITIES")
    return [precision for precision, capability in _CAPABILITIES.items() if capability in capabilities]


def compile_properties(device: str, precision: Precision, threads: int) -> dict[str, Any]:
    """Return OpenVINO's properties for a network that many requests at once keep busy."""
    properties: dict[str, Any] = {"PERFORMANCE_HINT": "THROUGHPUT"}
    if precision != AUTO:
        properties["INFERENCE_PRECISION_HINT"] = precision
    # Not pinned: several workers on a host would pin to the same cores.
    cpu = {"INFERENCE_NUM_THREADS": threads, "ENABLE_CPU_PINNING": False}
    if device == "CPU":
        properties |= cpu
    elif device.partition(":")[0] in VIRTUAL:
        properties["DEVICE_PROPERTIES"] = {"CPU": cpu}
    return properties


def runs_on(compiled: openvino.CompiledModel) -> dict[str, str]:
    """Return what a network was compiled for, for the log: the device, and the precision of what is not INT8 in it."""
    supported = compiled.get_property("SUPPORTED_PROPERTIES")
    values = {name: compiled.get_property(name) for name in _TOLD if name in supported}
    devices = [str(name).strip("()") for name in values.get("EXECUTION_DEVICES", ["?"])]
    # AUTO, MULTI and HETERO know the precision of those behind them only.
    behind = values.get("DEVICE_PROPERTIES", {}).get(devices[0], {})
    precision = (values | behind).get("INFERENCE_PRECISION_HINT")
    told = precision.to_string() if isinstance(precision, openvino.Type) else "?"
    return {"device": ",".join(devices), "precision": told}


def _name(device: str, entry: str) -> str:
    """Return the device that an entry of a list names."""
    read = _LISTED.fullmatch(entry)
    if read is None:
        raise ConfigurationError(
            f"device {device}: {entry!r} is no device; list devices with commas between them, each with its number of "
            "requests in brackets or without, such as MULTI:GPU(4),CPU (--device, POSESTREAM_DEVICE)"
        )
    return read[1]


def _is_there(name: str, there: list[str]) -> bool:
    """Whether a device is there: by its full name, as one of several (GPU for GPU.0), or numbered (GPU.0 for GPU)."""
    kind = name.partition(".")[0]
    return name in there or any(other.startswith(f"{name}.") for other in there) or (kind in there and kind != "CPU")


def _described(core: openvino.Core, device: str) -> str:
    return f"{device} ({core.get_property(device, 'FULL_DEVICE_NAME')})"
