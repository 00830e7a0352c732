"""Poses, shots and reports made by hand: people who are exactly where they are said to be."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from deploy.local.recording import Shot
from posestream.broker import CameraStatus
from posestream.keys import FrameId
from posestream.messages import CaptureClock, Intrinsics, Outcome, Person, PoseFrame
from posestream.skeleton import JOINT_COUNT, JOINT_INDEX, PELVIS
from producer.synthetic.truth import Truth, Visibility

START_MS = 1_700_000_000_000
SIZE_WH = (1280, 720)
INTRINSICS = Intrinsics(1000.0, 1000.0, 640.0, 360.0, calibrated=True)

# A person who faces the camera, from the floor between the feet: right, up, forward in metres.
_STANDING = {
    "neck": (0.0, 1.45, 0.0),
    "nose": (0.0, 1.6, -0.1),
    "pelvis": (0.0, 0.95, 0.0),
    "l_shoulder": (0.18, 1.43, 0.0),
    "l_elbow": (0.25, 1.15, 0.0),
    "l_wrist": (0.28, 0.9, 0.0),
    "l_hip": (0.1, 0.93, 0.0),
    "l_knee": (0.11, 0.5, 0.0),
    "l_ankle": (0.11, 0.08, 0.0),
    "l_eye": (0.03, 1.63, -0.08),
    "l_ear": (0.08, 1.61, 0.0),
}


def standing_m(right_m: float, down_m: float, forward_m: float) -> np.ndarray:
    """Return the joints (19, 3) of somebody who stands on a place in a level camera's frame."""
    joints_m = np.zeros((JOINT_COUNT, 3))
    for name, (x, up, z) in _STANDING.items():
        joints_m[JOINT_INDEX[name]] = (x, -up, z)
        if name.startswith("l_"):
            joints_m[JOINT_INDEX[f"r_{name[2:]}"]] = (-x, -up, z)
    return joints_m + np.array((right_m, down_m, forward_m))


def person_at(joints_m: np.ndarray, person_id: int | None = None) -> Person:
    """Return a person seen without error by a camera with INTRINSICS."""
    joints_px = joints_m[:, :2] / joints_m[:, 2:] * 1000.0 + (640.0, 360.0)
    joints_px[PELVIS] = np.nan
    confidence = np.where(np.isfinite(joints_px[:, 0]), 0.9, 0.0)
    as_floats = [values.astype(np.float32) for values in (joints_px, confidence, joints_m)]
    return Person(person_id, 1.0, *as_floats)


def pose_of(
    people: Sequence[Person],
    *,
    number: int = 0,
    step_ms: int = 100,
    camera: str = "hall",
    clock: CaptureClock = CaptureClock.SENSOR,
    size_wh: tuple[int, int] = SIZE_WH,
) -> PoseFrame:
    """Return frame `number` of a camera, admitted 5 ms after it was captured."""
    captured_ms = START_MS + number * step_ms
    return PoseFrame(
        camera, FrameId(captured_ms + 5), number + 1, captured_ms, clock, size_wh, INTRINSICS, tuple(people)
    )


def truth_of(joints_m: np.ndarray, ids: Sequence[int]) -> Truth:
    """Return people (P, 19, 3) of whom every joint is visible."""
    joints_px = joints_m[..., :2] / joints_m[..., 2:] * 1000.0 + (640.0, 360.0)
    visibility = np.full(joints_m.shape[:2], Visibility.VISIBLE, np.uint8)
    return Truth(np.array(ids), joints_m.astype(np.float32), joints_px.astype(np.float32), visibility)


def grey_jpeg(level: int = 128, size_wh: tuple[int, int] = SIZE_WH) -> bytes:
    encoded, jpeg = cv2.imencode(".jpg", np.full((size_wh[1], size_wh[0], 3), level, np.uint8))
    assert encoded
    return jpeg.tobytes()


def shot_of(pose: PoseFrame, image: bytes | None = None, truth: Truth | None = None) -> Shot:
    return Shot(pose, grey_jpeg() if image is None else image, 84.0, truth)


def status_of(
    camera: str = "hall", *, admitted: int | None = None, in_flight: int = 0, **outcomes: int
) -> CameraStatus:
    """Return a camera's counts; they add up unless `admitted` says otherwise."""
    counts = {outcome: outcomes.get(outcome.value, 0) for outcome in Outcome}
    admitted = sum(counts.values()) + in_flight if admitted is None else admitted
    return CameraStatus(camera, "live", admitted, counts, 1, in_flight, 0, 0, {}, 0, "")
