"""PyTorch's zip format (since 1.6): `<name>/data.pkl` beside one uncompressed `<name>/data/<key>` for each storage."""

from __future__ import annotations

import io
import zipfile

from posestream.errors import ModelError
from workers.model.pickle_reader import read_pickle
from workers.model.tensors import Storage

SIGNATURE = b"PK\x03\x04"


class ZipCheckpoint:
    """A checkpoint in the zip format: what it holds, and the bytes of a storage."""

    def __init__(self, content: bytes, origin: str) -> None:
        self._origin = origin
        try:
            self._archive = zipfile.ZipFile(io.BytesIO(content))
        except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
            raise ModelError(f"{origin} is a damaged or cut zip file ({error}); get it anew") from error
        pickles = [name for name in self._archive.namelist() if name.endswith("/data.pkl") or name == "data.pkl"]
        if len(pickles) != 1:
            raise ModelError(
                f"{origin} is a zip file but no PyTorch checkpoint: it holds {len(pickles)} data.pkl, not one"
            )
        self._folder = pickles[0].removesuffix("data.pkl")
        self._refuse_big_endian()

    def root(self) -> object:
        """The pickled value, with `TensorView` for tensors."""
        return read_pickle(io.BytesIO(self._entry("data.pkl")), self._origin).value

    def storage_bytes(self, storage: Storage) -> memoryview:
        """The storage's elements, exactly `storage.size_bytes` of them."""
        content = self._entry(f"data/{storage.key}")
        if len(content) != storage.size_bytes:
            raise ModelError(
                f"{self._origin}: storage {storage.key} has {len(content)} bytes where its tensors need "
                f"{storage.size_bytes}; the file is damaged, get it anew"
            )
        return memoryview(content)

    def _refuse_big_endian(self) -> None:
        name = f"{self._folder}byteorder"
        if name in self._archive.namelist() and self._entry("byteorder").strip() != b"little":
            raise ModelError(f"{self._origin} was written on a big-endian machine; save it anew on a little-endian one")

    def _entry(self, name: str) -> bytes:
        """Read one entry. Only uncompressed ones are, so that none can be larger than the file itself."""
        try:
            entry = self._archive.getinfo(self._folder + name)
            if entry.compress_type != zipfile.ZIP_STORED:
                raise ModelError(
                    f"{self._origin}: {entry.filename} is compressed, which PyTorch never does; save it anew"
                )
            return self._archive.read(entry)
        except KeyError as error:
            raise ModelError(f"{self._origin}: {self._folder}{name} is missing in it; get the file anew") from error
        except (zipfile.BadZipFile, EOFError, ValueError, RuntimeError, OSError) as error:
            # RuntimeError is what zipfile raises for encrypted entries.
            raise ModelError(
                f"{self._origin}: {self._folder}{name} cannot be read ({error}); get the file anew"
            ) from error
