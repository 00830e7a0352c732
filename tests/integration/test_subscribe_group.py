"""Sharing poses in a group: each frame to one member, and to another when that one dies."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

import msgpack
import pytest

from posestream import Disconnected, Gap, Skipped, subscribe
from posestream.errors import BrokerError, UnsupportedSchemaError
from posestream.keys import FrameId
from posestream.messages import Outcome, PoseFrame, encode_pose
from tests.contract.roles import eventually
from tests.publishing import Stage
from tests.servers import EmbeddedValkey
from tests.unit.posestream_service.services import ROOT
from tests.unit.posestream_subscriber.frames import frame
from tests.users import rules, url_as


@pytest.fixture
def stage(redis_url: str, prefix: str) -> Iterator[Stage]:
    with Stage(redis_url, prefix) as prepared:
        yield prepared


@pytest.fixture
def member(redis_url: str, prefix: str):
    opened = []

    def join(**options):
        options = {"start": "beginning", "group": "work", "claim_after_s": 60} | options
        opened.append(subscribe(redis_url, prefix=prefix, **options))
        return opened[-1]

    yield join
    for subscription in opened:
        subscription.close()


def pending(stage: Stage, camera: str = "hall", group: str = "work") -> int:
    return int(stage.shard.client.xpending(stage.shard.keys.poses(camera), group)["pending"])


def consumers(stage: Stage, camera: str = "hall") -> int:
    return len(stage.shard.client.xinfo_consumers(stage.shard.keys.poses(camera), "work"))


def last_delivered(stage: Stage, camera: str = "hall") -> bytes:
    (group,) = stage.shard.client.xinfo_groups(stage.shard.keys.poses(camera))
    return group["last-delivered-id"]


def closes_at_once(subscription) -> bool:
    began = time.monotonic()
    subscription.close()
    return time.monotonic() - began < 3


def test_each_frame_goes_to_exactly_one_member(stage, member):
    got: list[list[int]] = [[], [], []]
    subscriptions = [member() for _ in got]

    def work(own: list[int], subscription) -> None:
        own.extend(frame.seq for frame in subscription)

    threads = [threading.Thread(target=work, args=pair) for pair in zip(got, subscriptions, strict=True)]
    for thread in threads:
        thread.start()
    stage.publish("hall", 60)
    eventually(lambda: sum(map(len, got)) >= 60)
    eventually(lambda: pending(stage) == 0)
    for subscription in subscriptions:
        subscription.stop()
    for thread in threads:
        thread.join(20)
    assert sorted(seq for own in got for seq in own) == list(range(1, 61))
    assert all(own == sorted(own) for own in got)


def test_a_frame_is_done_when_the_next_is_asked_for(stage, member):
    stage.publish("hall", 3)
    one = member()
    assert next(one).seq == 1
    assert pending(stage) == 1
    assert next(one).seq == 2
    eventually(lambda: pending(stage) == 1)
    one.close()
    assert pending(stage) == 0
    assert [frame.seq for frame in islice(member(), 1)] == [3]


def test_a_member_that_leaves_in_good_order_leaves_nothing_of_itself(stage, member):
    stage.publish("hall", 2)
    with member() as one:
        next(one)
        assert consumers(stage) == 1
    assert consumers(stage) == 0


def test_a_frame_whose_member_fails_goes_to_another_at_once(stage, member):
    stage.publish("hall", 1)
    with pytest.raises(ZeroDivisionError), member() as one:
        assert next(one).seq / 0
    assert next(member()).seq == 1


@pytest.mark.parametrize("events", [False, True])
def test_an_entry_that_is_no_pose_is_done_with_by_whoever_gets_it(stage, member, events):
    stage.publish("hall", 1)
    one = member(events=events)
    while not isinstance(next(one), PoseFrame):
        pass
    stray = stage.shard.client.xadd(stage.shard.keys.poses("hall"), {"something": "else"})

    def done() -> bool:
        one.take()
        return last_delivered(stage) == stray and pending(stage) == 0

    eventually(done, within_s=5)
    assert closes_at_once(one)
    assert consumers(stage) == 0


def test_a_pose_of_a_newer_schema_is_left_to_members_that_can_read_it(stage, member):
    stage.publish("hall", 1)
    newer = msgpack.unpackb(encode_pose(frame(2, 1))) | {"schema": 2}
    stage.shard.client.xadd(stage.shard.keys.poses("hall"), {"pose": msgpack.packb(newer)})
    one = member()
    assert next(one).seq == 1
    with pytest.raises(UnsupportedSchemaError):
        next(one)
    assert closes_at_once(one)
    assert pending(stage) == 1
    with pytest.raises(UnsupportedSchemaError):
        next(member())


def test_a_frame_that_its_member_never_handed_out_goes_to_one_who_waits(stage, member):
    stage.end("hall", [Outcome.DEAD, Outcome.POSED])
    one = member(events=True)
    while not isinstance(next(one), Skipped):
        pass
    other = member()
    assert other.take() is None
    assert closes_at_once(one)
    assert eventually(other.take, within_s=5).seq == 2


def test_a_frame_that_was_not_handed_out_before_the_stop_is_not_taken_for_done(stage, member):
    stage.end("hall", [Outcome.DEAD, Outcome.POSED])
    one = member(events=True)
    while not isinstance(next(one), Skipped):
        pass
    one.stop()
    assert one.take() is None
    assert closes_at_once(one)
    assert next(member()).seq == 2


CAMERAS = [f"camera-{number}" for number in range(20)]


def test_a_member_takes_one_frame_however_many_cameras_have_one(stage, member):
    for camera in CAMERAS:
        stage.publish(camera, 1)
    first = next(member()).camera
    other = member()
    rest = [eventually(other.take, within_s=5).camera for _ in CAMERAS[1:]]
    assert sorted([first, *rest]) == sorted(CAMERAS)


def test_members_that_wait_share_what_comes_to_several_cameras_at_once(stage, member):
    keys = stage.shard.keys
    for camera in CAMERAS:
        stage.publish(camera, 1)
    waiting = [member(start="now"), member(start="now")]
    assert [one.take() for one in waiting] == [None, None]
    eventually(lambda: all(stage.shard.client.xinfo_groups(keys.poses(camera)) for camera in CAMERAS))
    time.sleep(0.3)  # both are at it by now
    at = FrameId(stage.shard.server_ms() + 10)
    with stage.shard.client.pipeline(transaction=True) as pipeline:
        for camera in CAMERAS:
            pose = replace(frame(2, 1), camera=camera, id=at)
            pipeline.xadd(keys.poses(camera), {"pose": encode_pose(pose)}, id=str(at))
        pipeline.execute()
    got = [eventually(one.take, within_s=5).camera for one in waiting]
    assert len(set(got)) == 2
    assert sum(pending(stage, camera) for camera in CAMERAS) == 2


def test_a_member_takes_over_one_frame_at_a_time(stage, member):
    keys = [stage.shard.keys.poses(camera) for camera in CAMERAS]
    for camera, key in zip(CAMERAS, keys, strict=True):
        stage.publish(camera, 1)
        stage.shard.client.xgroup_create(key, "work", id="0")
    stage.shard.client.xreadgroup("work", "dead", dict.fromkeys(keys, ">"), count=1)
    time.sleep(0.6)
    first = next(member(claim_after_s=0.5)).camera
    other = member(claim_after_s=0.5)
    rest = [eventually(other.take, within_s=10).camera for _ in CAMERAS[1:]]
    assert sorted([first, *rest]) == sorted(CAMERAS)


def test_the_frame_of_a_dead_member_is_found_behind_many_that_are_in_hand(stage, member):
    ids = stage.publish("hall", 40)
    client, key = stage.shard.client, stage.shard.keys.poses("hall")
    client.xgroup_create(key, "work", id="0")
    client.xreadgroup("work", "alive", {key: ">"}, count=40)
    client.xclaim(key, "work", "dead", 0, [str(ids[35])], idle=120_000)
    assert eventually(member().take, within_s=5).seq == 36


def test_cameras_have_their_turns(stage, member):
    stage.publish("hall", 40)
    stage.publish("yard", 5)
    one = member()
    assert {frame.camera for frame in islice(one, 2)} == {"hall", "yard"}
    stage.publish("attic", 1)
    time.sleep(1.5)  # until it is known that there is one more camera
    next(one)
    time.sleep(0.3)
    assert "attic" in {frame.camera for frame in islice(one, 4)}


def test_the_frame_of_a_member_that_was_killed_goes_to_another(stage, redis_url, prefix, member):
    stage.publish("hall", 4)
    script = ROOT / "tests" / "integration" / "group_member.py"
    process = subprocess.Popen(
        [sys.executable, str(script), redis_url, prefix, "work", "2", "1"],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert [process.stdout.readline(), process.stdout.readline()] == ["1\n", "2\n"]
    other = member(claim_after_s=1)
    assert [next(other).seq, next(other).seq] == [3, 4], "who lives keeps what is in hand"
    process.kill()
    process.communicate(timeout=20)
    assert next(other).seq == 2


def test_who_is_slow_and_alive_keeps_its_frame(stage, member):
    stage.publish("hall", 2)
    slow, other = member(claim_after_s=0.5), member(claim_after_s=0.5)
    assert [next(slow).seq, next(other).seq] == [1, 2]
    taken: list[int] = []
    waiting = threading.Thread(target=lambda: taken.extend(frame.seq for frame in other), daemon=True)
    waiting.start()
    waiting.join(2.5)
    assert taken == []
    stage.publish("hall", 1)
    eventually(lambda: taken == [3])


def test_frames_that_were_trimmed_in_a_dead_members_hand_are_a_gap(stage, redis_url, prefix, member):
    stage.publish("hall", 3)
    client, key = stage.shard.client, stage.shard.keys.poses("hall")
    client.xgroup_create(key, "work", id="0")
    client.xreadgroup("work", "dead", {key: ">"}, count=2)
    stage.trim("hall", 1)
    one = member(events=True, claim_after_s=0.1)
    items = []
    while not any(isinstance(item, Gap) for item in items):
        items.append(next(one))
    assert items[-1] == Gap("hall", None, None, 2)


def test_frames_without_a_pose_are_told_to_who_gets_the_next(stage, member):
    stage.end("hall", [Outcome.POSED, Outcome.DEAD, Outcome.POSED])
    told = [item for item in islice(member(events=True), 4) if isinstance(item, Skipped)]
    assert [item.outcomes for item in told] == [{Outcome.DEAD: 1}]


def test_new_cameras_are_shared_from_their_first_frame_on(stage, member):
    one, other = member(start="now"), member(start="now")
    stage.publish("hall", 2)
    assert sorted([next(one).seq, next(other).seq]) == [1, 2]


def test_a_camera_that_is_removed_and_comes_back_is_shared_again(stage, member):
    stage.publish("hall", 1)
    one = member()
    assert next(one).seq == 1
    stage.operations.remove("hall", force=True)
    stage.publish("hall", 2)
    assert [next(one).seq, next(one).seq] == [1, 2]


def test_a_camera_that_is_removed_takes_nothing_of_another_with_it(stage, member):
    stage.publish("hall", 1)
    stage.publish("yard", 1)
    one = member(claim_after_s=1)
    in_hand = next(one)
    stage.operations.remove("yard" if in_hand.camera == "hall" else "hall", force=True)
    time.sleep(1)  # it says meanwhile that it is still at it
    until, taken = time.monotonic() + 2.5, []
    while time.monotonic() < until:
        taken.append(one.take())
        time.sleep(0.02)
    assert in_hand.camera not in {frame.camera for frame in taken if frame is not None}
    assert pending(stage, in_hand.camera) == 0
    assert closes_at_once(one)
    assert consumers(stage, in_hand.camera) == 0


def test_a_restart_of_the_server_loses_nothing(prefix):
    with EmbeddedValkey(appendonly="yes", appendfsync="always") as server, Stage(server.url, prefix) as before:
        before.publish("hall", 3)
        one = subscribe(server.url, prefix=prefix, start="beginning", group="work", events=True, claim_after_s=60)
        seen: list[object] = []
        while not any(isinstance(item, PoseFrame) for item in seen):
            seen.append(next(one))
        server.stop()
        while not any(isinstance(item, Disconnected) for item in seen):
            seen.append(next(one))
        server.start()
        while sum(isinstance(item, PoseFrame) for item in seen) < 3:
            seen.append(next(one))
        one.close()
    counted = Counter(item.seq for item in seen if isinstance(item, PoseFrame))
    assert counted == {1: 1, 2: 1, 3: 1}


def test_the_shipped_member_has_the_rights_it_needs_and_the_subscriber_has_not(client, redis_url, prefix, stage):
    stage.publish("hall", 1)
    for role in ("member", "subscriber"):
        client.execute_command("ACL", "SETUSER", f"{role}-{prefix}", "reset", *rules(role, prefix))
    url = url_as("member", redis_url, f"member-{prefix}")
    with subscribe(url, prefix=prefix, start="beginning", group="work", claim_after_s=0.1) as shared:
        assert next(shared).seq == 1
    refused = subscribe(url_as("subscriber", redis_url, f"subscriber-{prefix}"), prefix=prefix, group="work")
    with pytest.raises(BrokerError, match=r"lacks a permission.*xgroup"):
        next(refused)
    refused.close()
    for role in ("member", "subscriber"):
        client.execute_command("ACL", "DELUSER", f"{role}-{prefix}")
