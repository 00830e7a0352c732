"""The 18 joints that have a heatmap, in OpenPose order, and where each goes in CMU Panoptic order."""

from __future__ import annotations

from typing import Final

import numpy as np

from posestream.skeleton import JOINT_INDEX

OPENPOSE_JOINT_NAMES: Final = (
    "nose",
    "neck",
    "r_shoulder",
    "r_elbow",
    "r_wrist",
    "l_shoulder",
    "l_elbow",
    "l_wrist",
    "r_hip",
    "r_knee",
    "r_ankle",
    "l_hip",
    "l_knee",
    "l_ankle",
    "r_eye",
    "l_eye",
    "r_ear",
    "l_ear",
)
OPENPOSE_JOINT_COUNT: Final = len(OPENPOSE_JOINT_NAMES)
OPENPOSE_INDEX: Final = {name: index for index, name in enumerate(OPENPOSE_JOINT_NAMES)}
OPENPOSE_NECK: Final = OPENPOSE_INDEX["neck"]

PANOPTIC_OF_OPENPOSE: Final = np.array([JOINT_INDEX[name] for name in OPENPOSE_JOINT_NAMES])
"""Index into the 19 Panoptic joints for each of the 18 OpenPose joints, `(18,)`; the pelvis is nobody's."""
