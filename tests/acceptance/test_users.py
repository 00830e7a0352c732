"""The main job on a server where each process is a user with no more rights than its role needs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tests.acceptance.conftest import KnownPeople
from tests.acceptance.test_main_job import assert_all_posed_in_order, write_video
from tests.fleet import Fleet, wait_until
from tests.networks import grey_level
from tests.servers import Server
from tests.users import password, url_as, write_users


@pytest.fixture
def guarded(server: Server, prefix: str, tmp_path: Path) -> Iterator[Server]:
    """A server with the users that are shipped."""
    with type(server)(include=str(write_users(tmp_path, prefix))) as own:
        yield own


@pytest.mark.parametrize("known", ["golden"], indirect=True)
def test_every_role_does_its_part_with_its_own_rights_alone(
    guarded: Server, prefix: str, known: KnownPeople, tmp_path: Path
) -> None:
    video = write_video(tmp_path / "video.mp4", [grey_level(1)] * 20)
    with Fleet(url_as("operator", guarded.url), prefix, tmp_path) as fleet:

        def become(role: str) -> None:
            fleet.environment["POSESTREAM_REDIS_URL"] = url_as(role, guarded.url)

        become("tracker")
        fleet.start("workers", "track")
        become("worker")
        fleet.start("workers", "pose", "--model", str(known.model))
        wait_until(lambda: fleet.operations.status().workers > 0, seconds=100, what="the worker asks for work")
        become("producer")
        done = fleet.run("producer", "run", str(video), "--camera", "hall", seconds=100)
        assert done.returncode == 0, done.stderr
        assert "20 frames admitted: 20 posed" in done.stdout
        assert_all_posed_in_order(fleet, "hall", 20)

        become("subscriber")
        followed = fleet.run("posestream.cli", "tail", "hall", "--from-start", "--count", "20")
        assert followed.stdout.count("3 people") == 20, followed.stderr
        refused = fleet.run("posestream.cli", "status")
        assert refused.returncode == 1
        assert "lacks a permission" in refused.stderr
        assert len(refused.stderr.splitlines()) == 1
        assert denied(guarded) == {"fcall"}

        become("operator")
        for command in (["status"], ["cameras"], ["dead"], ["cameras", "remove", "hall"]):
            looked = fleet.run("posestream.cli", *command)
            assert looked.returncode == 0, looked.stderr
        assert denied(guarded) == {"fcall"}


def denied(server: Server) -> set[str]:
    """What users have asked for in vain, but for redis-py's telling which version it is."""
    admin = redis.Redis(port=server.port, username="admin", password=password("admin"))
    entries = admin.acl_log()
    admin.close()
    return {entry["object"] for entry in entries} - {"client|setinfo"}
