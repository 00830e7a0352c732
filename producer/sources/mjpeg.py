"""Motion JPEG over HTTP: a multipart response whose parts are JPEG images (RFC 2046, section 5.1)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from posestream.errors import SourceError
from posestream.messages import CaptureClock
from producer.sources.base import Stamp, received_now

MAX_HEADER_BYTES: Final = 16 * 1024
_EARLIEST_S: Final = 946_684_800.0  # 2000-01-01: smaller stamps count from the camera's own start
_MILLISECONDS_FROM: Final = 1e11  # as seconds this would be the year 5138


@dataclass(frozen=True, slots=True)
class Part:
    """One part: its headers (names in lower case) and its body.

    `body` is None when it was above the limit and thrown away; `size` is how large it was, as far as known.
    """

    headers: dict[str, str]
    body: bytes | None
    size: int


class MultipartReader:
    """Cuts a multipart stream into parts, holding no more than one part of at most `max_bytes`.

    Cameras are lax about the boundary: some announce it with its leading dashes, some end lines with LF alone.
    """

    def __init__(self, boundary: str, max_bytes: int) -> None:
        bare = re.escape(boundary.strip().strip('"').lstrip("-").encode("latin-1", "replace"))
        self._line = re.compile(rb"-*" + bare + rb"(--)?[ \t]*\r?\n")
        self._end = re.compile(rb"\r?\n--+" + bare)
        self._keep = len(boundary) + 16  # a boundary may be cut by the end of what has been received
        self._max_bytes = max_bytes
        self._buffer = bytearray()
        self._headers: dict[str, str] | None = None
        self._searched = 0
        self._dropped = 0

    def feed(self, data: bytes) -> Iterator[Part]:
        """Take the next bytes of the stream, and yield every part they complete.

        Raises:
            SourceError: this is no multipart stream.
        """
        self._buffer += data
        while True:
            if self._headers is None and not self._read_headers():
                return
            part = self._read_body()
            if part is None:
                return
            self._headers = None
            self._searched = self._dropped = 0
            yield part

    def _read_headers(self) -> bool:
        line = self._line.search(self._buffer)
        head_end = re.search(rb"\r?\n\r?\n", self._buffer[line.end() - 2 :]) if line else None
        if line is None or head_end is None:
            if len(self._buffer) > MAX_HEADER_BYTES:
                raise SourceError(f"no part begins within {MAX_HEADER_BYTES} bytes: not a multipart stream")
            return False
        start = line.end() - 2
        text = self._buffer[start : start + head_end.start()].decode("latin-1")
        pairs = (header.partition(":") for header in text.splitlines())
        self._headers = {name.strip().lower(): value.strip() for name, colon, value in pairs if colon}
        del self._buffer[: start + head_end.end()]
        return True

    def _read_body(self) -> Part | None:
        headers = self._headers or {}
        length = headers.get("content-length", "")
        if length.isascii() and length.isdigit() and len(length) < 16:
            return self._read_sized(headers, int(length))
        return self._read_delimited(headers)

    def _read_sized(self, headers: dict[str, str], size: int) -> Part | None:
        if size > self._max_bytes:
            gone = min(len(self._buffer), size - self._dropped)
            del self._buffer[:gone]
            self._dropped += gone
            return Part(headers, None, size) if self._dropped == size else None
        if len(self._buffer) < size:
            return None
        body = bytes(self._buffer[:size])
        del self._buffer[:size]
        return Part(headers, body, size)

    def _read_delimited(self, headers: dict[str, str]) -> Part | None:
        end = self._end.search(self._buffer, self._searched)
        if end is None:
            self._searched = max(0, len(self._buffer) - self._keep)
            if self._dropped or len(self._buffer) > self._max_bytes + self._keep:
                del self._buffer[: self._searched]
                self._dropped += self._searched
                self._searched = 0
            return None
        size = self._dropped + end.start()
        body = None if size > self._max_bytes else bytes(self._buffer[: end.start()])
        del self._buffer[: end.start()]
        return Part(headers, body, size)


def boundary_of(content_type: str) -> str | None:
    """Return the boundary of a multipart content type; None for any other type.

    Raises:
        SourceError: a multipart type that names none.
    """
    if not content_type.lower().strip().startswith("multipart/"):
        return None
    found = re.search(r'boundary\s*=\s*("[^"]+"|[^;\s]+)', content_type, re.IGNORECASE)
    if found is None:
        raise SourceError(f"content type {content_type!r} names no boundary")
    return found[1].strip('"')


def part_stamp(headers: dict[str, str]) -> Stamp:
    """Return a part's capture time: its `X-Timestamp` (Unix seconds or milliseconds) if it has one, else now."""
    try:
        seconds = float(headers.get("x-timestamp", ""))
    except ValueError:
        return received_now()
    if seconds >= _MILLISECONDS_FROM:
        seconds /= 1000.0
    if not _EARLIEST_S <= seconds < _MILLISECONDS_FROM:
        return received_now()
    return Stamp(round(seconds * 1000.0), CaptureClock.SENSOR, None)
