"""Where a subscription begins: now, at the beginning, after an id, at a time, some time ago, or where it was left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal, TypeAlias

from posestream.errors import ConfigurationError
from posestream.keys import FrameId
from posestream.units import duration_s


@dataclass(frozen=True, slots=True)
class Position:
    """How far a subscription has come with a camera; `str` of it is fit for a file, and for `start`.

    Attributes:
        id: of the last frame that was handed out; before the first, of the place where reading begins.
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
_SHOWN: Final = 64
_REMEDY: Final = (
    "give now, beginning, how long ago (90s, 10m, 2h), a time (2026-05-01T12:00, local without a zone), "
    "a frame id (<ms>-<n>)"
)


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
    def may_miss(self) -> bool:
        """Whether frames may be missing before the first that is read: not before the oldest that is kept."""
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
        case str():
            return _read_text(start)
        case FrameId():
            return StartPoint("after", after=start)
        case datetime():
            return StartPoint("at", at_ms=_unix_ms(start))
        case timedelta() if start >= timedelta(0):
            return StartPoint("ago", ago_ms=round(start / timedelta(milliseconds=1)))
        case Mapping():
            return StartPoint("positions", positions={camera: _position(at) for camera, at in start.items()})
    raise ConfigurationError(f"start {start!r}: {_REMEDY}, a datetime, a timedelta, or positions by camera")


def _read_text(text: str) -> StartPoint:
    """Read what `subscribe`, the command line and the viewer's bridge all take."""
    if text in ("now", "beginning"):
        return StartPoint("now" if text == "now" else "beginning")
    shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
    for read in (_after, _ago, _at):
        try:
            return read(text)
        except ValueError:
            continue
        except OverflowError:
            break
    raise ConfigurationError(f"start {shown!r}: {_REMEDY}")


def _after(text: str) -> StartPoint:
    return StartPoint("after", after=Position.parse(text).id)


def _ago(text: str) -> StartPoint:
    if not text[-1:].isalpha():
        raise ValueError("a bare number may be anything")
    return StartPoint("ago", ago_ms=round(timedelta(seconds=duration_s(text)) / timedelta(milliseconds=1)))


def _at(text: str) -> StartPoint:
    return StartPoint("at", at_ms=_unix_ms(datetime.fromisoformat(text)))


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
        raise ConfigurationError(f"start: {error}") from error
