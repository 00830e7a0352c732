"""`python -m producer calibrate set`: a camera's calibration on the server."""

from __future__ import annotations

from posestream.service.settings import load
from producer.calibration.commands.common import PROGRAM, TABLE, set_on_server
from producer.calibration.files import read_files
from producer.calibration.settings import SetSettings


def main(argv: list[str]) -> int:
    """Set a camera's calibration on the server, or take it away."""
    settings = load(SetSettings, argv, program=f"{PROGRAM} set", table=TABLE)
    calibration = read_files(settings.calibration, settings.calibration_camera, settings.world)
    set_on_server(settings, settings.camera, calibration)
    return 0
