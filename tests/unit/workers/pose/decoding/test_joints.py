"""Where the joints with a heatmap go."""

from __future__ import annotations

import numpy as np

from posestream.skeleton import JOINT_COUNT, JOINT_NAMES, PELVIS
from tests.unit.workers.pose.decoding import oracle
from tests.unit.workers.pose.decoding.comparison import truly_named
from workers.pose.decoding.joints import OPENPOSE_JOINT_NAMES, PANOPTIC_OF_OPENPOSE


def test_joints_go_where_the_reference_has_them_but_for_the_names_of_the_face() -> None:
    reference = np.full(JOINT_COUNT, -1)
    reference[list(oracle.PANOPTIC)] = range(18)
    ours = np.full(JOINT_COUNT, -1)
    ours[PANOPTIC_OF_OPENPOSE] = range(18)
    np.testing.assert_array_equal(ours, truly_named(reference))


def test_every_joint_but_the_pelvis_has_one_heatmap() -> None:
    assert sorted(PANOPTIC_OF_OPENPOSE.tolist()) == [joint for joint in range(19) if joint != PELVIS]


def test_every_joint_keeps_its_name() -> None:
    for name, joint in zip(OPENPOSE_JOINT_NAMES, PANOPTIC_OF_OPENPOSE, strict=True):
        assert JOINT_NAMES[joint] == name
