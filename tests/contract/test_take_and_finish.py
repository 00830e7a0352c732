"""take and finish: every token is handed out once and ended once, by the one who holds it."""

from __future__ import annotations

import threading

import pytest
import redis

from posestream.broker import Shard, Token, connect
from posestream.errors import BrokerUnavailableError
from posestream.keys import WORK_GROUP
from posestream.messages import Outcome
from tests.contract.lossy_proxy import LossyProxy
from tests.contract.roles import LIVE, Roles
from tests.servers import Server

# Taking ---------------------------------------------------------------------------------------------------------------


def test_frames_are_taken_oldest_first_and_by_one_worker_each(roles: Roles) -> None:
    admitted = [roles.admit(position) for position in range(3)]
    taken = [roles.take(name).frame_id for name in ("a", "b", "a")]
    assert taken == admitted
    assert roles.worker("b").take(block_ms=1) is None
    assert [token.seq for token in roles.worker("a").in_hand()] == [1, 3]


def test_a_waiting_worker_is_woken_by_an_admission(server: Server, roles: Roles) -> None:
    taken: list[Token | None] = []
    worker = Roles(Shard(connect(server.url, name="waiting"), roles.keys)).worker()
    thread = threading.Thread(target=lambda: taken.append(worker.take(block_ms=2000)))
    thread.start()
    admitted = roles.admit(0)
    thread.join(timeout=20)
    assert [token and token.frame_id for token in taken] == [admitted]


def test_tokens_admitted_before_there_was_a_group_are_delivered_too(roles: Roles) -> None:
    roles.client.xgroup_destroy(roles.keys.work, WORK_GROUP)
    admitted = roles.admit(0)
    told: list[str] = []
    roles.shard.on_recovery = told.append

    assert roles.take().frame_id == admitted
    assert told == ["group"]


def test_looking_up_what_is_in_hand_does_not_raise_the_servers_delivery_count(roles: Roles) -> None:
    roles.admit(0)
    token = roles.take()
    for _ in range(3):
        assert roles.worker().in_hand() == [token]
    assert roles.deliveries() == {token.id: 1}


def test_pixels_that_are_gone_load_as_nothing(roles: Roles) -> None:
    frame_id = roles.admit(0)
    token = roles.take()
    roles.client.xdel(roles.keys.frames("cam"), str(frame_id))
    assert roles.worker().load(token)[1] is None


def test_a_worker_whose_reply_was_lost_finds_the_frame_in_its_hand(server: Server, roles: Roles) -> None:
    admitted = roles.admit(0)
    with LossyProxy(server.port) as proxy:
        worker = Roles(Shard(connect(proxy.url, name="worker"), roles.keys)).worker()
        proxy.lose_reply_to("XREADGROUP")
        with pytest.raises(BrokerUnavailableError):
            worker.take(block_ms=1)
        assert proxy.requests("XREADGROUP") == 1  # a hidden second one would skip the frame

        (token,) = worker.in_hand()

    assert token.frame_id == admitted
    assert roles.deliveries() == {token.id: 1}
    assert roles.worker().finish(token, Outcome.POSED, b"")


# Finishing ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "data"), [(Outcome.POSED, b"\x81\x00\xff"), (Outcome.STALE, b"max_age"), (Outcome.DEAD, b"corrupt")]
)
def test_finishing_leaves_a_record_and_nothing_else(roles: Roles, outcome: Outcome, data: bytes) -> None:
    frame_id = roles.admit(0)
    token = roles.finish_next(data, outcome)

    (record,) = roles.records()
    assert (record.camera, record.frame_id, record.seq, record.policy) == ("cam", frame_id, 1, LIVE.policy)
    assert (record.outcome, record.data) == (outcome, data)
    assert roles.client.xlen(roles.keys.work) == 0
    assert roles.deliveries() == {}
    assert roles.frame_ids() == []
    assert not roles.client.exists(roles.keys._key("tokens:cam"))
    assert roles.counted_bytes() == roles.measured_bytes()
    assert token.id not in {token.id for token in roles.worker().in_hand()}


def test_finishing_twice_answers_lost_and_makes_no_second_record(roles: Roles) -> None:
    roles.admit(0)
    token = roles.finish_next()
    before = roles.snapshot()
    assert roles.worker().finish(token, Outcome.POSED, b"again") is False
    assert roles.call("finish", "worker", token.id, "posed", "again") == [b"lost", b""]
    assert roles.snapshot() == before


