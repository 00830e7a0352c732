"""The roles of a shard side by side, and short ways to bring it into the state that a test starts from."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from posestream.broker import (
    Admission,
    AdmissionRequest,
    CameraRelease,
    Frame,
    FrameIntake,
    PoseLog,
    Record,
    Refusal,
    ReleasedRecord,
    ResultLog,
    Shard,
    ShardOperations,
    Token,
    WorkQueue,
)
from posestream.keys import WORK_GROUP, FrameId
from posestream.messages import Outcome, Policy

LIVE = AdmissionRequest(camera="cam", holder="producer", run="run", policy=Policy.LIVE, depth=4, lease_ms=60_000)
LOSSLESS = replace(LIVE, policy=Policy.LOSSLESS, depth=64)

Answer = TypeVar("Answer")


class Roles:
    """Everything one can be to a shard; frame ids follow the server's clock and increase.

    `shard` is for looking behind the scenes; `shard_as` gives a role's own, which may be another user's.
    """

    def __init__(self, shard: Shard, shard_as: Callable[[str], Shard] | None = None) -> None:
        shard_as = shard_as or (lambda role: shard)
        self.shard = shard
        self.client: Any = shard.client
        self.keys = shard.keys
        self.intake = FrameIntake(shard_as("producer"))
        self.results = ResultLog(shard_as("tracker"))
        self.operations = ShardOperations(shard_as("operator"))
        self.poses = PoseLog(shard_as("subscriber"))
        self._worker_shard = shard_as("worker")
        self._last = FrameId(0)

    def worker(self, name: str = "worker") -> WorkQueue:
        return WorkQueue(self._worker_shard, name)

    def next_id(self) -> FrameId:
        self._last = self._last.next(self.shard.server_ms())
        return self._last

    def offer(
        self,
        position: int,
        request: AdmissionRequest = LIVE,
        *,
        frame_id: FrameId | None = None,
        image: bytes = b"pixels",
    ) -> Admission | Refusal:
        return self.intake.admit(request, position, frame_id or self.next_id(), image, b"meta")

    def admit(self, position: int, request: AdmissionRequest = LIVE, **options: Any) -> FrameId:
        answer = self.offer(position, request, **options)
        assert isinstance(answer, Admission), answer
        assert answer.id is not None
        return answer.id

    def refused(self, position: int, request: AdmissionRequest = LIVE, **options: Any) -> Refusal:
        answer = self.offer(position, request, **options)
        assert isinstance(answer, Refusal), answer
        return answer

    def take(self, name: str = "worker") -> Token:
        token = self.worker(name).take(block_ms=1)
        assert token is not None
        return token

    def take_and_load(self) -> tuple[Token, Frame | None]:
        """As a worker does: the token says what it stands for once its frame has been loaded."""
        return self.worker().load(self.take())

    def finish_next(self, data: bytes = b"pose", outcome: Outcome = Outcome.POSED) -> Token:
        token = self.take()
        assert self.worker().finish(token, outcome, data)
        return token

    def records(self) -> list[Record]:
        return self.results.read(FrameId(0), count=10_000)

    def lead(self, holder: str = "tracker") -> int:
        epoch = self.results.lead(holder, 60_000).epoch
        assert epoch is not None
        return epoch

    def release_all(self, camera: str = "cam", *, outcome: Outcome | None = None) -> CameraRelease:
        """All records of a camera, as a tracker that has nothing to wait for would publish them."""
        believed = self.results.progress([camera])[camera].released
        records = sorted((one for one in self.records() if one.camera == camera), key=lambda one: one.seq)
        released = [ReleasedRecord(one, outcome or one.outcome, one.data) for one in records]
        return CameraRelease(camera, believed, max([believed, *(one.seq for one in records)]), b"state", released)

    def publish_all(self, camera: str = "cam", *, retain: int = 1000) -> int:
        counted = self.results.publish(self.lead(), retain, [self.release_all(camera)])
        assert isinstance(counted, int), counted
        return counted

    def call(self, function: str, *arguments: Any) -> Any:
        """A raw FCALL, as another language would send it."""
        return self.client.fcall(f"posestream1_{function}", 1, self.keys.work, *arguments)

    def frame_ids(self, camera: str = "cam") -> list[FrameId]:
        return [FrameId.parse(entry_id) for entry_id, _ in self.client.xrange(self.keys.frames(camera))]

    def state(self, camera: str = "cam") -> dict[str, str]:
        return {name.decode(): value.decode() for name, value in self.client.hgetall(self.keys.state(camera)).items()}

    def deliveries(self) -> dict[str, int]:
        """The server's own delivery counts, by token."""
        pending = self.client.xpending_range(self.keys.work, WORK_GROUP, "-", "+", 1000)
        return {entry["message_id"].decode(): entry["times_delivered"] for entry in pending}

    def owners(self) -> dict[str, str]:
        pending = self.client.xpending_range(self.keys.work, WORK_GROUP, "-", "+", 1000)
        return {entry["message_id"].decode(): entry["consumer"].decode() for entry in pending}

    def age(self, token: Token, idle_ms: int = 3_600_000) -> None:
        """Make a token look as if its owner had been silent for that long."""
        owner = self.owners()[token.id]
        self.client.xclaim(self.keys.work, WORK_GROUP, owner, 0, [token.id], idle=idle_ms, justid=True)

    def consumers(self) -> set[str]:
        return {entry["name"].decode() for entry in self.client.xinfo_consumers(self.keys.work, WORK_GROUP)}

    def measured_bytes(self) -> int:
        """What the frames of all cameras take, by the server's own measure."""
        keys = self.client.keys(self.keys.frames("*").replace("{", "\\{").replace("}", "\\}"))
        return sum(self.client.memory_usage(key, samples=0) or 0 for key in keys)

    def counted_bytes(self) -> int:
        return int(self.client.hget(self.keys.totals, "bytes") or 0)

    def snapshot(self) -> dict[bytes, Any]:
        """Everything under the test's prefix, so that "changes nothing" can be said of all of it."""
        return {key: self._content(key) for key in sorted(self.client.keys(f"{self.keys.prefix}:*"))}

    def _content(self, key: bytes) -> Any:
        readers: dict[bytes, Callable[[bytes], Any]] = {
            b"stream": self.client.xrange,
            b"hash": self.client.hgetall,
            b"zset": lambda name: self.client.zrange(name, 0, -1, withscores=True),
        }
        return readers[self.client.type(key)](key)


def eventually(attempt: Callable[[], Answer | None], *, within_s: float = 20) -> Answer:
    """Repeat an attempt until it answers something true; fail after the deadline."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        answer = attempt()
        if answer:
            return answer
        time.sleep(0.005)
    raise AssertionError(f"nothing came of it within {within_s} s")
