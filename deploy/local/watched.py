"""One camera as the demo watches it: its tally, its last seconds, and its people against the truth."""

from __future__ import annotations

from deploy.local.cameras import DemoCamera
from deploy.local.recording import Recording
from deploy.local.report import CameraReport
from deploy.local.snapshot import CameraNow
from deploy.local.subscriber import FrameSeen, PoseSeen
from deploy.local.tally import Tally, moment_ms, of_recording, percentiles
from posestream.broker import CameraStatus
from training.accuracy import ROWS, Accuracy


class Watched:
    """Takes in a camera's frames and poses; `accuracy` is shared by all cameras, and None when none is synthetic."""

    def __init__(self, camera: DemoCamera, accuracy: Accuracy | None) -> None:
        self.camera = camera
        self.tally = Tally()
        self.recording = Recording()
        self._accuracy = accuracy

    def add_frame(self, seen: FrameSeen) -> None:
        """Keep a frame for the picture."""
        self.recording.add_frame(seen.id, seen.image)

    def add_pose(self, seen: PoseSeen, server_ahead_ms: float) -> None:
        """Count a pose, and hold its people against the truth; the server's clock is so much ahead of this host's."""
        pose, scene = seen.pose, self.camera.scene
        truth = None if scene is None else scene.truth(pose)
        latency_ms = seen.arrived_ms - moment_ms(pose) + (server_ahead_ms if of_recording(pose) else 0.0)
        self.tally.add(pose, latency_ms, seen.arrived_s)
        self.recording.add_pose(pose, latency_ms, truth)
        if self._accuracy is not None and truth is not None:
            self._accuracy.add(truth, pose.people, ROWS / pose.size_wh[1])

    def now(self, status: CameraStatus | None, now_s: float) -> CameraNow:
        """Return how it is doing."""
        return CameraNow(
            name=self.camera.name,
            fps=self.tally.fps(now_s),
            people=self.tally.people_now if self.tally.poses else None,
            latency_ms=self.tally.recent_latency_ms(now_s),
            status=status,
        )

    def report(self, status: CameraStatus | None) -> CameraReport:
        """Return what came of it."""
        return CameraReport(
            name=self.camera.name,
            source=self.camera.shown,
            status=status,
            people=self.tally.people,
            fps=self.tally.mean_fps(),
            latency_ms=percentiles(self.tally.latencies_ms),
            latency_from="admission" if self.tally.from_recording else "capture",
        )
