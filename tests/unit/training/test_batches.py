"""Batches, drawn here or by other processes."""

from __future__ import annotations

import gc
import itertools

import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs PyTorch: pip install --group training")

import torch

from tests.unit.training.scenes import sample
from training.batches import Batch, load
from training.mirror import mirrored, moved
from training.plan import Plan
from training.targets import draw_targets

PLAN = Plan(first_seed=50, frames=18, batch=2, widths=(96, 128), full_size_share=0.4)


def same(one: Batch, other: Batch) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.fixture(scope="module")
def batches() -> list[Batch]:
    return list(load(PLAN, sample, first_batch=0, processes=0))


def test_a_batch_has_the_frames_of_its_seeds_and_the_next_three_have_them_otherwise_seen(batches):
    for group in range(2):
        size_wh = PLAN.size_wh(group)
        for place, seed in enumerate(PLAN.seeds(group)):
            drawn = sample(seed, size_wh)
            again = moved(*drawn, seed)
            versions = (drawn, mirrored(*again, seed), mirrored(*drawn, seed), again)
            for batch, (image, truth) in zip(batches[4 * group : 4 * group + 4], versions, strict=True):
                np.testing.assert_array_equal(batch["pixels"][place].permute(1, 2, 0), image)
                np.testing.assert_array_equal(batch["pafs"][place], draw_targets(truth, size_wh).pafs)


def test_there_are_as_many_as_planned_and_the_last_ones_are_of_full_size(batches):
    assert len(batches) == PLAN.batches == 9
    widths = [batch["pixels"].shape[3] for batch in batches]
    assert widths == [PLAN.size_wh(group)[0] for group in (0, 0, 0, 0, 1, 1, 1, 1, 2)]
    assert widths[0] < 448
    assert batches[-1]["pixels"].shape == (2, 3, 256, 448)
    assert batches[-1]["features"].shape == (2, 57, 32, 56)


@pytest.mark.parametrize("first", range(10))
def test_a_run_goes_on_with_the_very_batch_it_would_have_had(batches, first):
    rest = list(load(PLAN, sample, first_batch=first, processes=0))
    assert len(rest) == 9 - first
    assert all(same(one, other) for one, other in zip(rest, batches[first:], strict=True))


def test_other_processes_draw_the_same_in_the_same_order(batches):
    drawn = list(load(PLAN, sample, first_batch=0, processes=2))
    assert all(same(one, other) for one, other in zip(drawn, batches, strict=True))


def test_who_has_seen_enough_leaves_without_a_word(capfd):
    """Processes that are about to hand a batch over when the training ends used to abort with a traceback."""
    plenty = Plan(first_seed=50, frames=4000, batch=8, widths=(448,), full_size_share=0.4)
    for _ in itertools.islice(load(plenty, sample, first_batch=0, processes=2), 9):
        pass
    gc.collect()
    assert capfd.readouterr().err == ""
