"""A fleet for each test, and what its network answers with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from posestream.messages import Intrinsics
from tests.fleet import Fleet
from tests.networks import Case, write_network
from tests.unit.workers.pose.decoding import oracle
from tests.unit.workers.pose.decoding.comparison import oracle_view
from tests.unit.workers.pose.decoding.golden import golden_cases
from tests.unit.workers.pose.decoding.recorded import DECODE_CASES, RECORDED_VIEW, recorded_frames


@dataclass(frozen=True)
class KnownPeople:
    """A network, what it answers for each case, and the people that are in each answer."""

    model: Path
    cases: int
    intrinsics: Intrinsics
    joints_m: list[np.ndarray]  # per case (P, 19, 3)


@pytest.fixture
def fleet(redis_url: str, prefix: str, tmp_path: Path) -> Iterator[Fleet]:
    with Fleet(redis_url, prefix, tmp_path) as started:
        yield started


@pytest.fixture(params=["recorded", "golden"])
def known(request: pytest.FixtureRequest, tmp_path: Path) -> KnownPeople:
    """The reference's recordings where they are, and the project's own golden case everywhere."""
    if request.param == "recorded":
        if not DECODE_CASES.exists():
            pytest.skip("the reference's recordings (../shared/reference) are not on this machine")
        recorded = list(recorded_frames())
        cases = [Case(each.features, each.heatmaps, each.pafs) for each in recorded]
        joints_m = [each.poses3d_cm.reshape(-1, 19, 4)[:, :, :3] / 100 for each in recorded]
        intrinsics = RECORDED_VIEW.intrinsics
    else:
        golden = {case.name: case for case in golden_cases()}
        chosen = [golden["nobody"], golden["three"]]
        cases = [Case(each.maps.features, each.maps.heatmaps, each.maps.pafs) for each in chosen]
        # By the oracle, for a whole frame of 1280 x 720 and not for the view that the golden file was made with.
        decoded = [oracle.decode(*vars(case).values(), **oracle_view(RECORDED_VIEW)) for case in cases]
        joints_m = [np.array([person.xyz_m for person in people]).reshape(-1, 19, 3) for people in decoded]
        intrinsics = RECORDED_VIEW.intrinsics
    return KnownPeople(write_network(tmp_path / "known.xml", cases), len(cases), intrinsics, joints_m)
