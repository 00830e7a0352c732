"""Which cameras there are, and which of them are there: what one look says compared with the look before."""

from __future__ import annotations

from collections.abc import Mapping

from posestream.subscriber.events import CameraOffline, CameraOnline, CameraRemoved


class Roster:
    """The cameras of one shard that a subscription is about: those `wanted`, or all.

    A camera counts as offline when its producer has been silent for `offline_after_ms`.
    """

    def __init__(self, wanted: frozenset[str] | None, offline_after_ms: int) -> None:
        self._wanted = wanted
        self._offline_after_ms = offline_after_ms
        self._online: dict[str, bool] = {}

    @property
    def followed(self) -> frozenset[str]:
        """Cameras to read: those that were asked for, whether they are there yet or not, or all there are."""
        return frozenset(self._online) if self._wanted is None else self._wanted

    def update(self, heard_ms: Mapping[str, int], now_ms: int) -> list[CameraOnline | CameraOffline | CameraRemoved]:
        """Take in when each camera was last heard of and the server's time, in ms; returns what has changed."""
        told: list[CameraOnline | CameraOffline | CameraRemoved] = []
        for camera, at_ms in sorted(heard_ms.items()):
            if self._wanted is not None and camera not in self._wanted:
                continue
            online = now_ms - at_ms <= self._offline_after_ms
            if self._online.get(camera) is not online:
                told.append((CameraOnline if online else CameraOffline)(camera, at_ms))
            self._online[camera] = online
        for camera in sorted(self._online.keys() - heard_ms.keys()):
            del self._online[camera]
            told.append(CameraRemoved(camera))
        return told
