"""PyTorch's older format: five pickles in a row, then each storage as a count of elements and the elements.

The pickles: a magic number, the protocol's version, facts about the machine, the saved value, the storages' keys.
"""

from __future__ import annotations

import io
import struct

from posestream.errors import ModelError
from workers.model.pickle_reader import Pickled, read_pickle
from workers.model.tensors import Storage

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
# How the pickled magic number starts: PROTO 2, LONG1 of ten bytes, the number.
SIGNATURE = b"\x80\x02\x8a\x0a" + _MAGIC.to_bytes(10, "little")
_COUNT = struct.Struct("<q")


class LegacyCheckpoint:
    """A checkpoint in the older format: what it holds, and the bytes of a storage."""

    def __init__(self, content: bytes, origin: str) -> None:
        self._origin = origin
        self._content = memoryview(content)
        stream = io.BytesIO(content)
        if read_pickle(stream, origin).value != _MAGIC or read_pickle(stream, origin).value != _PROTOCOL:
            raise ModelError(
                f"{origin} is of an unknown version of PyTorch's older format; save it anew with a newer one"
            )
        machine = read_pickle(stream, origin).value
        if not isinstance(machine, dict) or machine.get("little_endian") is not True:
            raise ModelError(f"{origin} was written on a big-endian machine; save it anew on a little-endian one")
        self._pickled = read_pickle(stream, origin)
        keys = read_pickle(stream, origin).value
        self._starts = self._locate(self._pickled, keys, stream.tell())

    def root(self) -> object:
        """The pickled value, with `TensorView` for tensors."""
        return self._pickled.value

    def storage_bytes(self, storage: Storage) -> memoryview:
        """The storage's elements, exactly `storage.size_bytes` of them."""
        if storage.key not in self._starts:
            raise ModelError(f"{self._origin}: storage {storage.key} is missing in it; get the file anew")
        start = self._starts[storage.key]
        return self._content[start : start + storage.size_bytes]

    def _locate(self, pickled: Pickled, keys: object, start: int) -> dict[str, int]:
        """Return where in the file the elements of each storage start."""
        if not isinstance(keys, list) or not all(isinstance(key, str) and key in pickled.storages for key in keys):
            raise ModelError(f"{self._origin}: its list of storages is damaged; get the file anew")
        starts = {}
        for key in keys:
            storage = pickled.storages[key]
            starts[key] = start + _COUNT.size
            if starts[key] + storage.size_bytes > len(self._content):
                raise ModelError(f"{self._origin} is cut short: it ends inside or before storage {key}; get it anew")
            (count,) = _COUNT.unpack_from(self._content, start)
            if count != storage.count:
                raise ModelError(
                    f"{self._origin}: storage {key} has {count} elements where its tensors need {storage.count}; "
                    f"the file is damaged, get it anew"
                )
            start = starts[key] + storage.size_bytes
        return starts
