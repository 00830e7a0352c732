"""admit: a frame becomes work exactly once, in order, within the limits, or leaves nothing behind."""

from __future__ import annotations

from dataclasses import replace

import pytest
import redis

from posestream.broker import Admission, Refusal, Shard, connect
from posestream.errors import BrokerError, BrokerUnavailableError
from posestream.keys import FrameId
from posestream.messages import Policy
from tests.contract.lossy_proxy import LossyProxy
from tests.contract.roles import LIVE, LOSSLESS, Roles, eventually
from tests.servers import Server


def add_frame(roles: Roles, frame_id: FrameId | str, camera: str = "cam", image: bytes = b"stray") -> None:
    roles.client.xadd(roles.keys.frames(camera), {"image": image}, id=str(frame_id))


# What an admission is -------------------------------------------------------------------------------------------------


def test_admitted_frames_are_numbered_without_gaps_from_1(roles: Roles) -> None:
    roles.operations.set_limits({"max_records": 3})
    numbers = []
    for position in range(5):
        answer = roles.offer(position, replace(LOSSLESS, depth=3))
        if isinstance(answer, Admission):
            numbers.append(answer.seq)
    assert numbers == [1, 2, 3]

    roles.operations.set_limits({"max_records": 100})
    answer = roles.offer(3, LOSSLESS)
    assert isinstance(answer, Admission)
    assert (answer.seq, answer.unfinished, answer.repeated) == (4, 4, False)


def test_an_admission_makes_one_token_that_says_all_a_worker_needs(roles: Roles) -> None:
    frame_id = roles.admit(0, replace(LIVE, max_age_ms=700), image=b"the pixels")

    token = roles.take()

    assert (token.camera, token.frame_id, token.seq) == ("cam", frame_id, 1)
    assert (token.policy, token.expires_ms, token.failures) == (Policy.LIVE, frame_id.ms + 700, 0)
    _, frame = roles.worker().load(token)
    assert frame is not None
    assert (frame.image, frame.meta) == (b"the pixels", b"meta")


def test_a_frame_without_a_maximum_age_never_expires(roles: Roles) -> None:
    roles.admit(0)
    assert roles.take().expires_ms == 0


def test_the_answer_carries_the_servers_clock(roles: Roles) -> None:
    before = roles.shard.server_ms()
    answer = roles.offer(0)
    assert before <= answer.now_ms <= roles.shard.server_ms()


def test_two_lines_of_shell_are_a_producer(roles: Roles) -> None:
    frame_id = roles.client.xadd(roles.keys.frames("shell"), {"image": b"jpeg"})

    verdict, answered_id, seq, now_ms, unfinished = roles.call("admit", "shell", frame_id)

    assert (verdict, answered_id, seq, unfinished) == (b"admitted", frame_id, 1, 1)
    assert type(now_ms) is int
    token = roles.take()
    assert (token.camera, token.policy) == ("shell", Policy.LIVE)
    _, frame = roles.worker().load(token)
    assert frame is not None
    assert frame.meta is None


def test_options_that_are_not_known_are_ignored(roles: Roles) -> None:
    frame_id = roles.client.xadd(roles.keys.frames("cam"), {"image": b"jpeg"})
    assert roles.call("admit", "cam", frame_id, "colour", "blue")[0] == b"admitted"


@pytest.mark.parametrize("camera", ["a", "x" * 128, "ü" * 64, "hall:3/door", "Ω-𝄞", "café\u00a0nord", "東京"])
def test_a_camera_may_have_any_name_that_makes_a_key(roles: Roles, camera: str) -> None:
    roles.admit(0, replace(LIVE, camera=camera))
    token = roles.take()
    assert token.camera == camera
    assert roles.worker().load(token)[1] is not None


# Repeats --------------------------------------------------------------------------------------------------------------


def test_a_repeat_of_a_position_answers_the_first_admission(roles: Roles) -> None:
    first = roles.offer(0)
    repeat = roles.offer(0, frame_id=first.id)

    assert isinstance(first, Admission)
    assert isinstance(repeat, Admission)
    assert (repeat.id, repeat.seq, repeat.repeated) == (first.id, 1, True)
    assert roles.operations.status().cameras["cam"].admitted == 1
    assert roles.frame_ids() == [first.id]


@pytest.mark.parametrize("finished", [False, True])
def test_a_repeat_under_a_new_id_leaves_no_second_frame_behind(roles: Roles, finished: bool) -> None:
    first = roles.admit(0)
    if finished:
        roles.finish_next()

    repeat = roles.offer(0, image=b"x" * 10_000)

    assert isinstance(repeat, Admission)
    assert (repeat.id, repeat.repeated) == (first, True)
    assert roles.frame_ids() == ([] if finished else [first])
    assert roles.counted_bytes() == roles.measured_bytes()


