"""Writes PyTorch checkpoints, good and bad, without PyTorch: every opcode is put down by hand."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

STORAGE_NAMES = {
    "float32": "FloatStorage",
    "float64": "DoubleStorage",
    "float16": "HalfStorage",
    "int64": "LongStorage",
}
LEGACY_HEAD = 0x1950A86A20F9469CFC6C, 1001, {"protocol_version": 1001, "little_endian": True, "type_sizes": {"int": 4}}


@dataclass(frozen=True)
class Global:
    module: str
    name: str


@dataclass(frozen=True)
class Call:
    function: Global
    arguments: tuple


@dataclass(frozen=True)
class Persistent:
    value: object


@dataclass
class Tensor:
    """A tensor as it is to be described; what is not given is what a contiguous tensor of its own storage has."""

    array: np.ndarray
    key: str
    count: int | None = None
    offset: int = 0
    shape: tuple[int, ...] | None = None
    strides: tuple[int, ...] | None = None

    def call(self) -> Call:
        strides = self.strides
        if strides is None:
            strides = tuple(stride // self.array.itemsize for stride in np.ascontiguousarray(self.array).strides)
            strides = strides[: self.array.ndim]
        count = self.array.size if self.count is None else self.count
        storage = ("storage", Global("torch", STORAGE_NAMES[str(self.array.dtype)]), self.key, "cpu", count)
        shape = self.array.shape if self.shape is None else self.shape
        hooks = Call(Global("collections", "OrderedDict"), ())
        arguments = (Persistent(storage), self.offset, shape, strides, False, hooks)
        return Call(Global("torch._utils", "_rebuild_tensor_v2"), arguments)


@dataclass
class _Emitter:
    legacy: bool
    out: io.BytesIO = field(default_factory=io.BytesIO)

    def value(self, value: object) -> None:
        for kind, emit in self._KINDS.items():
            if type(value) is kind:
                return emit(self, value)
        raise TypeError(type(value))

    def _int(self, value: int) -> None:
        if 0 <= value < 256:
            self.out.write(b"K" + bytes([value]))
        else:
            digits = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
            self.out.write(b"\x8a" + bytes([len(digits)]) + digits)

    def _str(self, value: str) -> None:
        text = value.encode()
        self.out.write(b"X" + struct.pack("<I", len(text)) + text)

    def _tuple(self, value: tuple) -> None:
        self.out.write(b"(")
        for part in value:
            self.value(part)
        self.out.write(b"t")

    def _list(self, value: list) -> None:
        self.out.write(b"](")
        for part in value:
            self.value(part)
        self.out.write(b"e")

    def _dict(self, value: dict) -> None:
        self.out.write(b"}(")
        for key, part in value.items():
            self.value(key)
            self.value(part)
        self.out.write(b"u")

    def _global(self, value: Global) -> None:
        self.out.write(f"c{value.module}\n{value.name}\n".encode())

    def _call(self, value: Call) -> None:
        self.value(value.function)
        self.value(value.arguments)
        self.out.write(b"R")

    def _persistent(self, value: Persistent) -> None:
        # The older format has a sixth part, for views of storages.
        described = value.value
        self.value((*described, None) if self.legacy and isinstance(described, tuple) else described)
        self.out.write(b"Q")

    _KINDS: ClassVar = {
        bool: lambda self, value: self.out.write(b"\x88" if value else b"\x89"),
        type(None): lambda self, _: self.out.write(b"N"),
        float: lambda self, value: self.out.write(b"G" + struct.pack(">d", value)),
        int: _int,
        str: _str,
        tuple: _tuple,
        list: _list,
        dict: _dict,
        Global: _global,
        Call: _call,
        Persistent: _persistent,
        Tensor: lambda self, value: self.value(value.call()),
    }


def pickled(value: object, *, legacy: bool = False) -> bytes:
    emitter = _Emitter(legacy)
    emitter.value(value)
    return b"\x80\x02" + emitter.out.getvalue() + b"."


def state_dict(arrays: Mapping[str, np.ndarray]) -> dict[str, Tensor]:
    return {name: Tensor(array, str(index)) for index, (name, array) in enumerate(arrays.items())}


def zip_checkpoint(
    root: object, storages: Mapping[str, bytes], *, folder: str = "archive/", compression: int = 0
) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        archive.writestr(f"{folder}data.pkl", pickled(root))
        archive.writestr(f"{folder}byteorder", "little")
        for key, content in storages.items():
            archive.writestr(f"{folder}data/{key}", content)
        archive.writestr(f"{folder}version", "3\n")
    return out.getvalue()


def legacy_checkpoint(root: object, storages: Mapping[str, bytes], itemsizes: Mapping[str, int]) -> bytes:
    heads = b"".join(pickled(part) for part in LEGACY_HEAD)
    tail = b"".join(struct.pack("<q", len(part) // itemsizes[key]) + part for key, part in storages.items())
    return heads + pickled(root, legacy=True) + pickled(list(storages)) + tail


def write_checkpoint(arrays: Mapping[str, np.ndarray], kind: str, *, wrapped: bool = False) -> bytes:
    """The state dict as PyTorch would save it: `kind` is zip or legacy; `wrapped` in {"state_dict": ...}."""
    tensors = state_dict(arrays)
    root: object = {"state_dict": tensors, "epoch": 280} if wrapped else tensors
    storages = {tensor.key: tensor.array.tobytes() for tensor in tensors.values()}
    if kind == "zip":
        return zip_checkpoint(root, storages)
    return legacy_checkpoint(root, storages, {tensor.key: tensor.array.itemsize for tensor in tensors.values()})
