"""A fleet to be watched: real processes with two live cameras, two pose workers, a tracker and its standby."""

from __future__ import annotations

import json
import signal
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from posestream.broker import Shard, connect
from posestream.keys import ShardKeys
from posestream.messages import Outcome
from tests.fleet import Fleet, wait_until
from tests.servers import EmbeddedValkey
from tests.unit.producer.webcams import HttpCamera

PREFIX = "posestream"
DOOR = "door"
"""A camera on the network that can be unplugged."""
ROOM = "room"
"""A synthetic camera that stays."""


class Webcam(HttpCamera):
    """May be made to send pictures that are none."""

    cut_short = False

    def show(self, images: Sequence[bytes]) -> None:
        """Show these over and over; none leaves it as it is."""
        self._images = list(images) or self._images

    def frame(self, number: int) -> bytes:
        image = super().frame(number)
        return image[: len(image) // 2] if self.cut_short else image


class Stage:
    """The processes, and what can be done to them; everything is killed at the end."""

    def __init__(
        self,
        folder: Path,
        model: Path,
        *,
        room: str = "synthetic:?people=2&size=320x180&fps=8",
        door: Sequence[bytes] = (),
    ) -> None:
        """Prepare it in a folder of its own; `room` is a source, `door` the JPEG images of the other camera."""
        folder.mkdir()
        self._folder = folder
        self._model = model
        self._room = room
        self._server = EmbeddedValkey(maxmemory="1gb")
        self._webcam = Webcam()
        self._webcam.show(door)

    def __enter__(self) -> Self:
        self._server.start()
        self._webcam.start()
        self.client = connect(self._server.url, name="stage")
        self.shard = Shard(self.client, ShardKeys(PREFIX, 0))
        self._fleet = Fleet(self._server.url, PREFIX, self._folder)
        pose = ("workers", "pose", "--model", str(self._model), "--threads", "1", "--slots", "2")
        self.workers = [self._fleet.start(*pose) for _ in range(2)]
        # What a worker makes of these small pictures on a busy machine, or an alert says that the default is wrong.
        self.trackers = [self._fleet.start("workers", "track", "--worker-fps", "50") for _ in range(2)]
        self.producers = [
            self._fleet.start("producer", "run", self._webcam.url("/video"), "--camera", DOOR, "--fps", "8"),
            self._fleet.start("producer", "run", self._room, "--camera", ROOM),
        ]
        wait_until(lambda: len(self._ports()) == 6, seconds=60, what="every process listens")
        wait_until(self._flows, seconds=60, what="both cameras have poses")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._fleet.__exit__(kind, error, trace)
        self._webcam.vanish()
        self._server.__exit__(kind, error, trace)

    def _flows(self) -> bool:
        cameras = self._fleet.operations.status().cameras
        return all(name in cameras and cameras[name].outcomes[Outcome.POSED] > 5 for name in (DOOR, ROOM))

    def targets(self) -> dict[str, list[str]]:
        """Return the addresses of the metrics by job."""
        found: dict[str, list[str]] = {}
        for name, port in self._ports().items():
            role = "producer" if "producer" in name else name.rpartition("-")[2]
            found.setdefault(f"posestream-{role}", []).append(f"127.0.0.1:{port}")
        return found

    def _ports(self) -> dict[str, int]:
        said = ((log.stem, _listening(log)) for log in sorted(self._folder.glob("*.log")))
        return {name: line["metrics_port"] for name, line in said if line is not None}

    # Faults ---------------------------------------------------------------------------------------------------------

    def unplug(self) -> None:
        """Take the camera off the network."""
        self._webcam.vanish()

    def plug_in(self) -> None:
        self._webcam.start()

    def break_pictures(self) -> None:
        """Have the camera on the network send pictures that end half-way."""
        self._webcam.cut_short = True

    def mend_pictures(self) -> None:
        self._webcam.cut_short = False

    def freeze_workers(self) -> None:
        for worker in self.workers:
            worker.send_signal(signal.SIGSTOP)

    def thaw_workers(self) -> None:
        for worker in self.workers:
            worker.send_signal(signal.SIGCONT)

    def kill_leader(self) -> None:
        """Kill the tracker that leads; the standby takes over."""
        holder = self._fleet.operations.status().tracker  # host-pid-…
        leader = next(one for one in self.trackers if holder.rsplit("-", 2)[1] == str(one.pid))
        self.trackers.remove(leader)
        leader.kill()

    def kill_trackers(self) -> None:
        while self.trackers:
            self.trackers.pop().kill()

    def fill_memory(self) -> None:
        """Leave the server hardly more memory than it uses."""
        used = self.client.info("memory")["used_memory"]
        self.client.config_set("maxmemory", int(used * 1.02))

    def free_memory(self) -> None:
        self.client.config_set("maxmemory", 2**30)


def _listening(log: Path) -> dict[str, Any] | None:
    for line in log.read_text().splitlines():
        if '"listening"' in line:
            return dict(json.loads(line))
    return None
