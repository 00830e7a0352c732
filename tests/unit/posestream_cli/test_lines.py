"""A pose as one line."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from posestream.cli.lines import json_line, text_line
from posestream.keys import FrameId
from posestream.messages import CaptureClock, Intrinsics, Person, PoseFrame
from posestream.skeleton import JOINT_COUNT, PELVIS


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
    assert re.fullmatch(r"\d\d:\d\d:\d\d\.007  " + re.escape(end), text_line(pose(*people)))


def test_a_json_line_is_one_line_of_strict_json_with_the_fields_of_the_message():
    line = json_line(pose(person(7, (-0.25, 0.1, 4.2)), person(None, (0, 0, 1))))
    assert "\n" not in line
    message = json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))

    assert message["captured_ms"] == 1_700_000_000_007
    assert (message["id"], message["clock"], message["space"]) == ("5-1", "sensor", "camera")
    assert message["intrinsics"] == {"fx": 512.0, "fy": 512.0, "cx": 320.0, "cy": 240.0, "calibrated": False}
    first, second = message["people"]
    assert (first["id"], second["id"]) == (7, None)
    assert first["joints_px"][PELVIS] == [None, None]
    assert first["joints_px"][0] == [0.33, 0.33]
    assert first["joints_m"][PELVIS] == [-0.25, 0.1, 4.2]
    assert first["score"] == first["confidence"][0] == 0.3333
