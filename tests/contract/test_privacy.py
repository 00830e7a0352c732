"""How long pictures live: what docs/operations.md promises of it."""

from __future__ import annotations

from posestream.broker import AdmissionRequest
from posestream.messages import Outcome
from tests.contract.roles import LIVE, Roles

PICTURE = b"somebody's face"


def keys_with_the_picture(roles: Roles) -> list[bytes]:
    return [key for key in roles.client.keys(f"{roles.keys.prefix}*") if PICTURE in (roles.client.dump(key) or b"")]


def end(roles: Roles, outcome: Outcome, data: bytes | str, request: AdmissionRequest = LIVE) -> None:
    roles.admit(0, request, image=PICTURE)
    assert len(keys_with_the_picture(roles)) == 1
    worker = roles.worker()
    token = worker.take(1000)
    assert token is not None
    assert worker.finish(token, outcome, data)


def test_a_picture_is_gone_with_the_end_of_the_work(own_roles):
    end(own_roles, Outcome.POSED, b"pose")

    assert keys_with_the_picture(own_roles) == []


def test_a_dead_letter_holds_the_picture_until_it_is_removed(own_roles):
    end(own_roles, Outcome.DEAD, "corrupt")
    assert keys_with_the_picture(own_roles) == [own_roles.keys.dead.encode()]

    assert own_roles.operations.purge() == 1
    assert keys_with_the_picture(own_roles) == []


def test_no_bytes_for_dead_letters_keeps_none_and_the_frame_is_counted_all_the_same(own_roles):
    own_roles.operations.set_limits({"max_dead_bytes": 0})
    end(own_roles, Outcome.DEAD, "corrupt")

    assert keys_with_the_picture(own_roles) == []
    status = own_roles.operations.status()
    assert status.dead == 0
    assert (status.cameras["cam"].records, status.cameras["cam"].conserved) == (1, True)
