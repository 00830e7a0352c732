"""Where the joints with a heatmap go."""

from __future__ import annotations

from posestream.skeleton import JOINT_NAMES, PELVIS
from tests.unit.workers.pose.decoding import oracle
from workers.pose.decoding.joints import OPENPOSE_JOINT_NAMES, PANOPTIC_OF_OPENPOSE


def test_joints_go_where_the_reference_has_them() -> None:
    assert tuple(PANOPTIC_OF_OPENPOSE.tolist()) == oracle.PANOPTIC


def test_every_joint_but_the_pelvis_has_one_heatmap() -> None:
    assert sorted(PANOPTIC_OF_OPENPOSE.tolist()) == [joint for joint in range(19) if joint != PELVIS]


def test_the_body_keeps_its_names() -> None:
    for name, joint in zip(OPENPOSE_JOINT_NAMES[:14], PANOPTIC_OF_OPENPOSE[:14], strict=True):
        assert JOINT_NAMES[joint] == name
