"""The file format `.poses`: blocks of pose messages, each whole or not there.

    file   = magic (8 bytes: 0x89 "POSES" CR LF), then blocks until the end of the file
    block  = length of body (uint32, little endian), CRC-32 of body (uint32, little endian), body
    body   = a msgpack array, compressed with zlib; the first block's is [header], the others' are pose messages as they
             are in Redis (`docs/wire-format.md`), each as bytes
    header = map: format (1), created_ms (Unix milliseconds), software (text); unknown keys are to be ignored

A recording that was cut off ends in half a block, which is left out in reading.
"""

from __future__ import annotations

import os
import struct
import time
import zlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self

import msgpack

import posestream
from posestream.errors import MessageError, RecordingError
from posestream.messages import MAX_POSE_BYTES, PoseFrame, decode_pose, encode_pose

SUFFIX: Final = ".poses"
MAGIC: Final = b"\x89POSES\r\n"
FORMAT: Final = 1
BLOCK_BYTES: Final = 256 * 1024
BLOCK_S: Final = 1.0
MAX_BODY_BYTES: Final = 16 * 1024 * 1024
MAX_BLOCK_BYTES: Final = 64 * 1024 * 1024
_HEAD: Final = struct.Struct("<II")


class RecordingWriter:
    """Writes a recording; what is older than a second is in the file, whatever becomes of the process.

    With `append` it goes on behind a recording's last whole block.
    """

    def __init__(self, path: str | Path, *, append: bool = False) -> None:
        self.bytes = 0
        self.frames = 0
        self._pending: list[bytes] = []
        self._pending_bytes = 0
        self._block_began_s = 0.0
        path = Path(path)
        self._file = path.open("r+b" if append else "wb")
        if append:
            self._file.truncate(_whole_bytes(self._file))
            self._file.seek(0, os.SEEK_END)
            self.bytes = self._file.tell()
        else:
            software = f"posestream {posestream.__version__}"
            self._write(MAGIC)
            self._write_block([{"format": FORMAT, "created_ms": int(time.time() * 1000), "software": software}])

    def add(self, frame: PoseFrame) -> None:
        """Add a frame."""
        packed = encode_pose(frame)
        if not self._pending:
            self._block_began_s = time.monotonic()
        self._pending.append(packed)
        self._pending_bytes += len(packed)
        self.frames += 1
        if self._pending_bytes >= BLOCK_BYTES:
            self.flush()
        else:
            self.flush_if_due()

    def flush_if_due(self) -> None:
        """Write what has waited for a second; to be called while no frames come."""
        if self._pending and time.monotonic() - self._block_began_s >= BLOCK_S:
            self.flush()

    def flush(self) -> None:
        """Write what has been added."""
        if self._pending:
            self._write_block(self._pending)
            self._pending, self._pending_bytes = [], 0

    def close(self) -> None:
        """Write what has been added, see that it is on the disk, and close the file."""
        if not self._file.closed:
            self.flush()
            os.fsync(self._file.fileno())
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _write_block(self, content: list[Any]) -> None:
        body = zlib.compress(msgpack.packb(content))
        self._write(_HEAD.pack(len(body), zlib.crc32(body)) + body)
        self._file.flush()

    def _write(self, data: bytes) -> None:
        self._file.write(data)
        self.bytes += len(data)


