"""People on the maps to people in space: the location maps read at the joints, and where in space that must be."""

from __future__ import annotations

from typing import Final

import numpy as np

from posestream.skeleton import JOINT_COUNT, JOINT_INDEX, NECK
from workers.pose.decoding.grids import UPSAMPLING
from workers.pose.decoding.maps import FloatArray, usable

BODY_HEIGHT_M: Final = 1.8
"""The length the location maps' values are in units of."""

MIN_READ_SCORE: Final = np.float32(0.1)

# The reference hands its last four heatmaps on as joints 15 to 18 in the order they come, so that its 2D "l_eye" is the
# right eye and so on, while the location maps have their names right. Here every joint on the image has its own name;
# for the reference's 3D, its locations are still read, and its spreads taken, as that order has it.
SEEN_FOR: Final = np.array([*range(15), *(JOINT_INDEX[name] for name in ("r_eye", "l_eye", "r_ear", "l_ear"))])
"""The joint on the image that each joint in space goes with, `(J,)`: itself, but for the face."""

READ_TOGETHER: Final = np.array([(18, 17, 1), (16, 15, 1), (5, 4, 3), (8, 7, 6), (11, 10, 9), (14, 13, 12)])
"""Joints in space `(6, 3)` whose location is read at the same place. The later of two groups has the nose."""

READ_AT: Final = SEEN_FOR[READ_TOGETHER]
"""Joints on the image `(6, 3)`: a group is read at the first of its three that was seen well enough."""


def read_locations(features: FloatArray, joints_fine_px: FloatArray, joint_score: FloatArray) -> FloatArray:
    """Read the 3D joints of people who all have a neck.

    Every joint is read at the neck first. Then each arm, each leg and each half of the face is read, all of it, at its
    outermost joint that scores above 0.1 (`READ_AT`): there a limb's own location can be seen even where another person
    covers the neck.

    Parameters are `features` `(57, H, W)` (x, y, z of joint j in channels 3j to 3j + 2), `joints_fine_px` `(P, 19, 2)`
    with NaN where not seen and `joint_score` `(P, 19)`, all float32. Returns `(P, 19, 3)` float32 in metres: camera
    axes, about an origin of the network's choice.
    """
    seen = joint_score > MIN_READ_SCORE  # (P, J)
    source = np.full(joint_score.shape, NECK)  # (P, J), the joint at whose place each is read
    seen_members = seen[:, READ_AT]  # (P, 6, 3)
    person, group = np.nonzero(seen_members.any(axis=2))  # in order, so that the later group has the nose
    outermost = READ_AT[group, seen_members[person, group].argmax(axis=1)]
    source[person[:, None], READ_TOGETHER[group]] = outermost[:, None]

    place_px = np.take_along_axis(joints_fine_px, source[:, :, None], axis=1)  # (P, J, 2)
    cell = (place_px / UPSAMPLING).astype(np.intp)
    maps = features.reshape(JOINT_COUNT, 3, *features.shape[1:])
    locations = maps[np.arange(JOINT_COUNT), :, cell[..., 1], cell[..., 0]]  # (P, J, 3)
    return usable(locations) * np.float32(BODY_HEIGHT_M)


def translations(locations_m: FloatArray, rays: FloatArray) -> FloatArray:
    """Find where people are from how large they look.

    A person is taken to be flat and parallel to the image: at the depth where the spread of its joints in metres looks
    as large as the spread of their rays is (both Frobenius norms about the mean, over the joints that were seen or go
    with one that was, `SEEN_FOR`), with its mean on the mean ray. The reference does the same in cells, with one focal
    length and the principal point in the map's centre; rays make it right for any.

    Parameters are `locations_m` `(P, 19, 3)` and `rays` `(P, 19, 2)` (x, y per unit of z, NaN where not seen), both
    float32. Returns `(P, 3)` float32 in metres, camera axes. Each person must have been seen at two different places,
    as all are who have a limb.
    """
    rays = rays[:, SEEN_FOR]
    seen = ~np.isnan(rays[:, :, :1])  # (P, J, 1)
    count = seen.sum(axis=1)  # (P, 1)
    flat_m = np.where(seen, locations_m[:, :, :2], 0)  # (P, J, 2)
    rays = np.where(seen, rays, 0)
    mean_m, mean_ray = flat_m.sum(axis=1) / count, rays.sum(axis=1) / count  # (P, 2)
    spread_m = np.sqrt((np.where(seen, flat_m - mean_m[:, None], 0) ** 2).sum(axis=(1, 2)))  # (P,)
    spread_ray = np.sqrt((np.where(seen, rays - mean_ray[:, None], 0) ** 2).sum(axis=(1, 2)))
    depth_m = (spread_m / spread_ray)[:, None]  # (P, 1)
    return np.concatenate((depth_m * mean_ray - mean_m, depth_m), axis=1).astype(np.float32)
