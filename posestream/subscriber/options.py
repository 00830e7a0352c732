"""What a subscription is to be, checked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from posestream.errors import ConfigurationError
from posestream.keys import DEFAULT_PREFIX, validate_camera_name, validate_prefix
from posestream.subscriber.start import Start, StartPoint, read_start


@dataclass(frozen=True, slots=True)
class Options:
    """A subscription's options, checked; `subscribe` explains them."""

    url: str
    prefix: str
    cameras: frozenset[str] | None
    start: StartPoint
    latest: bool
    group: str | None
    consumer: str
    claim_after_ms: int
    offline_after_ms: int


def read_options(
    url: str,
    *,
    cameras: str | Iterable[str] | None,
    start: Start,
    latest: bool,
    group: str | None,
    consumer: str,
    claim_after_s: float,
    offline_after_s: float,
    prefix: str = DEFAULT_PREFIX,
) -> Options:
    """Check what a caller gave.

    Raises:
        ConfigurationError: naming what is wrong.
    """
    wanted = None if cameras is None else _read_cameras(cameras)
    if group is not None and latest:
        raise ConfigurationError("latest: a group shares every frame, so that none is skipped; give one of the two")
    if group is not None and (not group or " " in group):
        raise ConfigurationError(f"group {group!r}: give a name without spaces")
    if consumer and group is None:
        raise ConfigurationError(f"consumer {consumer!r}: it is a member's name; give the group it belongs to")
    for name, seconds in (("claim_after_s", claim_after_s), ("offline_after_s", offline_after_s)):
        if not isinstance(seconds, int | float) or not 0.1 <= seconds <= 1e6:
            raise ConfigurationError(f"{name}: expected from 0.1 to 1000000 seconds, not {seconds!r}")
    return Options(
        url=url,
        prefix=validate_prefix(prefix),
        cameras=wanted,
        start=read_start(start),
        latest=latest,
        group=group,
        consumer=consumer,
        claim_after_ms=round(claim_after_s * 1000),
        offline_after_ms=round(offline_after_s * 1000),
    )


def _read_cameras(cameras: str | Iterable[str]) -> frozenset[str]:
    names = [cameras] if isinstance(cameras, str) else list(cameras)
    if not names:
        raise ConfigurationError("cameras: name at least one, or leave them out for all there are")
    for name in names:
        if not isinstance(name, str):
            raise ConfigurationError(f"cameras: expected names, not {name!r}")
    return frozenset(map(validate_camera_name, names))