def test_a_worker_that_lost_the_reply_and_tries_again_counts_once(server: Server, roles: Roles) -> None:
    roles.admit(0)
    with LossyProxy(server.port) as proxy:
        worker = Roles(Shard(connect(proxy.url, name="worker"), roles.keys)).worker()
        token = worker.take(block_ms=1)
        assert token is not None
        proxy.lose_reply_to("posestream1_finish")
        with pytest.raises(BrokerUnavailableError):
            worker.finish(token, Outcome.POSED, b"pose")
        assert worker.finish(token, Outcome.POSED, b"pose") is False
    assert [record.data for record in roles.records()] == [b"pose"]


def test_only_the_present_owner_finishes_a_frame(roles: Roles) -> None:
    roles.admit(0)
    token = roles.take("slow")
    assert roles.worker("other").finish(token, Outcome.POSED, b"") is False
    assert roles.call("finish", "other", token.id, "posed", "") == [b"lost", b"slow"]

    roles.age(token)
    roles.worker("fresh").reclaim(1000, max_deliveries=3)
    before = roles.snapshot()
    assert roles.worker("slow").finish(token, Outcome.POSED, b"from a zombie") is False
    assert roles.snapshot() == before
    assert roles.worker("fresh").finish(token, Outcome.POSED, b"") is True


def test_a_token_that_nobody_has_taken_is_not_finished(roles: Roles) -> None:
    roles.admit(0)
    (token_id, _) = roles.client.xrange(roles.keys.work)[0]
    assert roles.call("finish", "worker", token_id, "posed", "") == [b"lost", b""]
    assert roles.records() == []


def test_after_the_group_was_lost_the_frame_is_delivered_again_and_ends_once(roles: Roles) -> None:
    roles.admit(0)
    token = roles.take("before")
    roles.client.xgroup_destroy(roles.keys.work, WORK_GROUP)

    assert roles.worker("before").finish(token, Outcome.POSED, b"first") is False
    again = roles.take("after")

    assert again == token
    assert roles.worker("before").finish(token, Outcome.POSED, b"first") is False
    assert roles.worker("after").finish(again, Outcome.POSED, b"second") is True
    assert [record.data for record in roles.records()] == [b"second"]


def test_after_everything_was_flushed_finishing_answers_lost_and_work_goes_on(own_roles: Roles) -> None:
    own_roles.admit(0)
    token = own_roles.take()
    own_roles.client.flushall()
    own_roles.client.function_flush("SYNC")

    assert own_roles.worker().finish(token, Outcome.POSED, b"") is False
    assert own_roles.worker().in_hand() == []
    admitted = own_roles.admit(0)
    assert admitted > token.frame_id
    assert own_roles.take().frame_id == admitted


def test_a_token_whose_entry_was_deleted_is_forgotten(roles: Roles) -> None:
    roles.admit(0)
    token = roles.take()
    roles.client.xdel(roles.keys.work, token.id)
    assert roles.worker().in_hand() == []
    assert roles.worker().finish(token, Outcome.POSED, b"") is False
    assert roles.deliveries() == {}


def test_finishing_forgets_the_failures_of_the_frame(roles: Roles) -> None:
    roles.admit(0)
    roles.worker().release(roles.take(), 3, "broke")
    token = roles.worker().reclaim(60_000, 3)
    assert token is not None
    assert any(name.startswith("failures:") for name in roles.state())
    roles.worker().finish(token, Outcome.POSED, b"")
    assert not [name for name in roles.state() if name.startswith(("failures:", "error:"))]


# Dead letters ---------------------------------------------------------------------------------------------------------


def test_a_dead_letter_keeps_the_image_and_says_what_happened(roles: Roles) -> None:
    frame_id = roles.admit(0, image=b"not an image")
    assert roles.worker().finish(roles.take(), Outcome.DEAD, "not_an_image", "neither JPEG nor PNG")

    ((letter_id, letter),) = roles.client.xrange(roles.keys.dead)
    assert roles.operations.dead_letters() == [
        {
            "letter": letter_id.decode(),
            "camera": "cam",
            "id": str(frame_id),
            "seq": "1",
            "reason": "not_an_image",
            "error": "neither JPEG nor PNG",
            "deliveries": "1",
            "image_bytes": "12",
        }
    ]
    assert (letter[b"image"], letter[b"meta"]) == (b"not an image", b"meta")
    (record,) = roles.records()
    assert (record.outcome, record.data) == (Outcome.DEAD, b"not_an_image")


def test_a_dead_letter_counts_the_earlier_failures(roles: Roles) -> None:
    roles.admit(0)
    roles.worker().release(roles.take(), 5, "broke")
    token = roles.worker().reclaim(60_000, 5)
    assert token is not None
    roles.worker().finish(token, Outcome.DEAD, "corrupt")
    assert roles.operations.dead_letters()[0]["deliveries"] == "2"


