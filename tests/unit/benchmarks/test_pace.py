from __future__ import annotations

import pytest

from tests.benchmarks.pipeline.pace import frames_per_s


def test_frames_that_come_out_in_pairs_are_counted_as_they_are_on_average():
    in_pairs = [0.2 * (number // 2) for number in range(100)]
    assert frames_per_s(in_pairs, 0, 10) == pytest.approx(10, rel=0.002)


def test_the_beginning_and_what_comes_after_the_end_do_not_count():
    at_20 = [1.5 + 0.05 * number for number in range(171)]
    slow_start, drained_at_once = [0.5, 1.0], [10.01] * 30
    assert frames_per_s([*drained_at_once, *at_20, *slow_start], 0, 10) == pytest.approx(20, rel=1e-6)


def test_too_few_frames_to_tell_are_an_error():
    with pytest.raises(RuntimeError, match="longer slices"):
        frames_per_s([1, 2], 0, 10)
