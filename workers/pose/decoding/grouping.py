"""Candidate limbs to people: limbs are chosen best first and joined where they share a joint."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from workers.pose.decoding.joints import OPENPOSE_INDEX, OPENPOSE_JOINT_COUNT
from workers.pose.decoding.limbs import LIMBS, Pairs
from workers.pose.decoding.maps import FloatArray
from workers.pose.decoding.peaks import Peaks

FIRST_SHOULDER_TO_EAR_LIMB: Final = len(LIMBS) - 2

MIN_JOINTS: Final = 3
MIN_SCORE_PER_JOINT: Final = 0.2


@dataclass(frozen=True, slots=True)
class FoundPeople:
    """P people as the maps have them, K = 18 joints in OpenPose order, at least 3 of them found.

    - `joints_fine_px` `(P, K, 2)` float32: x, y of the peak's centre in fine pixels, NaN where not found.
    - `joint_score` `(P, K)` float32: the heatmap's value there (a little above 1 at times), 0 where not found.
    - `score` `(P,)` float32.
    """

    joints_fine_px: FloatArray
    joint_score: FloatArray
    score: FloatArray


@dataclass(slots=True)
class _Person:
    """One person being put together: its peaks by joint, how many joints count, and what peaks and limbs score."""

    peaks: dict[int, int]
    joints: int
    total: float

    @property
    def is_one(self) -> bool:
        return self.joints >= MIN_JOINTS and self.total / self.joints >= MIN_SCORE_PER_JOINT

    @property
    def score(self) -> float:
        return self.total * max(0, self.joints - 1)


def group(peaks: Peaks, pairs: Pairs) -> FoundPeople:
    """Put the people together, limb after limb.

    A limb adds its joint B to the person that has its joint A, or starts a person of two. One with candidates for only
    one of its joints starts people of one joint, for those not yet in anybody. The last two, from shoulder to ear, only
    fill in what a person with one end of the limb misses at the other, which does not count as a joint. People have at
    least 3 joints and score at least 0.2 per joint.
    """
    score_of_peak = peaks.score.tolist()
    first = peaks.first.tolist()
    people: list[_Person] = []
    # Until the last two limbs nobody shares a peak: a joint is B of one limb only, where its peaks go to one A each.
    owner: dict[int, _Person] = {}

    for limb, chosen in enumerate(_chosen(pairs)):
        joint_a, joint_b = OPENPOSE_INDEX[LIMBS[limb][0]], OPENPOSE_INDEX[LIMBS[limb][1]]
        of_a, of_b = range(first[joint_a], first[joint_a + 1]), range(first[joint_b], first[joint_b + 1])
        if limb >= FIRST_SHOULDER_TO_EAR_LIMB:
            for peak_a, peak_b, _ in chosen:
                _fill_in(people, joint_a, peak_a, joint_b, peak_b)
        elif of_a and of_b:
            for peak_a, peak_b, score in chosen:
                person = owner.get(peak_a)
                if person is None:
                    person = owner[peak_a] = _Person({joint_a: peak_a}, 1, score_of_peak[peak_a])
                    people.append(person)
                owner[peak_b] = person
                person.peaks[joint_b] = peak_b
                person.joints += 1
                person.total += score_of_peak[peak_b] + score
        else:
            for joint, candidates in ((joint_a, of_a), (joint_b, of_b)):
                for peak in candidates:
                    if peak not in owner:
                        owner[peak] = _Person({joint: peak}, 1, score_of_peak[peak])
                        people.append(owner[peak])

    return _as_arrays([person for person in people if person.is_one], peaks)


def _chosen(pairs: Pairs) -> list[list[tuple[int, int, float]]]:
    """Choose each limb's pairs best first and one to one: peak A, peak B and score."""
    chosen: list[list[tuple[int, int, float]]] = [[] for _ in LIMBS]
    taken: set[tuple[int, int]] = set()
    for limb, peak_a, peak_b, score in zip(
        pairs.limb.tolist(), pairs.peak_a.tolist(), pairs.peak_b.tolist(), pairs.score.tolist(), strict=True
    ):
        if (limb, peak_a) not in taken and (limb, peak_b) not in taken:
            taken.update(((limb, peak_a), (limb, peak_b)))
            chosen[limb].append((peak_a, peak_b, score))
    return chosen


def _fill_in(people: list[_Person], joint_a: int, peak_a: int, joint_b: int, peak_b: int) -> None:
    for person in people:
        if person.peaks.get(joint_a) == peak_a:
            person.peaks.setdefault(joint_b, peak_b)
        elif person.peaks.get(joint_b) == peak_b:
            person.peaks.setdefault(joint_a, peak_a)


def _as_arrays(people: list[_Person], peaks: Peaks) -> FoundPeople:
    joints_fine_px = np.full((len(people), OPENPOSE_JOINT_COUNT, 2), np.nan, np.float32)
    joint_score = np.zeros((len(people), OPENPOSE_JOINT_COUNT), np.float32)
    person_of = [index for index, person in enumerate(people) for _ in person.peaks]
    joint_of = [joint for person in people for joint in person.peaks]
    peak_of = [peak for person in people for peak in person.peaks.values()]
    joints_fine_px[person_of, joint_of, 0] = peaks.x[peak_of] + 0.5
    joints_fine_px[person_of, joint_of, 1] = peaks.y[peak_of] + 0.5
    joint_score[person_of, joint_of] = peaks.score[peak_of]
    return FoundPeople(joints_fine_px, joint_score, np.array([person.score for person in people], np.float32))
