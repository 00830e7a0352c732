"""Getting frames admitted: patiently, so that none is lost, or live, so that none is waited for."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Final, Protocol

from posestream.broker import Admission, AdmissionRequest, Refusal, Registration
from posestream.errors import BrokerError, BrokerFullError, BrokerUnavailableError
from posestream.keys import FrameId
from posestream.service.metrics import ProducerMetrics
from posestream.service.process import StopSignal, jittered_wait_s
from producer.holding import HeldCamera
from producer.tally import Tally

logger = logging.getLogger(__name__)

CLOCK_REASONS: Final = frozenset({"order", "ahead", "missing"})  # another id, on a better clock, may be taken
_SHORTEST_POLL_S: Final = 0.005
_LONGEST_POLL_S: Final = 0.05
_REST_S: Final = {"held": 1.0, "full": 0.1, "backlog": 0.1, "out_of_memory": 0.25}
_MAX_CLOCK_REFUSALS: Final = 400  # in a row, 50 ms apart


class AdmissionPolicy(Protocol):
    """How one camera's frames become work."""

    def begin(self, identity: str | None) -> int | None:
        """Take the camera and start a run of the source; returns the position to begin at, None when asked to stop."""

    def admit(self, position: int, image: bytes, meta: bytes) -> int | None:
        """Offer a frame; returns the position that is wanted next, None when others have played the run to its end."""

    def end(self, *, complete: bool, keep: bool) -> None:
        """Give the camera up, or `keep` it for another round; `complete` when the run is over."""


class LiveAdmission:
    """Offers each frame once; what is refused, or comes while the server is away, is dropped and counted."""

    def __init__(self, held: HeldCamera, request: AdmissionRequest, tally: Tally, metrics: ProducerMetrics) -> None:
        self._held = held
        self._request = request
        self._tally = tally
        self._metrics = metrics
        self._failures = 0
        self._rest_reason = ""
        self._rest_until_s = 0.0

    def begin(self, identity: str | None) -> int | None:
        """Take the camera."""
        if self._held.take() is None:
            return None
        self._request = replace(self._request, run=uuid.uuid4().hex)
        return 0

    def admit(self, position: int, image: bytes, meta: bytes) -> int:
        """Offer a frame, or drop it unasked during a rest after a refusal; the next one is always wanted."""
        resting = time.monotonic() < self._rest_until_s
        result = self._rest_reason if resting else self._offer(position, image, meta)
        self._metrics.offered.labels(self._held.camera, result).inc()
        if result == "admitted":
            self._tally.admitted += 1
            self._metrics.offered_bytes.labels(self._held.camera).inc(len(image))
        else:
            self._tally.refused[result] += 1
            if not resting:
                self._rest(result)
        return position + 1

    def _offer(self, position: int, image: bytes, meta: bytes) -> str:
        try:
            answer = self._held.offer(self._request, position, self._held.next_id(), image, meta)
            if isinstance(answer, Refusal) and answer.reason in CLOCK_REASONS:
                answer = self._held.offer(self._request, position, self._held.next_id(), image, meta)
        except BrokerFullError:
            return "out_of_memory"
        except BrokerUnavailableError as error:
            self._note_failure(error)
            return "unavailable"
        if self._failures:
            logger.info("%s: server reached again", self._held.camera)
            self._failures = 0
        if isinstance(answer, Refusal):
            return answer.reason
        self._tally.unfinished, self._tally.seq = answer.unfinished, answer.seq
        return "admitted"

    def _note_failure(self, error: BrokerUnavailableError) -> None:
        self._metrics.broker_errors.labels("admitting").inc()
        if not self._failures:
            logger.warning("%s: server not reached, dropping frames meanwhile: %s", self._held.camera, error)
        self._failures += 1

    def _rest(self, reason: str) -> None:
        """Offer nothing for a while: pixels that will be refused are better not sent."""
        if reason == "held" and self._rest_reason != "held":
            logger.warning("%s: another producer holds the camera; dropping frames meanwhile", self._held.camera)
        if reason == "unavailable":
            rest_s = jittered_wait_s(self._failures, first_s=0.1, most_s=2.0)
        else:
            rest_s = _REST_S.get(reason, 0.0)
        self._rest_reason = reason
        self._rest_until_s = time.monotonic() + rest_s

    def end(self, *, complete: bool, keep: bool) -> None:
        """Give the camera up, or keep it."""
        self._held.release(self._request, complete=complete, keep=keep)


