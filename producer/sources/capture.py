"""OpenCV's video capture as the sources use it: opened with limits, compressed JPEG frames kept as they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from posestream.errors import ImageError, SourceError
from posestream.image import ImageLimits, check_image
from producer.opencv import as_bytes, cv2
from producer.sources.base import Picture, SourceFacts, Unreadable

OPEN_TIMEOUT_MS: Final = 5000
READ_TIMEOUT_MS: Final = 10_000
DECODING_THREADS: Final = 1  # per camera; several cameras make better use of the cores than frame threads of one
_MJPEG: Final = cv2.VideoWriter_fourcc(*"MJPG")  # type: ignore[attr-defined]
_MAX_FRAMES: Final = 1e12  # some containers announce nonsense

RawMode = Callable[[Any], bool]


class Capture:
    """An opened video or webcam.

    `ask_raw` may switch a fresh capture to hand out JPEG packets undecoded and tells whether it did. The first frame
    is looked at before that is believed; where it is not one whole JPEG of the announced size, frames are decoded.
    """

    def __init__(self, open_capture: Callable[[], Any], ask_raw: RawMode, limits: ImageLimits, name: str) -> None:
        self._limits = limits
        self._name = name
        self._raw = False
        self._primed = False
        self._capture = self._checked(open_capture())
        if ask_raw(self._capture):
            self._raw = self._primed = self._capture.grab() and self._is_whole_jpeg(self.retrieve_raw())
            if not self._raw:
                self._capture.release()
                self._capture = self._checked(open_capture())

    def _checked(self, capture: Any) -> Any:
        if not capture.isOpened():
            raise SourceError(f"{self._name}: can not be opened, or holds no video that FFmpeg can read")
        width, height = _size_wh(capture)
        if width * height > self._limits.max_pixels:
            capture.release()
            raise SourceError(
                f"{self._name}: {width} x {height} pixels, above the limit of {self._limits.max_pixels} (--max-pixels)"
            )
        return capture

    def _is_whole_jpeg(self, packet: bytes | None) -> bool:
        try:
            header = check_image(packet or b"", self._limits)
        except ImageError:
            return False
        return (header.width, header.height) == _size_wh(self._capture)

    @property
    def facts(self) -> SourceFacts:
        """Frames and frame rate, as far as the container tells."""
        frames = self._capture.get(cv2.CAP_PROP_FRAME_COUNT)
        fps = self._capture.get(cv2.CAP_PROP_FPS)
        return SourceFacts(
            frames=int(frames) if 0 < frames < _MAX_FRAMES else None, fps=float(fps) if 0 < fps <= 1000 else None
        )

    @property
    def media_ms(self) -> float:
        """The grabbed frame's time in the video; 0 where the container has none."""
        return max(0.0, float(self._capture.get(cv2.CAP_PROP_POS_MSEC)))

    def grab(self) -> bool:
        """Move on to the next frame; False at the end and when the source was lost."""
        if self._primed:
            self._primed = False
            return True
        return bool(self._capture.grab())

    def retrieve(self) -> Picture:
        """Return the frame grabbed last: the JPEG itself in raw mode, else (H, W, 3) uint8 BGR."""
        if self._raw:
            return self.retrieve_raw() or Unreadable("the frame is empty")
        try:
            ok, image = self._capture.retrieve()
        except cv2.error as error:
            return Unreadable(f"the frame can not be decoded: {error}")
        return image if ok else Unreadable("the frame can not be decoded")

    def retrieve_raw(self) -> bytes | None:
        """Return the packet grabbed last as bytes; None when this is not a packet."""
        try:
            ok, packet = self._capture.retrieve()
        except cv2.error:
            return None
        return packet.tobytes() if ok and packet.ndim == 2 and packet.shape[0] == 1 else None

    def release(self) -> None:
        """Close it."""
        self._capture.release()


def open_ffmpeg(target: str | Path, limits: ImageLimits, name: str) -> Capture:
    """Open a file or a URL with FFmpeg; waits for a network source no longer than the timeouts.

    Raises:
        SourceError: it can not be opened, or its frames are above the limit.
    """
    parameters = [
        *(cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, OPEN_TIMEOUT_MS),
        *(cv2.CAP_PROP_READ_TIMEOUT_MSEC, READ_TIMEOUT_MS),
        *(cv2.CAP_PROP_N_THREADS, DECODING_THREADS),
    ]
    return Capture(lambda: _open(target, cv2.CAP_FFMPEG, parameters), _ask_ffmpeg_raw, limits, name)


def open_v4l2(device: str, limits: ImageLimits, name: str) -> Capture:
    """Open a webcam by its device file.

    Raises:
        SourceError: it can not be opened, or its frames are above the limit.
    """
    return Capture(lambda: _open(device, cv2.CAP_V4L2, []), _ask_v4l2_raw, limits, name)


def _open(target: str | Path, backend: int, parameters: Sequence[int]) -> Any:
    named = as_bytes(target) if isinstance(target, Path) else target
    return cv2.VideoCapture(named, backend, list(parameters))


def _ask_ffmpeg_raw(capture: Any) -> bool:
    turned = capture.get(cv2.CAP_PROP_ORIENTATION_META) != 0  # decoding turns it upright, a packet would stay as it is
    is_mjpeg = int(capture.get(cv2.CAP_PROP_FOURCC)) == _MJPEG
    return is_mjpeg and not turned and bool(capture.set(cv2.CAP_PROP_FORMAT, -1))


def _ask_v4l2_raw(capture: Any) -> bool:
    capture.set(cv2.CAP_PROP_FOURCC, _MJPEG)
    is_mjpeg = int(capture.get(cv2.CAP_PROP_FOURCC)) == _MJPEG
    return is_mjpeg and bool(capture.set(cv2.CAP_PROP_CONVERT_RGB, 0))


def _size_wh(capture: Any) -> tuple[int, int]:
    return int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)), int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
