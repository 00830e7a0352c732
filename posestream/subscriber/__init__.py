"""Subscribing to poses: `subscribe`, its async twin `asubscribe`, and what they tell besides frames."""

from posestream.subscriber.asynchronous import AsyncSubscription, asubscribe
from posestream.subscriber.events import (
    CameraOffline,
    CameraOnline,
    CameraRemoved,
    Disconnected,
    Event,
    Gap,
    Reconnected,
    Skipped,
    Unreadable,
)
from posestream.subscriber.start import Position, Start
from posestream.subscriber.subscription import Subscription, subscribe

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
