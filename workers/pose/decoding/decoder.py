"""One frame's network outputs to its people, from the first step to the last."""

from __future__ import annotations

import numpy as np

from posestream.skeleton import JOINT_COUNT
from workers.pose.decoding.grids import NETWORK_PX_PER_FINE_PX
from workers.pose.decoding.grouping import FoundPeople, group
from workers.pose.decoding.joints import OPENPOSE_JOINT_COUNT, OPENPOSE_NECK, PANOPTIC_OF_OPENPOSE
from workers.pose.decoding.lifting import read_locations, translations
from workers.pose.decoding.limbs import find_pairs
from workers.pose.decoding.maps import FloatArray, check_maps, usable
from workers.pose.decoding.peaks import find_peaks
from workers.pose.decoding.people import People
from workers.pose.decoding.view import View


def decode(features: FloatArray, heatmaps: FloatArray, pafs: FloatArray, view: View) -> People:
    """Decode the people of one frame, those with a neck, in the order they were put together.

    Parameters are the network's outputs without a batch axis, float32, for a network input 8H pixels high and 8W wide:

    - `features` `(57, H, W)`: location maps, x, y, z of each Panoptic joint in turn.
    - `heatmaps` `(19, H, W)`: 18 joints in OpenPose order and the background, which is not read.
    - `pafs` `(38, H, W)`: x and y of each limb's part affinity field, unit vectors from joint A to joint B.
    - `view`: where the network's input was on the frame, and the camera that took it.

    Values that are NaN, infinite or of a magnitude of a million and more count as 0. The inputs are neither changed nor
    referred to by the result. Raises `ValueError` for other shapes and types.
    """
    check_maps(features, heatmaps, pafs)
    return _placed(find_people(heatmaps, pafs), features, view)


def find_people(heatmaps: FloatArray, pafs: FloatArray) -> FoundPeople:
    """Find the people of at least 3 joints on checked heatmaps `(19, H, W)` and pafs `(38, H, W)`, in fine pixels."""
    peaks = find_peaks(usable(heatmaps[:OPENPOSE_JOINT_COUNT]))
    return group(peaks, find_pairs(peaks, usable(pafs)))


def _placed(found: FoundPeople, features: FloatArray, view: View) -> People:
    """Reorder the joints of those with a neck to the Panoptic order and place them on the frame and in space."""
    has_neck = found.joint_score[:, OPENPOSE_NECK] > 0
    people = np.count_nonzero(has_neck)
    joints_fine_px = np.full((people, JOINT_COUNT, 2), np.nan, np.float32)
    joints_fine_px[:, PANOPTIC_OF_OPENPOSE] = found.joints_fine_px[has_neck]
    joint_score = np.zeros((people, JOINT_COUNT), np.float32)
    joint_score[:, PANOPTIC_OF_OPENPOSE] = found.joint_score[has_neck]

    joints_px = view.frame_px(joints_fine_px * np.float32(NETWORK_PX_PER_FINE_PX))
    locations_m = read_locations(features, joints_fine_px, joint_score)
    joints_m = locations_m + translations(locations_m, view.rays(joints_px))[:, None]
    return People(joints_px, np.minimum(joint_score, 1), joints_m, found.score[has_neck])
