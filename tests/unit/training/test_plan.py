"""Which frames a run draws."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain

from training.plan import FULL_SIZE_WH, SEEDS_PER_RUN, VERSIONS, Plan
from training.scenes import held_out_frame, sample_frame

PLAN = Plan(first_seed=3 * SEEDS_PER_RUN, frames=1003, batch=8, widths=(448, 256), full_size_share=0.2)


def test_no_frame_is_drawn_twice():
    seeds = list(chain.from_iterable(PLAN.seeds(group) for group in range(PLAN.groups)))
    assert len(seeds) == len(set(seeds))
    assert min(seeds) == PLAN.first_seed


def test_there_are_enough_frames_each_used_four_times():
    assert PLAN.batches * PLAN.batch >= PLAN.frames > (PLAN.batches - 1) * PLAN.batch
    assert 0 <= VERSIONS * PLAN.groups - PLAN.batches < VERSIONS == 4


def test_runs_of_different_seeds_share_no_frame():
    longest = replace(PLAN, frames=SEEDS_PER_RUN)
    assert longest.seeds(longest.groups - 1).stop <= PLAN.first_seed + SEEDS_PER_RUN


def test_sizes_vary_until_the_last_part_which_is_of_full_size():
    sizes = [PLAN.size_wh(group) for group in range(PLAN.groups)]
    last = round(PLAN.groups * 0.8) + 1
    assert set(sizes[:last]) == {(448, 256), (256, 256)}
    assert set(sizes[last:]) == {FULL_SIZE_WH}


def test_a_longer_run_begins_like_a_shorter_one():
    longer = replace(PLAN, frames=10 * PLAN.frames)
    for group in range(30):
        assert longer.seeds(group) == PLAN.seeds(group)
        assert longer.size_wh(group) == PLAN.size_wh(group)


def test_a_held_out_frame_is_not_the_training_frame_of_its_number():
    for number in (1, 2):
        _, trained = sample_frame(number, (1280, 720))
        _, held_out, _ = held_out_frame(number)
        assert trained.joints_m.shape != held_out.joints_m.shape or not (trained.joints_m == held_out.joints_m).any()
