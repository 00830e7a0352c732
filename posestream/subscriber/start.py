"""Where a subscription begins: now, at the beginning, after an id, at a time, some time ago, or where it was left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal, TypeAlias

from posestream.errors import ConfigurationError
from posestream.keys import FrameId


@dataclass(frozen=True, slots=True)
class Position:
    """The last frame of a camera that was handed out; `str` of it is fit for a file, and for `start`.

    Attributes:
        id: of the frame.
        seq: its number, by which a gap after it is counted; None when not known.
    """

    id: FrameId
    seq: int | None = None

    @classmethod
    def parse(cls, text: str) -> Position:
        """Read `<ms>-<n>` or `<ms>-<n>#<seq>`; raises ValueError for anything else."""
        frame_id, mark, seq = text.partition("#")
        if mark and not (seq.isdecimal() and seq.isascii() and len(seq) <= 20):
            raise ValueError(f"position {text!r}: expected <ms>-<n>#<seq>")
        return cls(FrameId.parse(frame_id), int(seq) if mark else None)

    def __str__(self) -> str:
        return str(self.id) if self.seq is None else f"{self.id}#{self.seq}"


Start: TypeAlias = (
    Literal["now", "beginning"] | str | FrameId | datetime | timedelta | Mapping[str, Position | FrameId | str]
)

NOTHING: Final = FrameId(0)
_LAST_N: Final = 2**64 - 1


@dataclass(frozen=True, slots=True)
class StartPoint:
    """A start that has been checked.

    Attributes:
        kind: what is given of the following.
        after: frames after this one.
        at_ms: frames admitted at this time or later, Unix milliseconds on the server's clock.
        ago_ms: frames admitted within the last so many milliseconds.
        positions: frames after these, by camera; of other cameras everything that is kept.
    """

    kind: Literal["now", "beginning", "after", "at", "ago", "positions"]
    after: FrameId = NOTHING
    at_ms: int = 0
    ago_ms: int = 0
    positions: Mapping[str, Position] = field(default_factory=dict)

    @property
    def misses_nothing(self) -> bool:
        """Whether what came before the first pose that is kept may have been asked for."""
        return self.kind != "beginning"

    def of(self, camera: str, *, newest: FrameId, now_ms: int) -> FrameId:
        """Return the frame after which to read a camera whose newest pose is `newest`, at `now_ms` on the server."""
        if self.kind == "now":
            return newest
        if self.kind == "positions":
            return self.positions[camera].id if camera in self.positions else NOTHING
        if self.kind in ("at", "ago"):
            from_ms = self.at_ms if self.kind == "at" else now_ms - self.ago_ms
            return FrameId(from_ms - 1, _LAST_N) if from_ms > 0 else NOTHING
        return self.after


def read_start(start: Start) -> StartPoint:
    """Check what a caller gave as the start.

    Raises:
        ConfigurationError: it is none.
    """
    match start:
        case "now" | "beginning":
            return StartPoint("now" if start == "now" else "beginning")
        case FrameId() | str():
            return StartPoint("after", after=_position(start).id)
        case datetime():
            return StartPoint("at", at_ms=_unix_ms(start))
        case timedelta() if start >= timedelta(0):
            return StartPoint("ago", ago_ms=round(start / timedelta(milliseconds=1)))
        case Mapping():
            return StartPoint("positions", positions={camera: _position(at) for camera, at in start.items()})
    raise ConfigurationError(
        f"start {start!r}: give 'now', 'beginning', a frame id, a time, how long ago, or positions by camera"
    )


def _unix_ms(time: datetime) -> int:
    try:
        return round(time.timestamp() * 1000)
    except (ValueError, OverflowError, OSError) as error:  # without a zone, at the edge of what a datetime can be
        raise ConfigurationError(
            f"start {time!r}: no time on this machine's clock; 'beginning' is all there is"
        ) from error


def _position(value: Position | FrameId | str) -> Position:
    if isinstance(value, Position | FrameId):
        return Position(value) if isinstance(value, FrameId) else value
    try:
        return Position.parse(value)
    except ValueError as error:
        raise ConfigurationError(f"start: {error}, or 'now', or 'beginning'") from error
