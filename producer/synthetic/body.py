"""Bodies and how they stand: lengths and joint angles in, points of the body in space out.

The world has z up and the floor at z = 0. A person's own frame has x to its right, y ahead and z up. Lengths are
fractions of the body height after Drillis and Contini (Body Segment Parameters, 1966), rounded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Final, Self

import numpy as np

from posestream.skeleton import JOINT_INDEX
from producer.synthetic.rotations import FloatArray, about_x, about_y, about_z, turned

LEFT, RIGHT = 0, 1
SIDE_SIGN: Final = np.array([-1.0, 1.0])  # of x in the person's frame

# Points of the body beyond the 19 joints, which drawing and occlusion need.
EXTRA_POINTS: Final = ("head", "crown", "l_hand", "r_hand", "l_heel", "r_heel", "l_toe", "r_toe", "crotch")
POINT: Final = {**JOINT_INDEX, **{name: len(JOINT_INDEX) + index for index, name in enumerate(EXTRA_POINTS)}}

_ANKLE_HEIGHT: Final = 0.039


@dataclass(frozen=True, slots=True)
class Bodies:
    """The sizes of P people, each `(P,)`.

    Attributes:
        height_m: from sole to crown.
        girth: thickness of torso and limbs; 1 is average.
        shoulders: half the distance of the shoulder joints, as a fraction of the height.
        hips: half the distance of the hip joints, likewise.
        legs: length of the legs; 1 is average, and what they are longer the torso is shorter.
    """

    height_m: FloatArray
    girth: FloatArray
    shoulders: FloatArray
    hips: FloatArray
    legs: FloatArray

    @classmethod
    def random(cls, count: int, rng: np.random.Generator) -> Self:
        """Draw adult bodies: 1.52 to 1.95 m, most of them near 1.72 m."""
        return cls(
            height_m=np.clip(rng.normal(1.72, 0.075, count), 1.52, 1.95),
            girth=np.clip(rng.normal(1.0, 0.12, count), 0.78, 1.35),
            shoulders=np.clip(rng.normal(0.108, 0.006, count), 0.095, 0.122),
            hips=np.clip(rng.normal(0.054, 0.003, count), 0.047, 0.062),
            legs=np.clip(rng.normal(1.0, 0.018, count), 0.955, 1.045),
        )


_OF_SIDES: Final = {"arm_swing", "arm_spread", "arm_turn", "elbow", "leg_swing", "leg_spread", "knee", "foot"}


@dataclass(slots=True)
class Posture:
    """How P people hold themselves; angles in radians, 0 for standing upright with hanging arms.

    `(P,)`: `x_m`, `y_m` on the floor; `heading` from y towards -x, seen from above; `lean` of the torso ahead, `tilt`
    to its right, `twist` of the shoulders against the hips to the left; `nod` and `look` (to the left) of the head.

    `(P, 2)`, left and right: `arm_swing` ahead, `arm_spread` outwards, `arm_turn` of the upper arm about itself
    (inwards), `elbow` bent; `leg_swing`, `leg_spread`, `knee` bent; `foot` lifted at the toes.
    """

    x_m: FloatArray
    y_m: FloatArray
    heading: FloatArray
    lean: FloatArray
    tilt: FloatArray
    twist: FloatArray
    nod: FloatArray
    look: FloatArray
    arm_swing: FloatArray
    arm_spread: FloatArray
    arm_turn: FloatArray
    elbow: FloatArray
    leg_swing: FloatArray
    leg_spread: FloatArray
    knee: FloatArray
    foot: FloatArray

    @classmethod
    def stacked(cls, postures: Sequence[Self]) -> Self:
        """Put several people's postures together."""
        if not postures:
            return cls(*(np.zeros((0, 2) if field.name in _OF_SIDES else 0) for field in fields(cls)))
        return cls(*(np.concatenate([getattr(one, field.name) for one in postures]) for field in fields(cls)))


@dataclass(frozen=True, slots=True, eq=False)
class Figures:
    """P people in space.

    Attributes:
        points_m: (P, 28, 3), world; the 19 joints and `EXTRA_POINTS`, by `POINT`.
        head_axes: (P, 3, 3), columns are the head's right, ahead and up.
        chest_axes, hip_axes: the same of the shoulders and the hips.
        bodies: their sizes.
    """

    points_m: FloatArray
    head_axes: FloatArray
    chest_axes: FloatArray
    hip_axes: FloatArray
    bodies: Bodies

    def __len__(self) -> int:
        return len(self.points_m)