def test_a_dead_letter_without_pixels_is_kept_without_them(roles: Roles) -> None:
    frame_id = roles.admit(0)
    roles.client.xdel(roles.keys.frames("cam"), str(frame_id))
    assert roles.worker().finish(roles.take(), Outcome.DEAD, "missing")
    ((_, letter),) = roles.client.xrange(roles.keys.dead)
    assert b"image" not in letter
    assert letter[b"reason"] == b"missing"


def test_dead_letters_are_bounded_in_bytes_and_the_newest_are_kept(roles: Roles) -> None:
    roles.operations.set_limits({"max_dead_bytes": 200_000})
    for position in range(12):
        roles.admit(position, image=bytes([position]) * 50_000)
        roles.finish_next(b"corrupt", Outcome.DEAD)

    assert roles.client.memory_usage(roles.keys.dead, samples=0) <= 200_000
    kept = [letter["seq"] for letter in roles.operations.dead_letters()]
    assert 2 <= len(kept) <= 4
    assert kept == ["12", "11", "10", "9"][: len(kept)]
    assert len(roles.records()) == 12


def test_a_dead_letter_larger_than_the_limit_is_counted_and_not_kept(roles: Roles) -> None:
    roles.operations.set_limits({"max_dead_bytes": 10_000})
    roles.admit(0, image=b"x" * 50_000)
    roles.finish_next(b"corrupt", Outcome.DEAD)
    assert roles.operations.dead_letters() == []
    assert len(roles.records()) == 1


def test_an_errors_text_is_cut_to_size(roles: Roles) -> None:
    roles.admit(0)
    roles.worker().finish(roles.take(), Outcome.DEAD, "corrupt", "x" * 100_000)
    assert len(roles.operations.dead_letters()[0]["error"]) == 1000


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ([], "id"),
        (["worker", "1"], "id"),
        (["worker", "1-0"], "outcome"),
        (["worker", "1-0", "posed"], "outcome"),
        (["worker", "1-0", "superseded", "data"], "outcome"),  # only admit supersedes, only publish finds late
        (["worker", "1-0", "late", "data"], "outcome"),
    ],
)
def test_a_wrong_argument_is_an_error_that_names_it_and_changes_nothing(
    roles: Roles, arguments: list[str], named: str
) -> None:
    roles.admit(0)
    roles.take()
    before = roles.snapshot()
    with pytest.raises(redis.exceptions.ResponseError, match=rf"^BADARG {named}:"):
        roles.call("finish", *arguments)
    assert roles.snapshot() == before


def test_a_dead_letter_takes_the_image_and_the_metadata_of_a_frame_and_no_other_of_its_fields(roles: Roles) -> None:
    frame_id = str(roles.next_id())
    fields = {"image": b"pixels", "reason": b"mine", **{f"field-{number}": b"" for number in range(5000)}}
    roles.client.xadd(roles.keys.frames("cam"), fields, id=frame_id)
    assert roles.call("admit", "cam", frame_id)[0] == b"admitted"

    assert roles.worker().finish(roles.take(), Outcome.DEAD, "corrupt", "can not be decoded")

    [(_, letter)] = roles.client.xrange(roles.keys.dead)
    assert set(letter) == {b"camera", b"id", b"seq", b"reason", b"error", b"deliveries", b"image"}
    assert letter[b"reason"] == b"corrupt"


def test_stray_entries_among_tokens_and_records_are_removed_and_hold_nobody_up(roles: Roles) -> None:
    recovered: list[str] = []
    roles.shard.on_recovery = recovered.append
    # Below the ids of tokens, which count up from 1.
    roles.client.xadd(roles.keys.work, {"what": "is this"}, id="0-1")
    roles.client.xadd(roles.keys.results, {"camera": "cam", "id": "not an id"})
    roles.admit(0)

    assert roles.worker().take(1) is None
    roles.finish_next()

    assert [record.seq for record in roles.records()] == [1]
    assert recovered == ["stray_entry", "stray_entry"]
    assert roles.client.xlen(roles.keys.work) == 0
    assert roles.client.xlen(roles.keys.results) == 1


def test_a_stray_entry_in_the_hand_of_a_worker_that_died_is_not_reclaimed(roles: Roles) -> None:
    roles.client.xadd(roles.keys.work, {"what": "is this"}, id="0-1")
    roles.client.xreadgroup(WORK_GROUP, "dead", {roles.keys.work: ">"}, count=1)

    assert roles.worker().reclaim(0, 3) is None
    assert roles.client.xlen(roles.keys.work) == 0
