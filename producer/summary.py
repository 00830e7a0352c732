"""The end of a file: waiting until every admitted frame is finished, and saying what became of them."""

from __future__ import annotations

import contextlib
import logging
import time
from collections import Counter
from dataclasses import dataclass
from typing import Final

from posestream.broker import CameraStatus, ShardOperations, ShardStatus
from posestream.errors import BrokerUnavailableError
from posestream.messages import Outcome
from posestream.service.process import Patience, StopSignal
from producer.holding import HeldCamera
from producer.tally import Tally

logger = logging.getLogger(__name__)

_POLL_S: Final = 0.2
_GRACE_S: Final = 2.0
_REMIND_S: Final = 15.0
_MAX_LETTERS: Final = 1000


@dataclass(frozen=True, slots=True)
class Account:
    """What became of one camera's frames since `before`.

    Attributes:
        text: one line for people.
        settled: every admitted frame has ended, and none was lost with the server's memory.
    """

    text: str
    settled: bool


class Accountant:
    """Compares a camera's counts on the server before and after this process's run."""

    def __init__(self, operations: ShardOperations, held: HeldCamera, tally: Tally, stop: StopSignal) -> None:
        self._operations = operations
        self._held = held
        self._tally = tally
        self._stop = stop
        self._patience: Patience = held.patience
        self._before: CameraStatus | None = None
        self._remind_s: float | None = None

    def open(self) -> None:
        """Note the counts before the first frame, waiting while the server is away."""
        status = self._status()
        self._before = status.cameras[self._tally.camera] if status else None

    def remind(self) -> None:
        """Say, now and then, why frames that wait for room may wait for long."""
        now_s = time.monotonic()
        if self._remind_s is None:
            self._remind_s = now_s + _GRACE_S  # a fleet that is started together with its producer
        if now_s >= self._remind_s:
            self._remind_s = now_s + _GRACE_S
            with contextlib.suppress(BrokerUnavailableError):  # the frame's next exchange meets it, too
                self._say_hindrance(self._operations.status(self._tally.camera))

    def wait(self) -> bool:
        """Wait until none of the camera's frames is in flight; False when asked to stop before that."""
        while (status := self._status()) is not None:
            camera = status.cameras[self._tally.camera]
            self._tally.unfinished = camera.in_flight
            if camera.in_flight == 0:
                return True
            if time.monotonic() >= (self._remind_s or 0.0):
                self._say_hindrance(status)
            self._stop.wait(_POLL_S)
        return False

    def close(self) -> Account:
        """Say what became of the frames, from one last look at the server, which may have gone."""
        try:
            status = self._operations.status(self._tally.camera)
            after = status.cameras[self._tally.camera]
            newest = min(_MAX_LETTERS, status.dead) if after.outcomes[Outcome.DEAD] else 0
            letters = self._operations.dead_letters(count=newest) if newest else []
        except BrokerUnavailableError:
            text = f"{progress_text(self._tally)}; the server is away, so what became of them is not known"
            return Account(text, settled=False)
        return account(self._before or after, after, letters, self._tally)

    def _say_hindrance(self, status: ShardStatus) -> None:
        hindrance = hindrance_of(status)
        if hindrance is not None:
            in_flight = status.cameras[self._tally.camera].in_flight
            logger.warning("%s: %d frames in flight, but %s", self._tally.camera, in_flight, hindrance)
            self._remind_s = time.monotonic() + _REMIND_S

    def _status(self) -> ShardStatus | None:
        """Ask until there is an answer; None when asked to stop."""
        while not self._stop.is_set():
            self._held.beat()
            try:
                status = self._operations.status(self._tally.camera)
            except BrokerUnavailableError as error:
                self._patience.failed(error)
            else:
                self._patience.succeeded()
                return status
        return None


def hindrance_of(status: ShardStatus) -> str | None:
    """Return why frames may not be finished soon, with the remedy; None when somebody is at it."""
    if status.workers == 0:
        return "no pose worker is alive: start one with `python -m workers pose`"
    if not status.tracker:
        return "no tracker is alive: start one with `python -m workers track`"
    return None


def account(before: CameraStatus, after: CameraStatus, letters: list[dict[str, str]], tally: Tally) -> Account:
    """Return what became of the frames admitted since `before`, by the server's counts.

    `letters` are the shard's newest dead letters, which tell the reasons.
    """
    lost = max(0, tally.seq - after.admitted)
    if after.admitted < before.admitted:  # the server has forgotten what was before
        before = CameraStatus(before.camera, "", 0, {}, 0, 0, 0, 0, {}, 0, "")
    admitted = after.admitted - before.admitted
    if after.policy == "live":  # a lossless producer goes back for what the server asks for, and counts that twice
        lost = max(lost, tally.admitted - admitted)
    ended = {outcome: after.outcomes[outcome] - before.outcomes.get(outcome, 0) for outcome in Outcome}
    reasons = Counter(
        letter.get("reason", "unknown")
        for letter in letters
        if letter.get("camera") == after.camera and int(letter.get("seq", "0")) > before.admitted - before.in_flight
    )
    parts = [
        f"{count} {outcome.value}" + (_reasons(count, reasons) if outcome is Outcome.DEAD else "")
        for outcome, count in ended.items()
        if count
    ]
    if after.in_flight:
        parts.append(f"{after.in_flight} still in flight")
    if lost:
        parts.append(f"{lost} lost with the server's memory (it restarted or was replaced without all of its data)")
    text = progress_text(tally, admitted) + (": " + ", ".join(parts) if parts else "")
    if tally.refused:
        refusals = ", ".join(f"{count} {reason}" for reason, count in tally.refused.most_common())
        text += f"; {tally.refused.total()} not admitted ({refusals})"
    if before.in_flight:
        text += f" (of these {before.in_flight} had been admitted before)"
    return Account(text, settled=after.in_flight == 0 and not lost)


def progress_text(tally: Tally, admitted: int | None = None) -> str:
    """Return how many frames of the source were admitted, and after how many by an earlier start."""
    count = tally.admitted if admitted is None else admitted
    text = f"{tally.camera}: {count} frame{'' if count == 1 else 's'} admitted"
    return text + (f" after {tally.resumed_at} by an earlier start" if tally.resumed_at else "")


def _reasons(dead: int, reasons: Counter[str]) -> str:
    known = [f"{count} {reason}" for reason, count in reasons.most_common()]
    unknown = dead - reasons.total()
    if unknown > 0:
        known.append(f"{unknown} of unknown reason")
    return f" ({', '.join(known)})"
