"""The calibration that holds for a camera's frames now: it may change while the camera runs."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Protocol

from posestream.errors import BrokerUnavailableError, ConfigurationError, MessageError
from producer.calibration.files import read_files
from producer.calibration.formats import World
from producer.calibration.values import Calibration

logger = logging.getLogger(__name__)

REGISTRY_FIELD: Final = "calibration"
"""Of `camera:<camera>`: what somebody has set for a camera, whoever plays it; JSON."""

_LOOK_S: Final = 2.0


class Origin(Protocol):
    """Where a calibration comes from."""

    def look(self) -> Calibration | None:
        """Return what it says now, None when that has not changed since the last look.

        Raises:
            ConfigurationError: what it says can not be used.
        """


class Files:
    """Calibration files, read again when one of them is written anew."""

    def __init__(self, paths: Sequence[Path], camera: str | None, world: World, lens: Calibration) -> None:
        self._paths = paths
        self._camera = camera
        self._world = world
        self._lens = lens  # given by the user as numbers
        self._stamps: list[tuple[int, int]] | None = None

    def look(self) -> Calibration | None:
        """Read the files if they have changed."""
        stamps = [_stamp(path) for path in self._paths]
        if stamps == self._stamps:
            return None
        self._stamps = stamps
        return self._lens.over(read_files(self._paths, self._camera, self._world))


class Registry:
    """What has been set for the camera on the server; `read` returns the field's text, "" when there is none."""

    def __init__(self, read: Callable[[], str]) -> None:
        self._read = read
        self._text: str | None = None

    def look(self) -> Calibration | None:
        """Ask the server; one that is away is asked again later."""
        try:
            text = self._read()
        except BrokerUnavailableError:
            return None
        if text == self._text:
            return None
        self._text = text
        try:
            return Calibration.from_json(text) if text else Calibration()
        except MessageError as error:
            raise ConfigurationError(f"the calibration set on the server can not be used: {error}") from error


class LiveCalibration:
    """Tells frame by frame how the camera is calibrated; looks for changes every 2 s.

    What can not be used is said once, and what held before goes on to hold.
    """

    def __init__(self, camera: str, origin: Origin) -> None:
        self._camera = camera
        self._origin = origin
        self._look_at_s = 0.0
        self._newest = Calibration()
        self._fitted: tuple[Calibration, tuple[int, int] | None, Calibration] | None = None

    def now(self, time_s: float, frame_wh: tuple[int, int] | None, of_source: Calibration) -> Calibration:
        """Return what holds for a frame of this size: what was set, or else what the source itself says.

        `time_s` is on a monotonic clock.
        """
        if time_s >= self._look_at_s:
            self._look_at_s = time_s + _LOOK_S
            self._look()
        wanted = self._newest.over(of_source)
        if self._fitted is None or self._fitted[:2] != (wanted, frame_wh):
            self._fitted = (wanted, frame_wh, self._fit(wanted, frame_wh))
        return self._fitted[2]

    def _look(self) -> None:
        try:
            found = self._origin.look()
        except ConfigurationError as error:
            logger.error("%s: calibration not changed: %s", self._camera, error)  # noqa: TRY400 - it says it all
            return
        if found is not None and found != self._newest:
            logger.info("%s: calibration taken on: %s", self._camera, _shown(found))
            self._newest = found

    def _fit(self, wanted: Calibration, frame_wh: tuple[int, int] | None) -> Calibration:
        if frame_wh is None:
            return wanted
        try:
            return wanted.for_size(frame_wh)
        except ConfigurationError as error:
            logger.error("%s: frames go without calibration: %s", self._camera, error)  # noqa: TRY400
            return Calibration()


def _stamp(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError:
        return (0, 0)
    return status.st_mtime_ns, status.st_size


def _shown(calibration: Calibration) -> str:
    parts = [name for name in ("intrinsics", "distortion", "extrinsics") if getattr(calibration, name) is not None]
    return ", ".join(parts) or "none"
