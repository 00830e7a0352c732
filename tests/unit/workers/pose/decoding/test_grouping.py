"""Who belongs to whom, limb by limb."""

from __future__ import annotations

import numpy as np
import pytest

from workers.pose.decoding.grouping import group
from workers.pose.decoding.joints import OPENPOSE_INDEX, OPENPOSE_JOINT_NAMES
from workers.pose.decoding.limbs import LIMBS, Pairs
from workers.pose.decoding.peaks import Peaks

LIMB_INDEX = {(a, b): index for index, (a, b, _) in enumerate(LIMBS)}


class Scene:
    """Peaks by name: `left.neck` is a candidate for the neck."""

    def __init__(self, *names: str, score: float = 0.5) -> None:
        self.names = sorted(names, key=lambda name: OPENPOSE_INDEX[name.split(".")[1]])
        joints = [OPENPOSE_INDEX[name.split(".")[1]] for name in self.names]
        places = np.arange(len(names)) * 10
        self.peaks = Peaks(
            places, places + 3, np.full(len(names), score, np.float32), np.searchsorted(joints, np.arange(19))
        )

    def people(self, *limbs: tuple[str, str, float]) -> list[set[str]]:
        return self.named(self.found(*limbs))

    def found(self, *limbs: tuple[str, str, float]):
        rows = [
            (LIMB_INDEX[a.split(".")[1], b.split(".")[1]], self.names.index(a), self.names.index(b), score)
            for a, b, score in limbs
        ]
        rows.sort(key=lambda row: (row[0], -row[3]))
        limb, peak_a, peak_b, score = zip(*rows, strict=True) if rows else ((), (), (), ())
        return group(
            self.peaks,
            Pairs(*(np.array(column, np.intp) for column in (limb, peak_a, peak_b)), np.array(score, np.float32)),
        )

    def named(self, found) -> list[set[str]]:
        """The names of the peaks in each person, looked up by place and joint."""
        people = []
        for joints in found.joints_fine_px:
            names = set()
            for joint, (x, y) in enumerate(joints):
                if not np.isnan(x):
                    name = self.names[int(x) // 10]
                    assert y == x + 3
                    assert name.endswith(OPENPOSE_JOINT_NAMES[joint])
                    names.add(name)
            people.append(names)
        return people


def test_limbs_that_share_a_joint_make_one_person() -> None:
    scene = Scene("a.neck", "a.r_shoulder", "a.r_elbow")
    people = scene.people(("a.neck", "a.r_shoulder", 0.7), ("a.r_shoulder", "a.r_elbow", 0.6))
    assert people == [{"a.neck", "a.r_shoulder", "a.r_elbow"}]


def test_two_people_stay_apart() -> None:
    scene = Scene("a.neck", "a.r_shoulder", "a.r_elbow", "b.neck", "b.r_shoulder", "b.r_elbow")
    people = scene.people(
        ("a.neck", "a.r_shoulder", 0.7),
        ("b.neck", "b.r_shoulder", 0.8),
        ("a.r_shoulder", "a.r_elbow", 0.6),
        ("b.r_shoulder", "b.r_elbow", 0.6),
    )
    assert len(people) == 2
    assert {"a.neck", "a.r_shoulder", "a.r_elbow"} in people
    assert {"b.neck", "b.r_shoulder", "b.r_elbow"} in people


def test_the_best_pair_is_chosen_first_and_takes_both_its_ends() -> None:
    scene = Scene("a.neck", "b.neck", "a.r_shoulder", "b.r_shoulder", "a.r_elbow")
    people = scene.people(
        ("a.neck", "a.r_shoulder", 0.9),
        ("a.neck", "b.r_shoulder", 0.8),  # its neck is taken
        ("b.neck", "a.r_shoulder", 0.7),  # its shoulder is taken
        ("a.r_shoulder", "a.r_elbow", 0.5),
    )
    assert people == [{"a.neck", "a.r_shoulder", "a.r_elbow"}]


def test_scores_add_up_and_are_multiplied_by_one_less_than_the_joints() -> None:
    scene = Scene("a.neck", "a.r_shoulder", "a.r_elbow", score=0.5)
    found = scene.found(("a.neck", "a.r_shoulder", 0.7), ("a.r_shoulder", "a.r_elbow", 0.6))
    assert found.score == pytest.approx([(3 * 0.5 + 0.7 + 0.6) * 2])
    assert found.joint_score[0, OPENPOSE_INDEX["neck"]] == 0.5
    assert found.joint_score[0, OPENPOSE_INDEX["nose"]] == 0


def test_two_joints_are_not_enough_for_a_person() -> None:
    assert Scene("a.neck", "a.r_shoulder").people(("a.neck", "a.r_shoulder", 1.0)) == []


@pytest.mark.parametrize(("peak_score", "people"), [(0.101, 0), (0.15, 1)])
def test_a_person_needs_a_score_of_02_per_joint(peak_score, people) -> None:
    scene = Scene("a.neck", "a.r_shoulder", "a.r_elbow", score=peak_score)
    # 3 peaks and limbs of 0.2 together, for 3 joints
    found = scene.people(("a.neck", "a.r_shoulder", 0.1), ("a.r_shoulder", "a.r_elbow", 0.1))
    assert len(found) == people


def test_a_person_can_start_at_any_limb() -> None:
    scene = Scene("a.l_hip", "a.l_knee", "a.l_ankle")
    people = scene.people(("a.l_hip", "a.l_knee", 0.7), ("a.l_knee", "a.l_ankle", 0.7))
    assert people == [{"a.l_hip", "a.l_knee", "a.l_ankle"}]


def test_a_joint_whose_limb_has_no_other_end_starts_a_person_that_later_limbs_add_to() -> None:
    # No right shoulder at all: limb 0 starts a person of the neck alone, and the left arm is added to it.
    scene = Scene("a.neck", "a.l_shoulder", "a.l_elbow")
    found = scene.found(("a.neck", "a.l_shoulder", 0.7), ("a.l_shoulder", "a.l_elbow", 0.6))
    assert scene.named(found) == [{"a.neck", "a.l_shoulder", "a.l_elbow"}]
    assert found.score == pytest.approx([(3 * 0.5 + 0.7 + 0.6) * 2])


def test_a_shoulder_adds_a_missing_ear_which_does_not_count() -> None:
    scene = Scene("a.neck", "a.r_shoulder", "a.r_elbow", "a.r_ear")
    limbs = [("a.neck", "a.r_shoulder", 0.7), ("a.r_shoulder", "a.r_elbow", 0.6)]
    with_ear = scene.found(*limbs, ("a.r_shoulder", "a.r_ear", 0.9))
    assert scene.named(with_ear) == [{"a.neck", "a.r_shoulder", "a.r_elbow", "a.r_ear"}]
    assert with_ear.score == pytest.approx(scene.found(*limbs).score)


def test_an_ear_adds_a_missing_shoulder() -> None:
    scene = Scene("a.neck", "a.nose", "a.r_eye", "a.r_ear", "a.r_shoulder")
    people = scene.people(
        ("a.neck", "a.nose", 0.7),
        ("a.nose", "a.r_eye", 0.7),
        ("a.r_eye", "a.r_ear", 0.7),
        ("a.r_shoulder", "a.r_ear", 0.7),
    )
    assert people == [{"a.neck", "a.nose", "a.r_eye", "a.r_ear", "a.r_shoulder"}]


def test_a_shoulder_does_not_replace_an_ear_that_is_there() -> None:
    scene = Scene("a.neck", "a.r_shoulder", "a.nose", "a.r_eye", "a.r_ear", "b.r_ear")
    people = scene.people(
        ("a.neck", "a.r_shoulder", 0.7),
        ("a.neck", "a.nose", 0.7),
        ("a.nose", "a.r_eye", 0.7),
        ("a.r_eye", "a.r_ear", 0.7),
        ("a.r_shoulder", "b.r_ear", 0.9),
    )
    assert people == [{"a.neck", "a.r_shoulder", "a.nose", "a.r_eye", "a.r_ear"}]


def test_nobody_gives_empty_arrays_of_the_right_shape() -> None:
    found = Scene().found()
    assert found.joints_fine_px.shape == (0, 18, 2)
    assert found.joint_score.shape == (0, 18)
    assert found.score.shape == (0,)
