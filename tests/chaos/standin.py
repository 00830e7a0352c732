"""What stands in for inference: people that are a function of the frame's number, and frames that misbehave."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from typing import Any, Final

import numpy as np

from posestream.broker import Frame, Token
from posestream.keys import FrameId
from posestream.messages import CaptureClock, Intrinsics, Person, PoseFrame, decode_meta
from posestream.skeleton import JOINT_COUNT, PELVIS
from tests.chaos.frames import FPS, Behaviour, read_frame
from tests.chaos.schedule import CLAIM_AFTER_MS

INFERENCE_S: Final = 0.004
# Without heartbeats it would be taken over, and over again: three times is once too often.
SLOW_S: Final = 3.0 * CLAIM_AFTER_MS / 1000
SLOTS: Final = 3

_SIZE_WH: Final = (1280, 720)
_CAMERA: Final = Intrinsics.assumed(*_SIZE_WH)
_GUEST_FRAMES: Final = 3 * FPS  # the third one is there for so long, and away for as long: longer than ids are kept
_PHASES: Final = np.linspace(0, 5, JOINT_COUNT)
_BODY_M: Final = np.stack((0.3 * np.sin(7 * _PHASES), 0.8 * np.cos(3 * _PHASES), 0.1 * np.cos(5 * _PHASES)), axis=1)


def people_of(number: int) -> tuple[Person, ...]:
    """Return who is in a frame: two who walk to and fro past one another, and one who comes and goes."""
    seconds = number / FPS
    people = [
        _person(seconds, number, (1.5 * np.sin(0.7 * seconds), 0.0, 4.0)),
        _person(seconds + 9, number, (1.5 * np.sin(0.9 * seconds + 2), 0.1, 5.5)),
    ]
    if number // _GUEST_FRAMES % 2 == 0:
        people.append(_person(seconds + 5, number, (-2.5, -0.1 * np.cos(seconds), 7.0)))
    return tuple(people)


def _person(seconds: float, number: int, place_m: tuple[float, float, float]) -> Person:
    joints_m = (_BODY_M + 0.05 * np.sin(4 * seconds + _PHASES)[:, None] + place_m).astype(np.float32)
    seen = (number + np.arange(JOINT_COUNT)) % 11 != 0
    seen[PELVIS] = False
    joints_px = np.full((JOINT_COUNT, 2), np.nan, np.float32)
    joints_px[seen] = joints_m[seen, :2] / joints_m[seen, 2:] * _CAMERA.fx + (_CAMERA.cx, _CAMERA.cy)
    return Person(None, 10.0, joints_px, np.where(seen, 0.9, 0).astype(np.float32), joints_m)


def pose_of(number: int, captured_ms: int, camera: str, frame_id: FrameId, seq: int) -> PoseFrame:
    """Return the pose message of a frame, not yet tracked."""
    return PoseFrame(camera, frame_id, seq, captured_ms, CaptureClock.FILE, _SIZE_WH, _CAMERA, people_of(number))


class StandInProcessor:
    """In place of `workers.pose.frame.FrameProcessor`: sleeps instead of inferring."""

    def __init__(self, network: Any, limits: Any, stages: Any, placing: Any) -> None:
        pass

    def process(self, token: Token, frame: Frame) -> PoseFrame:
        """Return the people in a frame, unless it misbehaves."""
        number, behaviour = read_frame(frame.image)
        time.sleep(SLOW_S if behaviour is Behaviour.SLOW else INFERENCE_S)
        first = token.failures == 0
        if behaviour is Behaviour.CRASHES or (first and behaviour is Behaviour.CRASHES_ONCE):
            signal.raise_signal(signal.SIGSEGV)  # to this thread, which does not go on
        if behaviour is Behaviour.FAILS or (first and behaviour is Behaviour.FAILS_ONCE):
            raise RuntimeError(f"frame {number} fails")
        captured_ms = decode_meta(frame.meta).captured_ms
        assert captured_ms is not None
        return pose_of(number, captured_ms, token.camera, token.frame_id, token.seq)


class StandInNetwork:
    """In place of `workers.pose.network.PoseNetwork`."""

    def __init__(self, path: Path, options: Any, *, on_compiled: Any) -> None:
        pass

    def warm_up(self, width: int) -> None:
        """Nothing to compile."""

    def slots(self, width: int) -> int:
        """Return how many frames are in hand at once."""
        return SLOTS

    def close(self) -> None:
        """Nothing is held."""
