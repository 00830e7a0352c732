"""Holding cameras: one producer at a time has a camera, and says so often enough, whatever its feed is waiting for."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Final

from posestream.broker import FrameIntake, Refusal
from posestream.errors import BrokerError
from posestream.service.health import Health

logger = logging.getLogger(__name__)

LEASE_MS: Final = 5000
_RENEW_S: Final = LEASE_MS / 3000

Description = Mapping[str, str | int | float]


class Leases:
    """Renews the leases of this process's cameras; `run` is for a thread of its own.

    `holder` names the process. `intake_of` returns a camera's intake, on a connection that only this thread uses.
    """

    def __init__(self, holder: str, intake_of: Callable[[str], FrameIntake], health: Health) -> None:
        self.holder = holder
        self._intake_of = intake_of
        self._health = health
        self._lock = threading.Lock()
        self._held: dict[str, Description] = {}
        self._closing = threading.Event()

    def close(self) -> None:
        """Stop renewing."""
        self._closing.set()

    def hold(self, camera: str, description: Description) -> None:
        """Renew a camera's lease from now on, and describe the camera with every renewal."""
        with self._lock:
            self._held[camera] = description

    def drop(self, camera: str) -> None:
        """Renew a camera's lease no more; none is under way when this returns."""
        with self._lock:
            self._held.pop(camera, None)

    def run(self) -> None:
        """Renew until closed."""
        while not self._closing.wait(_RENEW_S):
            self._health.beat("leases")
            with self._lock:
                cameras = list(self._held)
            try:
                for camera in cameras:
                    self._renew(camera)
                self._health.set_ready("server", None)
            except BrokerError as error:  # also what waiting can not mend: the feeds meet it, too, and say so
                self._health.set_ready("server", str(error))

    def _renew(self, camera: str) -> None:
        with self._lock:
            description = self._held.get(camera)
            if description is None:
                return
            answer = self._intake_of(camera).register(camera, self.holder, LEASE_MS, description)
        if isinstance(answer, Refusal):
            logger.debug("%s: held by %s", camera, answer.detail)
