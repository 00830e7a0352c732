"""Watching a run from outside, as an operator and a subscriber: the books at every look, and every pose as it comes."""

from __future__ import annotations

import time

from posestream.broker import PoseLog, Shard, ShardOperations
from posestream.errors import BrokerUnavailableError
from posestream.keys import FrameId
from tests.chaos.frames import read_frame
from tests.chaos.reference import read_pose
from tests.chaos.verdict import Letter, Look, Published

_BATCH = 500


class Observer:
    """Looks at one camera of a shard; what it has seen stays with it."""

    def __init__(self, shard: Shard, camera: str) -> None:
        self._camera = camera
        self._operations = ShardOperations(shard)
        self._poses = PoseLog(shard)
        self._last = FrameId(0)
        self.leader = ""
        self.looks: list[Look] = []
        self.published: list[Published] = []

    def look(self) -> Look | None:
        """Look at the books and read what has been published since; None while the server is away."""
        try:
            self._read()
            status = self._operations.status(self._camera)
        except BrokerUnavailableError:
            return None
        self.leader = status.tracker
        camera = status.cameras[self._camera]
        ended = sum(camera.outcomes.values())
        self.looks.append(Look(time.monotonic(), camera.admitted, ended, camera.in_flight))
        return self.looks[-1]

    def _read(self) -> None:
        while entries := self._poses.read(self._camera, self._last, count=_BATCH):
            for frame_id, packed in entries:
                self.published.append(Published(frame_id, read_pose(packed)))
            self._last = entries[-1][0]
            if len(entries) < _BATCH:
                break

    def letters(self) -> list[Letter]:
        """Return the dead letters, whose frames are told by the image kept in them."""
        letters = []
        for listed in self._operations.dead_letters(count=100_000):
            found = self._operations.dead_letter(listed["letter"])
            assert found is not None
            facts, binary = found
            letters.append(Letter(read_frame(binary["image"])[0], facts["reason"], facts["error"]))
        return letters
