"""Writes networks as OpenVINO IR, whole or not at all, and reads them back with what is known of their origin."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from pathlib import Path

import openvino

from posestream.errors import ModelError
from workers.model.files import staging_folder

_RT_INFO = "posestream"


class Precision(StrEnum):
    """How an IR stores its weights; inference computes with what its own settings say."""

    FP32 = "fp32"
    FP16 = "fp16"


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a network came from, as its IR remembers it."""

    origin: str
    """The name of the file it was converted from."""
    origin_sha256: str
    """Of that file in hexadecimal; of an IR, of its .xml."""
    tool: str
    """The program that converted it, with its version."""
    precision: str


def write_ir(network: openvino.Model, folder: Path, name: str, provenance: Provenance) -> Path:
    """Write `folder/name.xml` and `.bin`, replacing earlier ones, and return the path of the .xml.

    Raises ModelError where the folder cannot be written to; then the folder is as it was.
    """
    for field, value in asdict(provenance).items():
        network.set_rt_info(value, [_RT_INFO, field])
    _name_nodes(network)
    target = folder / f"{name}.xml"
    with staging_folder(target) as staging:
        try:
            openvino.save_model(network, staging / target.name, compress_to_fp16=provenance.precision == Precision.FP16)
        except RuntimeError as error:
            raise ModelError(f"cannot write {target}: {error}; is there room left on the disk?") from error
        # The .xml comes last: while it is missing nobody takes the pair for complete.
        for file in (f"{name}.bin", f"{name}.xml"):
            _flush(staging / file)
            os.replace(staging / file, folder / file)
    return target


def read_network(path: Path) -> openvino.Model:
    """Read an IR (.xml with its .bin beside it) or an ONNX file; raises ModelError for what is missing or damaged."""
    if not path.is_file():
        raise ModelError(f"there is no file {path}; check the path, or fetch it: python -m workers model fetch")
    if path.suffix == ".xml" and not path.with_suffix(".bin").is_file():
        raise ModelError(f"{path} has no {path.with_suffix('.bin').name} beside it with the weights; copy both files")
    try:
        return openvino.Core().read_model(path)
    except RuntimeError as error:
        reason = str(error).strip().rsplit("\n", 1)[-1]
        raise ModelError(f"{path} is no model that OpenVINO reads ({reason}); get or convert it anew") from error


def read_provenance(network: openvino.Model) -> Provenance | None:
    """Return what `write_ir` recorded, or None for a network that another program wrote."""
    paths = {field.name: [_RT_INFO, field.name] for field in fields(Provenance)}
    if not all(network.has_rt_info(path) for path in paths.values()):
        return None
    return Provenance(**{name: str(network.get_rt_info(path).value) for name, path in paths.items()})


def _name_nodes(network: openvino.Model) -> None:
    """Name what OpenVINO numbered by a counter of the process, so that the same network is always the same file."""
    for index, node in enumerate(network.get_ordered_ops()):
        if node.get_friendly_name() == node.get_name():
            node.set_friendly_name(f"{node.get_type_name()}_{index}")


def _flush(path: Path) -> None:
    """Wait until the file is on disk, so that a power cut cannot leave a name without its content."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
