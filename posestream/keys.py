"""Where everything is in Redis: the names of the keys, which shard a camera belongs to, and how frame ids compare."""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from posestream.errors import ConfigurationError

DEFAULT_PREFIX: Final = "posestream"
WORK_GROUP: Final = "pose"
MAX_CAMERA_NAME_BYTES: Final = 128

# Braces would break the Cluster hash tag, spaces and control characters every tool that prints a key.
# ASCII alone, as the server functions judge by the same rule; lone surrogates are what undecodable bytes come in as.
_FORBIDDEN: Final = re.compile(r"[{}\s\x00-\x1f\x7f\ud800-\udfff]", re.ASCII)

_FRAME_ID: Final = re.compile(r"([0-9]{1,20})-([0-9]{1,20})")
_LARGEST: Final = 2**64 - 1


def validate_camera_name(name: str) -> str:
    """Return `name`, or raise ConfigurationError when it can not be part of a key."""
    if not name or _FORBIDDEN.search(name) or len(name.encode()) > MAX_CAMERA_NAME_BYTES:
        raise ConfigurationError(
            f"camera name {name!r}: use 1 to {MAX_CAMERA_NAME_BYTES} bytes without braces, spaces or control characters"
        )
    return name


def validate_prefix(prefix: str) -> str:
    """Return `prefix`, or raise ConfigurationError when it can not start a key."""
    if not prefix or _FORBIDDEN.search(prefix):
        raise ConfigurationError(f"key prefix {prefix!r}: give one without braces, spaces or control characters")
    return prefix


@dataclass(frozen=True, slots=True)
class ShardKeys:
    """The keys of one shard. They share a hash tag, so that in a Cluster one node holds them all."""

    prefix: str
    shard: int

    def __post_init__(self) -> None:
        validate_prefix(self.prefix)

    def _key(self, kind: str) -> str:
        return f"{self.prefix}:{{s{self.shard}}}:{kind}"

    @property
    def work(self) -> str:
        """Stream of tokens; also the one key that every server function is called with."""
        return self._key("work")

    @property
    def results(self) -> str:
        """Stream of records, one for every frame that has ended."""
        return self._key("results")

    @property
    def dead(self) -> str:
        """Stream of dead letters."""
        return self._key("dead")

    @property
    def workers(self) -> str:
        """Sorted set of worker slots by when they were last heard of."""
        return self._key("workers")

    @property
    def tracker(self) -> str:
        """Hash with the tracker's lease."""
        return self._key("tracker")

    @property
    def cameras(self) -> str:
        """Sorted set of cameras by when their producer was last heard of."""
        return self._key("cameras")

    @property
    def totals(self) -> str:
        """Hash with the shard's counters and limits."""
        return self._key("shard")

    def frames(self, camera: str) -> str:
        """Stream with the camera's frames that wait or are in hand."""
        return self._key(f"frames:{camera}")

    def poses(self, camera: str) -> str:
        """Stream with the camera's published poses."""
        return self._key(f"poses:{camera}")

    def state(self, camera: str) -> str:
        """Hash with the camera's counters and positions."""
        return self._key(f"state:{camera}")

    def camera(self, camera: str) -> str:
        """Hash with what the producer says of the camera."""
        return self._key(f"camera:{camera}")


@dataclass(frozen=True, slots=True)
class Topology:
    """How many shards there are and which camera belongs to which; fixed while cameras exist."""

    prefix: str = DEFAULT_PREFIX
    shards: int = 1
    overrides: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        validate_prefix(self.prefix)
        if self.shards < 1:
            raise ConfigurationError(f"{self.prefix}:config shards: expected at least 1, not {self.shards}")
        for camera, shard in self.overrides.items():
            if not 0 <= shard < self.shards:
                raise ConfigurationError(
                    f"{self.prefix}:config camera:{camera}: there is no shard {shard}, only 0 to {self.shards - 1}"
                )

    def shard_of(self, camera: str) -> int:
        """Shard of a camera: its override, or CRC-32 of the UTF-8 name modulo the number of shards."""
        override = self.overrides.get(camera)
        return zlib.crc32(validate_camera_name(camera).encode()) % self.shards if override is None else override

    def keys(self, shard: int) -> ShardKeys:
        """Keys of one shard."""
        return ShardKeys(self.prefix, shard)

    def all_keys(self) -> list[ShardKeys]:
        """Keys of every shard, in order."""
        return [self.keys(shard) for shard in range(self.shards)]

    def keys_of(self, camera: str) -> ShardKeys:
        """Keys of the shard a camera belongs to."""
        return self.keys(self.shard_of(camera))


@dataclass(frozen=True, slots=True, order=True)
class FrameId:
    """A frame's id: server milliseconds and a number that tells frames of the same millisecond apart.

    It is the id of the frame's entry in `frames:<camera>` and of its pose in `poses:<camera>`.
    """

    ms: int
    n: int = 0

    @classmethod
    def parse(cls, text: str | bytes) -> FrameId:
        """Read `<ms>-<n>`, each of at most 64 bits; raises ValueError for anything else."""
        match = _FRAME_ID.fullmatch(text.decode("ascii") if isinstance(text, bytes) else text)
        frame_id = cls(int(match[1]), int(match[2])) if match else None
        if frame_id is None or max(frame_id.ms, frame_id.n) > _LARGEST:
            raise ValueError(f"frame id {text!r}: expected <ms>-<n>, of 64 bits each")
        return frame_id

    def __str__(self) -> str:
        return f"{self.ms}-{self.n}"

    def next(self, now_ms: int) -> FrameId:
        """Return the id for a frame admitted at `now_ms` that is larger than this one."""
        return FrameId(now_ms) if now_ms > self.ms else FrameId(self.ms, self.n + 1)
