"""Tensors as checkpoints describe them: strided views into storages, checked before anything is allocated."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import as_strided

# PyTorch's types of storage and what one element is, little-endian, as PyTorch writes on every usual machine.
STORAGE_DTYPES: dict[str, np.dtype] = {
    "torch.DoubleStorage": np.dtype("<f8"),
    "torch.FloatStorage": np.dtype("<f4"),
    "torch.HalfStorage": np.dtype("<f2"),
    "torch.LongStorage": np.dtype("<i8"),
    "torch.IntStorage": np.dtype("<i4"),
    "torch.ShortStorage": np.dtype("<i2"),
    "torch.CharStorage": np.dtype("i1"),
    "torch.ByteStorage": np.dtype("u1"),
}
_MAX_DIMENSIONS = 8


@dataclass(frozen=True, slots=True)
class Storage:
    """A flat run of `count` elements that tensors are views of, kept elsewhere in the file under `key`."""

    key: str
    kind: str
    count: int

    @property
    def dtype(self) -> np.dtype:
        """The type of an element."""
        return STORAGE_DTYPES[self.kind]

    @property
    def size_bytes(self) -> int:
        """What the elements take up in the file."""
        return self.count * self.dtype.itemsize


@dataclass(frozen=True, slots=True)
class TensorView:
    """A tensor: where in its storage it starts, and its shape and strides, all in elements; proved to fit inside."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    @property
    def size_bytes(self) -> int:
        """What the tensor takes up once it is an array of its own."""
        return math.prod(self.shape) * self.storage.dtype.itemsize

    def to_array(self, content: bytes | memoryview) -> np.ndarray:
        """Return the tensor as a contiguous array of its own, given the `storage.size_bytes` bytes of its storage."""
        flat = np.frombuffer(content, self.storage.dtype, self.storage.count)
        strides = [stride * flat.itemsize for stride in self.strides]
        return np.array(as_strided(flat[self.offset :], self.shape, strides, writeable=False), order="C")


def describe_tensor(storage: object, offset: object, shape: object, strides: object) -> TensorView:
    """Check a tensor's description in a pickle; raises ValueError or TypeError for one that its storage cannot hold."""
    if not isinstance(storage, Storage):
        raise TypeError("a tensor without a storage")
    start, lengths, steps = _count(offset), _counts(shape), _counts(strides)
    if len(lengths) != len(steps) or len(lengths) > _MAX_DIMENSIONS:
        raise ValueError(f"a tensor of shape {lengths} with strides {steps}")
    if 0 in lengths:
        raise ValueError(f"a tensor of shape {lengths}, which is empty")
    # The stride of an axis of one element is never used, and may then be any number.
    steps = tuple(step if length > 1 else 0 for length, step in zip(lengths, steps, strict=True))
    last = start + sum((length - 1) * step for length, step in zip(lengths, steps, strict=True))
    if last >= storage.count:
        raise ValueError(f"a tensor of shape {lengths} reaches beyond its storage of {storage.count} elements")
    return TensorView(storage, start, lengths, steps)


def _count(value: object) -> int:
    if type(value) is not int:
        raise TypeError(f"{type(value).__name__} where a count belongs")
    if value < 0:
        raise ValueError("a negative count")
    return value


def _counts(values: object) -> tuple[int, ...]:
    if not isinstance(values, tuple):
        raise TypeError("the shape of a tensor is no tuple")
    return tuple(_count(value) for value in values)
