"""Settings of the tracker."""

from __future__ import annotations

from pydantic import Field

from posestream.service.settings import ServiceSettings
from workers.track.tracks import TrackOptions


class TrackSettings(ServiceSettings):
    """The tracker: puts each camera's results back in order and publishes them."""

    shards: tuple[int, ...] = ()
    """Shards to serve; all of them by default."""
    reorder_wait_ms: int = Field(500, ge=0, le=60_000)
    """Milliseconds that a live frame's missing predecessors are waited for, once everything there is has been read."""
    retain: int = Field(3000, ge=1)
    """Poses kept per camera for subscribers to catch up with; about so many, a few more at times."""
    lease_ms: int = Field(5000, ge=500)
    """Milliseconds after which a silent tracker may be replaced by another."""
    keep_ms: int = Field(1500, ge=100, le=60_000)
    """Milliseconds that somebody may be out of sight and keep the id."""
    bones: bool = False
    """Give smoothed joints bones of a length that stays the same: bodies to be drawn look better, and are no more
    exact."""
    batch: int = Field(256, ge=1, le=10_000)
    """Records read and published at a time."""

    worker_fps: float = Field(8.0, gt=0, le=100_000)
    """Frames a second that one pose worker makes; autoscaling counts in workers, and in seconds of their work."""

    @property
    def options(self) -> TrackOptions:
        """How people are followed."""
        return TrackOptions(keep_ms=self.keep_ms, bones=self.bones)