class LosslessAdmission:
    """Offers each frame until it is admitted: waits for room, for the server and for the camera.

    `on_wait` is called again and again while a frame waits for room.
    """

    def __init__(
        self,
        held: HeldCamera,
        request: AdmissionRequest,
        tally: Tally,
        metrics: ProducerMetrics,
        stop: StopSignal,
        on_wait: Callable[[], None],
    ) -> None:
        self._held = held
        self._request = request
        self._tally = tally
        self._metrics = metrics
        self._stop = stop
        self._on_wait = on_wait
        self._identity = uuid.uuid4().hex
        self._unfinished = request.depth  # not known yet: ask first
        self._poll_s = _SHORTEST_POLL_S
        self._clock_refusals = 0

    def begin(self, identity: str | None) -> int | None:
        """Take the camera; goes on where an earlier producer of the same source stopped."""
        self._identity = identity or self._identity
        registration = self._held.take()
        return None if registration is None else self._go_on(registration)

    def _go_on(self, registration: Registration) -> int:
        """Start a run, or go on with it where the shard says."""
        run = f"{self._identity}#{registration.generation}"
        self._request = replace(self._request, run=run)
        self._unfinished = self._request.depth
        return registration.position + 1 if registration.run == run else 0

    def admit(self, position: int, image: bytes, meta: bytes) -> int | None:
        """Offer a frame until it is admitted; the position asked for is another one when the shard misses some."""
        frame_id: FrameId | None = None
        while not self._stop.is_set():
            self._held.beat()
            try:
                if not self._has_room():
                    continue
                # Repeated under the same id, in case the lost reply was that the frame had been admitted.
                frame_id = frame_id or self._held.next_id()
                answer = self._held.offer(self._request, position, frame_id, image, meta)
            except BrokerUnavailableError as error:
                self._unfinished = self._request.depth
                self._held.patience.failed(error)
                continue
            self._held.patience.succeeded()
            if isinstance(answer, Admission):
                self._count(answer, len(image))
                return position + 1
            frame_id = None
            self._metrics.offered.labels(self._held.camera, answer.reason).inc()
            if answer.reason in ("gap", "held"):
                return self._take_back(position)
            self._heed(answer, position)
        return position

    def _has_room(self) -> bool:
        """Tell whether there is room, from what was last heard; if that was no, ask again and wait a little."""
        if self._unfinished < self._request.depth:
            return True
        self._unfinished = self._tally.unfinished = self._held.unfinished()
        if self._unfinished < self._request.depth:
            self._poll_s = _SHORTEST_POLL_S
            return True
        self._wait()
        return False

    def _wait(self) -> None:
        self._stop.wait(self._poll_s)
        self._poll_s = min(2 * self._poll_s, _LONGEST_POLL_S)
        self._on_wait()

    def _count(self, answer: Admission, size: int) -> None:
        self._unfinished = self._tally.unfinished = answer.unfinished
        self._tally.seq = answer.seq
        self._tally.admitted += 1
        self._clock_refusals = 0
        self._poll_s = _SHORTEST_POLL_S
        self._metrics.offered.labels(self._held.camera, "already" if answer.repeated else "admitted").inc()
        self._metrics.offered_bytes.labels(self._held.camera).inc(size)

    def _take_back(self, position: int) -> int | None:
        """Take a camera that was lost to others; returns the position to go to, None when those have ended the run."""
        registration = self._held.take()
        if registration is None:
            return position
        if registration.ended == self._request.run:
            logger.warning("%s: another producer has played the source to its end meanwhile", self._held.camera)
            return None
        wanted = self._go_on(registration)
        if wanted != position:
            logger.warning(
                "%s: the shard asks for frame %d instead of %d: going there", self._held.camera, wanted, position
            )
        return wanted

    def _heed(self, answer: Refusal, position: int) -> None:
        """Act on a refusal, after which the same frame is offered again."""
        if answer.reason == "full":
            self._unfinished = self._request.depth
        if answer.reason in CLOCK_REASONS:
            self._clock_refusals += 1
            if self._clock_refusals == 1:
                return
            if self._clock_refusals > _MAX_CLOCK_REFUSALS:
                raise BrokerError(
                    f"{self._held.camera}: frame {position} is refused again and again: {answer.reason} "
                    f"{answer.detail}; the server's clock says {answer.now_ms}"
                )
        self._wait()

    def end(self, *, complete: bool, keep: bool) -> None:
        """Give the camera up, or keep it; a complete run leaves the source free to be played again."""
        self._held.release(self._request, complete=complete, keep=keep)
