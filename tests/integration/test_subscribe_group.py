"""Sharing poses in a group: each frame to one member, and to another when that one dies."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from itertools import islice

import pytest

from posestream import Disconnected, Gap, Skipped, subscribe
from posestream.errors import BrokerError
from posestream.messages import Outcome, PoseFrame
from tests.contract.roles import eventually
from tests.publishing import Stage
from tests.servers import EmbeddedValkey
from tests.unit.posestream_service.services import ROOT
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
