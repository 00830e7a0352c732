"""A recording as a table: a row for each person in each frame, and one for a frame without anybody.

Columns carry their unit: `l_wrist_x_m` in metres, `l_wrist_x_px` in pixels. What is missing is empty.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from posestream.messages import FloatArray, Person, PoseFrame
from posestream.skeleton import JOINT_COUNT, JOINT_NAMES

FRAME_COLUMNS: Final = ("camera", "frame_id", "seq", "captured_ms", "clock", "width_px", "height_px")
PERSON_COLUMNS: Final = ("person_id", "score")
COORDINATES: Final = {
    "joints_m": "",
    "smooth_m": "smooth_",
    "world_m": "world_",
    "smooth_world_m": "smooth_world_",
}
"""Coordinates in space by what their columns begin with, after the joint's name."""

_AXES: Final = ("x", "y", "z")


def columns(coordinates: tuple[str, ...]) -> list[str]:
    """Return the names of the columns, with these `COORDINATES`."""
    names = [*FRAME_COLUMNS, *PERSON_COLUMNS]
    for which in coordinates:
        names += [f"{joint}_{COORDINATES[which]}{axis}_m" for joint in JOINT_NAMES for axis in _AXES]
    names += [f"{joint}_{axis}_px" for joint in JOINT_NAMES for axis in _AXES[:2]]
    return [*names, *(f"{joint}_confidence" for joint in JOINT_NAMES)]


def rows(frame: PoseFrame, coordinates: tuple[str, ...]) -> Iterator[tuple[list[Any], FloatArray]]:
    """Yield the rows of a frame: the values of `FRAME_COLUMNS` and `PERSON_COLUMNS`, and the numbers of the others.

    The numbers are float32, NaN for what is missing.
    """
    head: list[Any] = [
        frame.camera,
        str(frame.id),
        frame.seq,
        frame.captured_ms,
        frame.clock.value,
        frame.size_wh[0],
        frame.size_wh[1],
    ]
    for person in frame.people:
        yield [*head, person.id, float(person.score)], _numbers(person, coordinates)
    if not frame.people:
        count = JOINT_COUNT * (3 * len(coordinates) + 3)
        yield [*head, None, None], np.full(count, np.nan, np.float32)


def _numbers(person: Person, coordinates: tuple[str, ...]) -> FloatArray:
    nowhere = np.full((JOINT_COUNT, 3), np.nan, np.float32)
    spaces = [getattr(person, which) for which in coordinates]
    parts = [(nowhere if joints_m is None else joints_m).ravel() for joints_m in spaces]
    return np.concatenate([*parts, person.joints_px.ravel(), person.confidence])
