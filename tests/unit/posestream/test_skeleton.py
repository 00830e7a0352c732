"""The skeleton that the wire format promises."""

from __future__ import annotations

from posestream.skeleton import BONES, BONES_2D, JOINT_COUNT, JOINT_INDEX, JOINT_NAMES, NECK, PELVIS


def test_the_joints_are_in_cmu_panoptic_order() -> None:
    assert " ".join(JOINT_NAMES) == (
        "neck nose pelvis l_shoulder l_elbow l_wrist l_hip l_knee l_ankle "
        "r_shoulder r_elbow r_wrist r_hip r_knee r_ankle l_eye l_ear r_eye r_ear"
    )
    assert JOINT_COUNT == 19
    assert (NECK, PELVIS) == (0, 2)
    assert [JOINT_INDEX[name] for name in JOINT_NAMES] == list(range(19))


def test_the_bones_are_a_tree_that_reaches_every_joint_from_the_neck() -> None:
    assert len(BONES) == JOINT_COUNT - 1
    reached = {NECK}
    for parent, child in BONES:  # parents come before their children
        assert parent in reached
        assert child not in reached
        reached.add(child)
    assert reached == set(range(JOINT_COUNT))


def test_left_and_right_mirror_each_other() -> None:
    def mirrored(joint: int) -> int:
        name = JOINT_NAMES[joint]
        swapped = {"l_": "r_", "r_": "l_"}.get(name[:2])
        return JOINT_INDEX[swapped + name[2:]] if swapped else joint

    assert {(mirrored(a), mirrored(b)) for a, b in BONES} == set(BONES)


def test_bones_over_an_image_join_all_joints_that_have_a_place_there():
    assert {joint for bone in BONES_2D for joint in bone} == set(range(JOINT_COUNT)) - {PELVIS}
    assert {bone for bone in BONES if PELVIS not in bone} < set(BONES_2D)
    assert (NECK, JOINT_INDEX["l_hip"]) in BONES_2D
    assert (JOINT_INDEX["l_hip"], JOINT_INDEX["r_hip"]) in BONES_2D
