from __future__ import annotations

import numpy as np
import pytest

from tests.benchmarks.pipeline.upsampling import decode_upsampled
from tests.unit.workers.pose.decoding.golden import golden_cases
from workers.pose.decoding import decode


@pytest.mark.parametrize("case", list(golden_cases()), ids=lambda case: case.name)
def test_the_loop_that_posestream_is_compared_with_finds_the_same_people(case):
    maps = (case.maps.features, case.maps.heatmaps, case.maps.pafs)
    people, others = decode(*maps, case.view), decode_upsampled(*maps, case.view)
    assert len(people) == len(others) == len(case.expected)
    np.testing.assert_allclose(others.joints_px, people.joints_px, atol=0.01)
    np.testing.assert_allclose(others.confidence, people.confidence, atol=1e-5)
    np.testing.assert_allclose(others.joints_m, people.joints_m, atol=1e-3)
    np.testing.assert_allclose(others.score, people.score, rtol=1e-4)
