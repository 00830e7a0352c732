"""Cameras that are there, go, come back, are new or are taken away."""

from __future__ import annotations

from posestream.subscriber import CameraOffline, CameraOnline, CameraRemoved
from posestream.subscriber.roster import Roster


def test_the_first_look_tells_how_every_camera_is():
    roster = Roster(None, 10_000)
    assert roster.update({"yard": 95_000, "hall": 80_000}, 100_000) == [
        CameraOffline("hall", 80_000),
        CameraOnline("yard", 95_000),
    ]
    assert roster.followed == {"hall", "yard"}


def test_only_changes_are_told():
    roster = Roster(None, 10_000)
    roster.update({"hall": 100_000}, 100_000)
    assert roster.update({"hall": 101_000}, 102_000) == []
    assert roster.update({"hall": 101_000}, 111_000) == []
    assert roster.update({"hall": 101_000}, 111_001) == [CameraOffline("hall", 101_000)]
    assert roster.update({"hall": 101_000}, 120_000) == []
    assert roster.update({"hall": 120_500}, 121_000) == [CameraOnline("hall", 120_500)]


def test_a_camera_that_is_taken_away_is_told_and_followed_no_longer():
    roster = Roster(None, 10_000)
    roster.update({"hall": 0, "yard": 0}, 0)
    assert roster.update({"yard": 0}, 0) == [CameraRemoved("hall")]
    assert roster.followed == {"yard"}
    assert roster.update({"hall": 5, "yard": 0}, 5) == [CameraOnline("hall", 5)]


def test_those_that_were_asked_for_are_followed_whether_they_are_there_or_not_and_no_others():
    roster = Roster(frozenset({"hall"}), 10_000)
    assert roster.update({"yard": 0}, 0) == []
    assert roster.followed == {"hall"}
    assert roster.update({"yard": 0, "hall": 0}, 0) == [CameraOnline("hall", 0)]
    assert roster.update({"yard": 0}, 0) == [CameraRemoved("hall")]
    assert roster.followed == {"hall"}
