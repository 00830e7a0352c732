"""Takes the one checkpoint out of a `.tar.gz`, in memory: nothing an archive says becomes a path on this machine."""

from __future__ import annotations

import gzip
import io
import tarfile
import zlib
from pathlib import PurePosixPath

from posestream.errors import ModelError
from workers.model.files import MAX_FILE_BYTES

SIGNATURE = b"\x1f\x8b"
MAX_MEMBERS = 64
# Headers and padding come on top of what the members hold.
_MAX_UNPACKED_BYTES = MAX_FILE_BYTES + 4 * 1024 * 1024


def read_checkpoint_member(content: bytes, origin: str) -> tuple[str, bytes]:
    """Return the name and the bytes of the only `.pth` file in the archive.

    Raises ModelError for a damaged archive, one with paths that lead elsewhere, with links or devices, with more than
    `MAX_MEMBERS` members, one that unpacks to more than any checkpoint takes, or without exactly one `.pth`.
    """
    try:
        return _find_checkpoint(_unpack(content, origin), origin)
    except (tarfile.TarError, EOFError, zlib.error, OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{origin} is a damaged or cut archive ({error}); get it anew") from error


def _unpack(content: bytes, origin: str) -> bytes:
    """Return the tar inside; reading it to its end also compares gzip's checksum."""
    with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
        unpacked = file.read(_MAX_UNPACKED_BYTES + 1)
    if len(unpacked) > _MAX_UNPACKED_BYTES:
        raise ModelError(f"{origin} unpacks to more than {_MAX_UNPACKED_BYTES} bytes, which no checkpoint takes")
    return unpacked


def _find_checkpoint(unpacked: bytes, origin: str) -> tuple[str, bytes]:
    found: tuple[str, bytes] | None = None
    with tarfile.open(fileobj=io.BytesIO(unpacked), mode="r:") as archive:
        for count, member in enumerate(archive, start=1):
            _refuse_unsafe(member, count, origin)
            if not member.isfile() or PurePosixPath(member.name).suffix != ".pth":
                continue
            if found is not None:
                raise ModelError(f"{origin} holds several .pth files ({found[0]}, {member.name}); unpack and give one")
            found = member.name, _content(archive, member)
    if found is None:
        raise ModelError(f"{origin} holds no .pth file; give the archive or the file of the checkpoint")
    return found


def _refuse_unsafe(member: tarfile.TarInfo, count: int, origin: str) -> None:
    path = PurePosixPath(member.name)
    if count > MAX_MEMBERS:
        raise ModelError(
            f"{origin} holds more than {MAX_MEMBERS} files, which no checkpoint does; unpack and give the .pth"
        )
    if path.is_absolute() or ".." in path.parts:
        raise ModelError(f"{origin} holds {member.name!r}, a path that leads out of the archive; do not trust it")
    if not (member.isfile() or member.isdir()) or member.issparse():
        raise ModelError(f"{origin} holds {member.name!r}, a link, a device or a sparse file; do not trust it")
    if not 0 <= member.size <= MAX_FILE_BYTES:
        raise ModelError(
            f"{origin} holds {member.name!r} of {member.size} bytes, more than the {MAX_FILE_BYTES} allowed"
        )


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    stream = archive.extractfile(member)
    content = stream.read() if stream is not None else b""
    if len(content) != member.size:
        raise EOFError(f"{member.name} has {len(content)} of its {member.size} bytes")
    return content
