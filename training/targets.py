"""What the network should say about a frame: the truth as maps, and how much each cell of them counts.

Symbols as in `workers.pose.decoding`: P people, J = 19 Panoptic joints, K = 18 OpenPose joints, L = 19 limbs, H and W
the maps' size. A joint at network pixel x is at cell x / 8 - 0.5, cells being counted from the first one's centre.

Joints that another person hides are nobody's target: around them the network is neither rewarded nor punished. Those
that the own body hides are targets, since their place can be told. So is the neck of somebody of whom enough else is
visible, whatever hides it, because the decoder has no use for people without one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from posestream.skeleton import JOINT_COUNT, NECK, PELVIS
from producer.synthetic.truth import Truth, Visibility
from training.accuracy import MIN_VISIBLE_JOINTS
from training.mirror import MIRRORED_JOINT
from workers.pose.decoding.grids import STRIDE
from workers.pose.decoding.joints import OPENPOSE_JOINT_COUNT, PANOPTIC_OF_OPENPOSE
from workers.pose.decoding.lifting import BODY_HEIGHT_M, READ_TOGETHER
from workers.pose.decoding.limbs import JOINTS_A, JOINTS_B, LIMBS, PAF_XY

FloatArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]

SIGMA_CELLS: Final = 0.85
UNDECIDED_RADIUS_CELLS: Final = 2.0
LIMB_RADIUS_CELLS: Final = 1.0
UNDECIDED_LIMB_RADIUS_CELLS: Final = 1.5
LOCATION_RADIUS_CELLS: Final = 1.75

# Locations are read at a joint of the own group, and at the neck all of them; neck and pelvis at the neck only. The
# face is one group, because each of its halves is read at joints of the other, too (`lifting.SEEN_FOR`).
GROUPS: Final = (np.union1d(READ_TOGETHER[0], READ_TOGETHER[1]), *READ_TOGETHER[2:], np.array((NECK, PELVIS)))
READ_AT_JOINTS: Final = (*(np.array((NECK, *group)) for group in GROUPS[:-1]), np.array((NECK,)))
# Where left and right are taken for each other, the decoder reads an arm at the other arm's wrist. So those places
# count, too, if less, rather than leave to chance what is told there.
MISTAKEN_WEIGHT: Final = np.float32(0.5)


@dataclass(frozen=True, slots=True, eq=False)
class Targets:
    """One frame's targets and weights, float32, weights 0 where a cell does not count.

    - `heatmaps` `(19, H, W)`, weights likewise `(19, H, W)`.
    - `pafs` `(38, H, W)`, one weight for each limb's two channels `(L, H, W)`, limb l being channels 2l and 2l + 1.
    - `features` `(57, H, W)`, one weight for each joint's three channels `(J, H, W)`.
    """

    heatmaps: FloatArray
    heatmap_weights: FloatArray
    pafs: FloatArray
    paf_weights: FloatArray
    features: FloatArray
    feature_weights: FloatArray


def draw_targets(truth: Truth, size_wh: tuple[int, int]) -> Targets:
    """Return the targets for an input of this width and height in pixels, in which `truth.joints_px` is given."""
    hw = (size_wh[1] // STRIDE, size_wh[0] // STRIDE)
    in_front = np.isfinite(truth.joints_px).all(axis=(1, 2))  # nobody half behind the camera is drawn
    cells = truth.joints_px[in_front] / np.float32(STRIDE) - np.float32(0.5)  # (P, J, 2)
    visibility = truth.visibility[in_front]
    shown = (visibility == Visibility.VISIBLE) | (visibility == Visibility.SELF_OCCLUDED)
    hidden = visibility == Visibility.OCCLUDED
    guessed = hidden[:, NECK] & ((visibility == Visibility.VISIBLE).sum(axis=1) >= MIN_VISIBLE_JOINTS)
    shown[:, NECK] |= guessed
    hidden[:, NECK] &= ~guessed
    blobs = _blobs(cells, hw)
    heatmaps, heatmap_weights = _heatmaps(blobs, shown, hidden)
    pafs, paf_weights = _pafs(cells, shown, hidden, hw)
    features, feature_weights = _features(blobs, shown, truth.joints_m[in_front])
    return Targets(heatmaps, heatmap_weights, pafs, paf_weights, features, feature_weights)


def _blobs(cells: FloatArray, hw: tuple[int, int]) -> FloatArray:
    """Return Gaussians of height 1 `(P, J, H, W)` at points `(P, J, 2)`."""
    x = np.arange(hw[1], dtype=np.float32) - cells[..., 0, None]
    y = np.arange(hw[0], dtype=np.float32) - cells[..., 1, None]
    factor = np.float32(-0.5 / SIGMA_CELLS**2)
    blobs: FloatArray = np.exp(factor * y**2)[..., :, None] * np.exp(factor * x**2)[..., None, :]
    return blobs


def _heatmaps(blobs: FloatArray, shown: BoolArray, hidden: BoolArray) -> tuple[FloatArray, FloatArray]:
    hw = blobs.shape[2:]
    targets = np.zeros((OPENPOSE_JOINT_COUNT + 1, *hw), np.float32)
    weights = np.ones((OPENPOSE_JOINT_COUNT + 1, *hw), np.float32)
    seen, unseen = shown[:, PANOPTIC_OF_OPENPOSE], hidden[:, PANOPTIC_OF_OPENPOSE]  # (P, K)
    for blob, is_seen in zip(blobs[:, PANOPTIC_OF_OPENPOSE], seen, strict=True):
        np.maximum(targets[:-1], blob, out=targets[:-1], where=is_seen[:, None, None])
    targets[-1] = 1 - targets[:-1].max(axis=0)
    if unseen.any():
        undecided = np.max(blobs[:, PANOPTIC_OF_OPENPOSE], axis=0, initial=0, where=unseen[:, :, None, None])
        weights[:-1] = (undecided < _height_at(UNDECIDED_RADIUS_CELLS)) | (targets[:-1] > undecided)
        weights[-1] = weights[:-1].min(axis=0)
    return targets, weights


def _pafs(cells: FloatArray, shown: BoolArray, hidden: BoolArray, hw: tuple[int, int]) -> tuple[FloatArray, FloatArray]:
    targets = np.zeros((2 * len(LIMBS), *hw), np.float32)
    weights = np.ones((len(LIMBS), *hw), np.float32)
    count = np.zeros((len(LIMBS), *hw), np.float32)
    joint_a, joint_b = PANOPTIC_OF_OPENPOSE[JOINTS_A], PANOPTIC_OF_OPENPOSE[JOINTS_B]  # (L,)
    drawn = shown[:, joint_a] & shown[:, joint_b]  # (P, L)
    at_all = (shown | hidden)[:, joint_a] | (shown | hidden)[:, joint_b]
    channels = PAF_XY[0] // 2
    for person, limb in zip(*np.nonzero(at_all & ~drawn), strict=True):
        near, _ = _around_limb(
            cells[person, joint_a[limb]], cells[person, joint_b[limb]], UNDECIDED_LIMB_RADIUS_CELLS, hw
        )
        if near is not None:
            rows, columns, inside = near
            weights[channels[limb], rows, columns][inside] = 0
    for person, limb in zip(*np.nonzero(drawn), strict=True):
        near, unit = _around_limb(cells[person, joint_a[limb]], cells[person, joint_b[limb]], LIMB_RADIUS_CELLS, hw)
        if near is not None:
            rows, columns, inside = near
            channel = channels[limb]
            weights[channel, rows, columns][inside] = 1
            count[channel, rows, columns] += inside
            targets[2 * channel, rows, columns] += inside * unit[0]
            targets[2 * channel + 1, rows, columns] += inside * unit[1]
    crowded = np.nonzero(count > 1)
    targets.reshape(len(LIMBS), 2, *hw)[crowded[0], :, crowded[1], crowded[2]] /= count[crowded][:, None]
    return targets, weights


def _around_limb(
    a: FloatArray, b: FloatArray, radius: float, hw: tuple[int, int]
) -> tuple[tuple[slice, slice, BoolArray] | None, tuple[float, float]]:
    """Return which cells are near a limb, as a window of the map and a mask in it (None if none), and its direction."""
    (ax, ay), (bx, by) = a.tolist(), b.tolist()
    left, right = max(0, int(min(ax, bx) - radius)), min(hw[1], int(max(ax, bx) + radius) + 2)
    top, bottom = max(0, int(min(ay, by) - radius)), min(hw[0], int(max(ay, by) + radius) + 2)
    length = max(1e-3, ((bx - ax) ** 2 + (by - ay) ** 2) ** 0.5)
    unit = ((bx - ax) / length, (by - ay) / length)
    if left >= right or top >= bottom:
        return None, unit
    x = np.arange(left, right, dtype=np.float32) - np.float32(ax)
    y = (np.arange(top, bottom, dtype=np.float32) - np.float32(ay))[:, None]
    along = x * np.float32(unit[0]) + y * np.float32(unit[1])
    across = y * np.float32(unit[0]) - x * np.float32(unit[1])
    beyond = along - np.clip(along, 0, np.float32(length))
    return (slice(top, bottom), slice(left, right), across**2 + beyond**2 <= np.float32(radius**2)), unit


def _features(blobs: FloatArray, shown: BoolArray, joints_m: FloatArray) -> tuple[FloatArray, FloatArray]:
    hw = blobs.shape[2:]
    targets = np.zeros((JOINT_COUNT, 3, *hw), np.float32)
    weights = np.zeros((JOINT_COUNT, *hw), np.float32)
    if len(blobs):
        locations = (joints_m - joints_m[:, PELVIS, None]) / np.float32(BODY_HEIGHT_M)  # (P, J, 3)
        discs = np.where(shown[:, :, None, None] & (blobs > _height_at(LOCATION_RADIUS_CELLS)), blobs, 0)
        for group, places in zip(GROUPS, READ_AT_JOINTS, strict=True):
            readable = discs[:, places].max(axis=1)  # (P, H, W)
            mistaken = discs[:, MIRRORED_JOINT[places]].max(axis=1)
            readable = np.maximum(readable, MISTAKEN_WEIGHT * mistaken)
            weight = readable.max(axis=0)
            y, x = np.nonzero(weight)
            nearest = readable[:, y, x].argmax(axis=0)
            for joint in group:
                targets[joint][:, y, x] = locations[nearest, joint].T
            weights[group] = weight
    return targets.reshape(3 * JOINT_COUNT, *hw), weights


def _height_at(distance_cells: float) -> np.float32:
    return np.float32(np.exp(-0.5 * (distance_cells / SIGMA_CELLS) ** 2))
