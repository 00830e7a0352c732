"""Which joints a camera sees, from geometry alone: bodies are made of capsules, and lines of sight run into them."""

from __future__ import annotations

from typing import Final

import numpy as np

from posestream.skeleton import JOINT_COUNT, JOINT_INDEX
from producer.synthetic.body import POINT, Figures
from producer.synthetic.camera import NEAREST_M, Camera
from producer.synthetic.rotations import FloatArray
from producer.synthetic.truth import Truth, Visibility

OWN_DEPTH_M: Final = 0.17
"""A joint lies within its own body; it is hidden by it when the skin is farther in front of the joint than this."""

_FACE: Final = [JOINT_INDEX[name] for name in ("nose", "l_eye", "l_ear", "r_eye", "r_ear")]

# From, to, and radius as a fraction of the height. The torso is two columns side by side, broader than deep.
_LIMBS: Final = (
    ("l_shoulder", "l_elbow", 0.024),
    ("r_shoulder", "r_elbow", 0.024),
    ("l_elbow", "l_wrist", 0.019),
    ("r_elbow", "r_wrist", 0.019),
    ("l_wrist", "l_hand", 0.020),
    ("r_wrist", "r_hand", 0.020),
    ("l_hip", "l_knee", 0.040),
    ("r_hip", "r_knee", 0.040),
    ("l_knee", "l_ankle", 0.027),
    ("r_knee", "r_ankle", 0.027),
    ("l_heel", "l_toe", 0.020),
    ("r_heel", "r_toe", 0.020),
    ("neck", "head", 0.030),
    ("head", "head", 0.055),
)
_FROM: Final = np.array([POINT[start] for start, _, _ in _LIMBS])
_TO: Final = np.array([POINT[end] for _, end, _ in _LIMBS])
_RADIUS: Final = np.array([radius for _, _, radius in _LIMBS])
_TORSO_RADIUS: Final = 0.058


def truth_of(figures: Figures, ids: np.ndarray, camera: Camera) -> Truth:
    """Return what is true of people in front of a camera; `ids` are `(P,)`."""
    points = camera.seen(figures.points_m)
    joints = points[:, :JOINT_COUNT]
    joints_px = camera.project(joints)
    return Truth(
        ids=ids.astype(np.int64),
        joints_m=joints.astype(np.float32),
        joints_px=joints_px.astype(np.float32),
        visibility=_visibility(figures, points, joints_px, camera),
    )


def _visibility(figures: Figures, points: FloatArray, joints_px: FloatArray, camera: Camera) -> np.ndarray:
    """Return `(P, 19)` uint8 of `Visibility`; `points` `(P, 28, 3)` are in the camera frame."""
    joints = points[:, :JOINT_COUNT]
    width, height = camera.size_wh
    with np.errstate(invalid="ignore"):
        inside = ((joints_px >= 0) & (joints_px < (width, height))).all(axis=2) & (joints[..., 2] > NEAREST_M)
    in_front_m = _covered_m(joints, *_capsules(points, figures.bodies.height_m * figures.bodies.girth))  # (P, J, P)
    own = np.eye(len(points), dtype=bool)[:, None]
    hidden_by_self = np.any(np.where(own, in_front_m, 0) > OWN_DEPTH_M, axis=2)
    hidden_by_self[:, _FACE] = ~_faces_camera(joints, points[:, POINT["head"]])
    hidden_by_other = (np.where(own, 0, in_front_m) > 0).any(axis=2)
    result = np.full(inside.shape, Visibility.VISIBLE, np.uint8)
    result[hidden_by_self] = Visibility.SELF_OCCLUDED
    result[hidden_by_other] = Visibility.OCCLUDED
    result[~inside] = Visibility.OUT_OF_FRAME
    return result


def _faces_camera(joints: FloatArray, head: FloatArray) -> np.ndarray:
    """Tell which joints of the face `(P, 5)` are on the near side of the head `(P, 3)`."""
    face = joints[:, _FACE]
    outwards = face - head[:, None]
    near: np.ndarray = (outwards * -face).sum(axis=2) > 0.1 * np.linalg.norm(outwards, axis=2) * np.linalg.norm(
        face, axis=2
    )
    return near


def _capsules(points: FloatArray, size_m: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return from and to `(P, C, 3)` and radius `(P, C)` of everybody's capsules."""
    neck, crotch = points[:, POINT["neck"]], points[:, POINT["crotch"]]
    tops, bottoms = [], []
    for side in ("l", "r"):
        tops.append(neck + 0.52 * (points[:, POINT[f"{side}_shoulder"]] - neck) - 0.06 * (neck - crotch))
        bottoms.append(0.7 * points[:, POINT[f"{side}_hip"]] + 0.3 * crotch)
    start = np.concatenate((points[:, _FROM], np.stack(tops, axis=1)), axis=1)
    end = np.concatenate((points[:, _TO], np.stack(bottoms, axis=1)), axis=1)
    radius = size_m[:, None] * np.concatenate((_RADIUS, [_TORSO_RADIUS, _TORSO_RADIUS]))
    return start, end, radius


def _covered_m(joints: FloatArray, start: FloatArray, end: FloatArray, radius: FloatArray) -> FloatArray:
    """Return how far in front of each joint `(P, J)` the skin of each person lies, `(P, J, P)` metres; 0 for nowhere.

    The line of sight's closest approach to a capsule's axis is found, and the skin taken to be where a sphere about
    that point of the axis is entered.
    """
    people, joint_count = joints.shape[:2]
    distance = np.linalg.norm(joints, axis=2).reshape(-1, 1)  # (PJ, 1)
    sight = joints.reshape(-1, 1, 3) / distance[..., None]  # (PJ, 1, 3)
    first = start.reshape(1, -1, 3)  # (1, PC, 3)
    axis = (end - start).reshape(1, -1, 3)
    length2 = np.maximum((axis * axis).sum(axis=2), 1e-9)  # (1, PC)
    along = (sight * axis).sum(axis=2)  # (PJ, PC)
    first_along = (sight * first).sum(axis=2)
    axis_first = (axis * first).sum(axis=2)
    # The place on the axis that is closest to the line of sight, then the place on the line closest to that.
    place = np.clip((along * first_along - axis_first) / np.maximum(length2 - along * along, 1e-9), 0, 1)
    nearest = first + place[..., None] * axis  # (PJ, PC, 3)
    depth = np.minimum((sight * nearest).sum(axis=2), distance)
    miss2 = ((nearest - sight * depth[..., None]) ** 2).sum(axis=2)
    skin = depth - np.sqrt(np.maximum(radius.reshape(1, -1) ** 2 - miss2, 0))
    in_front = np.where((miss2 < radius.reshape(1, -1) ** 2) & (depth > NEAREST_M), distance - skin, 0)
    result: FloatArray = np.maximum(in_front, 0).reshape(people, joint_count, *radius.shape).max(axis=3, initial=0)
    return result
