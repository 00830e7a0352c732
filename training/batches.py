"""Batches of frames with their targets, drawn by other processes ahead of the training."""

from __future__ import annotations

import atexit
import itertools
import os
import signal
from collections.abc import Iterator, Sequence
from typing import Final, Protocol

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import DataLoader, Dataset

from producer.synthetic.truth import Truth
from training.losses import TARGETS
from training.mirror import mirrored, moved
from training.plan import VERSIONS, Plan
from training.targets import draw_targets

GROUPS_AHEAD: Final = 2

Batch = dict[str, torch.Tensor]


class Sample(Protocol):
    """`training.scenes.sample_frame`, or what stands in for it; goes to other processes, so it is a plain function."""

    def __call__(self, seed: int, size_wh: tuple[int, int]) -> tuple[npt.NDArray[np.uint8], Truth]:
        """Return a BGR image `(H, W, 3)` and the truth about it."""


class Groups(Dataset[tuple[Batch, ...]]):
    """The groups of batches of a plan, by their index."""

    def __init__(self, plan: Plan, sample: Sample) -> None:
        self._plan = plan
        self._sample = sample

    def __len__(self) -> int:
        return self._plan.groups

    def __getitem__(self, group: int) -> tuple[Batch, ...]:
        """Draw the frames of a group of batches, and see them otherwise: mirrored, moved, and both."""
        size_wh, seeds = self._plan.size_wh(group), self._plan.seeds(group)
        drawn = [self._sample(seed, size_wh) for seed in seeds]
        again = [moved(*frame, seed) for frame, seed in zip(drawn, seeds, strict=True)]
        return tuple(_batch(frames) for frames in (drawn, _mirrored(again, seeds), _mirrored(drawn, seeds), again))


def load(plan: Plan, sample: Sample, *, first_batch: int, processes: int) -> Iterator[Batch]:
    """Yield the batches of a plan in their order, from some batch on, drawn by other processes (0: by this one).

    A batch is `pixels` `(B, 3, H, W)` uint8 and the targets `(B, C, H / 8, W / 8)` float32.
    """
    first_group, in_group = divmod(first_batch, VERSIONS)
    groups = DataLoader(
        Groups(plan, sample),
        batch_size=None,
        sampler=range(first_group, plan.groups),
        num_workers=processes,
        prefetch_factor=GROUPS_AHEAD if processes else None,
        # A fork of a process that has threads inherits their locks in whatever state they are.
        multiprocessing_context="spawn" if processes else None,
        worker_init_fn=_settle,
    )
    return itertools.islice(itertools.chain.from_iterable(groups), in_group, plan.batches - first_batch + in_group)


def _mirrored(
    frames: Sequence[tuple[npt.NDArray[np.uint8], Truth]], seeds: Sequence[int]
) -> list[tuple[npt.NDArray[np.uint8], Truth]]:
    return [mirrored(*frame, seed) for frame, seed in zip(frames, seeds, strict=True)]


def _batch(frames: Sequence[tuple[npt.NDArray[np.uint8], Truth]]) -> Batch:
    height, width = frames[0][0].shape[:2]
    targets = [draw_targets(truth, (width, height)) for _, truth in frames]
    pixels = np.stack([image.transpose(2, 0, 1) for image, _ in frames])
    return {
        "pixels": torch.from_numpy(pixels),
        **{name: torch.from_numpy(np.stack([getattr(target, name) for target in targets])) for name in TARGETS},
    }


def _settle(_: int) -> None:
    """Let a drawing process run where the training leaves a core idle; the training also says when to stop.

    The training's threads wait for each other all the time, so that one which has to share its core holds up all. Where
    cores are few, the two take turns: batches are drawn while the training has none left.
    """
    os.nice(19)
    # A batch may be on its way when the training ends; torch's thread for that would then abort the process loudly.
    atexit.register(os._exit, 0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
