"""Where people are: their joints in space moved to where the image shows them, under the camera that took it.

The network's joints say how somebody stands, not where. A translation is found so that the joints lie on their lines of
sight; with the floor known, people are then brought to where their feet meet it. At last every joint is moved some way
towards its own line of sight.

Symbols: P people, J = 19 joints, N = J (J - 1) / 2 pairs of them.
"""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from posestream.calibration import Distortion, Extrinsics, Intrinsics
from posestream.skeleton import JOINT_COUNT, JOINT_INDEX
from workers.pose.decoding import People
from workers.pose.lens import sight_rays

FloatArray = npt.NDArray[np.float64]

JOINT_DEVIATION_M: Final = 0.07
"""How far a joint's place in the body is taken to be off, along each axis."""
PIXEL_DEVIATION: Final = 2.0
"""How far a joint on the image is taken to be off along each axis, in pixels of the network's input."""

LATERAL_DEVIATION_M: Final = 0.05
"""How far a placed joint is taken to be off across its line of sight."""
SEEN_DEVIATION: Final = 1.75
"""How far the line of sight is, likewise, in units of `PIXEL_DEVIATION`: people's depths are not exact, either."""

NEAREST_M: Final = 0.3
FARTHEST_M: Final = 100.0

ANKLE_HEIGHT_M: Final = 0.08
"""How high the ankle of a foot on the floor is."""
SIZE_DEVIATION: Final = 0.045
"""How much people's sizes differ, as a fraction, from that which the network takes them to have."""

_MIN_JOINTS: Final = 4
_STEPS: Final = 3
_APART_M: Final = 0.3  # a joint so far from its line of sight is moved half as much
_WRONG: Final = 3.0  # deviations, from which a joint counts little
_ANKLE_DEPTH_DEVIATION_M: Final = 0.1
_ANKLE_HEIGHT_DEVIATION_M: Final = 0.03
_LARGEST_CHANGE: Final = 0.25  # somebody who would have to be more than that larger or smaller stands elsewhere

_ONE, _OTHER = np.triu_indices(JOINT_COUNT, 1)
_ANKLES: Final = [JOINT_INDEX["l_ankle"], JOINT_INDEX["r_ankle"]]


class Placing(StrEnum):
    """How people are placed."""

    FIT = "fit"
    """Joints and lines of sight as close to each other as can be, whatever single joints say."""
    FLOOR = "floor"
    """The same, with the lower foot on the floor, where a camera's extrinsics say where that is."""
    REFERENCE = "reference"
    """As the reference demo does: flat and parallel to the image, from how large they look, without distortion."""


def placed(
    people: People,
    method: Placing,
    intrinsics: Intrinsics,
    distortion: Distortion | None,
    extrinsics: Extrinsics | None,
    px_per_network_px: float,
) -> People:
    """Return people, whom the decoder has placed as the reference does, placed by a method.

    People with fewer than 4 joints on the image, and those for whom no place in front of the camera fits, stay where
    they were. `px_per_network_px` tells how large the network's pixels are on the frame.
    """
    if method is Placing.REFERENCE or not len(people):
        return people
    rays = sight_rays(people.joints_px, intrinsics, distortion)
    deviation = PIXEL_DEVIATION * px_per_network_px / intrinsics.fx
    weight = np.where(np.isfinite(rays).all(axis=2), people.confidence, 0).astype(np.float64)
    joints_m = people.joints_m.astype(np.float64)
    body_m = joints_m - joints_m.mean(axis=1, keepdims=True)
    found_m = body_m + fit(body_m, rays, weight, deviation)[:, None]
    if method is Placing.FLOOR and extrinsics is not None:
        found_m *= sizes_on_floor(found_m, rays, deviation, extrinsics)[:, None, None]
    found_m = towards_sight(found_m, rays, deviation)
    usable = ((weight > 0).sum(axis=1) >= _MIN_JOINTS) & (np.abs(found_m) < FARTHEST_M).all(axis=(1, 2))
    usable &= found_m[:, :, 2].mean(axis=1) > NEAREST_M
    return replace(people, joints_m=np.where(usable[:, None, None], found_m, joints_m).astype(np.float32))


