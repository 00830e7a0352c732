"""The 19 joints of a person, in CMU Panoptic order, and the bones between them."""

from __future__ import annotations

from typing import Final, TypeAlias

JOINT_NAMES: Final[tuple[str, ...]] = (
    "neck",
    "nose",
    "pelvis",
    "l_shoulder",
    "l_elbow",
    "l_wrist",
    "l_hip",
    "l_knee",
    "l_ankle",
    "r_shoulder",
    "r_elbow",
    "r_wrist",
    "r_hip",
    "r_knee",
    "r_ankle",
    "l_eye",
    "l_ear",
    "r_eye",
    "r_ear",
)

JOINT_COUNT: Final = len(JOINT_NAMES)
JOINT_INDEX: Final[dict[str, int]] = {name: index for index, name in enumerate(JOINT_NAMES)}

# The network has no pelvis heatmap: the pelvis has a 3D position and no 2D one.
PELVIS: Final = JOINT_INDEX["pelvis"]
NECK: Final = JOINT_INDEX["neck"]

Bones: TypeAlias = tuple[tuple[int, int], ...]

BONES: Final[Bones] = tuple(
    (JOINT_INDEX[a], JOINT_INDEX[b])
    for a, b in (
        ("neck", "nose"),
        ("neck", "pelvis"),
        ("neck", "l_shoulder"),
        ("l_shoulder", "l_elbow"),
        ("l_elbow", "l_wrist"),
        ("neck", "r_shoulder"),
        ("r_shoulder", "r_elbow"),
        ("r_elbow", "r_wrist"),
        ("pelvis", "l_hip"),
        ("l_hip", "l_knee"),
        ("l_knee", "l_ankle"),
        ("pelvis", "r_hip"),
        ("r_hip", "r_knee"),
        ("r_knee", "r_ankle"),
        ("nose", "l_eye"),
        ("l_eye", "l_ear"),
        ("nose", "r_eye"),
        ("r_eye", "r_ear"),
    )
)
"""Pairs of joint indices to draw as lines, each bone once, a tree rooted at the neck."""

_HIPS: Final = (JOINT_INDEX["l_hip"], JOINT_INDEX["r_hip"])

BONES_2D: Final[Bones] = (*(bone for bone in BONES if PELVIS not in bone), *((NECK, hip) for hip in _HIPS), _HIPS)
"""The same over an image, where the pelvis has no place: the hips are joined to the neck and to each other instead."""
