"""People's movements out of a recording: each person's joints at an even rate, with the axes that a format wants.

Symbols: N samples, J = 19 joints.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from posestream.frames import FloatArray, Person, PoseFrame

Space = Literal["auto", "camera", "world"]
Up = Literal["y", "z"]

LONGEST_GAP_S: Final = 0.25
"""What is missing for longer stays empty."""

# From the camera's axes (x right, y down, z forward) and the world's (z up) to right-handed ones with this axis up.
_TURN: Final[dict[tuple[str, str], npt.NDArray[np.float32]]] = {
    ("camera", "y"): np.array([[1, 0, 0], [0, -1, 0], [0, 0, -1]], np.float32),
    ("camera", "z"): np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]], np.float32),
    ("world", "y"): np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]], np.float32),
    ("world", "z"): np.eye(3, dtype=np.float32),
}


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """One person before one camera, at an even rate.

    Attributes:
        camera: whose.
        person: the track id.
        space: whose axes the joints were given in, `camera` or `world`.
        rate_hz: samples a second.
        first: number of the first sample, counted from the camera's first frame in the recording.
        joints_m: (N, J, 3) float32, metres; NaN for what is missing.
        went_back: the person's frames that are left out, as the camera's clock went back before them.
        without_place: those that are left out as the person had no coordinates in this space.
    """

    camera: str
    person: int
    space: str
    rate_hz: float
    first: int
    joints_m: FloatArray
    went_back: int = 0
    without_place: int = 0

    @property
    def seconds(self) -> float:
        """How long the person was there; 0 for nobody in this space."""
        return len(self.joints_m) / self.rate_hz

    def turned(self, up: Up) -> FloatArray:
        """Return the joints, (N, J, 3) metres, in right-handed axes with this one up."""
        turned: FloatArray = self.joints_m @ _TURN[self.space, up].T
        return turned


@dataclass(slots=True)
class _Track:
    space: str
    times_s: list[float] = field(default_factory=list)
    joints_m: list[FloatArray] = field(default_factory=list)
    went_back: int = 0
    without_place: int = 0


@dataclass(slots=True)
class _Camera:
    """The time since the camera's first frame, and its rate, from the frames that came by."""

    first_ms: int
    last_ms: int
    last_seq: int
    span_ms: int = 0
    count: int = 0
    tracks: dict[int, _Track] = field(default_factory=dict)

    def note(self, captured_ms: int, seq: int) -> None:
        """Count a step to another frame; not those where time or numbers go back, as where a file starts again."""
        if captured_ms > self.last_ms and seq > self.last_seq:
            self.span_ms += captured_ms - self.last_ms
            self.count += seq - self.last_seq
        self.last_ms, self.last_seq = captured_ms, seq

    def rate_hz(self) -> float:
        """Frames admitted a second, those without a pose, too; 30 where there is too little to tell."""
        return round(1000 * self.count / self.span_ms, 3) if self.span_ms else 30.0


def motions(
    frames: Iterable[PoseFrame], *, space: Space = "auto", raw: bool = False, rate_hz: float | None = None
) -> list[Motion]:
    """Return everybody's movements, by camera and track id, resampled (linearly) to an even rate.

    `space` "auto" is the world where the camera has a place in it. `raw` takes the joints as decoded frame by frame,
    rather than smoothed along the track. The rate is the camera's own unless given. People without an id are left out.
    """
    cameras: dict[str, _Camera] = {}
    for frame in frames:
        camera = cameras.setdefault(frame.camera, _Camera(frame.captured_ms, frame.captured_ms, frame.seq))
        camera.note(frame.captured_ms, frame.seq)
        time_s = (frame.captured_ms - camera.first_ms) / 1000
        for person in frame.people:
            _add(camera.tracks, person, time_s, space, raw=raw)
    return [
        _motion(name, person, track, rate_hz or camera.rate_hz())
        for name, camera in sorted(cameras.items())
        for person, track in sorted(camera.tracks.items())
    ]


def coordinates_of(person: Person, space: str, *, raw: bool) -> FloatArray | None:
    """Return a person's joints in a space, (J, 3) metres, smoothed unless `raw` or not tracked; None if it has none."""
    chosen: FloatArray | None = getattr(person, coordinates_named(space, raw=raw))
    if chosen is None:
        chosen = getattr(person, coordinates_named(space, raw=True))
    return chosen


def coordinates_named(space: str, *, raw: bool) -> str:
    """Return the attribute of a person that holds the joints in a space."""
    if space == "world":
        return "world_m" if raw else "smooth_world_m"
    return "joints_m" if raw else "smooth_m"


def _add(tracks: dict[int, _Track], person: Person, time_s: float, space: Space, *, raw: bool) -> None:
    if person.id is None:
        return
    if person.id not in tracks:
        chosen = space if space != "auto" else "camera" if person.world_m is None else "world"
        tracks[person.id] = _Track(chosen)
    track = tracks[person.id]
    joints_m = coordinates_of(person, track.space, raw=raw)
    if joints_m is None:
        track.without_place += 1
    elif track.times_s and time_s <= track.times_s[-1]:
        # A clock that goes back (a file that starts again) can not be put on one line of time.
        track.went_back += 1
    else:
        track.times_s.append(time_s)
        track.joints_m.append(joints_m)


def _motion(camera: str, person: int, track: _Track, rate_hz: float) -> Motion:
    if not track.times_s:
        nothing = np.zeros((0, 19, 3), np.float32)
        return Motion(camera, person, track.space, rate_hz, 0, nothing, 0, track.without_place)
    times_s = np.array(track.times_s)
    first, last = round(times_s[0] * rate_hz), round(times_s[-1] * rate_hz)
    grid_s = np.arange(first, last + 1) / rate_hz
    joints_m = resampled(times_s, np.stack(track.joints_m), np.clip(grid_s, times_s[0], times_s[-1]))
    return Motion(camera, person, track.space, rate_hz, first, joints_m, track.went_back, track.without_place)


def resampled(times_s: npt.NDArray[np.float64], joints_m: FloatArray, at_s: npt.NDArray[np.float64]) -> FloatArray:
    """Return joints (N, J, 3) at other times, (M, J, 3), linearly between the neighbours.

    NaN where a neighbour is, and where the neighbours are more than `LONGEST_GAP_S` apart.
    """
    after = np.clip(np.searchsorted(times_s, at_s), 1, max(1, len(times_s) - 1))
    before = after - 1
    if len(times_s) == 1:
        return np.repeat(joints_m, len(at_s), axis=0)
    gap_s = times_s[after] - times_s[before]
    share = ((at_s - times_s[before]) / gap_s).astype(np.float32)[:, None, None]
    mixed = joints_m[before] + share * (joints_m[after] - joints_m[before])
    # At a sample itself the other neighbour does not count.
    mixed = np.where(share <= 0, joints_m[before], np.where(share >= 1, joints_m[after], mixed))
    between = (share > 0) & (share < 1) & (gap_s > LONGEST_GAP_S)[:, None, None]
    result: FloatArray = np.where(between, np.float32(np.nan), mixed)
    return result