def fit(body_m: FloatArray, rays: FloatArray, weight: FloatArray, ray_deviation: float) -> FloatArray:
    """Return the translations `(P, 3)` that bring joints onto their lines of sight.

    A joint (X, Y, Z), moved by (x, y, z), is on the ray (u, v) where X - u Z + x - u z = 0, and likewise in Y and v.
    What is left of that is a distance in metres, of which both sides have their part: the body's, and the image's times
    the depth. So the depth z, the slope of X - u Z over u, is Deming's (Statistical Adjustment of Data, 1943): a plain
    regression would put far people too near. It begins from the median over pairs of joints, so that wrong ones can not
    pull it along, and weighs every joint by its confidence and by how well it fits (Geman and McClure, 1985).

    Parameters are `body_m` `(P, J, 3)` about a place within the body, `rays` `(P, J, 2)`, and `weight` `(P, J)`, 0 for
    joints not seen; `ray_deviation` is how far rays are off. Not finite where nothing can be found.
    """
    rays = np.where(weight[..., None] > 0, rays, 0)  # (P, J, 2)
    flat_m = body_m[..., :2] - rays * body_m[..., 2:]  # (P, J, 2)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        depth_m, aside_m = _start(flat_m, rays, weight)  # (P, 1), (P, 2)
        for _ in range(_STEPS):
            chosen = weight * _agreement(flat_m, rays, depth_m, aside_m, ray_deviation)
            depth_m, aside_m = _step(flat_m, rays, chosen, ray_deviation)
    return np.concatenate((aside_m, depth_m), axis=1)


