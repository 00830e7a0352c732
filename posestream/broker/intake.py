"""The producer's side: holding a camera and admitting its frames."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from posestream.broker import library
from posestream.broker.connection import translated
from posestream.broker.shard import Shard, text
from posestream.keys import FrameId
from posestream.messages import Policy


@dataclass(frozen=True, slots=True)
class Refusal:
    """The shard did not take a frame or a registration, and why.

    Attributes:
        reason: held, gap, order, ahead, missing, full or backlog.
        detail: who holds the camera, the position expected, the camera's last id, …
        now_ms: the server's clock.
    """

    reason: str
    detail: str
    now_ms: int


@dataclass(frozen=True, slots=True)
class Admission:
    """A frame was admitted, now or by an earlier call that this one repeats.

    Attributes:
        id: the frame's id; None for a repeat of something older than the last admission.
        seq: number of the camera's last admitted frame.
        now_ms: the server's clock.
        unfinished: the camera's frames that have been admitted and not yet published.
        repeated: the frame had been admitted before.
    """

    id: FrameId | None
    seq: int
    now_ms: int
    unfinished: int
    repeated: bool


@dataclass(frozen=True, slots=True)
class Registration:
    """The camera is this producer's; where an earlier one left off.

    Attributes:
        now_ms: the server's clock.
        last_id: the camera's last admitted frame, if any.
        run: the unfinished run of that frame ("" when there is none) and its `position` in it (-1: none).
        generation: how many lossless runs of this camera have been completed.
        ended: the last of those ("" when there is none).
    """

    now_ms: int
    last_id: FrameId | None
    run: str
    position: int
    generation: int
    ended: str


@dataclass(frozen=True, slots=True)
class AdmissionRequest:
    """How a camera's frames are to be admitted; the same for all frames of a run.

    Attributes:
        camera: its name.
        holder: who asks; one producer holds a camera, for `lease_ms` after each admission.
        run: names one pass over the source, so that a repeated admission is recognised.
        policy: live or lossless.
        depth: frames that may wait (live) or be unfinished (lossless).
        max_age_ms: live frames older than this when a worker takes them become stale; 0 for never.
        lease_ms: see `holder`.
    """

    camera: str
    holder: str
    run: str
    policy: Policy
    depth: int
    max_age_ms: int = 0
    lease_ms: int = 5000


class FrameIntake:
    """Registers a camera and admits its frames."""

    def __init__(self, shard: Shard) -> None:
        self._shard = shard

    def register(
        self, camera: str, holder: str, lease_ms: int, description: Mapping[str, str | int | float] | None = None
    ) -> Registration | Refusal:
        """Take or renew the lease on a camera, and say what it is."""
        described = [part for pair in (description or {}).items() for part in pair]
        reply = self._shard.call("register", camera, holder, lease_ms, *described)
        if reply[0] == b"refused":
            return _refusal(reply)
        _, now_ms, last_id, run, position, generation, ended = reply
        return Registration(
            now_ms=int(now_ms),
            last_id=FrameId.parse(last_id) if last_id else None,
            run=text(run),
            position=int(position) if position else -1,
            generation=int(generation),
            ended=text(ended),
        )

    def admit(
        self, request: AdmissionRequest, position: int, frame_id: FrameId, image: bytes, meta: bytes
    ) -> Admission | Refusal:
        """Add a frame and admit it, in one round trip; a refused frame leaves nothing behind.

        Repeating the call for the same position is safe, whatever became of the first.

        Raises:
            BrokerUnavailableError: the server can not be reached, or (BrokerFullError) is out of memory.
        """
        arguments: list[Any] = [request.camera, str(frame_id)]
        arguments += ["policy", request.policy.value, "depth", request.depth, "max_age", request.max_age_ms]
        arguments += ["run", request.run, "position", position, "holder", request.holder, "lease", request.lease_ms]
        frame = {"image": image, "meta": meta}
        reply = self._shard.recovering(
            lambda: self._add_and_admit(request.camera, frame_id, frame, arguments), doing=f"admitting {request.camera}"
        )
        return _refusal(reply) if reply[0] == b"refused" else _admission(reply)

    def _add_and_admit(self, camera: str, frame_id: FrameId, frame: dict[str, bytes], arguments: list[Any]) -> Any:
        with self._shard.client.pipeline(transaction=True) as transaction:
            transaction.xadd(self._shard.keys.frames(camera), frame, id=str(frame_id))  # type: ignore[arg-type]
            transaction.fcall(f"{library.NAME}_admit", 1, self._shard.keys.work, *arguments)
            # XADD fails in a repeat, whose frame is there already; that it is there, admit sees for itself.
            _, admitted = transaction.execute(raise_on_error=False)
        if isinstance(admitted, Exception):
            raise admitted
        return admitted

    def end(self, request: AdmissionRequest, *, complete: bool, keep: bool = False) -> None:
        """Give the camera up, or `keep` it for another round.

        `complete` ends a lossless run, so that the source may be played again.
        """
        self._shard.call("end", request.camera, request.holder, request.run, int(complete), int(keep))

    def setting(self, camera: str, name: str) -> str:
        """Return a field of the camera's entry in the registry, "" when there is none.

        Raises:
            BrokerUnavailableError: the server can not be reached.
        """
        with translated(f"reading the {name} of {camera}"):
            value: Any = self._shard.client.hget(self._shard.keys.camera(camera), name)
        return "" if value is None else text(value)

    def unfinished(self, camera: str) -> int:
        """Return how many of the camera's frames have been admitted and not yet published."""
        return int(self._shard.call("unfinished", camera))


def _refusal(reply: Any) -> Refusal:
    return Refusal(reason=text(reply[1]), detail=text(reply[2]), now_ms=int(reply[3]))


def _admission(reply: Any) -> Admission:
    verdict, frame_id, seq, now_ms, unfinished = reply
    return Admission(
        id=FrameId.parse(frame_id) if frame_id else None,
        seq=int(seq),
        now_ms=int(now_ms),
        unfinished=int(unfinished),
        repeated=verdict == b"already",
    )
