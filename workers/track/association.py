"""Who is who: the people of a frame and the tracks of those before it, by what it would cost them to be the same.

Symbols: T tracks, D detected people, J = 19 joints.
"""

from __future__ import annotations

from typing import Final

import lap
import numpy as np
import numpy.typing as npt

from posestream.skeleton import JOINT_INDEX, NECK

FloatArray = npt.NDArray[np.float32]

# What counts as a cost of 1, for each kind of difference alone.
IMAGE_SIZES: Final = np.float32(0.9)
"""Mean distance of the joints on the image, in sizes of the person; farther is not the same person."""
WANDERING_PER_S: Final = np.float32(1.0)
"""How much more that is allowed for each second that somebody was out of sight, as a factor."""
DEPTH_LOG: Final = np.float32(1.0)
"""Logarithm of the ratio of depths. It never rules anybody out: somebody half hidden may seem twice as far away."""
POSTURE_M: Final = np.float32(0.6)
"""Mean distance of the body's joints in space, the necks put together."""

_WEIGHTS: Final = (np.float32(0.6), np.float32(0.15), np.float32(0.25))  # of image, depth and posture in a cost
_MIN_SIZE_PX: Final = np.float32(16)
_BODY: Final = np.array([index for name, index in JOINT_INDEX.items() if name[2:] not in ("eye", "ear")])


def assign(cost: FloatArray) -> list[tuple[int, int]]:
    """Return the pairs (track, person) that together cost least, of costs `(T, D)`; none above 1.

    A track or a person left alone costs half of 1. Solved exactly, by Jonker and Volgenant's method.
    """
    if not cost.size:
        return []
    _, person_of, _ = lap.lapjv(cost.astype(np.float64), extend_cost=True, cost_limit=1.0)
    return [(track, int(person)) for track, person in enumerate(person_of) if person >= 0]


def costs(
    track_px: FloatArray, track_m: FloatArray, age_s: FloatArray, found_px: FloatArray, found_m: FloatArray
) -> FloatArray:
    """Return what it costs each track to be each person, `(T, D)` float32.

    Parameters are the joints on the image, `(T, J, 2)` and `(D, J, 2)` pixels with NaN where not seen, and in space,
    `(T, J, 3)` and `(D, J, 3)` metres; those of the tracks are where they are expected by now, `age_s` `(T,)` after
    they were last seen.
    """
    reach = IMAGE_SIZES * (1 + WANDERING_PER_S * age_s[:, None])
    image = _image_distance(track_px, found_px) / reach
    # A joint without a place in space (NaN) tells nothing: `fmin` takes that for as far apart as can be.
    depth = np.fmin(_depth_distance(track_m, found_m) / DEPTH_LOG, np.float32(1))
    posture = np.fmin(_posture_distance_m(track_m, found_m) / POSTURE_M, np.float32(1))
    cost: FloatArray = _WEIGHTS[0] * image + _WEIGHTS[1] * depth + _WEIGHTS[2] * posture
    cost[image > 1] = 2.0
    return cost


def _image_distance(track_px: FloatArray, found_px: FloatArray) -> FloatArray:
    """Return mean distances `(T, D)` over the joints that both have, in sizes of the person; 1 where they have none."""
    apart = track_px[:, None] - found_px[None]  # (T, D, J, 2)
    distance = np.sqrt((apart * apart).sum(axis=3))
    common = ~np.isnan(distance)
    count = common.sum(axis=2)
    total = np.where(common, distance, 0).sum(axis=2)
    size = np.maximum(_sizes_px(found_px)[None], _sizes_px(track_px)[:, None])
    return np.where(count > 0, total / (np.maximum(count, 1) * size), np.float32(1)).astype(np.float32)


def _sizes_px(joints_px: FloatArray) -> FloatArray:
    """Return how large people look `(N,)`: the root of the area of the box around their joints."""
    seen = ~np.isnan(joints_px)
    low = np.where(seen, joints_px, np.inf).min(axis=1)
    high = np.where(seen, joints_px, -np.inf).max(axis=1)
    sides = np.maximum(high - low, _MIN_SIZE_PX)
    size: FloatArray = np.sqrt(sides[:, 0] * sides[:, 1])
    return size


def _depth_distance(track_m: FloatArray, found_m: FloatArray) -> FloatArray:
    logs = [np.log(np.maximum(joints_m[:, NECK, 2], np.float32(0.1))) for joints_m in (track_m, found_m)]
    distance: FloatArray = np.abs(logs[0][:, None] - logs[1][None])
    return distance


def _posture_distance_m(track_m: FloatArray, found_m: FloatArray) -> FloatArray:
    ours = track_m[:, _BODY] - track_m[:, NECK, None]
    theirs = found_m[:, _BODY] - found_m[:, NECK, None]
    apart = ours[:, None] - theirs[None]  # (T, D, B, 3)
    distance: FloatArray = np.sqrt((apart * apart).sum(axis=3)).mean(axis=2)
    return distance
