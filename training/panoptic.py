"""CMU Panoptic as it is published: pictures of its HD cameras, joints in space, and calibrations.

    <folder>/<sequence>/calibration_<sequence>.json
    <folder>/<sequence>/hdImgs/<camera>/<camera>_<frame>.jpg
    <folder>/<sequence>/hdPose3d_stage1_coco19/body3DScene_<frame>.json

`<folder>` may be a sequence itself. Joints come in centimetres of a world whose -y axis points up, 19 in our order,
each with a confidence that is negative or 0 where the joint is not known.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from posestream.errors import ConfigurationError
from posestream.skeleton import JOINT_COUNT
from producer.calibration.files import read_files
from producer.calibration.floor import Projection
from producer.calibration.values import Calibration
from producer.synthetic.truth import Truth, Visibility
from training.samples import HeldOut

IMAGES: Final = "hdImgs"
POSES: Final = "hdPose3d_stage1_coco19"


@dataclass(frozen=True, slots=True)
class PanopticFrame:
    """One picture of the data set, not read yet.

    Attributes:
        sequence: its folder.
        camera: the camera's name, such as 00_03.
        image, pose: its files.
    """

    sequence: Path
    camera: str
    image: Path
    pose: Path


def list_frames(folder: Path, every: int = 1) -> list[PanopticFrame]:
    """Return every n-th picture of every camera that has joints, in order of sequence, camera and name.

    Raises:
        ConfigurationError: there are none; says what is missing.
    """
    sequences = [folder] if (folder / IMAGES).is_dir() else sorted(path.parent for path in folder.glob(f"*/{IMAGES}"))
    if not sequences:
        raise ConfigurationError(f"{folder}: no CMU Panoptic there: no folder {IMAGES} in it, or in a folder of it")
    frames = []
    for sequence in sequences:
        for camera in sorted(path for path in (sequence / IMAGES).iterdir() if path.is_dir()):
            for image in sorted(camera.glob("*.jpg"))[::every]:
                pose = sequence / POSES / f"{image.stem.replace(camera.name, 'body3DScene')}.json"
                if pose.is_file():
                    frames.append(PanopticFrame(sequence, camera.name, image, pose))
    if not frames:
        raise ConfigurationError(f"{folder}: no picture in {IMAGES} has joints in {POSES}: get both of the same frames")
    return frames


def read_frames(frames: list[PanopticFrame]) -> Iterator[HeldOut]:
    """Yield frames with their truth.

    Raises:
        ConfigurationError: a file is missing or not what it should be; names it.
    """
    calibrations: dict[tuple[Path, str], Calibration] = {}
    for frame in frames:
        key = (frame.sequence, frame.camera)
        if key not in calibrations:
            calibrations[key] = read_files(
                [frame.sequence / f"calibration_{frame.sequence.name}.json"], camera=frame.camera
            )
        yield _read(frame, calibrations[key])


def _read(frame: PanopticFrame, camera: Calibration) -> HeldOut:
    image: Any = cv2.imread(str(frame.image))
    if image is None:
        raise ConfigurationError(f"{frame.image}: not a picture that can be read")
    fitted = camera.for_size((image.shape[1], image.shape[0]))
    assert fitted.intrinsics is not None  # Panoptic's calibrations always have both
    assert fitted.extrinsics is not None
    ids, world_m, known = _joints(frame.pose)
    truth = true_people(ids, world_m, known, fitted, (image.shape[1], image.shape[0]))
    return HeldOut(
        image=np.asarray(image, np.uint8),
        truth=truth,
        intrinsics=fitted.intrinsics,
        kinds=(frame.sequence.name, f"{frame.sequence.name} {frame.camera}"),
        distortion=fitted.distortion,
        extrinsics=fitted.extrinsics,
        name=f"{frame.sequence.name} {frame.image.stem}",
        known=known,
    )


def _joints(path: Path) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Return ids (P,), joints (P, 19, 3) in our world, metres, z up, and which of them are known (P, 19)."""
    try:
        bodies = json.loads(path.read_text(encoding="utf-8-sig"))["bodies"]
        ids = np.array([int(body["id"]) for body in bodies], np.int64)
        table = np.array([body["joints19"] for body in bodies], np.float64).reshape(len(bodies), JOINT_COUNT, 4)
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ConfigurationError(f"{path}: no bodies of {JOINT_COUNT} joints each in it ({error})") from error
    x, y, z, confidence = np.moveaxis(table, 2, 0)
    return ids, np.stack((x, z, -y), axis=2) / 100, confidence > 0


def true_people(
    ids: npt.NDArray[np.int64],
    world_m: npt.NDArray[np.float64],
    known: npt.NDArray[np.bool_],
    camera: Calibration,
    size_wh: tuple[int, int],
) -> Truth:
    """Return the people `world_m` (P, 19, 3) as a camera sees them.

    The data set does not tell who hides whom: joints that are known and in the picture count as visible, others as out
    of it. All joints have pixels by the lens's formula, as Open Model Zoo's measure takes them, even where that means
    nothing: what is far aside may be folded back into the picture, which does not make it visible.
    """
    assert camera.intrinsics is not None
    assert camera.extrinsics is not None
    camera_m = camera.extrinsics.to_camera(world_m)
    joints_px = np.zeros((*camera_m.shape[:2], 2))
    reached = np.zeros(camera_m.shape[:2], bool)
    if len(ids):
        lens, flat_m = Projection(camera.intrinsics, camera.distortion), camera_m.reshape(-1, 3)
        joints_px = lens.pixels(flat_m).reshape(joints_px.shape)
        reached = lens.reaches(flat_m, size_wh).reshape(reached.shape)
    inside = ((joints_px >= 0) & (joints_px < size_wh)).all(axis=2) & reached & known
    return Truth(
        ids=ids,
        joints_m=camera_m.astype(np.float32),
        joints_px=joints_px.astype(np.float32),
        visibility=np.where(inside, Visibility.VISIBLE, Visibility.OUT_OF_FRAME).astype(np.uint8),
    )
