"""The bounds: what may be lost, and what is too much."""

from __future__ import annotations

from dataclasses import replace

import pytest

from training.accuracy import Accuracy
from training.quantize_verdict import can_be_judged, objections

BEFORE = Accuracy(
    frames=600,
    counted=1000,
    matched=980,
    predicted=1000,
    extra=10,
    visible_joints=1,
    found_joints=1,
    bodies=980,
    error_m=98.0,
)


def after(**changes: float) -> Accuracy:
    return replace(BEFORE, bodies=changes.get("matched", BEFORE.bodies), **changes)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"matched": 985, "error_m": 90.0},  # better
        {"matched": 975, "error_m": 97.5},  # 0.5 % more are missed
        {"extra": 15},  # 0.5 % more are nobody
        {"error_m": 98.0 * 1.0299},
    ],
)
def test_nothing_speaks_against_a_network_within_the_bounds(changes):
    assert objections(BEFORE, after(**changes)) == []


@pytest.mark.parametrize(
    ("changes", "clause"),
    [
        ({"matched": 974, "error_m": 97.4}, "it misses 0.60 % more of the people, where 0.50 % may be"),
        ({"extra": 16}, "0.60 % more of those it finds are nobody, where 0.50 % may be"),
        ({"error_m": 98.0 * 1.031}, "its joints are 3.10 % farther off, where 3.00 % may be"),
    ],
)
def test_what_is_lost_beyond_a_bound_is_named_with_it(changes, clause):
    assert objections(BEFORE, after(**changes)) == [clause]


def test_a_network_that_finds_nobody_any_more_is_objected_to():
    against = objections(BEFORE, after(matched=0, predicted=0, extra=0, error_m=0.0))
    assert against[0].startswith("it misses 98.00 %")
    assert len(against) == 3


@pytest.mark.parametrize(("matched", "judged"), [(0, False), (199, False), (200, True)])
def test_too_few_people_tell_nothing_however_alike_the_networks_are(matched, judged):
    few = after(matched=matched)
    assert can_be_judged(few) is judged
    assert (objections(few, few) == []) is judged
