"""Small images and videos, made when needed."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

MTIME_S = 1_700_000_000


def picture(number: int, size_wh: tuple[int, int] = (160, 120)) -> npt.NDArray[np.uint8]:
    """A frame that can be told from its neighbours."""
    image = np.full((size_wh[1], size_wh[0], 3), 40, np.uint8)
    cv2.circle(image, (10 + number * 7 % (size_wh[0] - 20), size_wh[1] // 2), 9, (0, 200, 255), -1)
    cv2.putText(image, str(number), (5, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (255, 255, 255))
    return image


def encoded(number: int, suffix: str = ".jpg", size_wh: tuple[int, int] = (160, 120)) -> bytes:
    ok, data = cv2.imencode(suffix, picture(number, size_wh))
    assert ok
    return data.tobytes()


def write_video(path: Path, frames: int, fps: float = 25.0, codec: str = "mp4v") -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*codec), fps, (160, 120))
    assert writer.isOpened()
    for number in range(frames):
        writer.write(picture(number))
    writer.release()
    os.utime(path, (MTIME_S, MTIME_S))
    return path


def write_folder(folder: Path, files: dict[str, bytes]) -> Path:
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder
