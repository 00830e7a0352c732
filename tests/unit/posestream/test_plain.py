"""Frames for those who want names and plain values."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from posestream.keys import FrameId
from posestream.messages import Outcome, decode_pose, encode_pose
from posestream.skeleton import JOINT_COUNT, JOINT_NAMES
from tests.unit.posestream.golden import PLACED_POSE, POSE


def test_joints_are_found_by_name():
    person = PLACED_POSE.people[1]
    assert list(person.named) == list(JOINT_NAMES)
    assert len(person.named) == JOINT_COUNT
    wrist = person.named["l_wrist"]
    assert wrist.confidence == 0.75
    for got, array in (
        (wrist.px, person.joints_px),
        (wrist.m, person.joints_m),
        (wrist.smooth_m, person.smooth_m),
        (wrist.world_m, person.world_m),
        (wrist.smooth_world_m, person.smooth_world_m),
    ):
        assert got is not None
        assert array is not None
        assert np.array_equal(got, array[5])


def test_what_a_person_has_not_got_its_joints_have_not_either():
    joint = POSE.people[0].named["pelvis"]
    assert np.isnan(joint.px).all()
    assert (joint.confidence, joint.smooth_m, joint.world_m) == (0, None, None)


def test_a_name_that_is_no_joint_is_a_key_error_that_says_which_there_are():
    with pytest.raises(KeyError, match=r"left_wrist.*l_wrist"):
        POSE.people[0].named["left_wrist"]
    assert "left_wrist" not in POSE.people[0].named
    assert "l_wrist" in repr(POSE.people[0].named)


def test_a_frame_as_a_dict_has_the_fields_of_the_message_with_joints_as_lists():
    told = PLACED_POSE.to_dict()
    assert (told["id"], told["clock"], told["size"], told["space"]) == (
        "1700000000456-2", "receive", [1280, 720], "camera",
    )  # fmt: skip
    assert told["extrinsics"]["translation"] == [0.25, 1.5, 4.0]
    anonymous, person = told["people"]
    assert (anonymous["id"], person["id"], person["score"]) == (None, 7, 12.5)
    assert anonymous["smooth_m"] is None
    assert person["joints_m"][0] == [3.5, 3.75, 4.0]
    assert person["joints_px"][2] == [None, None]
    assert np.shape(person["world_m"]) == np.shape(person["smooth_world_m"]) == (JOINT_COUNT, 3)
    assert (told["previous"], told["skipped"]) == (None, {})


def test_a_dict_has_the_same_keys_whatever_is_missing():
    placed, bare = PLACED_POSE.to_dict(), POSE.to_dict()
    assert placed.keys() == bare.keys()
    assert bare["distortion"] is bare["extrinsics"] is None
    assert placed["people"][1].keys() == bare["people"][0].keys()
    assert bare["people"][0]["world_m"] is None


def test_json_is_strict_and_on_one_line():
    text = PLACED_POSE.to_json()
    assert "\n" not in text
    assert json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON")) == PLACED_POSE.to_dict()


def test_what_came_before_a_pose_travels_with_it_and_is_left_out_where_there_is_nothing():
    followed = replace(POSE, previous=FrameId(5, 1), skipped={Outcome.DEAD: 2, Outcome.STALE: 1})
    read = decode_pose(encode_pose(followed))
    assert (read.previous, dict(read.skipped)) == (followed.previous, followed.skipped)
    assert followed.to_dict() == {**POSE.to_dict(), "previous": "5-1", "skipped": {"dead": 2, "stale": 1}}
    assert decode_pose(encode_pose(POSE)).previous is None
