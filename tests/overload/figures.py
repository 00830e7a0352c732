"""From what was seen to the figures: memory against its bound, age, and each camera's share."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from posestream.keys import FrameId
from posestream.messages import CaptureClock, Intrinsics, PoseFrame, encode_pose
from tests.overload.offer import DEPTH
from tests.overload.run import Phase, Plan
from tests.slots import SIZE_WH

KIB = 1024
POSE_BYTES = len(
    encode_pose(PoseFrame("camera", FrameId(1), 1, 1, CaptureClock.RECEIVE, SIZE_WH, Intrinsics.assumed(*SIZE_WH), ()))
)
"""Nobody is in the frames of these runs."""


def memory_bound(plan: Plan) -> int:
    """Return what the server may use beyond its idle memory, in bytes, as docs/operations.md, "Memory", has it."""
    cameras = len(plan.fps)
    frames = (cameras * (DEPTH + 1) + plan.slots) * (plan.image_bytes + KIB)
    records = plan.max_records * (POSE_BYTES + KIB // 4)
    poses = cameras * plan.retain * (POSE_BYTES + KIB // 4)
    return frames + records + poses + cameras * 16 * KIB + KIB * KIB


def fair_share(plan: Plan) -> float:
    """Return how many frames a second each camera should get that wants so many or more.

    Those that want less get what they want, and leave the rest to the others.
    """
    left, rates = plan.slots / plan.inference_s, sorted(plan.fps.values())
    for position, rate in enumerate(rates):
        share = left / (len(rates) - position)
        if rate >= share:
            return share
        left -= rate
    return math.inf


def worst_to_mean(plan: Plan, phase: Phase) -> float:
    """Return the least that one of the cameras got that wanted their fair share, over what these got on average."""
    counts = Counter(pose.camera for pose in phase.posed)
    share = fair_share(plan)
    wanted = [counts[camera] for camera, fps in plan.fps.items() if fps >= share]
    return min(wanted) * len(wanted) / sum(wanted) if sum(wanted) else 0.0


def percentile(ages_s: Sequence[float], share: float) -> float:
    """Return the smallest age that this share of all does not exceed; NaN of none."""
    return sorted(ages_s)[min(len(ages_s) - 1, int(share * len(ages_s)))] if ages_s else math.nan
