"""Versions beside each other: the first release's processes and messages with this one's server functions, and back."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from posestream.broker import Shard, ShardOperations, connect, library
from posestream.keys import ShardKeys
from posestream.messages import decode_meta, decode_pose
from tests.contract.first_version import FirstVersion
from tests.servers import Server

GOLDEN = Path(__file__).parents[1] / "golden"
FIRST_LIBRARY = (GOLDEN / "functions-1.3.lua").read_text(encoding="utf-8")
STEPS = 23

# What was given to the world does not change any more.
DIGESTS = {
    "functions-1.3.lua": "93dc2510ef854a2fda619dd82f22f45aeecbd99f761d475bebeb5af6236e7719",
    "frame_meta.msgpack": "4bbaacf60543b3bb39d8efc73d935f79357d9d2a890e28e42f3ab24ec80ccd03",
    "pose.msgpack": "cfacc2f1072f9eeb07cb578c7bde4b89925762380e6efec834463d6f18528c39",
}


@pytest.fixture
def fresh(own_server: Server) -> Iterator[redis.Redis]:
    """A server on which the first release has been."""
    client = connect(own_server.url, name="test")
    client.function_load(FIRST_LIBRARY)
    client.xgroup_create("u:{s0}:work", "pose", "0", mkstream=True)
    yield client
    client.close()


def test_the_first_releases_files_are_as_they_were():
    for name, digest in DIGESTS.items():
        assert hashlib.sha256((GOLDEN / name).read_bytes()).hexdigest() == digest, name


def test_the_first_releases_messages_are_read():
    assert decode_meta((GOLDEN / "frame_meta.msgpack").read_bytes()).captured_ms == 1_700_000_000_123
    assert decode_pose((GOLDEN / "pose.msgpack").read_bytes()).seq == 70_000


def test_this_library_replaces_the_first_ones_and_is_not_replaced_by_it(fresh, monkeypatch):
    ours = library.minor_version(library.source())
    first = library.minor_version(FIRST_LIBRARY)
    assert library.ensure_loaded(fresh) is (ours > first)
    with monkeypatch.context() as patch:  # a process of the first release is started again, as in a rollback
        patch.setattr(library, "source", lambda: FIRST_LIBRARY)
        assert library.ensure_loaded(fresh) is False
    assert fresh.fcall("posestream1_version", 1, "u:{s0}:work") == f"1.{max(ours, first)}".encode()


def test_no_function_of_the_first_library_is_gone():
    registered = r"function_name = '(\w+)'"
    assert set(re.findall(registered, FIRST_LIBRARY)) <= set(re.findall(registered, library.source()))


@pytest.mark.parametrize("upgraded_before", range(STEPS + 1))
def test_processes_of_the_first_release_lose_nothing_by_an_upgrade_at_any_moment(fresh, upgraded_before):
    camera = FirstVersion(fresh, "u")
    done = []
    steps = camera.steps()
    while True:
        if len(done) == upgraded_before:
            fresh.function_load(library.source(), replace=True)
        try:
            done.append(next(steps))
        except StopIteration:
            break

    assert len(done) == STEPS
    assert [pose for _, pose in camera.poses()] == [b"pose 1", b"pose 3", b"pose 4"]
    status = ShardOperations(Shard(fresh, ShardKeys("u", 0))).status()
    assert status.cameras["hall"].conserved
    assert status.cameras["hall"].in_flight == 0
