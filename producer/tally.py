"""How far each camera is: written by its feed, read by whoever shows it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import Enum


class Phase(Enum):
    """What a camera's feed is about."""

    STARTING = "starting"
    FEEDING = "feeding"
    DRAINING = "waiting for the last frames"
    ENDED = "ended"


@dataclass(slots=True)
class Tally:
    """One camera's progress in this process.

    Attributes:
        camera: its name.
        total: frames of the source; None when it has no end.
        position: the next frame's place in the source.
        resumed_at: where this process took up an earlier one's run.
        admitted: frames admitted by this process.
        refused: frames dropped because they were refused, by reason.
        unfinished: frames admitted and not yet published, when last heard.
        seq: number of the camera's last admitted frame.
        away: the camera delivers no frames just now.
        phase: see there.
    """

    camera: str
    total: int | None = None
    position: int = 0
    resumed_at: int = 0
    admitted: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    unfinished: int = 0
    seq: int = 0
    away: bool = False
    phase: Phase = Phase.STARTING

    @property
    def done(self) -> int:
        """Frames of the source that are through the whole pipeline."""
        return max(0, self.position - self.unfinished)
