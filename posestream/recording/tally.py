"""What a recording has seen."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from posestream.messages import PoseFrame
from posestream.subscriber import Disconnected, Event, Gap, Reconnected, Skipped, Unreadable


@dataclass(slots=True)
class Tally:
    """Counts of frames by camera, and of what was missing."""

    frames: Counter[str] = field(default_factory=Counter)
    people: int = 0
    skipped: int = 0
    gaps: int = 0
    missed: int = 0
    uncounted: bool = False
    unreadable: int = 0
    away: bool = False

    def note(self, item: PoseFrame | Event) -> None:
        """Count what a subscription gave."""
        match item:
            case PoseFrame():
                self.frames[item.camera] += 1
                self.people += len(item.people)
            case Skipped():
                self.skipped += item.count
            case Gap():
                self.gaps += 1
                self.missed += item.missed or 0
                self.uncounted |= item.missed is None
            case Unreadable():
                self.unreadable += 1
            case Disconnected() | Reconnected():
                self.away = isinstance(item, Disconnected)
            case _:
                pass

    def remarks(self) -> list[str]:
        """Return what there is to say besides the frames."""
        said = []
        if self.skipped:
            said.append(f"{counted(self.skipped, 'frame')} had no pose")
        if self.gaps:
            more = " and of others that nobody counted" if self.uncounted else ""
            said.append(
                f"{counted(self.gaps, 'gap')}: poses of up to {counted(self.missed, 'frame')}{more} were no longer kept"
            )
        if self.unreadable:
            said.append(f"{counted(self.unreadable, 'pose')} could not be read")
        return said


def counted(count: int, what: str) -> str:
    """Return e.g. `1 frame`, `2 frames`."""
    return f"{count} {what}{'' if count == 1 else 's'}"
