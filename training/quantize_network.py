"""Post-training INT8 of a pose network, by NNCF: ranges from calibration frames, weights and activations in 8 bits."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import re
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import openvino

from posestream.errors import ConfigurationError, ModelError
from workers.model.contract import HEIGHT_PX, fit_to_contract
from workers.model.files import sha256_of
from workers.model.ir_file import Provenance, read_network, read_provenance, write_ir
from workers.pose.fit import fit, natural_width
from workers.pose.network import is_int8
from workers.pose.picture import Pixels, fill_input

PROGRAM: Final = "python -m training quantize"
INT8: Final = "int8"
_NUMBERED: Final = re.compile(r"[A-Za-z]+_\d+")


def quantize(model: Path, frames: Iterable[Pixels], output: Path, *, keep: Collection[str] = ()) -> Path:
    """Write the INT8 form of a pose network as `output` (.xml) and .bin; returns `output`.

    Activations get the ranges they have on the calibration `frames`: BGR images `(H, W, 3)` uint8, of any sizes. The
    operations named in `keep` stay in floating point. The same network and frames make the same files.

    Raises:
        ModelError: the file is no pose network, is INT8 already, or the result can not be written.
        ConfigurationError: NNCF is not installed, there is no frame, or `keep` names what the network does not have.
    """
    network = read_float(model)
    quantized = in_int8(network, [input_pixels(frame) for frame in frames], keep)
    return write_int8(quantized, output, network, model)


def read_float(model: Path) -> openvino.Model:
    """Read a pose network that is not quantised yet; raises ModelError for anything else."""
    network = read_network(model)
    fit_to_contract(network.clone(), str(model))
    if is_int8(network):
        raise ModelError(f"{model} is INT8 already; give the network that it was made from with --model")
    return network


def input_pixels(frame: Pixels) -> Pixels:
    """Return a BGR image `(H, W, 3)` as a worker scales it into the network's input: `(1, 256, W, 3)` uint8."""
    height, width = frame.shape[:2]
    return fill_input(frame, fit((width, height), natural_width((width, height))))


def network_input(pixels: Pixels) -> npt.NDArray[np.float32]:
    """Return pixels `(1, 256, W, 3)` as the network itself takes them: `(1, 3, 256, W)` float32, 0..255."""
    return np.ascontiguousarray(pixels.transpose(0, 3, 1, 2), np.float32)


def in_int8(network: openvino.Model, pixels: Sequence[Pixels], keep: Collection[str] = ()) -> openvino.Model:
    """Return a quantised copy of a network for any width, calibrated on inputs `(1, 256, W, 3)` of any widths."""
    nncf = load_nncf()
    if not pixels:
        raise ConfigurationError("there is no frame to calibrate with; give a source that has some")
    unknown = set(keep) - {node.get_friendly_name() for node in network.get_ops()}
    if unknown:
        raise ConfigurationError(f"the network has no operation {min(unknown)!r} to keep in floating point")
    any_width = network.clone()
    any_width.reshape([1, 3, HEIGHT_PX, -1])
    with contextlib.redirect_stdout(io.StringIO()):  # where NNCF draws progress bars
        quantized: openvino.Model = nncf.quantize(
            any_width,
            nncf.Dataset(pixels, network_input),
            subset_size=len(pixels),
            ignored_scope=nncf.IgnoredScope(names=sorted(keep)),
        )
    return quantized


def write_int8(quantized: openvino.Model, output: Path, network: openvino.Model, model: Path) -> Path:
    """Write a quantised network, and in it where the one that it was made from, `network` in `model`, came from."""
    _forget_numbers(quantized)
    known = read_provenance(network)
    provenance = Provenance(
        origin=known.origin if known else model.name,
        origin_sha256=known.origin_sha256 if known else sha256_of(model),
        tool=f"{PROGRAM} (nncf {load_nncf().__version__}, openvino {openvino.get_version()})",
        precision=INT8,
    )
    return write_ir(quantized, output.parent, output.stem, provenance)


def load_nncf() -> Any:
    """Import NNCF, quiet and without the reports of its use that it would send to its makers."""
    os.environ.setdefault("NNCF_CI", "1")
    try:
        import nncf  # noqa: PLC0415 - not in every environment, and the variable comes first
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            "quantize needs NNCF, which is not installed: python -m pip install --group quantize"
        ) from error
    logging.getLogger("nncf").setLevel(logging.ERROR)  # its own `set_log_level` quietens whoever listens, too
    return nncf


def _forget_numbers(network: openvino.Model) -> None:
    """Rename constants whose names hold a counter of the process, so that the same network is always the same file."""
    for index, node in enumerate(network.get_ordered_ops()):
        if node.get_type_name() == "Constant" and _NUMBERED.fullmatch(node.get_friendly_name()):
            node.set_friendly_name(f"constant/{index}")
