"""What is in a recording, by a look through it before anything is made of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from posestream.errors import ConfigurationError
from posestream.recording.file import read_recording


@dataclass(frozen=True, slots=True)
class Survey:
    """What was found.

    Attributes:
        frames: how many there are of each camera.
        placed: of how many of them the camera's place in the world is known.
    """

    frames: Counter[str] = field(default_factory=Counter)
    placed: Counter[str] = field(default_factory=Counter)

    def of(self, cameras: Collection[str]) -> Survey:
        """Return what was found of these cameras; of all without any."""
        if not cameras:
            return self
        return Survey(*(Counter({name: counts[name] for name in cameras}) for counts in (self.frames, self.placed)))


def survey(path: Path, cameras: Collection[str] = ()) -> Survey:
    """Look through a recording for these cameras; for all without any.

    Raises:
        ConfigurationError: one of them is not in it.
        RecordingError: no such file, no recording, or a damaged one.
    """
    found = Survey()
    with read_recording(path) as recording:
        for frame in recording:
            found.frames[frame.camera] += 1
            found.placed[frame.camera] += frame.extrinsics is not None
    for missing in sorted(set(cameras) - found.frames.keys()):
        there = f"but {', '.join(sorted(found.frames))}" if found.frames else "nor any other"
        raise ConfigurationError(f"{path}: no camera {missing!r} in it, {there}")
    return found.of(cameras)
