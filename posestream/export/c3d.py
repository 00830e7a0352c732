"""Marker trajectories as C3D, the binary format of motion capture, through ezc3d."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from posestream.errors import ConfigurationError
from posestream.export.motion import Motion, Up
from posestream.skeleton import JOINT_NAMES


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
        ConfigurationError: ezc3d is not installed.
    """
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
    file.write(str(path))
