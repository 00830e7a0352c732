"""One camera's tracks: people get ids that stay theirs, and joints that move smoothly.

Everything is a function of the tracks before and of one frame's people and time. What is needed to go on can be packed
and read back, so that another process goes on with the same ids and filters.

Symbols: T tracks, D people of a frame, J = 19 joints, K = J + 1 filtered points: the joints about the pelvis, and the
pelvis in space; B = 18 bones.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any, Final, Self

import msgpack
import numpy as np
import numpy.typing as npt

from posestream.messages import Person
from posestream.skeleton import JOINT_COUNT, PELVIS
from workers.track.association import FloatArray, assign, costs
from workers.track.bones import BONE_COUNT, bone_lengths, learnt, with_lengths
from workers.track.one_euro import OneEuro

STATE_VERSION: Final = 2

_LONGEST_STEP_S: Final = np.float32(0.5)  # how far ahead a movement is expected to go on
_SPEED_WEIGHT: Final = np.float32(0.5)
_BACK_MS: Final = 1000


@dataclass(frozen=True, slots=True)
class TrackOptions:
    """How people are followed.

    Attributes:
        keep_ms: how long somebody may be out of sight and still be the same afterwards.
        joints: filter of the joints about the pelvis.
        place: filter of the pelvis in space.
        bones: smoothed joints have bones of a length that stays the same.
    """

    keep_ms: int = 1500
    joints: OneEuro = field(default_factory=lambda: OneEuro(min_cutoff_hz=1.2, beta=1.5))
    place: OneEuro = field(default_factory=lambda: OneEuro(1.2, beta=0.2, speed_cutoff_hz=0.4))
    bones: bool = False


class CameraTracks:
    """The people in front of one camera, from frame to frame."""

    def __init__(self, options: TrackOptions) -> None:
        self._options = options
        self._next_id = 1
        self._time_ms = 0
        self._tracks = _Tracks.none()
        self._other_time_ms = 0  # where the time was before it last jumped, and who was there
        self._other = _Tracks.none()

    def update(self, time_ms: int, people: tuple[Person, ...]) -> tuple[Person, ...]:
        """Return one frame's people, in the order given, each with its id and smoothed joints.

        `time_ms` is when the frame was captured. A clock that stands still or goes back by less than a second counts as
        a step of a millisecond. Where time jumps back by more (a file starts again, an old frame is put in again) or
        far ahead, nobody is who they were; unless it jumps to where it has been before, as after a single old frame.
        """
        step_ms = self._step_ms(time_ms)
        self._tracks.age_s += np.float32(step_ms / 1000)
        self._tracks = self._tracks.chosen(self._tracks.age_s * 1000 <= self._options.keep_ms)
        if not people:
            return ()
        found_px = np.stack([person.joints_px for person in people])
        found_m = np.stack([person.joints_m for person in people])
        places = self._follow(found_px, found_m)
        smooth_m = self._tracks.smooth_m(self._options)
        return tuple(
            replace(person, id=int(self._tracks.ids[place]), smooth_m=smooth_m[place])
            for person, place in zip(people, places, strict=True)
        )

    def _step_ms(self, time_ms: int) -> int:
        """Return how far time has gone on, at least 1, having chosen the tracks that it goes on from."""
        if not self._continues(self._time_ms, time_ms):
            here = (self._time_ms, self._tracks)
            self._time_ms, self._tracks = (
                (self._other_time_ms, self._other)
                if self._continues(self._other_time_ms, time_ms)
                else (time_ms, _Tracks.none())
            )
            self._other_time_ms, self._other = here
        step_ms = max(1, time_ms - self._time_ms)
        self._time_ms = time_ms
        return step_ms

    def _continues(self, before_ms: int, time_ms: int) -> bool:
        return -_BACK_MS <= time_ms - before_ms <= self._options.keep_ms

    def _follow(self, found_px: FloatArray, found_m: FloatArray) -> npt.NDArray[np.intp]:
        """Bring the tracks up to date with the people found; returns which track each is, `(D,)`."""
        pairs = assign(costs(*self._tracks.expected(), found_px, found_m))
        places = np.full(len(found_px), -1, np.intp)
        if pairs:
            track, person = np.array(pairs).T
            places[person] = track
            self._tracks.move(track, found_px[person], found_m[person], self._options)
        unknown = np.flatnonzero(places < 0)
        if len(unknown):
            places[unknown] = len(self._tracks) + np.arange(len(unknown))
            ids = self._next_id + np.arange(len(unknown))
            self._next_id += len(unknown)
            self._tracks = self._tracks.with_new(ids, found_px[unknown], found_m[unknown])
        return places

    def pack(self) -> bytes:
        """Return all that `unpack` needs to go on from here."""
        both = [(self._time_ms, self._tracks), (self._other_time_ms, self._other)]
        moments = [[time_ms, len(tracks), tracks.arrays()] for time_ms, tracks in both]
        packed: bytes = msgpack.packb([STATE_VERSION, self._next_id, moments])
        return packed

    @classmethod
    def unpack(cls, options: TrackOptions, state: bytes) -> Self:
        """Return the tracks that `pack` gave; none for no state (b"").

        Of a state of another version only the next id is read: ids are never given twice.

        Raises:
            ValueError: not a state.
        """
        tracks = cls(options)
        if not state:
            return tracks
        try:
            version, tracks._next_id, moments = msgpack.unpackb(state)
            if version == STATE_VERSION:
                (now_ms, count, arrays), (other_ms, other_count, other_arrays) = moments
                tracks._time_ms, tracks._tracks = now_ms, _Tracks.read(count, arrays)
                tracks._other_time_ms, tracks._other = other_ms, _Tracks.read(other_count, other_arrays)
        except (TypeError, ValueError, msgpack.exceptions.UnpackException) as error:
            raise ValueError(f"not a state of tracks ({error})") from error
        return tracks


@dataclass(slots=True, eq=False)
class _Tracks:
    """T tracks: `ids` `(T,)` int64; the rest float32.

    `age_s` `(T,)` since last seen; `px` `(T, J, 2)` and `raw_m` `(T, J, 3)` the joints as last found; `speed_px`
    `(T, 2)` pixels a second; `value` and `speed` `(T, K, 3)` of the filters; `bones_m` `(T, B)` lengths, as known after
    having been found `times` `(T,)`.
    """

    ids: npt.NDArray[np.int64]
    age_s: FloatArray
    px: FloatArray
    raw_m: FloatArray
    speed_px: FloatArray
    value: FloatArray
    speed: FloatArray
    bones_m: FloatArray
    times: FloatArray

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def none(cls) -> Self:
        return cls.read(0, [b""] * len(_SHAPES))

    @classmethod
    def read(cls, count: int, arrays: list[bytes]) -> Self:
        read: list[Any] = [
            np.frombuffer(data, np.float32 if number else np.int64).reshape(count, *shape).copy()
            for number, (data, shape) in enumerate(zip(arrays, _SHAPES, strict=True))
        ]
        return cls(*read)

    def arrays(self) -> list[bytes]:
        return [getattr(self, part.name).tobytes() for part in fields(self)]

    def chosen(self, which: npt.NDArray[np.bool_]) -> Self:
        if which.all():
            return self
        return type(self)(*(getattr(self, part.name)[which] for part in fields(self)))

    def expected(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return where the joints should be by now, if everybody goes on as they did, and since when they were seen."""
        ahead_s = np.minimum(self.age_s, _LONGEST_STEP_S)[:, None]
        px = self.px + (ahead_s * self.speed_px)[:, None]
        return px, self.raw_m, self.age_s

    def move(self, which: npt.NDArray[np.intp], px: FloatArray, raw_m: FloatArray, options: TrackOptions) -> None:
        """Take in where some tracks were found, in place."""
        dt_s = self.age_s[which]
        moved_px = px - self.px[which]  # (N, J, 2), NaN where not seen both times
        seen = ~np.isnan(moved_px)
        speed_px = np.where(seen, moved_px, 0).sum(axis=1) / (np.maximum(seen.sum(axis=1), 1) * dt_s[:, None])
        self.speed_px[which] += _SPEED_WEIGHT * (speed_px - self.speed_px[which])
        points = _points(raw_m)
        for filtered, part in ((options.joints, slice(0, JOINT_COUNT)), (options.place, slice(JOINT_COUNT, None))):
            self.value[which, part], self.speed[which, part] = filtered.step(
                self.value[which, part], self.speed[which, part], points[:, part], dt_s[:, None, None]
            )
        self.bones_m[which] = learnt(self.bones_m[which], bone_lengths(raw_m), self.times[which])
        self.times[which] += 1
        self.px[which], self.raw_m[which], self.age_s[which] = px, raw_m, 0

    def with_new(self, ids: npt.NDArray[np.int64], px: FloatArray, raw_m: FloatArray) -> Self:
        count, points = len(ids), _points(raw_m)
        still = np.zeros((count, 2))
        bones_m, times = bone_lengths(raw_m), np.ones(count)
        new = (ids, np.zeros(count), px, raw_m, still, points, np.zeros_like(points), bones_m, times)
        return type(self)(
            *(
                np.concatenate((old, np.asarray(values, old.dtype)))
                for old, values in zip((getattr(self, part.name) for part in fields(self)), new, strict=True)
            )
        )

    def smooth_m(self, options: TrackOptions) -> FloatArray:
        """Return everybody's smoothed joints in space, `(T, J, 3)`."""
        result: FloatArray = self.value[:, :JOINT_COUNT] + self.value[:, JOINT_COUNT:]
        return with_lengths(result, self.bones_m) if options.bones else result


_POINTS: Final = JOINT_COUNT + 1
_SHAPES: Final[tuple[tuple[int, ...], ...]] = (
    (),
    (),
    (JOINT_COUNT, 2),
    (JOINT_COUNT, 3),
    (2,),
    (_POINTS, 3),
    (_POINTS, 3),
    (BONE_COUNT,),
    (),
)


def _points(joints_m: FloatArray) -> FloatArray:
    """Return the filtered points `(N, K, 3)` of joints `(N, J, 3)`."""
    pelvis = joints_m[:, PELVIS, None]
    return np.concatenate((joints_m - pelvis, pelvis), axis=1)
