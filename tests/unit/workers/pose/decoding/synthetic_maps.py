"""Maps as a perfect network would give them, drawn from people whose joints in space are known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from posestream.skeleton import JOINT_COUNT, JOINT_NAMES
from tests.unit.workers.pose.decoding.oracle import LIMBS, STRIDE
from workers.pose.decoding import View

# OpenPose-18 joint -> CMU Panoptic joint of the same name
PANOPTIC = (1, 0, 9, 10, 11, 3, 4, 5, 12, 13, 14, 6, 7, 8, 17, 15, 18, 16)

BODY_HEIGHT_M = 1.8

BLOB_SIGMA_CELLS = 1.0
LIMB_HALF_WIDTH_CELLS = 1.0
LOCATION_RADIUS_CELLS = 2.5

# Metres from the neck: x right in the image, y down. Facing the camera, so the person's left is on the image's right.
STANDING_M = {
    "neck": (0.00, 0.00),
    "nose": (0.00, -0.20),
    "pelvis": (0.00, 0.55),
    "l_shoulder": (0.18, 0.02),
    "l_elbow": (0.28, 0.28),
    "l_wrist": (0.32, 0.52),
    "l_hip": (0.11, 0.55),
    "l_knee": (0.13, 0.95),
    "l_ankle": (0.14, 1.35),
    "r_shoulder": (-0.18, 0.02),
    "r_elbow": (-0.28, 0.28),
    "r_wrist": (-0.32, 0.52),
    "r_hip": (-0.11, 0.55),
    "r_knee": (-0.13, 0.95),
    "r_ankle": (-0.14, 1.35),
    "l_eye": (0.05, -0.25),
    "l_ear": (0.10, -0.22),
    "r_eye": (-0.05, -0.25),
    "r_ear": (-0.10, -0.22),
}


@dataclass(frozen=True)
class Maps:
    """One frame's network outputs, float32: features (57, H, W), heatmaps (19, H, W), pafs (38, H, W)."""

    features: np.ndarray
    heatmaps: np.ndarray
    pafs: np.ndarray


def standing(neck_m: tuple[float, float, float]) -> np.ndarray:
    """A person (19, 3) in metres, flat and parallel to the image."""
    flat = np.array([(*STANDING_M[name], 0.0) for name in JOINT_NAMES])
    return flat + np.array(neck_m)


def project_px(joints_m: np.ndarray, view: View) -> np.ndarray:
    """Joints (..., 3) in metres to the frame's pixels (..., 2)."""
    camera = view.intrinsics
    per_z = joints_m[..., :2] / joints_m[..., 2:]
    return per_z * (camera.fx, camera.fy) + (camera.cx, camera.cy)


def draw_maps(people_m: np.ndarray, view: View, map_hw: tuple[int, int]) -> Maps:
    """Draw people (P, 19, 3) into maps of H by W cells; of a joint outside them nothing is drawn."""
    height, width = map_hw
    maps = Maps(
        np.zeros((3 * JOINT_COUNT, height, width), np.float32),
        np.zeros((19, height, width), np.float32),
        np.zeros((38, height, width), np.float32),
    )
    for person_m in people_m:
        network_px = (project_px(person_m, view) - view.offset_px) / view.scale_xy
        cells = network_px / STRIDE  # (19, 2), from the map's corner
        inside = ((cells >= 0) & (cells < (width, height))).all(axis=1)  # (19,)
        _draw_person(maps, person_m, cells, inside)
    maps.heatmaps[18] = 1 - maps.heatmaps[:18].max(axis=0)
    return maps


def _draw_person(maps: Maps, person_m: np.ndarray, cells: np.ndarray, inside: np.ndarray) -> None:
    height, width = maps.heatmaps.shape[1:]
    y, x = np.mgrid[:height, :width] + 0.5  # the cells' centres

    # Every location is about the neck here; the network's are about something else, which must not matter.
    location = (person_m - person_m[0]).reshape(-1) / BODY_HEIGHT_M
    for k, joint in enumerate(PANOPTIC):
        if inside[joint]:
            distance = np.hypot(x - cells[joint, 0], y - cells[joint, 1])
            blob = np.exp(-(distance**2) / (2 * BLOB_SIGMA_CELLS**2))
            maps.heatmaps[k] = np.maximum(maps.heatmaps[k], blob)
            maps.features[:, distance < LOCATION_RADIUS_CELLS] = location[:, None]

    for joint_a, joint_b, channel_x, channel_y in LIMBS:
        a, b = PANOPTIC[joint_a], PANOPTIC[joint_b]
        if inside[a] and inside[b]:
            unit = (cells[b] - cells[a]) / np.linalg.norm(cells[b] - cells[a])
            along = (x - cells[a, 0]) * unit[0] + (y - cells[a, 1]) * unit[1]
            beyond = np.maximum(0, np.maximum(-along, along - np.linalg.norm(cells[b] - cells[a])))
            aside = np.abs((y - cells[a, 1]) * unit[0] - (x - cells[a, 0]) * unit[1])
            on_limb = np.maximum(aside, beyond) <= LIMB_HALF_WIDTH_CELLS
            maps.pafs[channel_x, on_limb] = unit[0]
            maps.pafs[channel_y, on_limb] = unit[1]
