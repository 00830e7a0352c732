"""Whether an INT8 network may stand in for the one that it was made from."""

from __future__ import annotations

from typing import Final

from training.accuracy import Accuracy

MAX_PEOPLE_LOSS: Final = 0.005
"""Of the people who count, so many more may be missed; of those found, so many more may be nobody."""
MAX_MPJPE_LOSS: Final = 0.03
"""The joints' mean distance in space may grow by this part of itself."""
MIN_PEOPLE: Final = 200
"""With fewer people found one of them is more than the bound, and nothing can be told."""

_ROUNDING: Final = 1e-9


def can_be_judged(before: Accuracy) -> bool:
    """Tell whether a network finds enough people for a loss to show."""
    return before.matched >= MIN_PEOPLE


def objections(before: Accuracy, after: Accuracy) -> list[str]:
    """Return what speaks against the INT8 network, a clause each; nothing does when the list is empty.

    `before` and `after` are the accuracy of the two networks on the same frames.
    """
    if not can_be_judged(before):
        return [
            f"the network that it was made from finds {before.matched} of {before.counted} people on {before.frames} "
            f"held-out frames, and with fewer than {MIN_PEOPLE} no loss can be told (--frames)"
        ]
    missed = before.found_share - after.found_share
    extra = after.extra_share - before.extra_share
    farther = after.mpjpe_mm / before.mpjpe_mm - 1
    told = [
        (
            missed,
            MAX_PEOPLE_LOSS,
            f"it misses {_percent(missed)} more of the people, where {_percent(MAX_PEOPLE_LOSS)} may be",
        ),
        (
            extra,
            MAX_PEOPLE_LOSS,
            f"{_percent(extra)} more of those it finds are nobody, where {_percent(MAX_PEOPLE_LOSS)} may be",
        ),
        (
            farther,
            MAX_MPJPE_LOSS,
            f"its joints are {_percent(farther)} farther off, where {_percent(MAX_MPJPE_LOSS)} may be",
        ),
    ]
    # Written this way round so that a network that finds nobody, whose shares are NaN, is objected to.
    return [clause for loss, bound, clause in told if not loss <= bound + _ROUNDING]


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"
