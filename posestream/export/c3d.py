"""Marker trajectories as C3D, the binary format of motion capture, through ezc3d."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, Final

import numpy as np

from posestream.errors import ConfigurationError, RecordingError
from posestream.export.motion import Motion, Up
from posestream.skeleton import JOINT_NAMES

_BLOCK_BYTES: Final = 512
_DATA_AT: Final = slice(16, 18)
"""Where the header has the number of the block that the points begin at, counted from one."""
_POINT_BYTES: Final = 16


def check_c3d() -> Any:
    """Return ezc3d.

    Raises:
        ConfigurationError: it is not installed.
    """
    try:
        import ezc3d  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        raise ConfigurationError("C3D needs ezc3d: `pip install 'posestream[export]'`") from error
    return ezc3d


def write_c3d(motion: Motion, path: Path, up: Up) -> None:
    """Write one person's joints as points: millimetres, right-handed axes with `up` up.

    What is missing has a residual of -1, as the format says.

    Raises:
        ConfigurationError: ezc3d is not installed, or the path is that of something else than a file.
        RecordingError: the file could not be written whole.
        OSError: there can be no file in this folder.
    """
    target = path.resolve()
    if target.exists() and not target.is_file():
        raise ConfigurationError(f"{path}: not a file, so no C3D can be written there")
    file = _file(motion, up)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".posestream-") as folder:
        written = Path(folder) / target.name
        file.write(str(written))
        if not _is_whole(written, motion):  # ezc3d says nothing when it could not write, or not all of it
            raise RecordingError(f"{path}: it could not be written whole; is there room on the disk?")
        written.replace(target)


def _is_whole(path: Path, motion: Motion) -> bool:
    if not path.exists():
        return False
    with path.open("rb") as file:
        data_block = int.from_bytes(file.read(_BLOCK_BYTES)[_DATA_AT], "little")
    samples, joints, _ = motion.joints_m.shape
    least = _BLOCK_BYTES * (data_block - 1) + _POINT_BYTES * samples * joints
    return data_block > 1 and path.stat().st_size >= least


def _file(motion: Motion, up: Up) -> Any:
    file = check_c3d().c3d()
    points_mm = 1000 * motion.turned(up).transpose(2, 1, 0).astype(np.float64)  # (3, J, N)
    file["parameters"]["POINT"]["RATE"]["value"] = [motion.rate_hz]
    file["parameters"]["POINT"]["LABELS"]["value"] = list(JOINT_NAMES)
    file.add_parameter("POINT", "UNITS", ["mm"])
    file.add_parameter("POINT", "X_SCREEN", ["+X"])
    file.add_parameter("POINT", "Y_SCREEN", [f"+{up.upper()}"])
    file.add_parameter("SUBJECTS", "NAMES", [f"{motion.camera} {motion.person}"])
    missing = np.isnan(points_mm).any(axis=0)  # (J, N)
    file["data"]["points"] = np.concatenate([points_mm, np.ones_like(points_mm[:1])])
    file["data"]["meta_points"] = {
        "residuals": np.where(missing, -1.0, 0.0)[None],
        "camera_masks": np.zeros((7, *missing.shape), bool),
    }
    file["header"]["points"]["first_frame"] = motion.first
    return file