def test_a_repeat_of_something_older_than_the_last_admission_is_recognised_without_its_id(roles: Roles) -> None:
    for position in range(3):
        roles.admit(position)
    repeat = roles.offer(1)
    assert isinstance(repeat, Admission)
    assert (repeat.id, repeat.seq, repeat.repeated) == (None, 3, True)


def test_without_a_run_a_repeat_is_recognised_by_its_id(roles: Roles) -> None:
    frame_id = roles.client.xadd(roles.keys.frames("cam"), {"image": b"jpeg"})
    first = roles.call("admit", "cam", frame_id)
    repeat = roles.call("admit", "cam", frame_id)
    assert (first[0], repeat[0]) == (b"admitted", b"already")
    assert repeat[1:3] == first[1:3]


def test_another_position_under_the_last_id_is_no_repeat_and_is_not_lost_in_silence(roles: Roles) -> None:
    last = roles.admit(0, LOSSLESS)

    refusal = roles.refused(1, LOSSLESS, frame_id=last)

    assert (refusal.reason, refusal.detail) == ("order", str(last))
    assert roles.frame_ids() == [last]
    assert roles.admit(1, LOSSLESS) > last


def test_a_producer_that_lost_the_reply_tries_again_and_is_told_already(server: Server, roles: Roles) -> None:
    with LossyProxy(server.port) as proxy:
        producer = Roles(Shard(connect(proxy.url, name="producer"), roles.keys))
        frame_id = producer.next_id()
        proxy.lose_reply_to("posestream1_admit")

        with pytest.raises(BrokerUnavailableError):
            producer.offer(0, frame_id=frame_id)
        assert (proxy.lost, proxy.requests("posestream1_admit")) == (1, 1)  # not tried again behind our back
        repeat = producer.offer(0, frame_id=frame_id)

    assert isinstance(repeat, Admission)
    assert (repeat.id, repeat.seq, repeat.repeated) == (frame_id, 1, True)
    assert roles.frame_ids() == [frame_id]


def test_frames_are_admitted_after_the_functions_were_lost_between_adding_and_admitting(own_roles: Roles) -> None:
    own_roles.client.function_flush("SYNC")
    frame_id = own_roles.admit(0)
    assert own_roles.frame_ids() == [frame_id]


# Positions, ids, the clock --------------------------------------------------------------------------------------------


def test_a_gap_in_a_lossless_run_is_refused_with_the_position_expected(roles: Roles) -> None:
    roles.admit(0, LOSSLESS)
    refusal = roles.refused(2, LOSSLESS)
    assert (refusal.reason, refusal.detail) == ("gap", "1")
    assert len(roles.frame_ids()) == 1


def test_a_new_lossless_run_starts_at_position_0(roles: Roles) -> None:
    roles.admit(0, LOSSLESS)
    refusal = roles.refused(1, replace(LOSSLESS, run="another"))
    assert (refusal.reason, refusal.detail) == ("gap", "0")
    roles.admit(0, replace(LOSSLESS, run="another"))


def test_a_live_run_may_skip_positions(roles: Roles) -> None:
    roles.admit(0)
    roles.admit(7)
    assert roles.operations.status().cameras["cam"].admitted == 2


def test_a_frame_that_is_not_newer_than_the_last_is_refused_with_the_last_id(roles: Roles) -> None:
    last = roles.admit(0)
    refusal = roles.refused(1, frame_id=FrameId(last.ms - 1, 5))
    assert (refusal.reason, refusal.detail) == ("order", str(last))
    assert roles.frame_ids() == [last]


def test_a_frame_more_than_a_second_ahead_of_the_server_is_refused_with_the_last_id(roles: Roles) -> None:
    last = roles.admit(0)
    refusal = roles.refused(1, frame_id=FrameId(roles.shard.server_ms() + 60_000))
    assert (refusal.reason, refusal.detail) == ("ahead", str(last))
    assert roles.frame_ids() == [last]


def test_the_first_frame_of_a_camera_may_be_refused_without_leaving_a_key(roles: Roles) -> None:
    before = roles.snapshot()
    refusal = roles.refused(0, frame_id=FrameId(roles.shard.server_ms() + 60_000))
    assert (refusal.reason, refusal.detail) == ("ahead", "0-0")
    assert roles.snapshot() == before


