"""The producer of two lines of shell that docs/wire-format.md shows, as it stands there."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.fleet import Fleet, wait_until
from tests.networks import Case, grey_level, write_network
from tests.servers import Server
from tests.unit.workers.pose.decoding.golden import golden_cases

WIRE_FORMAT = Path(__file__).parents[2] / "docs" / "wire-format.md"

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(shutil.which("redis-cli") is None, reason="redis-cli (Debian: redis-tools) is not installed"),
]


def test_a_frame_sent_by_two_lines_of_shell_becomes_a_pose(server: Server, tmp_path: Path) -> None:
    script = re.search(r"```sh\n(id=.*?)```", WIRE_FORMAT.read_text(), re.DOTALL)
    assert script is not None
    assert len(script[1].strip().splitlines()) == 2
    three = next(case for case in golden_cases() if case.name == "three")
    nobody = next(case for case in golden_cases() if case.name == "nobody")
    model = write_network(
        tmp_path / "known.xml",
        [Case(each.maps.features, each.maps.heatmaps, each.maps.pafs) for each in (nobody, three)],
    )
    cv2.imwrite(str(tmp_path / "photo.jpg"), np.full((720, 1280, 3), grey_level(1), np.uint8))

    with Fleet(server.url, "posestream", tmp_path) as fleet:
        fleet.start_workers(model, 1)
        done = subprocess.run(
            ["bash", "-euc", script[1].replace("redis-cli", f"redis-cli -p {server.port}")],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
        )
        assert done.stdout.startswith("admitted\n")
        wait_until(lambda: len(fleet.poses("shell")) == 1, seconds=30, what="the frame is a pose")
        [pose] = fleet.poses("shell")
        assert (pose.seq, len(pose.people), pose.intrinsics.calibrated) == (1, 3, False)
