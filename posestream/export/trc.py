"""Marker trajectories as TRC, the tab-separated text that OpenSim and others read."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from posestream.export.motion import Motion, Up
from posestream.skeleton import JOINT_COUNT, JOINT_NAMES


def write_trc(motion: Motion, path: Path, up: Up) -> None:
    """Write one person's joints as markers: millimetres, right-handed axes with `up` up, empty for what is missing."""
    joints_mm = 1000 * motion.turned(up)
    count, rate = len(joints_mm), f"{motion.rate_hz:g}"
    head = {
        "DataRate": rate,
        "CameraRate": rate,
        "NumFrames": count,
        "NumMarkers": JOINT_COUNT,
        "Units": "mm",
        "OrigDataRate": rate,
        "OrigDataStartFrame": 1,
        "OrigNumFrames": count,
    }
    axes = [f"{axis}{number}" for number in range(1, JOINT_COUNT + 1) for axis in "XYZ"]
    with path.open("w", encoding="utf-8") as file:
        file.write(f"PathFileType\t4\t(X/Y/Z)\t{path.name}\n")
        file.write("\t".join(head) + "\n" + "\t".join(map(str, head.values())) + "\n")
        file.write("Frame#\tTime\t" + "\t\t\t".join(JOINT_NAMES) + "\t\t\n")
        file.write("\t\t" + "\t".join(axes) + "\n\n")
        for number, sample in enumerate(joints_mm):
            values = ("" if np.isnan(value) else f"{value:.3f}" for value in sample.ravel().tolist())
            time_s = (motion.first + number) / motion.rate_hz
            file.write("\t".join([str(number + 1), f"{time_s:.5f}", *values]) + "\n")