class Recording:
    """Reads a recording: iterate over it, as often as you like, for its frames in the order they were recorded.

    Attributes:
        created_ms: when it was begun, Unix milliseconds.
        cut: whether it ends in half a block; known when it has been read to the end.
        read_bytes, total_bytes: how far the latest reading has come.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.cut = False
        self.read_bytes = 0
        self._file = _opened(path)
        self.total_bytes = os.fstat(self._file.fileno()).st_size
        self.created_ms = _created_ms(next(self._read_blocks(), None), path)

    def __iter__(self) -> Iterator[PoseFrame]:
        for block in islice(self._read_blocks(), 1, None):  # the header's has no poses
            for packed in block:
                try:
                    yield decode_pose(packed)
                except (MessageError, TypeError) as error:
                    raise RecordingError(f"{self.path}: a pose before byte {self.read_bytes}: {error}") from error

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _read_blocks(self) -> Iterator[list[Any]]:
        at = len(MAGIC)
        while True:
            self._file.seek(at)  # another reading may have moved it
            body = _next_body(self._file, self.path, self.total_bytes)
            self.read_bytes = at
            if body is None:
                self.cut = at < self.total_bytes
                return
            self.read_bytes = at = self._file.tell()
            yield _unpacked(body, f"{self.path}: the block before byte {self.read_bytes}")


def read_recording(path: str | Path) -> Recording:
    """Open a recording.

    Raises:
        RecordingError: no such file, or no recording; also while iterating, where it is damaged.
    """
    return Recording(Path(path))


def _opened(path: Path) -> IO[bytes]:
    try:
        file = path.open("rb")
    except OSError as error:
        raise RecordingError(f"{path}: {error.strerror or error}") from error
    if file.read(len(MAGIC)) != MAGIC:
        file.close()
        raise RecordingError(f"{path}: not a recording of `posestream record` (its first bytes are others)")
    return file


def _next_body(file: IO[bytes], path: Path, total_bytes: int) -> bytes | None:
    """Return the next block's body; None at the end of the file, or where it was cut off."""
    at = file.tell()
    head = file.read(_HEAD.size)
    if len(head) < _HEAD.size:
        return None
    length, crc = _HEAD.unpack(head)
    if not length:  # no block is empty; after a power cut some file systems have zeros where the end was to be
        if _zeros_only(file):
            return None
        raise RecordingError(f"{path}: damaged at byte {at}: an empty block")
    end = at + _HEAD.size + length
    if length > MAX_BODY_BYTES:
        raise RecordingError(f"{path}: damaged at byte {at}: a block of {length} bytes")
    body = file.read(length)
    if len(body) < length:
        return None
    if zlib.crc32(body) != crc:
        if end >= total_bytes:  # the disk had not got all of it when the power went
            return None
        raise RecordingError(f"{path}: damaged at byte {at}: its checksum is wrong")
    return body


def _zeros_only(file: IO[bytes]) -> bool:
    """Tell whether nothing but zeros comes up to the file's end."""
    return not any(piece.strip(b"\0") for piece in iter(lambda: file.read(1 << 20), b""))


def _unpacked(body: bytes, where: str) -> list[Any]:
    try:
        inflater = zlib.decompressobj()
        content = inflater.decompress(body, MAX_BLOCK_BYTES)
        if not inflater.eof:
            raise RecordingError(f"{where} is larger than {MAX_BLOCK_BYTES} bytes, or incomplete")
        unpacked = msgpack.unpackb(content, max_bin_len=MAX_POSE_BYTES)
    except (zlib.error, ValueError, msgpack.exceptions.UnpackException) as error:
        raise RecordingError(f"{where} can not be read: {error}") from error
    if not isinstance(unpacked, list):
        raise RecordingError(f"{where} holds no list of poses")
    return unpacked


def _created_ms(block: list[Any] | None, path: Path) -> int:
    header = block[0] if block and isinstance(block[0], dict) else {}
    if not isinstance(header.get("format"), int):
        raise RecordingError(f"{path}: the recording has no header; it was cut off at its very beginning")
    if header["format"] > FORMAT:
        raise RecordingError(
            f"{path}: format {header['format']}, this program reads up to {FORMAT}: upgrade posestream"
        )
    created_ms = header.get("created_ms")
    return created_ms if isinstance(created_ms, int) else 0


def _whole_bytes(file: IO[bytes]) -> int:
    """Return where the last whole block of a recording ends."""
    path = Path(file.name)
    total_bytes = os.fstat(file.fileno()).st_size
    if file.read(len(MAGIC)) != MAGIC:
        raise RecordingError(f"{path}: not a recording of `posestream record` (its first bytes are others)")
    end = 0
    while _next_body(file, path, total_bytes) is not None:
        end = file.tell()
    if not end:
        raise RecordingError(f"{path}: the recording has no header; it was cut off at its very beginning")
    return end
