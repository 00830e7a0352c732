"""A sequence in the shape of CMU Panoptic, made from a synthetic scene that two of its cameras look at."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np

from producer.synthetic.options import SceneOptions
from producer.synthetic.view import SyntheticView
from tests.networks import grey_level

SEQUENCE = "170407_drawn1"
FRAMES = (120, 240)
CAMERAS = ("00_00", "00_01")
DISTORTION = [-0.25, 0.1, 0.001, -0.0005, -0.01]
UNKNOWN = 5  # of the first body in the first frame: a joint that the data set does not know


def view_of(camera: str, size: tuple[int, int] = (640, 360)) -> SyntheticView:
    return SyntheticView(SceneOptions(people=2, seed=33, camera=CAMERAS.index(camera), size=size))


def write_sample(folder: Path, *, grey: bool = False) -> Path:
    """Write the sequence; returns its folder. Grey pictures are of the level of their number among all four."""
    sequence = folder / SEQUENCE
    (sequence / "hdPose3d_stage1_coco19").mkdir(parents=True)
    cameras = []
    for name in CAMERAS:
        view = view_of(name)
        lens, place = view.intrinsics, view.extrinsics
        # A world with -y up: ours turned about x, in centimetres.
        to_ours = np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]])
        cameras.append(
            {
                "name": name,
                "type": "hd",
                "resolution": [640, 360],
                "panel": 0,
                "node": CAMERAS.index(name),
                "K": [[lens.fx, 0, lens.cx - 0.5], [0, lens.fy, lens.cy - 0.5], [0, 0, 1]],
                "distCoef": DISTORTION,
                "R": (np.array(place.rotation) @ to_ours).tolist(),
                "t": [[100 * value] for value in place.translation_m],
            }
        )
        images = sequence / "hdImgs" / name
        images.mkdir(parents=True)
        for number, frame in enumerate(FRAMES, len(cameras) * len(FRAMES) - len(FRAMES)):
            image = np.full((360, 640, 3), grey_level(number), np.uint8) if grey else view.image(frame)
            cv2.imwrite(str(images / f"{name}_{frame:08d}.jpg"), image)
    # A camera of another kind, as there are hundreds in the real files.
    cameras.append({"name": "01_01", "type": "vga", "resolution": [640, 480]})
    (sequence / f"calibration_{SEQUENCE}.json").write_text(json.dumps({"cameras": cameras}))
    for frame in FRAMES:
        view = view_of(CAMERAS[0])
        bodies = []
        for identity, joints_m in enumerate(view.truth(frame).joints_m):
            world_cm = 100 * view.extrinsics.to_world(joints_m.astype(float))
            table = np.column_stack((world_cm[:, 0], -world_cm[:, 2], world_cm[:, 1], np.full(19, 0.6)))
            if frame == FRAMES[0] and identity == 0:
                table[UNKNOWN] = (0, 0, 0, -1)
            bodies.append({"id": identity, "joints19": table.ravel().tolist()})
        path = sequence / "hdPose3d_stage1_coco19" / f"body3DScene_{frame:08d}.json"
        path.write_text(json.dumps({"version": 0.7, "univTime": 1.0, "fpsType": "hd_29_97", "bodies": bodies}))
    return sequence
