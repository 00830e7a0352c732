"""The worker's side: taking frames, and ending each exactly once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

from posestream.broker.connection import MAX_BLOCK_MS, translated
from posestream.broker.shard import Shard, text
from posestream.errors import BrokerError
from posestream.keys import WORK_GROUP, FrameId
from posestream.messages import Outcome, Policy

MAX_ERROR_TEXT: Final = 1000


@dataclass(frozen=True, slots=True)
class Token:
    """A frame in hand.

    Attributes:
        id: the token's own id in the stream of work.
        camera, frame_id, seq, policy: of the frame.
        expires_ms: the frame is stale after this time on the server's clock; 0 for never.
        failures: earlier deliveries that failed; such a frame is processed with nothing else in hand.
    """

    id: str
    camera: str
    frame_id: FrameId
    seq: int
    policy: Policy
    expires_ms: int
    failures: int = 0


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame's stored fields: encoded image, and packed metadata where the producer gave any."""

    image: bytes
    meta: bytes | None


class WorkQueue:
    """Takes frames for one consumer and ends them.

    The consumer's name must be unique to a slot and a process start: what it holds is told from what others hold by
    this name alone.
    """

    def __init__(self, shard: Shard, consumer: str) -> None:
        self.shard = shard
        self.consumer = consumer

    def take(self, block_ms: int = MAX_BLOCK_MS) -> Token | None:
        """Wait up to `block_ms` for the next frame; `load` tells whether it is a newer one by now.

        When this raises BrokerUnavailableError the reply may have been lost with a token in it: ask `in_hand()` before
        taking again.
        """
        reply = self.shard.recovering(
            lambda: self.shard.client.xreadgroup(
                WORK_GROUP, self.consumer, {self.shard.keys.work: ">"}, count=1, block=min(block_ms, MAX_BLOCK_MS)
            ),
            doing="taking a frame",
        )
        entries = stream_entries(reply)
        tokens = self._tokens(entries)
        return tokens[0] if tokens else None

    def in_hand(self) -> list[Token]:
        """Return what this consumer holds by the server's books, without raising any delivery count."""
        work = self.shard.keys.work
        doing = "looking up frames in hand"
        pending = self.shard.recovering(
            lambda: self.shard.client.xpending_range(work, WORK_GROUP, "-", "+", 100, self.consumer), doing=doing
        )
        with translated(doing):
            found: list[Any] = [
                self.shard.client.xrange(work, token, token)
                for token in (text(entry["message_id"]) for entry in pending)
            ]
        return self._tokens(entry for entries in found for entry in entries)

    def _tokens(self, entries: Iterable[tuple[bytes, dict[bytes, bytes]]]) -> list[Token]:
        """Read tokens; an entry that is none is somebody's stray one, and removed."""
        tokens = []
        for token_id, fields in entries:
            try:
                tokens.append(_token(token_id, fields))
            except (KeyError, ValueError):
                with translated("removing a stray entry"):
                    self.shard.client.xack(self.shard.keys.work, WORK_GROUP, token_id)
                    self.shard.client.xdel(self.shard.keys.work, token_id)
                self.shard.on_recovery("stray_entry")
        return tokens

    def load(self, token: Token) -> tuple[Token, Frame | None]:
        """Fetch the frame in hand, None when its pixels are gone, and what the token stands for by now.

        While a live camera's token waited, a newer frame may have moved up into it.
        """
        moved, frame = self._load(token)
        if moved != token:
            _, frame = self._load(moved)
        return moved, frame

    def _load(self, token: Token) -> tuple[Token, Frame | None]:
        keys, frame_id = self.shard.keys, str(token.frame_id)
        doing = f"loading frame {frame_id} of {token.camera}"
        with translated(doing), self.shard.client.pipeline(transaction=False) as pipeline:
            pipeline.hget(keys.state(token.camera), f"frame:{token.id}")
            pipeline.xrange(keys.frames(token.camera), frame_id, frame_id)
            moved, entries = pipeline.execute()
        fields = entries[0][1] if entries else None
        frame = Frame(image=fields.get(b"image", b""), meta=fields.get(b"meta")) if fields is not None else None
        return _moved(token, moved), frame

    def finish(self, token: Token, outcome: Outcome, data: bytes | str, error: str = "") -> bool:
        """End a frame as posed (data: the pose message), stale or dead (data: the reason).

        Returns False when the token is not this consumer's (any more), which is also the answer to a repeat.
        """
        reply = self.shard.call("finish", self.consumer, token.id, outcome.value, data, error[:MAX_ERROR_TEXT])
        return bool(reply[0] == b"finished")

    def heartbeat(self, tokens: list[Token]) -> set[str]:
        """Say that this consumer is there and still at these; returns the ids of those that are still its own."""
        return {text(token) for token in self.shard.call("heartbeat", self.consumer, *(token.id for token in tokens))}

    def release(self, token: Token, max_deliveries: int, error: str | None = None) -> bool:
        """Give a frame back; with an error the delivery has failed. Tells whether that made it a dead letter."""
        failure = [] if error is None else [error[:MAX_ERROR_TEXT]]
        reply = self.shard.call("release", self.consumer, token.id, max_deliveries, *failure)
        return bool(reply[0] == b"dead")

    def stranded(self, idle_ms: int) -> bool:
        """Tell whether somebody's frame has been silent for that long or was given back."""
        work = self.shard.keys.work
        try:
            with translated("looking for stranded frames"):
                return bool(self.shard.client.xpending_range(work, WORK_GROUP, "-", "+", 1, idle=idle_ms))
        except BrokerError as error:
            if "NOGROUP" in str(error):
                return False
            raise

    def reclaim(self, idle_ms: int, max_deliveries: int) -> Token | None:
        """Take over one stranded frame; frames that failed too often become dead letters on the way."""
        reply = self.shard.call("reclaim", self.consumer, idle_ms, max_deliveries)
        if reply[0] != b"claimed":
            return None
        _, token, failures, camera, frame_id, seq, policy, expires = (text(part) for part in reply)
        return Token(
            token, camera, FrameId.parse(frame_id), int(seq), Policy(policy), int(expires), failures=int(failures)
        )

    def retire(self) -> None:
        """Remove this consumer from the group, if it holds nothing."""
        self.shard.call("retire", 0, self.consumer)

    def retire_absent(self, idle_ms: int) -> int:
        """Remove the consumers that hold nothing and have been silent for that long; returns how many."""
        return int(self.shard.call("retire", idle_ms))


def _moved(token: Token, moved: bytes | None) -> Token:
    """Return what a token stands for, where the server says that a frame has moved up into it."""
    if moved is None:
        return token
    frame_id, seq, expires_ms = text(moved).split(" ")
    return replace(token, frame_id=FrameId.parse(frame_id), seq=int(seq), expires_ms=int(expires_ms))


def stream_entries(reply: Any) -> list[tuple[bytes, dict[bytes, bytes]]]:
    """Return the entries of a reply to XREAD or XREADGROUP of one stream, in any of the shapes redis-py gives it."""
    if not reply:
        return []
    streams = list(reply.values()) if isinstance(reply, dict) else [entries for _, entries in reply]
    entries = streams[0]
    while entries and isinstance(entries[0], list):  # RESP3 through some versions nests once more
        entries = entries[0]
    return list(entries)


def _token(token_id: bytes, fields: dict[bytes, bytes]) -> Token:
    return Token(
        id=text(token_id),
        camera=text(fields[b"camera"]),
        frame_id=FrameId.parse(fields[b"id"]),
        seq=int(fields[b"seq"]),
        policy=Policy(text(fields[b"policy"])),
        expires_ms=int(fields[b"expires"]),
    )
