"""What a subscription tells besides frames: what is missing between them, and how cameras and server are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from posestream.keys import FrameId
from posestream.messages import Outcome


@dataclass(frozen=True, slots=True)
class Gap:
    """Poses were published and are not to be had any more, as more than are kept came while nobody read.

    Attributes:
        camera: whose.
        after: the last frame before the gap, or where reading was to begin; None when nobody knows.
        before: the first frame after it; None when nobody knows.
        missed: frames admitted in the gap, at most so many of which had a pose; None when the camera's numbers began
            anew, or nobody knows where reading was to begin.
    """

    camera: str
    after: FrameId | None
    before: FrameId | None
    missed: int | None


@dataclass(frozen=True, slots=True)
class Skipped:
    """Frames ended without a pose, between two that have one.

    Attributes:
        camera: whose.
        before: the frame after them.
        count: how many they were.
        outcomes: how they ended, as far as the tracker knew when it published `before`; what is left over came too late
            or is still with a worker.
    """

    camera: str
    before: FrameId
    count: int
    outcomes: Mapping[Outcome, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CameraOnline:
    """A camera's producer is there: at the first look, as a new camera, or after it was away.

    Attributes:
        camera: which.
        heard_ms: when its producer was last heard of, Unix milliseconds on the server's clock.
    """

    camera: str
    heard_ms: int


@dataclass(frozen=True, slots=True)
class CameraOffline:
    """A camera's producer has been silent for too long; attributes as of `CameraOnline`."""

    camera: str
    heard_ms: int


@dataclass(frozen=True, slots=True)
class CameraRemoved:
    """An operator has taken a camera away, or the server has lost it."""

    camera: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An entry among a camera's poses is no pose message, and was passed over.

    Attributes:
        camera: whose.
        id: of the entry.
        error: what is wrong with it.
    """

    camera: str
    id: FrameId
    error: str


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The server of a shard can not be reached; the subscription keeps trying.

    Attributes:
        shard: which.
        error: why.
    """

    shard: int
    error: str


@dataclass(frozen=True, slots=True)
class Reconnected:
    """The server of a shard is reached again; reading goes on where it was."""

    shard: int


Event: TypeAlias = (
    Gap | Skipped | CameraOnline | CameraOffline | CameraRemoved | Unreadable | Disconnected | Reconnected
)
