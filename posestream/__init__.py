"""posestream: ordered, exactly-once 3D human pose streams.

    from posestream import subscribe

    for frame in subscribe("redis://127.0.0.1:6379/0"):
        print(frame.camera, [person.id for person in frame.people])

Importing this package pulls in redis, msgpack and NumPy only, and those not before the first use of what needs them.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from posestream.subscriber import (
        AsyncSubscription,
        CameraOffline,
        CameraOnline,
        CameraRemoved,
        Disconnected,
        Event,
        Gap,
        Position,
        Reconnected,
        Skipped,
        Start,
        Subscription,
        Unreadable,
        asubscribe,
        subscribe,
    )

__version__ = "0.1.0"

__all__ = [
    "AsyncSubscription",
    "CameraOffline",
    "CameraOnline",
    "CameraRemoved",
    "Disconnected",
    "Event",
    "Gap",
    "Position",
    "Reconnected",
    "Skipped",
    "Start",
    "Subscription",
    "Unreadable",
    "asubscribe",
    "subscribe",
]


def __getattr__(name: str) -> Any:
    """Load what talks to the server when it is first asked for: messages and keys alone are read without redis."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from posestream import subscriber  # noqa: PLC0415

    return getattr(subscriber, name)
