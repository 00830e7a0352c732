"""What the viewer sends its page: JSON, and a picture with the people of that very frame in one binary message."""

from __future__ import annotations

import json
import math
import struct
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from posestream.calibration import Intrinsics
from posestream.messages import Person, PoseFrame
from posestream.skeleton import BONES, BONES_2D, JOINT_NAMES, PELVIS
from posestream.view.matching import Moment
from posestream.view.stage import Stage, best_m

HELLO: Final = json.dumps({"type": "hello", "joints": JOINT_NAMES, "bones": BONES, "bones_2d": BONES_2D})
"""What a page is told first: of what people consist."""


class Shown:
    """A moment as pages get it; packed once, for however many."""

    def __init__(self, camera: str, moment: Moment, stage: Stage | None) -> None:
        self._camera = camera
        self._moment = moment
        self._stage = stage

    @cached_property
    def with_picture(self) -> bytes:
        """The message for a page that shows the picture."""
        return self._packed(pictures=True) + self._moment.image

    @cached_property
    def without_picture(self) -> bytes:
        """The message for a page that shows the people alone."""
        return self._packed(pictures=False)

    def _packed(self, *, pictures: bool) -> bytes:
        pose, stage = self._moment.pose, self._stage
        header = {
            "camera": self._camera,
            "id": str(self._moment.id),
            "pictures": pictures,
            "pose": None if pose is None or stage is None else staged(pose, stage),
        }
        packed = json.dumps(header, allow_nan=False, separators=(",", ":")).encode()
        return struct.pack(">I", len(packed)) + packed


def staged(pose: PoseFrame, stage: Stage) -> dict[str, Any]:
    """Return a pose as the page draws it: in pixels of the frame, and in metres on the stage."""
    return {
        "id": str(pose.id),
        "size": pose.size_wh,
        "calibrated": pose.intrinsics.calibrated,
        "world": stage.world,
        "place": {
            "position": rounded(stage.position_m, 3),
            "axes": rounded(stage.axes.T, 4),
            "field": _field(pose.intrinsics, pose.size_wh),
        },
        "people": [_person(person, stage) for person in pose.people],
    }


def _person(person: Person, stage: Stage) -> dict[str, Any]:
    joints_m = best_m(person)
    return {
        "id": person.id,
        "joints_px": rounded(person.joints_px, 1),
        "depth_m": rounded(joints_m[PELVIS, 2], 3),
        "stage_m": rounded(stage.place(joints_m), 3),
    }


def _field(intrinsics: Intrinsics, size_wh: tuple[int, int]) -> tuple[float, float]:
    """Return how far the frame reaches to the side and up at a distance of one."""
    return round(size_wh[0] / 2 / intrinsics.fx, 3), round(size_wh[1] / 2 / intrinsics.fy, 3)


def rounded(values: npt.ArrayLike, digits: int) -> Any:
    """Return an array as nested lists of rounded numbers; None for what is not finite."""

    def plain(value: Any) -> Any:
        if isinstance(value, list):
            return [plain(each) for each in value]
        return round(value, digits) if math.isfinite(value) else None

    return plain(np.asarray(values, np.float64).tolist())
