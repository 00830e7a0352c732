"""Holding cameras: one producer at a time has a camera, and says so often enough, whatever its feed is waiting for."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Final

from posestream.broker import FrameIntake, Refusal
from posestream.errors import BrokerError, BrokerUnavailableError
from posestream.service.health import Health

logger = logging.getLogger(__name__)

LEASE_MS: Final = 5000
_RENEW_S: Final = LEASE_MS / 3000

Description = Mapping[str, str | int | float]


class Leases:
    """Renews the leases of this process's cameras; `run` is for a thread of its own.

    `holder` names the process. `intake_of` returns a camera's intake, on a connection that only this thread uses, and
    `shard_of` the number of its shard.
    """

    def __init__(
        self,
        holder: str,
        intake_of: Callable[[str], FrameIntake],
        shard_of: Callable[[str], int],
        health: Health,
    ) -> None:
        self.holder = holder
        self._intake_of = intake_of
        self._shard_of = shard_of
        self._health = health
        self._changed = threading.Condition()  # never held during an exchange: feeds must not wait for others' servers
        self._held: dict[str, Description] = {}
        self._renewing: str | None = None
        self._closing = threading.Event()

    def close(self) -> None:
        """Stop renewing."""
        self._closing.set()

    def hold(self, camera: str, description: Description) -> None:
        """Renew a camera's lease from now on, and describe the camera with every renewal."""
        with self._changed:
            self._held[camera] = description

    def drop(self, camera: str) -> None:
        """Renew a camera's lease no more; none is under way when this returns."""
        with self._changed:
            self._held.pop(camera, None)
            self._changed.wait_for(lambda: self._renewing != camera)

    def run(self) -> None:
        """Renew until closed."""
        while not self._closing.wait(_RENEW_S):
            self._health.beat("leases")
            self._health.set_ready("server", self._renew_all())

    def _renew_all(self) -> str | None:
        """Renew every lease that can be renewed; returns why one can not, None when all are."""
        problem = None
        away = set()
        with self._changed:
            cameras = list(self._held)
        for camera in cameras:
            if self._closing.is_set():
                break
            if self._shard_of(camera) in away:
                continue
            self._health.beat("leases")
            try:
                self._renew(camera)
            except BrokerError as error:  # also what waiting can not mend: the feeds meet it, too, and say so
                problem = problem or str(error)
                if isinstance(error, BrokerUnavailableError):
                    away.add(self._shard_of(camera))  # its other cameras would only keep healthy shards waiting
        return problem

    def _renew(self, camera: str) -> None:
        with self._changed:
            description = self._held.get(camera)
            if description is None:
                return
            self._renewing = camera
        try:
            answer = self._intake_of(camera).register(camera, self.holder, LEASE_MS, description)
        finally:
            with self._changed:
                self._renewing = None
                self._changed.notify_all()
        if isinstance(answer, Refusal):
            logger.debug("%s: held by %s", camera, answer.detail)
