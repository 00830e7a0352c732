"""A recording goes through while everything is broken: a short form of `make chaos`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.driver import Plan, carry_out, carry_out_for_real
from tests.chaos.schedule import Kind
from tests.chaos.verdict import CRASHING_FRAME

LIMIT_S = 800  # for a machine that is busy with something else


@pytest.mark.timeout(LIMIT_S + 100)
def test_without_faults_the_poses_are_those_of_one_process_where_nothing_breaks(tmp_path: Path) -> None:
    verdict, seen = carry_out(Plan(frames=150, faults=0, misbehaving=0, seed=1), tmp_path, LIMIT_S)
    assert verdict.wrong == {}, (verdict.misjudged, seen.gave_up)
    assert len(seen.published) == 150


@pytest.mark.timeout(LIMIT_S + 100)
def test_whatever_is_broken_every_frame_has_one_end_in_order_and_its_pose_is_the_same(tmp_path: Path) -> None:
    verdict, seen = carry_out(Plan(frames=1000, faults=len(Kind), misbehaving=1, seed=1), tmp_path, LIMIT_S)
    assert verdict.wrong == {}, (verdict.misjudged, seen.gave_up)
    happened = {row.fault for row in verdict.rows if row.times}
    assert happened == {*(kind.value for kind in Kind), CRASHING_FRAME}
    assert len(seen.letters) == 2


@pytest.mark.timeout(2 * LIMIT_S + 100)
def test_with_the_real_network_as_well(tmp_path: Path) -> None:
    verdict, seen = carry_out_for_real(Plan(frames=300, faults=len(Kind), misbehaving=0, seed=3), tmp_path, LIMIT_S)
    assert verdict.wrong == {}, (verdict.misjudged, seen.gave_up)
    assert {row.fault for row in verdict.rows if row.times} == {kind.value for kind in Kind}
    assert any(entry.pose.tracks for entry in seen.published)
