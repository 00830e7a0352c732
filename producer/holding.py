"""One camera in this process's hand: taking it, describing it, offering frames by the server's clock, giving it up."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final

from posestream.broker import Admission, AdmissionRequest, FrameIntake, Refusal, Registration
from posestream.broker.clock import ServerClock
from posestream.errors import BrokerUnavailableError
from posestream.keys import FrameId
from posestream.service.health import Health
from posestream.service.process import Patience, StopSignal
from producer.lease import LEASE_MS, Description, Leases

logger = logging.getLogger(__name__)

_HELD_POLL_S: Final = 0.5


class HeldCamera:
    """Every exchange with the server about one camera; used by its feed's thread alone.

    `description` is what the shard is told of the camera with every registration. `on_failure` is told of every
    exchange that failed because the server could not be reached.
    """

    def __init__(
        self,
        camera: str,
        intake: FrameIntake,
        leases: Leases,
        health: Health,
        stop: StopSignal,
        on_failure: Callable[[], None],
    ) -> None:
        self.camera = camera
        self.patience = Patience(stop, on_failure)
        self.description: Description = {}
        self._intake = intake
        self._leases = leases
        self._health = health
        self._stop = stop
        self._clock = ServerClock()
        self._last = FrameId(0)

    def take(self) -> Registration | None:
        """Register, waiting while another producer holds the camera or the server is away; None when asked to stop."""
        said = False
        while not self._stop.is_set():
            self.beat()
            sent_s = time.monotonic()
            try:
                answer = self._intake.register(self.camera, self._leases.holder, LEASE_MS, self.description)
            except BrokerUnavailableError as error:
                self.patience.failed(error)
                continue
            self.patience.succeeded()
            self._clock.observe(answer.now_ms, sent_s, time.monotonic())
            if isinstance(answer, Registration):
                self._last = max(self._last, answer.last_id or FrameId(0))
                self._leases.hold(self.camera, self.description)
                self._health.set_ready(f"camera {self.camera}", None)
                return answer
            if not said:
                logger.warning(
                    "%s: waiting until the camera is free: another producer holds it: %s", self.camera, answer.detail
                )
                self._health.set_ready(f"camera {self.camera}", f"held by another producer: {answer.detail}")
                said = True
            self._stop.wait(_HELD_POLL_S)
        return None

    def announce(self) -> None:
        """Tell the shard a changed description; a failure is made good by the next renewal of the lease."""
        self._leases.hold(self.camera, self.description)
        try:
            self._intake.register(self.camera, self._leases.holder, LEASE_MS, self.description)
        except BrokerUnavailableError as error:
            logger.debug("%s: not described: %s", self.camera, error)

    def next_id(self) -> FrameId:
        """Return the id for a frame that is offered now: on the server's clock, and larger than the one before."""
        self._last = self._last.next(self._clock.now_ms())
        return self._last

    def offer(
        self, request: AdmissionRequest, position: int, frame_id: FrameId, image: bytes, meta: bytes
    ) -> Admission | Refusal:
        """Offer a frame once, and learn the server's time from the answer.

        Raises:
            BrokerUnavailableError: the server can not be reached; whether the frame was admitted is not known.
        """
        sent_s = time.monotonic()
        answer = self._intake.admit(request, position, frame_id, image, meta)
        self._clock.observe(answer.now_ms, sent_s, time.monotonic())
        if isinstance(answer, Refusal) and answer.reason in ("order", "ahead"):
            self._last = FrameId.parse(answer.detail)
        return answer

    def unfinished(self) -> int:
        """Return how many of the camera's frames have been admitted and not yet published."""
        return self._intake.unfinished(self.camera)

    def release(self, request: AdmissionRequest, *, complete: bool, keep: bool) -> None:
        """Give the camera up, or `keep` it: nobody else shall have it between two rounds of a source that is looped.

        That a run is complete is said until it is heard, or until asked to stop.
        """
        if not keep:
            self._leases.drop(self.camera)
        while True:
            self.beat()
            try:
                self._intake.end(request, complete=complete, keep=keep)
            except BrokerUnavailableError as error:
                if self._stop.is_set() or not complete:
                    logger.warning(
                        "%s: lease not given up, it runs out in %.0f s: %s", self.camera, LEASE_MS / 1000, error
                    )
                    return
                self.patience.failed(error)
            else:
                self.patience.succeeded()
                return

    def beat(self) -> None:
        """Say that the camera's loop turns."""
        self._health.beat(f"camera {self.camera}")
