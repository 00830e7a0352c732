"""Converts what a pose network comes in - checkpoint, ONNX, IR - into the IR that the workers run."""

from __future__ import annotations

import hashlib
from pathlib import Path

import openvino

import posestream
from posestream.errors import ModelError
from workers.model.architecture import build_network
from workers.model.checkpoint import parse_checkpoint
from workers.model.contract import MeanScale, apply_mean_scale, fit_to_contract
from workers.model.files import read_file
from workers.model.ir_file import Precision, Provenance, read_network, write_ir

DEFAULT_NAME = "human-pose-estimation-3d-0001"
_TOOL = f"posestream {posestream.__version__}"


def convert(
    file: Path,
    folder: Path,
    name: str = DEFAULT_NAME,
    *,
    precision: Precision = Precision.FP32,
    mean_scale: MeanScale = MeanScale.AUTO,
) -> Path:
    """Write `folder/name.xml` and `.bin` from a checkpoint (.pth, .tar.gz), an .onnx or an .xml; return its path.

    `mean_scale` is about ONNX and IR; a checkpoint always gets them inside. Raises ModelError naming what is wrong with
    the file or the folder; then nothing is written.
    """
    network = load_network(file, mean_scale=mean_scale)
    digest = hashlib.sha256(read_file(file)).hexdigest()
    return write_ir(network, folder, name, Provenance(file.name, digest, _TOOL, precision.value))


def load_network(file: Path, *, mean_scale: MeanScale = MeanScale.AUTO) -> openvino.Model:
    """Return the pose network in a file of any of the kinds above, fitted to the contract."""
    if file.suffix in {".xml", ".onnx"}:
        network = fit_to_contract(read_network(file), str(file))
        return apply_mean_scale(network, mean_scale, expected_inside=file.suffix == ".xml", origin=str(file))
    tensors = parse_checkpoint(read_file(file), str(file))
    try:
        return build_network(tensors)
    except ModelError as error:
        raise ModelError(f"{file}: {error}") from error
