"""Synthetic pictures show what the truth says, and are the same whenever and by whomever they are drawn."""

from __future__ import annotations

import subprocess
import sys
from itertools import combinations

import numpy as np

from posestream.skeleton import JOINT_INDEX
from producer.synthetic.options import SceneOptions
from producer.synthetic.truth import Visibility
from producer.synthetic.view import SyntheticView

SMALL = SceneOptions(size=(640, 360))


def test_the_same_frame_is_the_same_in_another_process_and_whatever_was_drawn_before() -> None:
    code = (
        "import sys, hashlib; from producer.synthetic.options import SceneOptions;"
        "from producer.synthetic.view import SyntheticView;"
        "print(hashlib.sha256(SyntheticView(SceneOptions(size=(640, 360))).image(40)).hexdigest())"
    )
    apart = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()[-1]
    view = SyntheticView(SMALL)
    view.image(3)
    view.truth(99)

    import hashlib

    assert hashlib.sha256(view.image(40)).hexdigest() == apart


def test_another_seed_shows_others() -> None:
    one, other = (SyntheticView(SceneOptions(seed=seed)).truth(10).joints_m for seed in (1, 2))

    assert not np.allclose(one, other)


def test_all_cameras_look_at_the_same_people() -> None:
    views = [SyntheticView(SceneOptions(camera=camera, size=(640, 360))) for camera in range(4)]
    in_world = [view.extrinsics.to_world(view.truth(77).joints_m) for view in views]
    for joints_m in in_world[1:]:
        np.testing.assert_allclose(joints_m, in_world[0], atol=1e-5)
    assert (in_world[0][:, JOINT_INDEX["l_ankle"], 2] < 0.5).all()
    assert (in_world[0][:, JOINT_INDEX["nose"], 2] > 1.0).all()


def test_people_are_drawn_where_the_truth_says() -> None:
    view, empty = SyntheticView(SMALL), SyntheticView(SceneOptions(size=(640, 360), people=0))
    shown = hit = 0
    for index in range(0, 400, 20):
        changed = np.abs(view.image(index).astype(int) - empty.image(index)).max(axis=2) > 12
        truth = view.truth(index)
        for person in range(len(truth)):
            for x, y in truth.joints_px[person][truth.visibility[person] == Visibility.VISIBLE]:
                shown += 1
                hit += bool(changed[int(y), int(x)])

    assert shown > 500
    assert hit / shown > 0.93  # the rest wear what is as bright as what is behind them


def test_an_empty_room_differs_from_frame_to_frame_by_noise_alone() -> None:
    empty = SyntheticView(SceneOptions(size=(640, 360), people=0))
    difference = empty.image(0).astype(int) - empty.image(1)

    assert 1 < difference.std() < 6
    assert len(empty.truth(0)) == 0


BONES = [
    *(("l_hip", "l_knee"), ("l_knee", "l_ankle"), ("l_shoulder", "l_elbow"), ("l_elbow", "l_wrist")),
    *(("r_hip", "r_knee"), ("r_knee", "r_ankle"), ("r_shoulder", "r_elbow"), ("r_elbow", "r_wrist")),
]


def bones_m(view: SyntheticView, index: int) -> dict[int, np.ndarray]:
    """The lengths of everybody's bones in a frame, by id."""
    truth = view.truth(index)
    start, end = (truth.joints_m[:, [JOINT_INDEX[bone[side]] for bone in BONES]] for side in (0, 1))
    return dict(zip(truth.ids.tolist(), np.linalg.norm(end - start, axis=2), strict=True))


def test_people_leave_and_enter_nowhere_and_an_id_is_always_the_same_body() -> None:
    views = [SyntheticView(SceneOptions(people=4, camera=camera)) for camera in (0, 2)]
    first = bones_m(views[0], 0)

    assert set(first) == {0, 1, 2, 3}
    for view, index in ((view, index) for view in views for index in range(0, 2000, 100)):
        seen = bones_m(view, index)
        assert seen.keys() == first.keys()
        for person, lengths_m in seen.items():
            np.testing.assert_allclose(lengths_m, first[person], atol=1e-4)
    for one, other in combinations(first.values(), 2):
        assert np.abs(one - other).max() > 0.002


def test_intrinsics_are_those_the_joints_were_projected_with() -> None:
    view = SyntheticView(SceneOptions(camera=2))
    truth, lens = view.truth(123), view.intrinsics

    expected = truth.joints_m[..., :2] / truth.joints_m[..., 2:] * (lens.fx, lens.fy) + (lens.cx, lens.cy)
    assert lens.calibrated
    np.testing.assert_allclose(truth.joints_px, expected, rtol=1e-4, atol=0.01)
