"""Subscribing on a real server: from anywhere, through restarts, and told what is missing."""

from __future__ import annotations

import gc
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest

from posestream import (
    CameraOffline,
    CameraOnline,
    CameraRemoved,
    Disconnected,
    Gap,
    Reconnected,
    Skipped,
    Unreadable,
    subscribe,
)
from posestream.errors import BrokerError, BrokerUnavailableError, ConfigurationError
from posestream.keys import FrameId
from posestream.messages import Outcome, PoseFrame
from tests.contract.roles import eventually
from tests.publishing import Stage
from tests.servers import EmbeddedValkey, free_port
from tests.users import rules, url_as


@pytest.fixture
def stage(redis_url: str, prefix: str) -> Iterator[Stage]:
    with Stage(redis_url, prefix) as prepared:
        yield prepared


@pytest.fixture
def subscribed(redis_url: str, prefix: str):
    """`subscribe` to the test's server and prefix; what is open at the end is closed."""
    opened = []

    def open_(**options):
        opened.append(subscribe(redis_url, prefix=prefix, **options))
        return opened[-1]

    yield open_
    for subscription in opened:
        subscription.close()


def seqs(frames) -> list[int]:
    return [frame.seq for frame in frames]


def until(subscription, kind):
    """Everything up to and with the first item of a kind."""
    items = []
    for item in subscription:
        items.append(item)
        if isinstance(item, kind):
            return items
    raise AssertionError(f"ended without {kind}: {items}")


# Where it begins ------------------------------------------------------------------------------------------------------


def test_from_now_on_only_what_is_published_later_comes(stage, subscribed):
    stage.publish("hall", 3)
    subscription = subscribed()
    stage.publish("hall", 2)
    assert seqs(islice(subscription, 2)) == [4, 5]


def test_from_the_beginning_all_that_is_kept_comes_in_order(stage, subscribed):
    ids = stage.publish("hall", 20)
    frames = list(islice(subscribed(start="beginning"), 20))
    assert [frame.id for frame in frames] == ids
    assert [len(frame.people) for frame in frames] == [2] * 20
    assert [person.id for person in frames[-1].people] == [1, 2]


def test_from_an_id_what_came_after_it_comes(stage, subscribed):
    ids = stage.publish("hall", 6)
    assert seqs(islice(subscribed(start=ids[3]), 2)) == [5, 6]
    assert seqs(islice(subscribed(start=str(ids[3])), 2)) == [5, 6]


def test_from_a_time_what_was_admitted_since_comes(stage, subscribed):
    ids = stage.publish("hall", 6)
    at = datetime.fromtimestamp(ids[2].ms / 1000, UTC)
    first = [frame_id.ms for frame_id in ids].index(ids[2].ms)
    assert seqs(islice(subscribed(start=at), 2)) == [first + 1, first + 2]
    assert seqs(islice(subscribed(start=timedelta(minutes=5)), 6)) == [1, 2, 3, 4, 5, 6]


def test_positions_go_on_where_an_earlier_subscription_was_left(stage, subscribed):
    stage.publish("hall", 4)
    stage.publish("yard", 1)
    first = subscribed(start="beginning")
    seen = [(frame.camera, frame.seq) for frame in islice(first, 3)]
    first.close()
    stage.publish("attic", 2)
    rest = [(frame.camera, frame.seq) for frame in islice(subscribed(start=first.positions), 4)]
    assert len(seen) == 3
    assert sorted(seen + rest) == [("attic", 1), ("attic", 2), *(("hall", seq) for seq in (1, 2, 3, 4)), ("yard", 1)]


def test_where_it_was_to_begin_is_no_longer_kept_that_is_a_gap(stage, subscribed):
    ids = stage.publish("hall", 10)
    stage.trim("hall", 4)
    subscription = subscribed(start=ids[2], events=True)
    *_, gap, frame = until(subscription, PoseFrame)
    assert gap == Gap("hall", ids[2], ids[6], None)
    assert frame.seq == 7
    assert not [item for item in until(subscribed(start=ids[5], events=True), PoseFrame) if isinstance(item, Gap)]


# Cameras --------------------------------------------------------------------------------------------------------------


def test_new_cameras_join_as_they_appear_from_their_first_frame_on(stage, subscribed):
    stage.publish("hall", 1)
    subscription = subscribed(events=True)
    stage.publish("yard", 3)
    items = until(subscription, PoseFrame) + list(islice(subscription, 2))
    assert [item.seq for item in items if isinstance(item, PoseFrame)] == [1, 2, 3]
    assert [item.camera for item in items if isinstance(item, CameraOnline)] == ["hall", "yard"]


def test_only_the_cameras_that_were_asked_for_come(stage, subscribed):
    subscription = subscribed(cameras=["hall", "attic"])
    for camera in ("hall", "yard", "attic"):
        stage.publish(camera, 2)
    assert {frame.camera for frame in islice(subscription, 4)} == {"hall", "attic"}
    assert subscription.take() is None


