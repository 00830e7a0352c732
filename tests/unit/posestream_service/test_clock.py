"""The server's clock as estimated from its replies."""

from __future__ import annotations

import time

import pytest

from posestream.broker.clock import ServerClock


def test_before_the_first_reply_it_is_the_hosts_clock():
    assert ServerClock().now_ms() == pytest.approx(time.time() * 1000, abs=100)


def test_after_a_reply_it_is_the_servers_however_far_off_the_host_is():
    clock = ServerClock()
    now_s = time.monotonic()
    clock.observe(5_000_000, now_s, now_s)

    assert clock.now_ms() == pytest.approx(5_000_000, abs=100)


def test_a_reply_is_taken_to_be_from_halfway_between_asking_and_reading():
    clock = ServerClock()
    now_s = time.monotonic()
    clock.observe(5_000_000, now_s - 2, now_s)  # the server said so a second ago

    assert clock.now_ms() == pytest.approx(5_001_000, abs=100)


def test_it_runs_on_between_replies_and_follows_the_newest():
    clock = ServerClock()
    now_s = time.monotonic()
    clock.observe(5_000_000, now_s - 10, now_s - 10)
    assert clock.now_ms() == pytest.approx(5_010_000, abs=100)

    clock.observe(6_000_000, now_s, now_s)
    assert clock.now_ms() == pytest.approx(6_000_000, abs=100)


def test_a_step_of_the_hosts_clock_does_not_move_it(monkeypatch):
    clock = ServerClock()
    now_s = time.monotonic()
    clock.observe(5_000_000, now_s, now_s)
    monkeypatch.setattr(time, "time", lambda: 0.0)

    assert clock.now_ms() == pytest.approx(5_000_000, abs=100)