def test_after_the_servers_clock_went_back_the_camera_goes_on_within_its_last_millisecond(roles: Roles) -> None:
    roles.admit(0)
    last = FrameId(roles.shard.server_ms() + 60_000)
    roles.client.hset(roles.keys.state("cam"), "last_id", str(last))

    following = last.next(roles.shard.server_ms())

    assert following == FrameId(last.ms, 1)
    assert roles.admit(1, frame_id=following) == following
    assert roles.refused(2, frame_id=FrameId(last.ms + 1)).reason == "ahead"


def test_ids_compare_exactly_beyond_what_a_double_can_tell_apart(roles: Roles) -> None:
    for n in (2**53, 2**53 + 1, 2**64 - 1):
        add_frame(roles, f"1000-{n}")
        assert roles.call("admit", "cam", f"1000-{n}")[0] == b"admitted"
    answer = roles.call("admit", "cam", f"1000-{2**64 - 2}")
    assert answer[:3] == [b"refused", b"order", f"1000-{2**64 - 1}".encode()]


# Who holds the camera -------------------------------------------------------------------------------------------------


def test_a_camera_that_another_producer_holds_is_refused_by_name(roles: Roles) -> None:
    roles.admit(0)
    refusal = roles.refused(0, replace(LIVE, holder="other", run="other"))
    assert refusal.reason == "held"
    assert refusal.detail.startswith("producer for ")
    assert len(roles.frame_ids()) == 1


def test_a_lease_that_was_not_renewed_runs_out(roles: Roles) -> None:
    roles.admit(0, replace(LIVE, lease_ms=1))
    other = replace(LIVE, holder="other", run="other")
    eventually(lambda: isinstance(roles.offer(0, other), Admission))
    assert roles.refused(1).reason == "held"


def test_admitting_renews_the_lease(roles: Roles) -> None:
    roles.intake.register("cam", "producer", 0)
    roles.admit(0, replace(LIVE, lease_ms=60_000))
    assert isinstance(roles.intake.register("cam", "other", 1000), Refusal)


def test_a_refused_repeat_does_not_take_the_admitted_frame_out(roles: Roles) -> None:
    waiting = roles.admit(0)
    newer = roles.admit(1)

    assert roles.refused(0, replace(LIVE, holder="other", run="other"), frame_id=waiting).reason == "held"
    assert roles.call("admit", "cam", str(waiting), "holder", "producer")[:2] == [b"refused", b"order"]

    assert roles.frame_ids() == [waiting, newer]


# Calls that were cut short --------------------------------------------------------------------------------------------


def test_what_a_producer_left_behind_between_adding_and_admitting_is_swept_by_the_next_call(roles: Roles) -> None:
    add_frame(roles, roles.next_id(), image=b"x" * 10_000)
    first = roles.admit(0)
    assert roles.frame_ids() == [first]
    assert roles.counted_bytes() == roles.measured_bytes()


def test_what_was_left_behind_among_waiting_frames_is_swept_once_it_is_older_than_they_are(roles: Roles) -> None:
    first = roles.admit(0)
    stray = roles.next_id()
    add_frame(roles, stray)
    second = roles.admit(1)
    assert roles.frame_ids() == [first, stray, second]

    roles.finish_next()
    third = roles.admit(2)

    assert roles.frame_ids() == [second, third]
    assert roles.counted_bytes() == roles.measured_bytes()


def test_a_frame_that_is_not_there_is_refused(roles: Roles) -> None:
    admitted = roles.admit(0)
    missing = roles.next_id()
    answer = roles.call("admit", "cam", str(missing), "holder", "producer")
    assert answer[:3] == [b"refused", b"missing", str(missing).encode()]
    assert roles.frame_ids() == [admitted]
    assert roles.operations.status().cameras["cam"].refused == {"missing": 1}


def test_a_frame_that_is_not_there_is_refused_though_others_were_left_behind(roles: Roles) -> None:
    admitted = roles.admit(0)
    for _ in range(2):
        add_frame(roles, roles.next_id())
    answer = roles.call("admit", "cam", str(roles.next_id()), "holder", "producer")
    assert answer[:2] == [b"refused", b"missing"]
    assert roles.frame_ids()[0] == admitted
    assert roles.operations.status().cameras["cam"].conserved


def test_a_missing_frame_of_a_camera_that_is_not_known_leaves_no_key(roles: Roles) -> None:
    before = roles.snapshot()
    assert roles.call("admit", "nowhere", "1000-0")[:2] == [b"refused", b"missing"]
    assert roles.snapshot() == before


# Wrong arguments ------------------------------------------------------------------------------------------------------

