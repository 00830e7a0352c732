"""Which frames make which batch of a training run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from workers.model.contract import HEIGHT_PX, WIDTH_PX

FULL_SIZE_WH: Final = (WIDTH_PX, HEIGHT_PX)
VERSIONS: Final = 4
"""How often each frame that is drawn is used, never twice the same."""
SEEDS_PER_RUN: Final = 10_000_000
"""Runs of different seeds draw different frames, as long as they are no longer than this."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole run's frames. Batches come in groups: frames that are drawn, and the same ones otherwise seen.

    All of it follows from these numbers, so that a run that stops goes on with the very batch it would have had.

    Attributes:
        first_seed: of the first frame that is drawn; the next one has the next seed, and none is drawn twice.
        frames: how many the run has; the last batch is a full one, too.
        batch: frames in each batch.
        widths: one of these in pixels, each as likely, is the width of a group of batches; the height is always 256.
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
    def groups(self) -> int:
        """How many groups of batches there are; some of the last may be left over."""
        return -(-self.batches // VERSIONS)

    def size_wh(self, group: int) -> tuple[int, int]:
        """Return the size of the frames of a group of batches."""
        if group >= self.groups * (1 - self.full_size_share):
            return FULL_SIZE_WH
        return int(np.random.default_rng((self.first_seed, group)).choice(self.widths)), FULL_SIZE_WH[1]

    def seeds(self, group: int) -> range:
        """Return the seeds of the frames that are drawn for a group of batches."""
        first = self.first_seed + group * self.batch
        return range(first, first + self.batch)
