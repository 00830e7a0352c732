"""What came out of a demo, and whether it went well."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from posestream.broker import CameraStatus
from posestream.messages import Outcome
from training.accuracy import Accuracy


@dataclass(frozen=True, slots=True)
class CameraReport:
    """One camera's part.

    Attributes:
        name, source: what it is called, and where its frames come from.
        status: its last counts on the server; None when it has never sent a frame.
        people: found in all poses together.
        fps: poses per second, from the first to the end.
        latency_ms: 50th and 99th percentile of all poses; None without any.
        latency_from: what the latency begins with: capture, or admission for a recording.
    """

    name: str
    source: str
    status: CameraStatus | None
    people: int
    fps: float
    latency_ms: tuple[float, float] | None
    latency_from: str


@dataclass(frozen=True, slots=True)
class Report:
    """The whole demo.

    Attributes:
        cameras: each of them.
        accuracy: against the truth; None without synthetic cameras.
        seconds: for how long the cameras ran, from the first pose on.
        first_pose_s: from the start of the demo to the first pose; None without any.
        network: the model file.
        lost: how those processes ended that should not have, by name.
        output: folder with the logs.
        files: what was saved there, by kind.
    """

    cameras: tuple[CameraReport, ...]
    accuracy: Accuracy | None
    seconds: float
    first_pose_s: float | None
    network: Path
    lost: Mapping[str, str]
    output: Path
    files: Mapping[str, Path]

    @property
    def problem(self) -> str | None:
        """Why the demo has failed, and what to look at; None when all is well."""
        for camera in self.cameras:
            status, log = camera.status, self.output / f"{camera.name}.log"
            if status is None or not status.admitted:
                return f"{camera.name} sent no frame; its producer says why: {log}"
            if not status.conserved:
                return f"{camera.name}: {status.admitted} frames admitted, but what became of them does not add up"
            if status.in_flight:
                return f"{camera.name}: {status.in_flight} frames were not finished; the workers' logs: {self.output}"
            if camera.name in self.lost:
                return f"{camera.name} was lost; its producer says why: {log}"
        if not any(camera.status and camera.status.outcomes[Outcome.POSED] for camera in self.cameras):
            return f"no frame was posed; the workers' logs are in {self.output}"
        return self._nobody()

    def _nobody(self) -> str | None:
        if self.accuracy is not None and self.accuracy.counted and not self.accuracy.matched:
            return f"nobody was found where people are: {self.network} does not see synthetic people"
        if not any(camera.people for camera in self.cameras):
            return (
                f"nobody was found: was anybody in view? {self.network} may not know such people; the official network "
                "does (python -m workers model fetch, then --model models/human-pose-estimation-3d-0001.xml)"
            )
        return None

    def as_dict(self) -> dict[str, Any]:
        """Return everything for JSON."""
        return {
            "passed": self.problem is None,
            "problem": self.problem,
            "seconds": round(self.seconds, 2),
            "first_pose_s": None if self.first_pose_s is None else round(self.first_pose_s, 2),
            "network": str(self.network),
            "cameras": {camera.name: _camera_dict(camera) for camera in self.cameras},
            "accuracy": None if self.accuracy is None else self.accuracy.as_dict(),
            "lost_processes": dict(self.lost),
            "files": {kind: str(path) for kind, path in self.files.items()},
        }


def _camera_dict(camera: CameraReport) -> dict[str, Any]:
    status = camera.status
    outcomes = {outcome.value: status.outcomes[outcome] if status else 0 for outcome in Outcome}
    latency = camera.latency_ms
    return {
        "source": camera.source,
        "admitted": status.admitted if status else 0,
        "outcomes": outcomes,
        "in_flight": status.in_flight if status else 0,
        "refused": dict(status.refused) if status else {},
        "adds_up": status.conserved if status else True,
        "fps": round(camera.fps, 2),
        "people": camera.people,
        "latency_ms": {
            "from": camera.latency_from,
            "p50": None if latency is None else round(latency[0], 1),
            "p99": None if latency is None else round(latency[1], 1),
        },
    }
