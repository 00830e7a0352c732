"""What producers, workers and trackers of the first release say to a server, and how they read its answers.

It is written down here, in plain commands, and not to be changed any more: processes of that release may be about while
newer ones are started, and after a rollback. Numbers in answers are read by their place, as those processes do.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import redis

CAMERA = "hall"
HOLDER = "producer-1"
RUN = "run-1"


class FirstVersion:
    """A camera's way through a shard, one step after another; each step checks the answer that it gets."""

    def __init__(self, client: redis.Redis, prefix: str) -> None:
        self._client: Any = client
        self._base = f"{prefix}:{{s0}}:"
        self._admitted = 0
        self._tokens: dict[str, tuple[bytes, dict[bytes, bytes]]] = {}
        self._epoch = b""

    def steps(self) -> Iterator[str]:
        """Go on by a step each time; yields what has been done."""
        yield self._register()
        for _ in range(4):
            yield self._admit()
        yield self._already()
        yield self._take("a")
        yield self._take("b")
        yield self._heartbeat("a")
        yield self._finish_posed("a")
        yield self._release("b")
        yield self._reclaim("c")
        yield self._finish_dead("c")
        yield self._lead()
        yield self._publish()
        yield self._take("d")
        yield self._finish_posed("d")
        yield self._take("e")
        yield self._finish_posed("e")
        yield self._publish()
        yield self._unfinished(0)
        yield self._end()
        yield self._status()

    def poses(self) -> list[tuple[bytes, bytes]]:
        """What a subscriber has read: ids and messages."""
        return [(entry, fields[b"pose"]) for entry, fields in self._client.xrange(self._base + f"poses:{CAMERA}")]

    def _call(self, name: str, *arguments: Any) -> Any:
        return self._client.fcall(f"posestream1_{name}", 1, self._base + "work", *arguments)

    def _register(self) -> str:
        answer = self._call("register", CAMERA, HOLDER, 60_000, "source", "x.mp4", "policy", "lossless")
        assert answer[0] == b"registered"
        assert abs(int(answer[1]) - time.time() * 1000) < 60_000
        assert answer[2:6] == [b"", b"", b"", b"0"]
        return "registered"

    def _options(self, position: int) -> list[Any]:
        wanted = {
            "policy": "lossless",
            "depth": 64,
            "run": RUN,
            "position": position,
            "holder": HOLDER,
            "lease": 60_000,
        }
        return [part for pair in wanted.items() for part in pair]

    def _admit(self) -> str:
        frame_id = f"{int(time.time() * 1000)}-{self._admitted}"
        with self._client.pipeline(transaction=True) as pipeline:
            pipeline.xadd(self._base + f"frames:{CAMERA}", {"image": b"pixels", "meta": b""}, id=frame_id)
            pipeline.fcall(
                "posestream1_admit", 1, self._base + "work", CAMERA, frame_id, *self._options(self._admitted)
            )
            answer = pipeline.execute()[1]
        self._admitted += 1
        assert answer[0] == b"admitted"
        assert (answer[1], int(answer[2]), int(answer[4])) == (frame_id.encode(), self._admitted, self._admitted)
        return "admitted"

    def _already(self) -> str:
        answer = self._call("admit", CAMERA, f"{int(time.time() * 1000)}-9", *self._options(self._admitted - 1))
        assert answer[0] == b"already"
        assert int(answer[2]) == self._admitted
        return "said to be admitted already"

    def _take(self, consumer: str) -> str:
        reply = self._client.xreadgroup("pose", consumer, {self._base + "work": ">"}, count=1)
        ((_, entries),) = reply.items() if isinstance(reply, dict) else reply
        ((token, fields),) = entries[0] if entries and isinstance(entries[0], list) else entries
        assert fields.keys() >= {b"camera", b"id", b"seq", b"policy", b"expires"}
        ((_, frame),) = self._client.xrange(self._base + f"frames:{CAMERA}", fields[b"id"], fields[b"id"])
        assert frame[b"image"] == b"pixels"
        self._tokens[consumer] = (token, fields)
        return f"taken by {consumer}"

    def _heartbeat(self, consumer: str) -> str:
        token, _ = self._tokens[consumer]
        assert self._call("heartbeat", consumer, token) == [token]
        return "heard of"

    def _finish_posed(self, consumer: str) -> str:
        token, fields = self._tokens[consumer]
        assert self._call("finish", consumer, token, "posed", b"pose " + fields[b"seq"])[0] == b"finished"
        assert self._call("finish", consumer, token, "posed", b"twice")[0] == b"lost"
        return f"finished by {consumer}"

    def _release(self, consumer: str) -> str:
        assert self._call("release", consumer, self._tokens[consumer][0], 3, "it broke")[0] == b"released"
        return f"given back by {consumer}"

    def _reclaim(self, consumer: str) -> str:
        answer = self._call("reclaim", consumer, 600_000, 3)
        assert (answer[0], int(answer[2]), answer[3]) == (b"claimed", 1, CAMERA.encode())
        self._tokens[consumer] = (answer[1], {b"id": answer[4], b"seq": answer[5]})
        return f"taken over by {consumer}"

    def _finish_dead(self, consumer: str) -> str:
        assert self._call("finish", consumer, self._tokens[consumer][0], "dead", "corrupt", "no JPEG")[0] == b"finished"
        return "dead-lettered"

    def _lead(self) -> str:
        answer = self._call("lead", "tracker-1", 600_000)
        assert answer[0] == b"leading"
        self._epoch = answer[1]
        return "leading"

    def _publish(self) -> str:
        released = int(self._client.hget(self._base + f"state:{CAMERA}", "released") or 0)
        arguments: list[Any] = []
        records = sorted(self._client.xrange(self._base + "results"), key=lambda record: int(record[1][b"seq"]))
        for entry, fields in records:
            pose = fields[b"data"] if fields[b"outcome"] == b"posed" else b""
            arguments += [entry, fields[b"id"], fields[b"outcome"], pose]
        block = [CAMERA, released, released + len(records), b"state", len(records), *arguments]
        answer = self._call("publish", self._epoch, 3000, *block)
        assert (answer[0], int(answer[1])) == (b"published", len(records))
        assert len(records) == 2
        return "published"

    def _unfinished(self, count: int) -> str:
        assert int(self._call("unfinished", CAMERA)) == count
        return "counted"

    def _end(self) -> str:
        assert self._call("end", CAMERA, HOLDER, RUN, 1) == [b"ended", b"1"]
        return "ended"

    def _status(self) -> str:
        now, facts, row = self._call("status", CAMERA)[:3]
        assert int(now) > 0
        shard = dict(zip(facts[::2], facts[1::2], strict=True))
        assert (int(shard[b"work"]), int(shard[b"results"]), int(shard[b"dead"])) == (0, 0, 1)
        assert row[0] == CAMERA.encode()
        assert (int(row[1]), int(row[2])) == (0, 0)
        state = dict(zip(row[4::2], row[5::2], strict=True))
        assert {name: int(state[name]) for name in (b"admitted", b"posed", b"dead")} == {
            b"admitted": 4,
            b"posed": 3,
            b"dead": 1,
        }
        return "looked at"
