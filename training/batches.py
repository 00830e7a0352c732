"""Which frames make which batch, and the processes that draw them ahead of the training."""

from __future__ import annotations

import itertools
import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import DataLoader, Dataset

from producer.synthetic.truth import Truth
from training.losses import TARGETS
from training.mirror import mirrored
from training.targets import draw_targets

FULL_SIZE_WH: Final = (448, 256)
PAIRS_AHEAD: Final = 2

Batch = dict[str, torch.Tensor]


class Sample(Protocol):
    """`training.scenes.sample_frame`, or what stands in for it; goes to other processes, so it is a plain function."""

    def __call__(self, seed: int, size_wh: tuple[int, int]) -> tuple[npt.NDArray[np.uint8], Truth]:
        """Return a BGR image `(H, W, 3)` and the truth about it."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole run's frames. Batches come in pairs: frames that are drawn, and the same ones mirrored.

    All of it follows from these numbers, so that a run that stops goes on with the very batch it would have had.

    Attributes:
        first_seed: of the first frame that is drawn; the next one has the next seed, and none is drawn twice.
        frames: how many the run has; the last batch is a full one, too.
        batch: frames in each batch.
        widths: one of these in pixels, each as likely, is the width of a pair of batches; the height is always 256.
        full_size_share: so much of the run, at its end, has the full width alone.
    """

    first_seed: int
    frames: int
    batch: int
    widths: tuple[int, ...]
    full_size_share: float

    @property
    def batches(self) -> int:
        """How many there are."""
        return -(-self.frames // self.batch)

    @property
    def pairs(self) -> int:
        """How many pairs of batches there are; the second of the last may be left over."""
        return -(-self.batches // 2)

    def size_wh(self, pair: int) -> tuple[int, int]:
        """Return the size of the frames of a pair of batches."""
        if pair >= self.pairs * (1 - self.full_size_share):
            return FULL_SIZE_WH
        return int(np.random.default_rng((self.first_seed, pair)).choice(self.widths)), FULL_SIZE_WH[1]

    def seeds(self, pair: int) -> range:
        """Return the seeds of the frames that are drawn for a pair of batches."""
        first = self.first_seed + pair * self.batch
        return range(first, first + self.batch)


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
    """Keep a drawing process to one thread, as the others are for the training, which also says when to stop."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
