"""How the demo is doing at one moment: what the live table shows."""

from __future__ import annotations

from dataclasses import dataclass

from posestream.broker import CameraStatus
from training.accuracy import Accuracy


@dataclass(frozen=True, slots=True)
class CameraNow:
    """One camera at one moment.

    Attributes:
        name: what it is called.
        fps: poses per second lately.
        people: in the last pose; None before the first.
        latency_ms: 50th and 99th percentile lately, from capture (or admission, of a recording) to pose.
        status: its counts on the server; None before the first frame.
    """

    name: str
    fps: float
    people: int | None
    latency_ms: tuple[float, float] | None
    status: CameraStatus | None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything at one moment.

    Attributes:
        phase: what goes on, in a few words.
        elapsed_s, seconds: since the first pose, and for how long the cameras run; 0 for no end.
        workers, workers_alive: pose workers started, and left.
        cameras: each of them.
        accuracy: against the truth so far; None without synthetic cameras.
    """

    phase: str
    elapsed_s: float
    seconds: float
    workers: int
    workers_alive: int
    cameras: tuple[CameraNow, ...]
    accuracy: Accuracy | None
