"""Leases are renewed whatever happens to the camera beside, and nobody waits for another camera's server."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest

from posestream.broker import Registration
from posestream.errors import BrokerError, BrokerUnavailableError
from posestream.service.health import Health
from producer import lease
from producer.lease import Leases
from tests.unit.producer.fleet import eventually

SHARDS = {"hall": 0, "gate": 0, "yard": 1, "desk": 2}


class Intakes:
    """The servers of all cameras: each may fail, or keep its callers waiting."""

    def __init__(self, failing: Mapping[str, BrokerError] | None = None) -> None:
        self.asked: Counter[str] = Counter()
        self.hanging: set[str] = set()
        self.go_on = threading.Event()
        self._failing = failing or {}
        self._camera = ""

    def of(self, camera: str) -> Intakes:
        self._camera = camera
        return self

    def register(self, camera: str, holder: str, lease_ms: int, description: object) -> Registration:
        self.asked[camera] += 1
        if camera in self.hanging:
            assert self.go_on.wait(10)
        if camera in self._failing:
            raise self._failing[camera]
        return Registration(now_ms=0, last_id=None, run="", position=-1, generation=0, ended="")


@contextmanager
def renewing(intakes: Intakes, health: Health, *cameras: str) -> Iterator[Leases]:
    leases = Leases("me", intakes.of, SHARDS.__getitem__, health)  # type: ignore[arg-type]
    for camera in cameras:
        leases.hold(camera, {})
    thread = threading.Thread(target=leases.run)
    thread.start()
    try:
        yield leases
    finally:
        intakes.go_on.set()
        leases.close()
        thread.join(10)


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "_RENEW_S", 0.01)


def test_a_shard_that_is_away_keeps_no_other_shards_cameras_from_being_renewed():
    intakes, health = Intakes({"hall": BrokerUnavailableError("refused")}), Health()
    with renewing(intakes, health, "hall", "gate", "yard", "desk"):
        eventually("the healthy ones are renewed", lambda: min(intakes.asked["yard"], intakes.asked["desk"]) > 3)
        eventually("it is said that one is away", lambda: health.readiness() == (False, {"server": "refused"}))
    assert intakes.asked["hall"] > 3, "the one that is away is tried again"
    assert intakes.asked["gate"] == 0, "its neighbour on the same shard waits for the next round"


def test_a_camera_that_is_refused_keeps_none_of_its_shard_from_being_renewed():
    intakes, health = Intakes({"hall": BrokerError("bad arguments")}), Health()
    with renewing(intakes, health, "hall", "gate"):
        eventually("its neighbour is renewed", lambda: intakes.asked["gate"] > 3)
        assert health.readiness() == (False, {"server": "bad arguments"})


def test_a_server_that_does_not_answer_holds_up_only_the_camera_that_it_is_asked_about():
    intakes = Intakes()
    intakes.hanging.add("hall")
    with renewing(intakes, Health(), "hall", "yard") as leases:
        eventually("the exchange is under way", lambda: intakes.asked["hall"])
        dropped = threading.Thread(target=leases.drop, args=("hall",))
        others = threading.Thread(target=lambda: (leases.hold("desk", {}), leases.drop("yard")))
        dropped.start()
        others.start()

        others.join(2)
        assert not others.is_alive()
        dropped.join(0.1)
        assert dropped.is_alive(), "a renewal that came after the camera was given up would take it again"
        intakes.go_on.set()
        dropped.join(2)
        assert not dropped.is_alive()
        asked = intakes.asked["hall"]
        eventually("another round", lambda: intakes.asked["desk"] > 3)
    assert (intakes.asked["hall"], intakes.asked["yard"]) == (asked, 0)
