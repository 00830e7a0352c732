"""Batches of frames with their targets, drawn by other processes ahead of the training."""

from __future__ import annotations

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
from training.mirror import mirrored
from training.plan import Plan
from training.targets import draw_targets

PAIRS_AHEAD: Final = 2

Batch = dict[str, torch.Tensor]


class Sample(Protocol):
    """`training.scenes.sample_frame`, or what stands in for it; goes to other processes, so it is a plain function."""

    def __call__(self, seed: int, size_wh: tuple[int, int]) -> tuple[npt.NDArray[np.uint8], Truth]:
        """Return a BGR image `(H, W, 3)` and the truth about it."""


class Pairs(Dataset[tuple[Batch, Batch]]):
    """The pairs of batches of a plan, by their index."""

    def __init__(self, plan: Plan, sample: Sample) -> None:
        self._plan = plan
        self._sample = sample

    def __len__(self) -> int:
        return self._plan.pairs

    def __getitem__(self, pair: int) -> tuple[Batch, Batch]:
        """Draw the frames of a pair of batches and mirror them."""
        size_wh, seeds = self._plan.size_wh(pair), self._plan.seeds(pair)
        drawn = [self._sample(seed, size_wh) for seed in seeds]
        return _batch(drawn), _batch([mirrored(*frame, seed) for frame, seed in zip(drawn, seeds, strict=True)])


def load(plan: Plan, sample: Sample, *, first_batch: int, processes: int) -> Iterator[Batch]:
    """Yield the batches of a plan in their order, from some batch on, drawn by other processes (0: by this one).

    A batch is `pixels` `(B, 3, H, W)` uint8 and the targets `(B, C, H / 8, W / 8)` float32.
    """
    first_pair, in_pair = divmod(first_batch, 2)
    pairs = DataLoader(
        Pairs(plan, sample),
        batch_size=None,
        sampler=range(first_pair, plan.pairs),
        num_workers=processes,
        prefetch_factor=PAIRS_AHEAD if processes else None,
        # A fork of a process that has threads inherits their locks in whatever state they are.
        multiprocessing_context="spawn" if processes else None,
        worker_init_fn=_settle,
    )
    return itertools.islice(itertools.chain.from_iterable(pairs), in_pair, plan.batches - first_batch + in_pair)


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
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
