"""Skeletons drawn from joints that are already in pixels: over a frame, or as seen in space."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from deploy.local.canvas import BLACK, Image, dot, line
from deploy.local.colours import Colour, shaded
from posestream.skeleton import BONES, JOINT_INDEX, JOINT_NAMES

_RIGHT_SHARE: Final = 0.55
_FACE: Final = frozenset(JOINT_INDEX[name] for name in ("l_eye", "l_ear", "r_eye", "r_ear"))


def draw_skeleton(
    image: Image,
    joints_px: npt.NDArray[np.floating],
    colour: Colour,
    width_px: float | npt.NDArray[np.floating],
    bones: Sequence[tuple[int, int]] = BONES,
) -> None:
    """Draw one person's joints (19, 2), NaN where there is none: the left side in its colour, the right side darker.

    `width_px` is of the limbs, one for all or one for each joint (19,), which tells near from far.
    """
    widths_px = np.broadcast_to(width_px, (len(joints_px),))
    limbs = [(a, b, float(widths_px[a] + widths_px[b]) / 2 * (0.6 if b in _FACE else 1.0)) for a, b in bones]
    for a, b, width in limbs:  # a rim around the whole person, so that it stands out from any background
        line(image, joints_px[a], joints_px[b], BLACK, width + 2.5)
    for a, b, width in limbs:
        line(image, joints_px[a], joints_px[b], _side(b, colour), width)
    for joint, joint_px in enumerate(joints_px):
        radius = float(widths_px[joint]) * (0.5 if joint in _FACE else 0.85)
        dot(image, joint_px, BLACK, radius + 0.8)
        dot(image, joint_px, _side(joint, colour), radius)


def _side(joint: int, colour: Colour) -> Colour:
    return shaded(colour, _RIGHT_SHARE) if JOINT_NAMES[joint].startswith("r_") else colour