def test_a_name_that_nobody_has_is_told_with_those_there_are(stage, subscribed, caplog):
    subscribed()
    stage.publish("lobby")
    subscribed(cameras=["looby", "lobby"])
    assert [record.getMessage() for record in caplog.records] == [
        "no cameras yet; waiting for one",
        "no camera 'looby' yet (there is: lobby); waiting for it",
    ]


def test_a_camera_that_falls_silent_and_comes_back_is_told(stage, subscribed):
    stage.publish("hall", 1)
    subscription = subscribed(events=True, offline_after_s=1.5)
    assert isinstance(until(subscription, CameraOnline)[-1], CameraOnline)
    assert until(subscription, CameraOffline)[-1].camera == "hall"
    stage.publish("hall", 1)
    assert isinstance(until(subscription, CameraOnline)[-1], CameraOnline)


def test_a_camera_that_is_removed_is_told_and_followed_when_it_comes_again(stage, subscribed):
    stage.publish("hall", 3)
    subscription = subscribed(events=True)
    until(subscription, CameraOnline)
    stage.operations.remove("hall", force=True)
    assert until(subscription, CameraRemoved)[-1] == CameraRemoved("hall")
    stage.publish("hall", 1)
    assert until(subscription, PoseFrame)[-1].seq == 1


def test_cameras_of_every_shard_come(client, redis_url, prefix, subscribed):
    client.hset(f"{prefix}:config", mapping={"shards": 2, "camera:one": 0, "camera:two": 1})
    with Stage(redis_url, prefix, 0) as first, Stage(redis_url, prefix, 1) as second:
        first.publish("one", 2)
        second.publish("two", 2)
        frames = list(islice(subscribed(start="beginning"), 4))
    assert sorted((frame.camera, frame.seq) for frame in frames) == [("one", 1), ("one", 2), ("two", 1), ("two", 2)]


# What is missing ------------------------------------------------------------------------------------------------------


def test_frames_without_a_pose_are_told_with_how_they_ended(stage, subscribed):
    subscription = subscribed(events=True)
    stage.end("hall", [Outcome.POSED, Outcome.DEAD, Outcome.STALE, Outcome.STALE, Outcome.POSED])
    items = [item for item in until(subscription, Skipped)]  # noqa: C416
    assert items[-1].count == 3
    assert items[-1].outcomes == {Outcome.STALE: 2, Outcome.DEAD: 1}
    assert next(subscription).seq == 5


def test_a_subscriber_that_falls_behind_what_is_kept_hears_of_a_gap_and_goes_on(stage, subscribed):
    stage.publish("hall", 1)
    subscription = subscribed(events=True)
    stage.publish("hall", 1)
    assert until(subscription, PoseFrame)[-1].seq == 2
    subscription.close()
    stage.publish("hall", 30)
    stage.trim("hall", 5)
    later = subscribed(start=subscription.positions, events=True)
    *_, gap, frame = until(later, PoseFrame)
    assert (gap.missed, frame.seq) == (25, 28)


def test_positions_are_written_to_a_file_and_read_again(stage, subscribed, tmp_path):
    stage.publish("hall", 4)
    first = subscribed(start="beginning")
    assert seqs(islice(first, 2)) == [1, 2]
    file = tmp_path / "positions.json"
    file.write_text(json.dumps({camera: str(position) for camera, position in first.positions.items()}))
    assert seqs(islice(subscribed(start=json.loads(file.read_text())), 2)) == [3, 4]


def test_a_slow_subscriber_gets_everything_that_is_kept_and_holds_nobody_up(stage, subscribed):
    subscription = subscribed()
    stage.publish("hall", 700)  # more than is read ahead: publishing does not wait for anybody
    assert seqs(islice(subscription, 700)) == list(range(1, 701))


def test_the_latest_alone_skips_what_waits(stage, subscribed):
    subscription = subscribed(latest=True)
    stage.publish("hall", 1)
    assert next(subscription).seq == 1
    stage.publish("hall", 60)
    stage.publish("yard", 60)
    newest: dict[str, int] = {}
    taken = 0
    while newest != {"hall": 61, "yard": 60}:
        frame = next(subscription)
        assert frame.seq > newest.get(frame.camera, 0)
        newest[frame.camera] = frame.seq
        taken += 1
        eventually(stage.shard.server_ms)
    assert taken < 120


def test_an_entry_that_is_no_pose_is_passed_over_and_told(stage, subscribed):
    stage.publish("hall", 1)
    subscription = subscribed(events=True)
    stage.shard.client.xadd(stage.shard.keys.poses("hall"), {"something": "else"})
    stage._last = FrameId(stage.shard.server_ms() + 2)
    stage.publish("hall", 1)
    items = until(subscription, PoseFrame)
    assert [type(item) for item in items if not isinstance(item, CameraOnline)] == [Unreadable, PoseFrame]


