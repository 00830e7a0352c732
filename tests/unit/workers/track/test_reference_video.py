"""The reference's recorded video: who is who, by the reference and by us."""

from __future__ import annotations

import numpy as np
import pytest

from posestream.messages import Person
from posestream.skeleton import NECK
from tests.unit.workers.pose.decoding.recorded import DECODE_CASES, RECORDED_VIEW, recorded_video
from tests.unit.workers.track.reference import ReferenceTracks
from workers.pose.decoding import decode
from workers.pose.frame import persons
from workers.track.tracks import CameraTracks, TrackOptions

pytestmark = pytest.mark.skipif(
    not DECODE_CASES.exists(), reason="the reference's recordings (../shared/reference) are not on this machine"
)


@pytest.fixture(scope="module")
def video() -> list[tuple[Person, ...]]:
    """The people of each frame; three walk past each other, and one is hidden from frame 10 to 13."""
    return [persons(decode(case.features, case.heatmaps, case.pafs, RECORDED_VIEW)) for case in recorded_video()]


def recorded_ids(frame: int, people: tuple[Person, ...]) -> list[int]:
    """Return the ids that the reference gave, in our order of people: those whose left and right is the same."""
    with np.load(DECODE_CASES) as data:
        x_m = data[f"seq_poses3d_{frame}"].reshape(-1, 19, 4)[:, :, 0] / 100
        ids = data[f"seq_ids_{frame}"]
    return [int(ids[np.abs(x_m - person.joints_m[:, 0]).mean(axis=1).argmin()]) for person in people]


def longest_leap_m(ids: list[list[int]], video: list[tuple[Person, ...]]) -> float:
    """Return how far a neck has moved at most from one appearance of an id to the next, sideways."""
    last: dict[int, float] = {}
    leap = 0.0
    for frame, people in zip(ids, video, strict=True):
        for known, person in zip(frame, people, strict=True):
            x_m = float(person.joints_m[NECK, 0])
            leap = max(leap, abs(x_m - last.get(known, x_m)))
            last[known] = x_m
    return leap


def test_the_plain_form_of_the_references_method_gives_the_ids_that_it_recorded(
    video: list[tuple[Person, ...]],
) -> None:
    tracks = ReferenceTracks()

    for frame, people in enumerate(video):
        assert tracks.update(people) == recorded_ids(frame, people), f"frame {frame}"


def test_three_people_are_three_people_all_along_where_the_reference_mistakes_one_for_another(
    video: list[tuple[Person, ...]],
) -> None:
    ours, reference = CameraTracks(TrackOptions()), ReferenceTracks()
    ids = [[person.id for person in ours.update(33 * frame, people)] for frame, people in enumerate(video)]
    theirs = [reference.update(people) for people in video]

    assert {known for frame in ids for known in frame} == {1, 2, 3}
    assert longest_leap_m(ids, video) < 0.25
    assert {known for frame in theirs for known in frame} == {0, 1, 2, 3}
    assert longest_leap_m(theirs, video) > 0.7