GOOD_ID = "1000-0"


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ([], "camera"),
        (["", GOOD_ID], "camera"),
        (["two words", GOOD_ID], "camera"),
        (["a{b", GOOD_ID], "camera"),
        (["a}b", GOOD_ID], "camera"),
        (["a\nb", GOOD_ID], "camera"),
        (["a\x00b", GOOD_ID], "camera"),
        (["x" * 129, GOOD_ID], "camera"),
        ([b"caf\xe9", GOOD_ID], "camera"),  # Latin-1
        ([b"\xed\xa0\x80", GOOD_ID], "camera"),  # half of a surrogate pair
        ([b"\xc0\xaf", GOOD_ID], "camera"),  # longer than it need be
        ([b"\xf4\x90\x80\x80", GOOD_ID], "camera"),  # beyond Unicode
        ([b"\xe6\x9d", GOOD_ID], "camera"),  # cut off
        (["cam"], "id"),
        (["cam", "1000"], "id"),
        (["cam", "*"], "id"),
        (["cam", "1000-*"], "id"),
        (["cam", "01000-0"], "id"),
        (["cam", "1000-00"], "id"),
        (["cam", "-1-0"], "id"),
        (["cam", f"1000-{2**64}"], "id"),
        (["cam", f"{10**25}-0"], "id"),
        (["cam", GOOD_ID, "policy"], "options"),
        (["cam", GOOD_ID, "policy", "lazy"], "policy"),
        (["cam", GOOD_ID, "depth", "-1"], "depth"),
        (["cam", GOOD_ID, "depth", "1e3"], "depth"),
        (["cam", GOOD_ID, "depth", "9" * 16], "depth"),
        (["cam", GOOD_ID, "max_age", "soon"], "max_age"),
        (["cam", GOOD_ID, "position", "0.5"], "position"),
        (["cam", GOOD_ID, "lease", ""], "lease"),
        (["cam", GOOD_ID, "policy", "lossless", "run", "r"], "position"),
    ],
)
def test_a_wrong_argument_is_an_error_that_names_it_and_changes_nothing(
    roles: Roles, arguments: list[str | bytes], named: str
) -> None:
    roles.admit(0)
    before = roles.snapshot()
    with pytest.raises(redis.exceptions.ResponseError, match=rf"^BADARG {named}:"):
        roles.call("admit", *arguments)
    assert roles.snapshot() == before


@pytest.mark.parametrize("key", ["work", "p:{s0}:results", "p:{0}:work", "p:s0:work", "{s0}:work"])
def test_a_key_that_is_not_a_shards_work_is_an_error_that_says_so(roles: Roles, key: str) -> None:
    with pytest.raises(redis.exceptions.ResponseError, match=r"^BADARG key:"):
        roles.client.fcall("posestream1_admit", 1, key, "cam", GOOD_ID)


def test_a_wrong_argument_reaches_python_as_a_broker_error(roles: Roles) -> None:
    with pytest.raises(BrokerError, match="BADARG camera"):
        roles.intake.register("two words", "producer", 1000)


def test_a_camera_goes_on_after_a_frame_from_the_future_was_refused(roles: Roles) -> None:
    roles.admit(0)
    roles.finish_next()
    ahead = FrameId(roles.shard.server_ms() + 3_600_000)
    assert roles.refused(1, frame_id=ahead).reason == "ahead"

    assert roles.admit(1) == roles.frame_ids()[0]


def test_a_camera_goes_on_after_somebody_left_a_frame_in_the_future(roles: Roles) -> None:
    roles.admit(0)
    stray = f"{roles.shard.server_ms() + 3_600_000}-0"
    roles.client.xadd(roles.keys.frames("cam"), {"image": b"stray"}, id=stray)

    # One stray frame looks like the one that could not be added behind it: a worker will find that pixels are missing.
    roles.admit(1)
    assert roles.refused(2).reason == "missing"
    assert [str(frame_id) for frame_id in roles.frame_ids()] != [stray]
    roles.finish_next()
    assert roles.worker().load(roles.take())[1] is None
    frame_id = roles.admit(2)
    assert roles.frame_ids() == [frame_id]


def test_a_camera_changes_its_policy_only_when_it_is_empty(roles: Roles) -> None:
    for position in range(4):
        roles.admit(position, LOSSLESS)

    changed = roles.refused(0, replace(LIVE, run="live"))
    assert (changed.reason, changed.detail) == ("full", "4")
    for _ in range(4):
        roles.finish_next()
    roles.publish_all()
    roles.admit(0, replace(LIVE, run="live"))


def test_a_lossless_frame_never_becomes_stale(roles: Roles) -> None:
    roles.admit(0, replace(LOSSLESS, max_age_ms=50))
    assert roles.take().expires_ms == 0
