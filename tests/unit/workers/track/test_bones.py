"""Bodies are rebuilt from the pelvis outwards, with bones of given lengths."""

from __future__ import annotations

import numpy as np

from posestream.skeleton import JOINT_COUNT, JOINT_INDEX, PELVIS
from workers.track.bones import BONE_COUNT, BONES, bone_lengths, learnt, with_lengths

BODIES = np.random.default_rng(1).normal(0, 0.4, (3, JOINT_COUNT, 3)).astype(np.float32)


def bone(start: str, end: str) -> int:
    return BONES.index((start, end))


def test_bones_lead_from_the_pelvis_to_every_other_joint_once() -> None:
    reached = {"pelvis"}
    for start, end in BONES:
        assert start in reached
        reached.add(end)
    assert len(reached) == JOINT_COUNT == BONE_COUNT + 1
    assert reached == set(JOINT_INDEX)


def test_a_bone_is_as_long_as_its_joints_are_apart() -> None:
    lengths = bone_lengths(BODIES)
    forearm = BODIES[1, JOINT_INDEX["l_wrist"]] - BODIES[1, JOINT_INDEX["l_elbow"]]
    assert np.isclose(lengths[1, bone("l_elbow", "l_wrist")], np.linalg.norm(forearm))


def test_rebuilt_bodies_have_those_lengths_alike_on_both_sides_and_the_directions_they_had() -> None:
    lengths = np.random.default_rng(2).uniform(0.1, 0.5, (3, BONE_COUNT)).astype(np.float32)
    rebuilt = with_lengths(BODIES, lengths)
    given = bone_lengths(rebuilt)
    left, right = bone("l_hip", "l_knee"), bone("r_hip", "r_knee")
    np.testing.assert_allclose(given[:, left], (lengths[:, left] + lengths[:, right]) / 2, rtol=1e-5)
    np.testing.assert_allclose(given[:, left], given[:, right], rtol=1e-5)
    middle = bone("pelvis", "neck")
    np.testing.assert_allclose(given[:, middle], lengths[:, middle], rtol=1e-5)
    np.testing.assert_array_equal(rebuilt[:, PELVIS], BODIES[:, PELVIS])
    for start, end in BONES:
        before = BODIES[:, JOINT_INDEX[end]] - BODIES[:, JOINT_INDEX[start]]
        after = rebuilt[:, JOINT_INDEX[end]] - rebuilt[:, JOINT_INDEX[start]]
        cosine = (before * after).sum(axis=1) / np.linalg.norm(before, axis=1) / np.linalg.norm(after, axis=1)
        np.testing.assert_allclose(cosine, 1, atol=1e-5)


def test_joints_on_top_of_each_other_stay_finite() -> None:
    lengths = np.full((3, BONE_COUNT), 0.3, np.float32)
    assert np.isfinite(with_lengths(np.zeros_like(BODIES), lengths)).all()


def test_lengths_are_the_mean_of_the_first_ones_and_then_follow_slowly() -> None:
    rng = np.random.default_rng(3)
    measured = rng.normal(0.4, 0.05, (40, 1, BONE_COUNT)).astype(np.float32)
    known = measured[0]
    for times, each in enumerate(measured[1:], 1):
        known = learnt(known, each, np.array([times], np.float32))
    np.testing.assert_allclose(known, measured.mean(axis=0), rtol=1e-4)
    after = learnt(known, known + np.float32(0.1), np.array([1000], np.float32))
    np.testing.assert_allclose(after - known, 0.002, atol=1e-5)
