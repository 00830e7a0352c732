"""How fast frames came out: a rate from the moments at which each was done."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

RAMP = 0.15
"""The part of a slice that is left out at its beginning, while the stages fill up."""


class TooFewFramesError(RuntimeError):
    """So few frames came out that there is no rate to tell."""


def frames_per_s(done_s: Sequence[float], began_s: float, ended_s: float) -> float:
    """Return frames per second from the moments at which frames were done, between the ramp and `ended_s`.

    It is the slope of the line through all of them. Frames that come out in pairs, as two streams in step give them,
    would let first and last alone be off by half a frame each.

    Raises:
        TooFewFramesError: there are fewer than 3.
    """
    done = np.sort(np.asarray(done_s, np.float64))
    done = done[(done >= began_s + RAMP * (ended_s - began_s)) & (done <= ended_s)]
    if len(done) < 3:
        raise TooFewFramesError(
            f"{len(done)} frames in {ended_s - began_s:.1f} s are too few to tell a rate: longer slices"
        )
    return float(np.polyfit(done - done[0], np.arange(len(done)), 1)[0])