def _start(flat_m: FloatArray, rays: FloatArray, weight: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return depth `(P, 1)` and place aside `(P, 2)` from medians: half of the joints may be anywhere."""
    apart_m, apart = flat_m[:, _ONE] - flat_m[:, _OTHER], rays[:, _ONE] - rays[:, _OTHER]  # (P, N, 2)
    length2 = (apart_m * apart_m).sum(axis=2)  # (P, N)
    nearness = (apart * apart_m).sum(axis=2) / np.maximum(length2, 1e-9)  # 1 / depth
    of_pair = np.sqrt(length2 * weight[:, _ONE] * weight[:, _OTHER])
    depth_m = 1 / np.maximum(_weighted_medians(nearness[:, None], of_pair[:, None]), 1 / FARTHEST_M)  # (P, 1)
    aside_m = rays * depth_m[..., None] - flat_m  # (P, J, 2)
    return depth_m, _weighted_medians(aside_m.swapaxes(1, 2), weight[:, None])


def _weighted_medians(values: FloatArray, weight: FloatArray) -> FloatArray:
    """Return the weighted medians `(P, K)` of values `(P, K, N)`; `weight` `(P, 1, N)` is the same for all K."""
    order = np.argsort(values, axis=2)
    reached = np.cumsum(np.take_along_axis(np.broadcast_to(weight, values.shape), order, axis=2), axis=2)
    middle = (reached >= 0.5 * reached[..., -1:]).argmax(axis=2)[..., None]
    return np.take_along_axis(np.take_along_axis(values, order, axis=2), middle, axis=2)[..., 0]


def _agreement(
    flat_m: FloatArray, rays: FloatArray, depth_m: FloatArray, aside_m: FloatArray, ray_deviation: float
) -> FloatArray:
    """Return how far to believe each joint `(P, J)`: 1 on its line of sight, and little beyond 3 deviations."""
    left_m = flat_m + aside_m[:, None] - rays * depth_m[..., None]
    expected2 = JOINT_DEVIATION_M**2 + (ray_deviation * depth_m) ** 2  # (P, 1)
    believed: FloatArray = (1 + (left_m * left_m).sum(axis=2) / (_WRONG**2 * expected2)) ** -2
    return believed


def _step(
    flat_m: FloatArray, rays: FloatArray, weight: FloatArray, ray_deviation: float
) -> tuple[FloatArray, FloatArray]:
    """Return depth `(P, 1)` and place aside `(P, 2)` by weighted regression with errors on both sides."""
    share = (weight / weight.sum(axis=1, keepdims=True))[..., None]  # (P, J, 1)
    mean_m, mean_ray = (share * flat_m).sum(axis=1), (share * rays).sum(axis=1)  # (P, 2)
    off_m, off = flat_m - mean_m[:, None], rays - mean_ray[:, None]
    both = (share * off_m * off).sum(axis=(1, 2))
    ratio = (JOINT_DEVIATION_M / ray_deviation) ** 2
    more = (share * off_m * off_m).sum(axis=(1, 2)) - ratio * (share * off * off).sum(axis=(1, 2))
    depth_m = ((more + np.sqrt(more * more + 4 * ratio * both * both)) / (2 * both))[:, None]
    return depth_m, depth_m * mean_ray - mean_m


def towards_sight(placed_m: FloatArray, rays: FloatArray, ray_deviation: float) -> FloatArray:
    """Return people `(P, J, 3)` with their joints moved towards their lines of sight `(P, J, 2)`; depths stay.

    The network says twice where a joint is across the line of sight: by its location and by where it is on the image.
    Both are taken, weighted by how far they are off. Where they are far apart one of them is about something else, and
    the location is kept. Joints not seen (NaN) stay, and so does the pelvis, which never is: it is where
    all joints together say.
    """
    depth_m = placed_m[..., 2:]
    off_m = rays * depth_m - placed_m[..., :2]  # (P, J, 2)
    off2 = (off_m * off_m).sum(axis=2, keepdims=True)
    share = LATERAL_DEVIATION_M**2 / (LATERAL_DEVIATION_M**2 + (SEEN_DEVIATION * ray_deviation * depth_m) ** 2)
    share = share / (1 + off2 / _APART_M**2)
    moved_m = placed_m.copy()
    moved_m[..., :2] += np.where(np.isfinite(off_m), share * off_m, 0)
    return moved_m


def sizes_on_floor(placed_m: FloatArray, rays: FloatArray, ray_deviation: float, extrinsics: Extrinsics) -> FloatArray:
    """Return the factors `(P,)` by which people have to be larger, about the camera, to stand on the floor.

    The image alone can not tell a large person from one who is near. But the line of sight to a foot on the floor ends
    there; of two feet it is the one that has to come nearer. How far that is followed depends on how well it tells
    (little where the camera is as low as the foot) and on how much people's sizes differ. 1 for people whose ankles are
    not seen, and for those who would have to be of an unlikely size: they stand on something else.

    `placed_m` `(P, J, 3)` are where people have been placed, and `rays` `(P, J, 2)` NaN where not seen.
    """
    up = np.array(extrinsics.rotation)[:, 2]
    camera_height_m = extrinsics.position_m[2]
    depth_m = placed_m[:, _ANKLES, 2]  # (P, 2)
    rising = rays[:, _ANKLES] @ up[:2] + up[2]  # metres upwards per metre of depth
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = (ANKLE_HEIGHT_M - camera_height_m) / (depth_m * rising)
        unsure2 = (
            (ray_deviation / rising) ** 2
            + (_ANKLE_DEPTH_DEVIATION_M / depth_m) ** 2
            + (_ANKLE_HEIGHT_DEVIATION_M / camera_height_m) ** 2
        )
        factor = np.where((factor > 0) & np.isfinite(unsure2), factor, np.inf)
        lower = factor.argmin(axis=1)[:, None]
        factor, unsure2 = (np.take_along_axis(each, lower, axis=1)[:, 0] for each in (factor, unsure2))
        followed = 1 / (1 + unsure2 / SIZE_DEVIATION**2)
        changed = 1 + followed * (factor - 1)
    sizes: FloatArray = np.where(np.abs(factor - 1) < _LARGEST_CHANGE, changed, 1.0)
    return sizes
