"""Cameras on the network: RTSP, and what HTTP servers give (Motion JPEG, snapshots, videos)."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from typing import Final, Protocol

import httpx

from posestream.errors import SourceError
from posestream.image import ImageLimits
from producer.sources.addresses import public_name
from producer.sources.base import Picture, SourceFacts, SourceKind, Stamp, Unreadable, received_now
from producer.sources.capture import OPEN_TIMEOUT_MS, READ_TIMEOUT_MS, open_ffmpeg
from producer.sources.mjpeg import MultipartReader, Part, boundary_of, part_stamp

SNAPSHOT_FPS: Final = 5.0  # how often a snapshot is fetched when nothing else is said
_TIMEOUT: Final = httpx.Timeout(READ_TIMEOUT_MS / 1000, connect=OPEN_TIMEOUT_MS / 1000)


class _Opened(Protocol):
    """One connection to a camera; made opened."""

    facts: SourceFacts

    def grab(self) -> Stamp | None: ...

    def retrieve(self) -> Picture: ...

    def close(self) -> None: ...


class NetworkCamera:
    """A camera or a video behind a URL."""

    kind = SourceKind.CAMERA
    identity = None

    def __init__(self, url: str, limits: ImageLimits, fps: float | None = None) -> None:
        self.name = public_name(url)
        self.facts = SourceFacts()
        self._url = url
        self._limits = limits
        self._poll_fps = fps or SNAPSHOT_FPS
        self._opened: _Opened | None = None

    def open(self) -> None:
        """Connect; what an HTTP server gives is told from its content type."""
        self.close()
        if self._url.startswith(("http://", "https://")):
            self._opened = _open_http(self._url, self._limits, self._poll_fps, self.name)
        else:
            self._opened = _FfmpegStream(self._url, self._limits, self.name)
        self.facts = self._opened.facts

    def grab(self) -> Stamp | None:
        """Wait for the next frame."""
        if self._opened is None:
            raise SourceError(f"{self.name}: not connected")
        return self._opened.grab()

    def retrieve(self) -> Picture:
        """Return the frame grabbed last."""
        return self._opened.retrieve() if self._opened else Unreadable("not connected")

    def close(self) -> None:
        """Disconnect."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None


class _FfmpegStream:
    """Whatever FFmpeg can open: a stream without end, or a video that is played to its end."""

    def __init__(self, url: str, limits: ImageLimits, name: str) -> None:
        self._capture = open_ffmpeg(url, limits, name)
        self._name = name
        self.facts = self._capture.facts

    def grab(self) -> Stamp | None:
        began_s = time.monotonic()
        grabbed = self._capture.grab()
        if self.facts.frames is None and time.monotonic() - began_s > READ_TIMEOUT_MS / 1000 - 0.5:
            # OpenCV flushes its decoder when a read times out: what comes then is a frame from before the silence.
            raise SourceError(f"{self._name}: silent for {READ_TIMEOUT_MS // 1000} s")
        if not grabbed:
            if self.facts.frames is not None:
                return None
            raise SourceError(f"{self._name}: gives no frames any more")
        stamp = received_now()
        if self.facts.frames is None:
            return stamp
        return Stamp(stamp.captured_ms, stamp.clock, self._capture.media_ms)

    def retrieve(self) -> Picture:
        return self._capture.retrieve()

    def close(self) -> None:
        self._capture.release()


def _open_http(url: str, limits: ImageLimits, poll_fps: float, name: str) -> _Opened:
    client = httpx.Client(timeout=_TIMEOUT, follow_redirects=True)
    try:
        response = client.send(client.build_request("GET", url), stream=True)
        response.raise_for_status()
        content_type = response.headers.get("content-type", "")
        boundary = boundary_of(content_type)
        if boundary is not None:
            return _MjpegStream(client, response, MultipartReader(boundary, limits.max_bytes), name)
        response.close()
        if content_type.startswith("image/"):
            return _Snapshots(client, url, limits, poll_fps, name)
    except httpx.HTTPError as error:
        client.close()
        raise SourceError(f"{name}: {_reason(error)}") from error
    except BaseException:
        client.close()
        raise
    client.close()
    try:
        return _FfmpegStream(url, limits, name)
    except SourceError as error:
        kind = content_type.partition(";")[0] or "no content type"
        raise SourceError(f"{error} (the server answers with {kind}, not an image or Motion JPEG)") from error


class _MjpegStream:
    """The parts of one multipart response."""

    def __init__(self, client: httpx.Client, response: httpx.Response, reader: MultipartReader, name: str) -> None:
        self.facts = SourceFacts()
        self._client = client
        self._response = response
        self._name = name
        self._parts = self._read(reader)
        self._part: Part | None = None

    def _read(self, reader: MultipartReader) -> Iterator[tuple[Part, Stamp]]:
        ready: deque[tuple[Part, Stamp]] = deque()
        for chunk in self._response.iter_bytes():
            ready.extend((part, part_stamp(part.headers)) for part in reader.feed(chunk))
            while ready:
                yield ready.popleft()

    def grab(self) -> Stamp | None:
        try:
            self._part, stamp = next(self._parts)
        except StopIteration:
            raise SourceError(f"{self._name}: the stream has ended") from None
        except (httpx.HTTPError, httpx.StreamError) as error:
            raise SourceError(f"{self._name}: {_reason(error)}") from error
        except SourceError as error:
            raise SourceError(f"{self._name}: {error}") from error
        return stamp

    def retrieve(self) -> Picture:
        part = self._part
        if part is None or part.body is None:
            return Unreadable(f"a part of {part.size if part else 0} bytes, above the limit")
        return part.body

    def close(self) -> None:
        self._response.close()
        self._client.close()


class _Snapshots:
    """One image per request, fetched at a steady rate."""

    def __init__(self, client: httpx.Client, url: str, limits: ImageLimits, fps: float, name: str) -> None:
        self.facts = SourceFacts(fps=fps)
        self._client = client
        self._url = url
        self._limits = limits
        self._name = name
        self._step_s = 1.0 / fps
        self._due_s = time.monotonic()
        self._picture: Picture = Unreadable("nothing fetched yet")

    def grab(self) -> Stamp | None:
        now_s = time.monotonic()
        time.sleep(max(0.0, self._due_s - now_s))
        self._due_s = max(self._due_s + self._step_s, now_s)
        try:
            self._picture = self._fetch()
        except httpx.HTTPError as error:
            raise SourceError(f"{self._name}: {_reason(error)}") from error
        return received_now()

    def _fetch(self) -> Picture:
        body = bytearray()
        with self._client.stream("GET", self._url) as response:
            response.raise_for_status()
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > self._limits.max_bytes:
                    return Unreadable(f"an image of more than {self._limits.max_bytes} bytes, the limit")
        return bytes(body)

    def retrieve(self) -> Picture:
        return self._picture

    def close(self) -> None:
        self._client.close()


def _reason(error: Exception) -> str:
    if isinstance(error, httpx.HTTPStatusError):
        return f"answers {error.response.status_code} {error.response.reason_phrase}"
    return public_name(str(error)) or type(error).__name__
