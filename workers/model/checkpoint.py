"""Reads PyTorch checkpoints without PyTorch: a `.pth` in either of its formats, or the `.tar.gz` around one."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np

from posestream.errors import ModelError
from workers.model import archive, legacy_format, zip_format
from workers.model.files import read_file
from workers.model.legacy_format import LegacyCheckpoint
from workers.model.tensors import Storage, TensorView
from workers.model.zip_format import ZipCheckpoint

MAX_TENSOR_BYTES = 512 * 1024 * 1024
# torch.nn.DataParallel puts this in front of every name.
_PARALLEL_PREFIX = "module."


class _Checkpoint(Protocol):
    """One of PyTorch's formats."""

    def root(self) -> object: ...

    def storage_bytes(self, storage: Storage) -> bytes | memoryview: ...


def read_checkpoint(path: Path) -> dict[str, np.ndarray]:
    """Return the state dict of a checkpoint file as arrays by name, in the file's order.

    The file's kind is told by its content, not its name. Raises ModelError for a file that is missing, damaged, no
    checkpoint, or that holds anything but tensors in plain containers.
    """
    return parse_checkpoint(read_file(path), str(path))


def parse_checkpoint(content: bytes, origin: str) -> dict[str, np.ndarray]:
    """Return the state dict in a checkpoint's bytes; `origin` is what error messages call them."""
    if content.startswith(archive.SIGNATURE):
        member, content = archive.read_checkpoint_member(content, origin)
        origin = f"{member} in {origin}"
    return _arrays(_open(content, origin), origin)


def _open(content: bytes, origin: str) -> _Checkpoint:
    if content.startswith(zip_format.SIGNATURE):
        return ZipCheckpoint(content, origin)
    if content.startswith(legacy_format.SIGNATURE):
        return LegacyCheckpoint(content, origin)
    raise ModelError(
        f"{origin} is neither a PyTorch checkpoint (.pth, zip or older format) nor a .tar.gz with one inside; "
        f"ONNX and IR files are told by their suffixes .onnx and .xml"
    )


def _arrays(checkpoint: _Checkpoint, origin: str) -> dict[str, np.ndarray]:
    views = _state_dict(checkpoint.root(), origin)
    # Views may share a storage or repeat its elements: this sum, not the file's size, bounds what is allocated.
    needed_bytes = sum(max(view.size_bytes, view.storage.size_bytes) for view in views.values())
    if needed_bytes > MAX_TENSOR_BYTES:
        raise ModelError(f"{origin}: its tensors take {needed_bytes} bytes, more than the {MAX_TENSOR_BYTES} allowed")
    arrays = {name: view.to_array(checkpoint.storage_bytes(view.storage)) for name, view in views.items()}
    if all(name.startswith(_PARALLEL_PREFIX) for name in arrays):
        return {name.removeprefix(_PARALLEL_PREFIX): array for name, array in arrays.items()}
    return arrays


def _state_dict(root: object, origin: str) -> dict[str, TensorView]:
    """Return the state dict: what was saved, or its entry `state_dict`."""
    found = root.get("state_dict", root) if isinstance(root, dict) else root
    if not isinstance(found, dict) or not found:
        raise ModelError(f"{origin} holds no state dict; save one with torch.save(network.state_dict(), ...)")
    views = {}
    for name, value in found.items():
        if not isinstance(name, str) or not isinstance(value, TensorView):
            raise ModelError(
                f"{origin}: entry {name!r} of its state dict is of type {type(value).__name__}, not a tensor; "
                f"save the plain state dict, torch.save(network.state_dict(), ...)"
            )
        views[name] = value
    return views
