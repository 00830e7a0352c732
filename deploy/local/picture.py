"""The picture and the clip that a demo leaves behind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from deploy.local.canvas import GREY, WHITE, Image, text
from deploy.local.errors import DemoError
from deploy.local.panels import BACKGROUND, GAP_PX, ROW_WH, Panels
from deploy.local.recording import SECONDS, STEP_MS, Shot
from deploy.local.space import SWING_RAD

CAMERAS: Final = 3  # more would be too small to see anything
_MARGIN_PX: Final = 16
_TITLE_PX: Final = 52
_LEGEND_PX: Final = 34
_CLIP_SHARE: Final = 0.6
_CLIP_QUALITY: Final = 80
_LEGEND: Final = "bright: left side     dark: right side     numbers on the floor: metres from the camera"


class Album:
    """Draws what the cameras have seen last, a row for each of the first few."""

    def __init__(self, shots: Mapping[str, Sequence[Shot]]) -> None:
        """Take the last shots of each camera; those of cameras without any are left out."""
        seen = {camera: taken for camera, taken in shots.items() if taken}
        self._panels = [Panels(camera, taken) for camera, taken in list(seen.items())[:CAMERAS]]

    def __bool__(self) -> bool:
        return bool(self._panels)

    def still(self) -> Image:
        """Return the moment at which most people were seen best, (H, W, 3)."""
        moments = [shot.moment_ms for panels in self._panels for shot in panels.shots]
        best = max(sorted(moments, reverse=True), key=self._joints_seen)  # the last of equals
        return self._sheet(best, turn=0.0)

    def clip(self) -> list[Image]:
        """Return the last seconds in steps of `STEP_MS`, smaller than the still; the viewpoint swings meanwhile."""
        ends = max(panels.shots[-1].moment_ms for panels in self._panels)
        begins = max(ends - SECONDS * 1000, min(panels.shots[0].moment_ms for panels in self._panels))
        moments = np.arange(begins, ends + 1, STEP_MS)
        phases = np.linspace(0, 2 * np.pi, len(moments), endpoint=False)
        return [
            _smaller(self._sheet(float(moment), SWING_RAD * float(np.sin(phase))))
            for moment, phase in zip(moments, phases, strict=True)
        ]

    def _joints_seen(self, moment_ms: float) -> int:
        people = [person for panels in self._panels for person in panels.shots[panels.index_at(moment_ms)].pose.people]
        return sum(int((person.confidence > 0).sum()) for person in people)

    def _sheet(self, moment_ms: float, turn: float) -> Image:
        rows = [panels.row(panels.index_at(moment_ms), turn) for panels in self._panels]
        width = ROW_WH[0] + 2 * _MARGIN_PX
        height = _TITLE_PX + len(rows) * (ROW_WH[1] + GAP_PX) + _LEGEND_PX
        sheet: Image = np.full((height, width, 3), BACKGROUND, np.uint8)
        title_px = text(sheet, "posestream", (_MARGIN_PX + 6, _TITLE_PX - 18), 19, WHITE)
        text(sheet, "camera streams in, people in 3D out", (_MARGIN_PX + title_px + 30, _TITLE_PX - 18), 14, GREY)
        top = _TITLE_PX
        for row in rows:
            sheet[top : top + ROW_WH[1], _MARGIN_PX : _MARGIN_PX + ROW_WH[0]] = row
            top += ROW_WH[1] + GAP_PX
        text(sheet, _LEGEND, (_MARGIN_PX + 6, height - 14), 12, GREY)
        return sheet


def _smaller(sheet: Image) -> Image:
    small: Any = cv2.resize(sheet, None, fx=_CLIP_SHARE, fy=_CLIP_SHARE, interpolation=cv2.INTER_AREA)
    return np.asarray(small)


def save_picture(album: Album, path: Path) -> None:
    """Write the still as a PNG.

    Raises:
        DemoError: it can not be written.
    """
    if not cv2.imwrite(str(path), album.still()):
        raise DemoError(f"{path} can not be written")


def save_clip(album: Album, path: Path) -> None:
    """Write the clip as an animated WebP, which every browser shows.

    Raises:
        DemoError: it can not be written.
    """
    animation = cv2.Animation()
    animation.frames = album.clip()
    animation.durations = [STEP_MS] * len(animation.frames)
    if not cv2.imwriteanimation(str(path), animation, [cv2.IMWRITE_WEBP_QUALITY, _CLIP_QUALITY]):
        raise DemoError(f"{path} can not be written")
