"""register and end: one producer holds a camera, and says where it left off and when it is through."""

from __future__ import annotations

from dataclasses import replace

import pytest
import redis

from posestream.broker import Refusal, Registration
from tests.contract.roles import LIVE, LOSSLESS, Roles, eventually


def register(roles: Roles, holder: str = "producer", lease_ms: int = 60_000, **described: str | int) -> Registration:
    answer = roles.intake.register("cam", holder, lease_ms, described)
    assert isinstance(answer, Registration), answer
    return answer


def test_a_new_camera_starts_from_nothing(roles: Roles) -> None:
    before = roles.shard.server_ms()
    answer = register(roles)
    assert before <= answer.now_ms <= roles.shard.server_ms()
    assert (answer.last_id, answer.run, answer.position, answer.generation) == (None, "", -1, 0)
    assert answer.ended == ""


def test_a_camera_is_described_and_described_anew(roles: Roles) -> None:
    register(roles, source="rtsp://lobby", fps=25)
    register(roles, fps=30)
    assert roles.operations.descriptions() == {"cam": {"source": "rtsp://lobby", "fps": "30"}}


def test_one_producer_holds_a_camera_and_others_are_told_who_and_for_how_long(roles: Roles) -> None:
    register(roles, "first", source="one")
    before = roles.snapshot()

    answer = roles.intake.register("cam", "second", 60_000, {"source": "two"})

    assert isinstance(answer, Refusal)
    assert answer.reason == "held"
    assert answer.detail.startswith("first for ")
    assert 0 < int(answer.detail.split()[2]) <= 60_000
    assert roles.snapshot() == before
    assert roles.operations.status().cameras["cam"].holder == "first"


def test_the_holder_renews_its_own_lease(roles: Roles) -> None:
    register(roles, "first", 0)
    register(roles, "first", 60_000)
    assert isinstance(roles.intake.register("cam", "second", 1), Refusal)


def test_a_lease_that_ran_out_is_anybodys(roles: Roles) -> None:
    register(roles, "first", 1)
    eventually(lambda: isinstance(roles.intake.register("cam", "second", 60_000), Registration))
    assert roles.operations.status().cameras["cam"].holder == "second"


def test_a_lease_that_ran_out_is_not_shown_as_held(roles: Roles) -> None:
    register(roles, "first", 0)
    assert roles.operations.status().cameras["cam"].holder == ""


def test_a_producer_learns_where_its_run_was_left(roles: Roles) -> None:
    roles.admit(0, LOSSLESS)
    last = roles.admit(1, LOSSLESS)
    answer = register(roles)
    assert (answer.last_id, answer.run, answer.position, answer.generation) == (last, "run", 1, 0)


def test_ending_gives_the_camera_up_and_keeps_the_place_of_an_unfinished_run(roles: Roles) -> None:
    roles.admit(0, LOSSLESS)
    roles.intake.end(LOSSLESS, complete=False)
    answer = register(roles, "second")
    assert (answer.run, answer.position, answer.generation) == ("run", 0, 0)


def test_a_complete_run_raises_the_generation_so_that_the_source_starts_again(roles: Roles) -> None:
    last = roles.admit(0, LOSSLESS)
    roles.intake.end(LOSSLESS, complete=True)

    answer = register(roles)
    assert (answer.last_id, answer.run, answer.position, answer.generation) == (last, "", -1, 1)
    assert answer.ended == "run"
    assert roles.offer(0, LOSSLESS).repeated is False


def test_a_producer_that_goes_round_again_keeps_the_camera(roles: Roles) -> None:
    roles.admit(0, LOSSLESS)
    roles.intake.end(LOSSLESS, complete=True, keep=True)

    state = roles.state()
    assert (state["holder"], state["generation"]) == ("producer", "1")
    answer = roles.intake.register("cam", "somebody else", 5000)
    assert isinstance(answer, Refusal)
    assert answer.reason == "held"


def test_ending_a_run_twice_raises_the_generation_once(roles: Roles) -> None:
    roles.admit(0, LOSSLESS)
    roles.intake.end(LOSSLESS, complete=True)
    roles.intake.end(LOSSLESS, complete=True)
    assert register(roles).generation == 1
    assert roles.call("end", "cam", "producer", "run", "1") == [b"ended", b"1"]


def test_a_run_that_is_not_the_cameras_does_not_raise_the_generation(roles: Roles) -> None:
    roles.admit(0, LOSSLESS)
    roles.intake.end(replace(LOSSLESS, run="earlier"), complete=True)
    assert register(roles).generation == 0


def test_who_does_not_hold_the_camera_does_not_free_it(roles: Roles) -> None:
    roles.admit(0)
    roles.intake.end(replace(LIVE, holder="other"), complete=False)
    assert roles.refused(1, replace(LIVE, holder="other")).reason == "held"


def test_ending_a_camera_that_is_not_there_makes_none(roles: Roles) -> None:
    before = roles.snapshot()
    roles.intake.end(LIVE, complete=True)
    assert roles.snapshot() == before


def test_nothing_is_unfinished_of_a_camera_that_is_not_there(roles: Roles) -> None:
    assert roles.intake.unfinished("nowhere") == 0


@pytest.mark.parametrize(
    ("function", "arguments", "named"),
    [
        ("register", [], "camera"),
        ("register", ["cam", "holder"], "lease"),
        ("register", ["cam", "holder", "-1"], "lease"),
        ("register", ["cam", "holder", "1000", "source"], "options"),
        ("end", ["a b", "holder", "run", "1"], "camera"),
        ("unfinished", ["{cam}"], "camera"),
    ],
)
def test_a_wrong_argument_is_an_error_that_names_it_and_changes_nothing(
    roles: Roles, function: str, arguments: list[str], named: str
) -> None:
    roles.admit(0)
    before = roles.snapshot()
    with pytest.raises(redis.exceptions.ResponseError, match=rf"^BADARG {named}:"):
        roles.call(function, *arguments)
    assert roles.snapshot() == before
