"""The frames that are timed: 720p JPEGs of three synthetic people walking about a room."""

from __future__ import annotations

from pathlib import Path

import cv2

from producer.synthetic.options import SceneOptions
from producer.synthetic.view import SyntheticView

SIZE_WH = (1280, 720)
QUALITY = 80
FRAMES = 60
STEP = 3  # of the scene's frames, 15 a second: a round of a dozen seconds


def write_frames(folder: Path, people: int) -> None:
    """Write a round of JPEGs of about 100 KB, as a network camera would send them."""
    view = SyntheticView(SceneOptions(people=people, size=SIZE_WH))
    for number in range(FRAMES):
        _, jpeg = cv2.imencode(".jpg", view.image(number * STEP), [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
        (folder / f"{number:03}.jpg").write_bytes(jpeg.tobytes())


def read_frames(folder: Path) -> list[bytes]:
    """Return the JPEGs, in order."""
    return [path.read_bytes() for path in sorted(folder.glob("*.jpg"))]