def stand(bodies: Bodies, posture: Posture) -> Figures:
    """Place people on the floor: the lower foot of each touches it."""
    heights = bodies.height_m
    points = np.zeros((len(heights), len(POINT), 3))
    hips = about_z(posture.heading)
    spine = hips @ about_y(posture.tilt) @ about_x(-posture.lean)
    chest = spine @ about_z(posture.twist)
    head = chest @ about_z(posture.look) @ about_x(-posture.nod)
    _set_torso_and_head(points, bodies, hips, spine, chest, head)
    for side, name in ((LEFT, "l"), (RIGHT, "r")):
        _set_arm(points, bodies, posture, chest, side, name)
        _set_leg(points, bodies, posture, hips, side, name)
    soles = points[:, [POINT["l_ankle"], POINT["r_ankle"], POINT["l_toe"], POINT["r_toe"]], 2]
    below = np.array([_ANKLE_HEIGHT, _ANKLE_HEIGHT, 0.012, 0.012]) * heights[:, None]
    points[..., 2] -= (soles - below).min(axis=1, keepdims=True)
    points[..., 0] += posture.x_m[:, None]
    points[..., 1] += posture.y_m[:, None]
    return Figures(points, head, chest, hips, bodies)


def _set_torso_and_head(
    points: FloatArray, bodies: Bodies, hips: FloatArray, spine: FloatArray, chest: FloatArray, head: FloatArray
) -> None:
    height = bodies.height_m
    trunk = height * (0.295 - 0.49 * (bodies.legs - 1))
    points[:, POINT["neck"]] = neck = turned(spine, 0, 0, trunk)
    points[:, POINT["crotch"]] = turned(hips, 0, 0, -0.035 * height)
    points[:, POINT["head"]] = centre = (
        neck + turned(chest, 0, 0.012 * height, 0.045 * height) + turned(head, 0, 0.008 * height, 0.068 * height)
    )
    points[:, POINT["crown"]] = centre + turned(head, 0, 0, 0.062 * height)
    points[:, POINT["nose"]] = centre + turned(head, 0, 0.062 * height, -0.010 * height)
    for side, name in ((LEFT, "l"), (RIGHT, "r")):
        out = SIDE_SIGN[side] * height
        points[:, POINT[f"{name}_eye"]] = centre + turned(head, 0.0185 * out, 0.049 * height, 0.010 * height)
        points[:, POINT[f"{name}_ear"]] = centre + turned(head, 0.0440 * out, -0.004 * height, -0.002 * height)


def _set_arm(points: FloatArray, bodies: Bodies, posture: Posture, chest: FloatArray, side: int, name: str) -> None:
    height, sign = bodies.height_m, SIDE_SIGN[side]
    shoulder = points[:, POINT["neck"]] + turned(chest, sign * bodies.shoulders * height, 0, -0.020 * height)
    upper = (
        chest
        @ about_y(-sign * posture.arm_spread[:, side])
        @ about_x(posture.arm_swing[:, side])
        @ about_z(sign * posture.arm_turn[:, side])
    )
    fore = upper @ about_x(posture.elbow[:, side])
    elbow = shoulder + turned(upper, 0, 0, -0.172 * height)
    wrist = elbow + turned(fore, 0, 0, -0.150 * height)
    points[:, POINT[f"{name}_shoulder"]] = shoulder
    points[:, POINT[f"{name}_elbow"]] = elbow
    points[:, POINT[f"{name}_wrist"]] = wrist
    points[:, POINT[f"{name}_hand"]] = wrist + turned(fore, 0, 0, -0.085 * height)


def _set_leg(points: FloatArray, bodies: Bodies, posture: Posture, hips: FloatArray, side: int, name: str) -> None:
    height, sign = bodies.height_m, SIDE_SIGN[side]
    hip = turned(hips, sign * bodies.hips * height, 0, 0)
    thigh = hips @ about_y(-sign * posture.leg_spread[:, side]) @ about_x(posture.leg_swing[:, side])
    shank = thigh @ about_x(-posture.knee[:, side])
    foot = shank @ about_x(posture.foot[:, side])
    knee = hip + turned(thigh, 0, 0, -0.245 * bodies.legs * height)
    ankle = knee + turned(shank, 0, 0, -0.246 * bodies.legs * height)
    points[:, POINT[f"{name}_hip"]] = hip
    points[:, POINT[f"{name}_knee"]] = knee
    points[:, POINT[f"{name}_ankle"]] = ankle
    points[:, POINT[f"{name}_heel"]] = ankle + turned(foot, 0, -0.020 * height, -0.020 * height)
    points[:, POINT[f"{name}_toe"]] = ankle + turned(foot, sign * 0.012 * height, 0.098 * height, -0.027 * height)
