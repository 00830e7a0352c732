"""The operator's side: a consistent look at a shard, its limits, and removing a camera."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from posestream.broker.connection import translated
from posestream.broker.intake import Refusal
from posestream.broker.shard import Shard, text, text_map
from posestream.messages import Outcome


@dataclass(frozen=True, slots=True)
class CameraStatus:
    """One camera's counts at one instant.

    Attributes:
        camera: its name.
        policy: live or lossless; "" before the first frame.
        admitted: frames admitted.
        outcomes: frames by how they ended, counted when published.
        waiting: frames no worker has taken yet.
        tokens: frames waiting or in a worker's hand.
        records: frames that ended and are not yet published.
        bytes: memory their pixels take.
        refused: frames refused, by reason; these were never admitted.
        heard_ms: server time when its producer was last heard of.
        holder: the producer that holds the camera, "" when its lease has run out.
    """

    camera: str
    policy: str
    admitted: int
    outcomes: Mapping[Outcome, int]
    waiting: int
    tokens: int
    records: int
    bytes: int
    refused: Mapping[str, int]
    heard_ms: int
    holder: str

    @property
    def in_flight(self) -> int:
        """Frames admitted and not yet published."""
        return self.tokens + self.records

    @property
    def conserved(self) -> bool:
        """Whether every admitted frame is accounted for."""
        return self.admitted == sum(self.outcomes.values()) + self.in_flight


@dataclass(frozen=True, slots=True)
class ShardStatus:
    """A shard and its cameras at one instant.

    Attributes:
        now_ms: the server's clock.
        work, results, dead: lengths of these streams.
        bytes, max_bytes, max_records, max_dead_bytes: what frames take, and the limits.
        tracker: who may publish, "" when the lease has run out.
        epoch: of that tracker.
        workers: slots that have been heard of within the last ten seconds.
        cameras: by name.
    """

    now_ms: int
    work: int
    results: int
    dead: int
    bytes: int
    max_bytes: int
    max_records: int
    max_dead_bytes: int
    tracker: str
    epoch: int
    workers: int
    cameras: Mapping[str, CameraStatus]


class ShardOperations:
    """What operators and dashboards ask of a shard."""

    def __init__(self, shard: Shard) -> None:
        self._shard = shard

    def status(self, *cameras: str) -> ShardStatus:
        """Look at these cameras, or at all, in one consistent step."""
        now_ms, facts, *rows = self._shard.call("status", *cameras)
        shard = text_map(facts)
        statuses = [_camera_status(row, now_ms) for row in rows]
        return ShardStatus(
            now_ms=now_ms,
            work=int(shard["work"]),
            results=int(shard["results"]),
            dead=int(shard["dead"]),
            bytes=int(shard["bytes"]),
            max_bytes=int(shard["max_bytes"]),
            max_records=int(shard["max_records"]),
            max_dead_bytes=int(shard["max_dead_bytes"]),
            tracker=shard["tracker"] if int(shard["tracker_until"]) > now_ms else "",
            epoch=int(shard["epoch"]),
            workers=int(shard["workers"]),
            cameras={status.camera: status for status in statuses},
        )

    def descriptions(self) -> dict[str, dict[str, str]]:
        """Return what each camera's producer says of it: source, size, fps, policy, …"""
        keys = self._shard.keys
        with translated("reading the cameras"):
            listed: Any = self._shard.client.zrange(keys.cameras, 0, -1)
            names = [text(name) for name in listed]
            with self._shard.client.pipeline(transaction=False) as pipeline:
                for name in names:
                    pipeline.hgetall(keys.camera(name))
                replies: list[Any] = pipeline.execute()
        return {
            name: {text(field): text(value) for field, value in reply.items()}
            for name, reply in zip(names, replies, strict=True)
        }

    def dead_letters(self, *, count: int = 100) -> list[dict[str, str]]:
        """Return the newest dead letters, newest first, without what is binary in them.

        Of each: `letter` (its own id), camera, id, seq, reason, error, deliveries, and `image_bytes`.
        """
        with translated("reading dead letters"):
            entries: Any = self._shard.client.xrevrange(self._shard.keys.dead, count=count)
        return [_letter(letter, fields) for letter, fields in entries]

    def dead_letter(self, letter: str) -> tuple[dict[str, str], dict[str, bytes]] | None:
        """Return a dead letter as `dead_letters` does, and its `image`, `meta` and `pose`, as far as it has them."""
        with translated("reading a dead letter"):
            entries: Any = self._shard.client.xrange(self._shard.keys.dead, letter, letter)
        if not entries:
            return None
        found, fields = entries[0]
        return _letter(found, fields), {text(name): fields[name] for name in _BINARY if name in fields}

    def requeue(self, letter: str) -> tuple[str, int] | Refusal | None:
        """Admit a dead letter's frame anew; returns its new frame id and seq, None when there is no such letter."""
        reply = self._shard.call("requeue", letter)
        if reply[0] == b"refused":
            return Refusal(text(reply[1]), text(reply[2]), int(reply[3]))
        return (text(reply[2]), int(reply[3])) if reply[0] == b"requeued" else None

    def purge(self, *letters: str, camera: str = "") -> int:
        """Remove these dead letters, or all of a camera's, or all there are; returns how many went."""
        return int(self._shard.call("purge", camera, *letters))

    def set_limits(self, limits: Mapping[str, int]) -> None:
        """Set any of max_records, max_bytes and max_dead_bytes."""
        with translated("setting limits"):
            self._shard.client.hset(
                self._shard.keys.totals, mapping={name: str(value) for name, value in limits.items()}
            )

    def set_camera(self, camera: str, name: str, value: str) -> None:
        """Set a field of a camera's entry in the registry; "" says that there is none."""
        with translated(f"setting the {name} of {camera}"):
            self._shard.client.hset(self._shard.keys.camera(camera), name, value)

    def remove(self, camera: str, *, force: bool = False) -> bool | Refusal:
        """Take a camera and all its keys away; False when there is no such camera.

        Refused while a producer holds it, unless forced.
        """
        reply = self._shard.call("remove", camera, int(force))
        if reply[0] == b"refused":
            return Refusal(text(reply[1]), text(reply[2]), int(reply[3]))
        return bool(reply[0] == b"removed")


_BINARY: Final = (b"image", b"meta", b"pose")


def _letter(letter: bytes, fields: Mapping[bytes, bytes]) -> dict[str, str]:
    readable = {text(name): text(value) for name, value in fields.items() if name not in _BINARY}
    return {"letter": text(letter)} | readable | {"image_bytes": str(len(fields.get(b"image", b"")))}


def _camera_status(row: list[Any], now_ms: int) -> CameraStatus:
    name, tokens, waiting, heard_ms, *flat = row
    state = text_map(flat)
    held = int(state.get("lease_until", "0")) > now_ms
    return CameraStatus(
        camera=text(name),
        policy=state.get("policy", ""),
        admitted=int(state.get("admitted", "0")),
        outcomes={outcome: int(state.get(outcome.value, "0")) for outcome in Outcome},
        waiting=waiting,
        tokens=tokens,
        records=int(state.get("records", "0")),
        bytes=int(state.get("bytes", "0")),
        refused={
            name.removeprefix("refused_"): int(value) for name, value in state.items() if name.startswith("refused_")
        },
        heard_ms=int(float(heard_ms)),
        holder=state.get("holder", "") if held else "",
    )
