"""Accuracy against the truth, through everything: drawing, JPEG, admission, inference, decoding, ordering, publishing.

The bounds have a margin to what the network reaches on these very frames, so that they hold on other CPUs too and fail
when something between the JPEG and the published pose goes wrong: a wrong scale, shift, colour order, joint or camera.
"""

from __future__ import annotations

import numpy as np
import pytest

from posestream.messages import PoseFrame
from producer.synthetic.options import parse_options
from producer.synthetic.view import SyntheticView
from tests.fleet import Fleet
from training.accuracy import ROWS, Accuracy
from workers.networks import DEMO_NETWORK

FRAMES = 40


def assert_in_the_world(pose: PoseFrame, view: SyntheticView) -> None:
    assert pose.extrinsics is not None
    np.testing.assert_allclose(pose.extrinsics.position_m, view.extrinsics.position_m, atol=1e-4)
    for person in pose.people:
        assert person.world_m is not None
        assert person.smooth_m is not None
        assert person.smooth_world_m is not None
        np.testing.assert_allclose(person.world_m, view.extrinsics.to_world(person.joints_m), atol=1e-3)
        np.testing.assert_allclose(person.smooth_world_m, view.extrinsics.to_world(person.smooth_m), atol=1e-3)


@pytest.mark.parametrize(("size", "most_px", "most_mm"), [("1280x720", 2.0, 70), ("640x480", 2.4, 86)])
def test_people_are_found_where_they_are_and_as_they_stand(
    fleet: Fleet, size: str, most_px: float, most_mm: float
) -> None:
    fleet.start_workers(DEMO_NETWORK, 2, "--first-size", size)
    accuracy = Accuracy()

    for seed in (101, 102):
        source = f"synthetic:?people=3&seed={seed}&fps=2&size={size}&frames={FRAMES}"
        done = fleet.run("producer", "run", source, "--camera", f"room-{seed}")
        assert done.returncode == 0, done.stderr
        options = parse_options(source)
        view = SyntheticView(options)
        poses = fleet.poses(f"room-{seed}")
        assert [options.index_at(pose.captured_ms, 0) for pose in poses] == list(range(FRAMES))
        for index, pose in enumerate(poses):
            assert pose.intrinsics.calibrated
            assert pose.intrinsics.fx == pytest.approx(view.intrinsics.fx)
            assert_in_the_world(pose, view)
            accuracy.add(view.truth(index), pose.people, ROWS / options.size[1])

    print(accuracy.as_dict())
    assert accuracy.counted > 150
    assert accuracy.found_share > 0.96
    assert accuracy.extra_share < 0.03
    assert accuracy.joints_share > 0.95
    assert accuracy.mean_error_px < most_px
    assert accuracy.mpjpe_mm < most_mm
    assert accuracy.depth_error_m < 0.4
