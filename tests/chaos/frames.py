"""The recording: a folder of tiny images, each of which says which frame it is and what it does to a worker."""

from __future__ import annotations

import os
import random
import struct
from collections.abc import Mapping
from enum import IntEnum
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

FPS: Final = 25
START_MS: Final = 1_700_000_000_000

_CONTENT: Final = struct.Struct(">IB3x")


class Behaviour(IntEnum):
    """What a frame does to the worker that looks at it."""

    POSED = 0
    """Nothing: it has people in it."""
    CRASHES = 1
    """Ends the process, every time: to be dead-lettered as `crashed`."""
    FAILS = 2
    """Raises an error, every time: to be dead-lettered."""
    CRASHES_ONCE = 3
    """Ends the process the first time; to be posed."""
    FAILS_ONCE = 4
    """Raises an error the first time; to be posed."""
    SLOW = 5
    """Takes longer than a silent worker's frame is left alone; to be posed, by the worker that has it."""


DEAD: Final = {Behaviour.CRASHES: frozenset({"crashed"}), Behaviour.FAILS: frozenset({"failed", "crashed"})}
"""Those that must become dead letters, with the reasons they may have: a failing one may also be in hand in a crash."""

LENGTHY: Final = frozenset({Behaviour.CRASHES_ONCE, Behaviour.SLOW})
"""Those that are waited for though nothing is broken, and posed in the end."""


def behaviours(seed: int, frames: int, each: int) -> dict[int, Behaviour]:
    """Return which frames misbehave, `each` of them in every way; the others are posed."""
    ways = [way for way in Behaviour if way is not Behaviour.POSED] * each
    numbers = random.Random(f"frames {seed}").sample(range(frames), len(ways))
    return dict(sorted(zip(numbers, ways, strict=True)))


def captured_ms(number: int) -> int:
    """Return when a frame was captured, Unix milliseconds."""
    return START_MS + number * 1000 // FPS


def number_captured_at(time_ms: int) -> int:
    """Return which frame was captured then."""
    return round((time_ms - START_MS) * FPS / 1000)


def write_frames(folder: Path, frames: int, misbehaving: Mapping[int, Behaviour]) -> None:
    """Write the recording, for a producer that is told `--fps` FPS."""
    folder.mkdir()
    for number in range(frames):
        content = _CONTENT.pack(number, misbehaving.get(number, Behaviour.POSED))
        (folder / f"{number:07}.png").write_bytes(_png(content))
    first = folder / f"{0:07}.png"  # its date is when the recording starts
    os.utime(first, ns=(START_MS * 1_000_000, START_MS * 1_000_000))


def read_frame(image: bytes) -> tuple[int, Behaviour]:
    """Return which frame an image is, and how it behaves."""
    pixels: Any = cv2.imdecode(np.frombuffer(image, np.uint8), cv2.IMREAD_GRAYSCALE)
    number, behaviour = _CONTENT.unpack(pixels.tobytes())
    return number, Behaviour(behaviour)


def _png(content: bytes) -> bytes:
    encoded, data = cv2.imencode(".png", np.frombuffer(content, np.uint8)[None])
    assert encoded
    return data.tobytes()
