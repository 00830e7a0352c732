"""A pose as one line."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from posestream.cli.lines import event_line, text_line
from posestream.keys import FrameId
from posestream.messages import CaptureClock, Intrinsics, Outcome, Person, PoseFrame
from posestream.skeleton import JOINT_COUNT, PELVIS
from posestream.subscriber import (
    CameraOffline,
    CameraOnline,
    CameraRemoved,
    Disconnected,
    Gap,
    Reconnected,
    Skipped,
    Unreadable,
)
from posestream.subscriber.plain import item_json


def person(track_id: int | None, pelvis_m: tuple[float, float, float]) -> Person:
    joints_m = np.zeros((JOINT_COUNT, 3), np.float32)
    joints_m[PELVIS] = pelvis_m
    joints_px = np.full((JOINT_COUNT, 2), 1 / 3, np.float32)
    joints_px[PELVIS] = np.nan
    return Person(track_id, 1 / 3, joints_px, np.full(JOINT_COUNT, 1 / 3, np.float32), joints_m)


def pose(*people: Person) -> PoseFrame:
    return PoseFrame(
        "lobby",
        FrameId(5, 1),
        42,
        1_700_000_000_007,
        CaptureClock.SENSOR,
        (640, 480),
        Intrinsics.assumed(640, 480),
        people,
    )


@pytest.mark.parametrize(
    ("people", "end"),
    [
        ([], "lobby  #42  0 people"),
        ([person(None, (1, 2, 3))], "lobby  #42  1 person  at (1.00, 2.00, 3.00) m"),
        (
            [person(7, (-0.25, 0.1, 4.2)), person(0, (1, 0, 3))],
            "lobby  #42  2 people  7 at (-0.25, 0.10, 4.20) m  ·  0 at (1.00, 0.00, 3.00) m",
        ),
    ],
)
def test_a_text_line_says_when_where_and_who(people, end):
    assert re.fullmatch(r"\d\d:\d\d:\d\d\.007  " + re.escape(end), text_line(pose(*people)).plain)


def test_a_json_line_is_one_line_of_strict_json_with_the_fields_of_the_message():
    line = item_json(pose(person(7, (-0.25, 0.1, 4.2)), person(None, (0, 0, 1))))
    assert "\n" not in line
    message = json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))

    assert (message["type"], message["captured_ms"]) == ("pose", 1_700_000_000_007)
    assert (message["id"], message["clock"], message["space"]) == ("5-1", "sensor", "camera")
    assert message["intrinsics"] == {"fx": 512.0, "fy": 512.0, "cx": 320.0, "cy": 240.0, "calibrated": False}
    first, second = message["people"]
    assert (first["id"], second["id"]) == (7, None)
    assert first["joints_px"][PELVIS] == [None, None]
    assert first["joints_px"][0] == [0.33, 0.33]
    assert first["joints_m"][PELVIS] == [-0.25, 0.1, 4.2]
    assert first["score"] == first["confidence"][0] == 0.3333


@pytest.mark.parametrize(
    ("event", "line", "plain"),
    [
        (
            Gap("hall", FrameId(1), FrameId(9), 7),
            "hall  gap: up to 7 frames published and no longer kept",
            {"type": "gap", "camera": "hall", "after": "1-0", "before": "9-0", "missed": 7},
        ),
        (
            Gap("hall", None, None, None),
            "hall  gap: an unknown number of frames published and no longer kept",
            {"type": "gap", "camera": "hall", "after": None, "before": None, "missed": None},
        ),
        (
            Skipped("hall", FrameId(9), 4, {Outcome.STALE: 1, Outcome.DEAD: 2}),
            "hall  4 without a pose: 1 stale, 2 dead, 1 late or lost",
            {"type": "skipped", "camera": "hall", "before": "9-0", "count": 4, "outcomes": {"stale": 1, "dead": 2}},
        ),
        (CameraOnline("hall", 5), "hall  online", {"type": "camera-online", "camera": "hall", "heard_ms": 5}),
        (
            CameraOffline("hall", 5),
            "hall  offline: its producer is silent",
            {"type": "camera-offline", "camera": "hall", "heard_ms": 5},
        ),
        (CameraRemoved("hall"), "hall  removed", {"type": "camera-removed", "camera": "hall"}),
        (
            Unreadable("hall", FrameId(9), "no"),
            "unreadable pose: hall 9-0: no",
            {"type": "unreadable", "camera": "hall", "id": "9-0", "error": "no"},
        ),
        (Disconnected(0, "gone"), "server away: gone", {"type": "disconnected", "shard": 0, "error": "gone"}),
        (Reconnected(0), "server reached again", {"type": "reconnected", "shard": 0}),
    ],
)
def test_an_event_is_a_line_and_a_json_object_with_its_type(event, line, plain):
    assert event_line(event).plain == line
    assert json.loads(item_json(event)) == plain


def test_people_and_cameras_keep_their_colours_and_names_are_no_markup():
    first = text_line(replace(pose(person(7, (0, 0, 1))), camera="door[bold]"))
    again = text_line(replace(pose(person(7, (3, 3, 3))), camera="door[bold]"))
    assert "door[bold]" in first.plain
    assert [span.style for span in first.spans] == [span.style for span in again.spans]


def test_where_the_room_is_known_it_is_the_place_in_the_room_that_is_told():
    placed = replace(person(7, (0, 0, 1)), world_m=np.full((JOINT_COUNT, 3), 2.5, np.float32))
    assert text_line(pose(placed)).plain.endswith("7 at (2.50, 2.50, 2.50) m")
