"""Liveness and readiness, over real HTTP."""

from __future__ import annotations

import socket
import time

import pytest

from posestream.errors import ConfigurationError
from posestream.service.health import Health, HealthServer
from tests.unit.posestream_service.probes import get, probe


@pytest.fixture
def health():
    return Health(silent_after_s=0.3)


@pytest.fixture
def port(health):
    server = HealthServer(health, "127.0.0.1", 0)
    yield server.port
    server.close()


def test_a_process_with_turning_loops_is_live(health, port):
    health.beat("slot-1")
    status, silence = probe(port, "/live")

    assert status == 200
    assert silence.keys() == {"slot-1"}


def test_one_loop_that_falls_silent_is_enough_to_fail_and_is_shown_with_its_silence(health, port):
    health.beat("stuck")
    deadline = time.monotonic() + 5
    status, silence = probe(port, "/live")
    while status == 200 and time.monotonic() < deadline:
        health.beat("turning")
        time.sleep(0.02)
        status, silence = probe(port, "/live")

    assert status == 503
    assert silence["stuck"] >= 0.3 > silence["turning"]

    health.beat("stuck")
    assert probe(port, "/live")[0] == 200


def test_a_loop_that_has_ended_is_not_missed(health, port):
    health.beat("start")
    health.forget("start")
    health.forget("never heard of")

    assert probe(port, "/live") == (200, {})


def test_a_process_is_ready_when_every_part_is_and_says_what_is_not(health, port):
    health.set_ready("model", "not compiled yet")
    health.set_ready("broker", "not reached yet")
    assert probe(port, "/ready") == (503, {"model": "not compiled yet", "broker": "not reached yet"})

    health.set_ready("model", None)
    assert probe(port, "/ready") == (503, {"broker": "not reached yet"})

    health.set_ready("broker", None)
    assert probe(port, "/ready") == (200, {})


def test_not_being_ready_does_not_make_a_process_dead(health, port):
    health.set_ready("broker", "away")

    assert probe(port, "/live")[0] == 200


def test_a_query_string_is_no_hindrance(port):
    assert probe(port, "/live?from=kubelet")[0] == 200


@pytest.mark.parametrize("path", ["/", "/metrics", "/livee"])
def test_any_other_path_is_not_found_and_names_those_that_are(port, path):
    status, body = get(port, path)

    assert status == 404
    assert "/live and /ready" in body


def test_a_client_that_sends_nothing_does_not_keep_others_waiting(port):
    with socket.create_connection(("127.0.0.1", port)):
        assert probe(port, "/live")[0] == 200


def test_a_port_in_use_is_a_configuration_error_that_names_it(health, port):
    with pytest.raises(ConfigurationError, match=f"health port 127.0.0.1:{port}: .*in use"):
        HealthServer(health, "127.0.0.1", port)
