"""posestream: ordered, exactly-once 3D human pose streams.

    from posestream import subscribe

    for frame in subscribe("redis://127.0.0.1:6379/0"):
        print(frame.camera, [person.id for person in frame.people])

Importing this package pulls in redis, msgpack and NumPy only, and those not before the first use of what needs them.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from posestream.errors import (
        BrokerError,
        BrokerUnavailableError,
        ConfigurationError,
        PosestreamError,
        UnsupportedSchemaError,
    )
    from posestream.frames import Outcome, Person, PoseFrame
    from posestream.keys import FrameId
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
    "BrokerError",
    "BrokerUnavailableError",
    "CameraOffline",
    "CameraOnline",
    "CameraRemoved",
    "ConfigurationError",
    "Disconnected",
    "Event",
    "FrameId",
    "Gap",
    "Outcome",
    "Person",
    "PoseFrame",
    "PosestreamError",
    "Position",
    "Reconnected",
    "Skipped",
    "Start",
    "Subscription",
    "Unreadable",
    "UnsupportedSchemaError",
    "asubscribe",
    "subscribe",
]

_ELSEWHERE: Final = {
    "FrameId": "keys",
    **dict.fromkeys(("Outcome", "Person", "PoseFrame"), "frames"),
    **{name: "errors" for name in __all__ if name.endswith("Error")},
}
"""The modules of what is not about subscribing."""


def __getattr__(name: str) -> Any:
    """Load what talks to the server when it is first asked for: messages and keys alone are read without redis."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_ELSEWHERE.get(name, 'subscriber')}"), name)
