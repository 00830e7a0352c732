"""What is broken, and when."""

from __future__ import annotations

from collections import Counter

from tests.chaos.schedule import CLAIM_AFTER_MS, LEASE_MS, Kind, make_schedule


def test_a_seed_tells_the_whole_schedule() -> None:
    assert make_schedule(5, 1000, 40) == make_schedule(5, 1000, 40)
    assert make_schedule(5, 1000, 40) != make_schedule(6, 1000, 40)


def test_every_kind_comes_about_as_often_and_all_before_the_end() -> None:
    faults = make_schedule(1, 10_000, 3 * len(Kind) + 1)
    assert set(Counter(fault.kind for fault in faults).values()) == {3, 4}
    assert [fault.at for fault in faults] == sorted(fault.at for fault in faults)
    assert faults[0].at > 0
    assert faults[-1].at <= 9000


def test_some_faults_come_in_company() -> None:
    faults = make_schedule(1, 100_000, 40)
    assert 1 < len(faults) - len({fault.at for fault in faults}) < 20


def test_frozen_processes_stay_so_beyond_their_claim_or_lease() -> None:
    for fault in make_schedule(1, 1000, 90):
        if fault.kind is Kind.WORKER_FROZEN:
            assert fault.hold_s > CLAIM_AFTER_MS / 1000
        elif fault.kind is Kind.TRACKER_FROZEN:
            assert fault.hold_s > LEASE_MS / 1000