# The server -----------------------------------------------------------------------------------------------------------


def frames_after_an_outage(server, prefix, subscription):
    """Start a server again that has been ended, publish, and return what comes up to the first frame."""
    until(subscription, Disconnected)
    server.start()
    with Stage(server.url, prefix) as after:
        after.publish("hall", 2)
        return until(subscription, PoseFrame)


def test_a_restart_of_the_server_loses_and_repeats_nothing(prefix):
    with EmbeddedValkey(appendonly="yes", appendfsync="always") as server, Stage(server.url, prefix) as before:
        subscription = subscribe(server.url, prefix=prefix, events=True)
        before.publish("hall", 5)
        seen = until(subscription, PoseFrame)
        server.stop()
        seen += until(subscription, Disconnected)
        server.start()
        with Stage(server.url, prefix) as after:
            after.publish("hall", 5)
            seen += until(subscription, Reconnected)
            while sum(isinstance(item, PoseFrame) for item in seen) < 10:
                seen.append(next(subscription))
        subscription.close()
    assert seqs(item for item in seen if isinstance(item, PoseFrame)) == list(range(1, 11))
    assert not [item for item in seen if isinstance(item, Gap)]


@pytest.mark.parametrize("options", [{}, {"latest": True}, {"group": "work"}])
def test_no_frame_comes_before_the_word_that_the_server_is_back(prefix, options):
    with EmbeddedValkey(appendonly="yes", appendfsync="always") as server, Stage(server.url, prefix) as before:
        subscription = subscribe(server.url, prefix=prefix, events=True, start="beginning", **options)
        before.publish("hall", 1)
        until(subscription, PoseFrame)
        before.publish("yard", 1)
        server.stop()
        items = frames_after_an_outage(server, prefix, subscription)
        subscription.close()
    assert Reconnected in [type(item) for item in items[:-1]]


def test_a_server_that_lost_everything_is_a_gap_of_unknown_size(prefix):
    with EmbeddedValkey() as server, Stage(server.url, prefix) as before:
        subscription = subscribe(server.url, prefix=prefix, events=True)
        before.publish("hall", 5)
        seen = [next(subscription) for _ in range(6)]
        server.kill()
        items = frames_after_an_outage(server, prefix, subscription)
        subscription.close()
    last = seen[-1]
    assert isinstance(last, PoseFrame)
    (gap,) = (item for item in items if isinstance(item, Gap))
    assert (gap.after, gap.missed, items[-1].seq) == (last.id, None, 1)


def test_a_server_that_is_not_there_is_told_at_once():
    with pytest.raises(BrokerUnavailableError):
        subscribe(f"redis://127.0.0.1:{free_port()}/0")


def test_a_right_that_is_taken_away_ends_the_iteration_with_what_is_missing(client, redis_url, prefix, stage):
    name = f"reader-{prefix}"
    client.execute_command("ACL", "SETUSER", name, "reset", *rules("subscriber", prefix))
    subscription = subscribe(url_as("subscriber", redis_url, name), prefix=prefix)
    stage.publish("hall", 1)
    assert next(subscription).seq == 1
    client.execute_command("ACL", "SETUSER", name, "-xread")
    with pytest.raises(BrokerError, match=r"lacks a permission.*xread"):
        next(subscription)
    subscription.close()
    client.execute_command("ACL", "DELUSER", name)


# Stopping -------------------------------------------------------------------------------------------------------------


def test_another_thread_stops_an_iteration_that_waits(subscribed):
    subscription = subscribed()
    seen: list[PoseFrame] = []
    iterating = threading.Thread(target=lambda: seen.extend(subscription), daemon=True)
    iterating.start()
    subscription.stop()
    iterating.join(20)
    assert not iterating.is_alive()
    assert seen == []
    assert next(subscription, None) is None


def test_one_that_is_dropped_without_a_word_ends_its_threads(redis_url, prefix, stage):
    stage.publish("hall", 2)
    for frame in subscribe(redis_url, prefix=prefix, start="beginning"):
        assert frame.seq == 1
        break
    gc.collect()
    eventually(lambda: not [each for each in threading.enumerate() if each.name.startswith("posestream-s")])


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"cameras": []}, "cameras"),
        ({"cameras": "a b"}, "camera name"),
        ({"prefix": "{x}"}, "prefix"),
        ({"start": "later"}, "start"),
        ({"latest": True, "group": "g"}, "latest"),
        ({"group": ""}, "group"),
        ({"claim_after_s": 0}, "claim_after_s"),
        ({"offline_after_s": float("nan")}, "offline_after_s"),
        ({"claim_after_s": "30"}, "claim_after_s"),
        ({"cameras": [1]}, "cameras"),
        ({"consumer": "a"}, "consumer"),
    ],
)
def test_a_wrong_argument_is_named(redis_url, options, named):
    with pytest.raises(ConfigurationError, match=named):
        subscribe(redis_url, **options)
