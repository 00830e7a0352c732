"""The demo as it runs: start, watch, drain, account."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from rich.console import Console

from deploy.local.cameras import DemoCamera
from deploy.local.errors import DemoError
from deploy.local.fleet import Fleet
from deploy.local.picture import CAMERAS as SHOWN_CAMERAS
from deploy.local.picture import Album, save_clip, save_picture
from deploy.local.report import Report
from deploy.local.settings import DemoSettings
from deploy.local.snapshot import Snapshot
from deploy.local.subscriber import FrameSeen, PoseSeen, Subscriber
from deploy.local.table import display_for
from deploy.local.watched import Watched
from posestream.broker import CameraStatus, Shard, ShardOperations, connect, read_topology
from posestream.broker.clock import ServerClock
from posestream.errors import BrokerUnavailableError
from posestream.messages import Outcome
from posestream.service.process import StopSignal
from training.accuracy import Accuracy

_TURN_S: Final = 0.2
_STATUS_S: Final = 0.4
_START_S: Final = 30.0
_DRAIN_S: Final = 20.0


class Demo:
    """Runs cameras through a fleet on one server, and accounts for their frames."""

    def __init__(
        self,
        settings: DemoSettings,
        cameras: Sequence[DemoCamera],
        model: Path,
        redis_url: str,
        fleet: Fleet,
        stop: StopSignal,
        console: Console,
    ) -> None:
        self._settings = settings
        self._model = model
        self._fleet = fleet
        self._stop = stop
        self._console = console
        self._client = connect(redis_url, name="demo")
        topology = read_topology(self._client, settings.prefix)
        self._shards = [Shard(self._client, keys) for keys in topology.all_keys()]
        self._clock = ServerClock()
        self._subscriber = Subscriber(redis_url, topology)
        self._accuracy = Accuracy() if any(camera.scene for camera in cameras) else None
        self._watched = {camera.name: Watched(camera, self._accuracy) for camera in cameras}
        self._statuses: dict[str, CameraStatus] = {}
        self._next_status_s = 0.0
        self._began_s = time.monotonic()  # of the demo
        self._cameras_began_s = self._cameras_ended_s = 0.0

    def run(self) -> Report:
        """Run to the end, which is the time asked for, the end of every source, or the signal to stop.

        Raises:
            DemoError: too little is left of the fleet to go on.
            BrokerUnavailableError: the server has gone.
        """
        self._refuse_company()
        with self._console.status("starting the pose workers", spinner="dots") as status:
            self._fleet.start_workers(self._settings.workers, self._model)
            self._fleet.wait_until_ready(
                self._stop,
                lambda ready: status.update(
                    f"the network is compiled: {ready} of {self._settings.workers} workers ready"
                ),
            )
        try:
            self._watch()
        except BrokerUnavailableError:
            self._stop.wait(_TURN_S)  # a server of our own that has died is gone by then
            self._fleet.check()
            raise
        return self._report({child.name: child.end for child in self._fleet.lost()})

    def forget(self) -> None:
        """Take the cameras with all their keys from the server."""
        for camera in self._watched:
            for shard in self._shards:
                ShardOperations(shard).remove(camera, force=True)

    # Its parts ------------------------------------------------------------------------------------------------------

    def _refuse_company(self) -> None:
        for shard in self._shards:
            status = ShardOperations(shard).status()
            if status.cameras or status.workers or status.tracker:
                raise DemoError(
                    f"the server has cameras, workers or a tracker under the prefix {self._settings.prefix!r} already; "
                    "give the demo another one with --prefix"
                )

    def _watch(self) -> None:
        with self._subscriber, display_for(self._console) as display:
            self._start_cameras()
            while not self._over():
                self._turn()
                display.update(self._snapshot())
            self._fleet.stop_producers()
            self._cameras_ended_s = time.monotonic()
            while not self._drained():
                self._turn()
                display.update(self._snapshot())

    def _start_cameras(self) -> None:
        self._subscriber.start(list(self._watched), list(self._watched)[:SHOWN_CAMERAS])
        self._fleet.start_producers([watched.camera for watched in self._watched.values()])
        self._cameras_began_s = time.monotonic()

    def _over(self) -> bool:
        limit_s = self._settings.seconds
        out_of_time = limit_s > 0 and self._elapsed_s() >= limit_s
        return out_of_time or self._stop.is_set() or self._fleet.cameras_over

    def _first_pose_s(self) -> float | None:
        """Return when the first pose of all cameras came, on the steady clock."""
        return min(
            (watched.tally.first_s for watched in self._watched.values() if watched.tally.first_s is not None),
            default=None,
        )

    def _phase(self) -> str:
        if self._cameras_ended_s:
            return "the last frames"
        return "the cameras start" if self._first_pose_s() is None else "the cameras run"

    def _elapsed_s(self) -> float:
        """Return for how long poses have come; a machine may be slow to start, but not for ever."""
        first_s = self._first_pose_s()
        latest_s = self._cameras_began_s + _START_S
        began_s = latest_s if first_s is None else min(first_s, latest_s)
        return max(0.0, (self._cameras_ended_s or time.monotonic()) - began_s)

    def _drained(self) -> bool:
        """Tell whether every frame has ended and every pose has been read, or that took too long."""
        self._look()
        done = all(
            status.in_flight == 0 and self._watched[name].tally.poses >= status.outcomes[Outcome.POSED]
            for name, status in self._statuses.items()
        )
        return done or time.monotonic() - self._cameras_ended_s > _DRAIN_S

    def _turn(self) -> None:
        """Take in what has arrived since the last turn, and look after the fleet."""
        time.sleep(_TURN_S)
        self._subscriber.check()
        self._fleet.check()
        if time.monotonic() >= self._next_status_s:
            self._look()
        for seen in self._subscriber.take():
            self._take_in(seen)

    def _look(self) -> None:
        self._next_status_s = time.monotonic() + _STATUS_S
        for shard in self._shards:
            shard.observe(self._clock)
            self._statuses |= ShardOperations(shard).status().cameras

    def _take_in(self, seen: PoseSeen | FrameSeen) -> None:
        if isinstance(seen, FrameSeen):
            self._watched[seen.camera].add_frame(seen)
        else:
            self._watched[seen.pose.camera].add_pose(seen, self._clock.now_ms() - time.time() * 1000)

    def _snapshot(self) -> Snapshot:
        now_s = time.monotonic()
        lost = self._fleet.lost()
        return Snapshot(
            phase=self._phase(),
            elapsed_s=self._elapsed_s(),
            seconds=self._settings.seconds,
            workers=len(self._fleet.workers),
            workers_alive=sum(worker not in lost for worker in self._fleet.workers),
            cameras=tuple(watched.now(self._statuses.get(name), now_s) for name, watched in self._watched.items()),
            accuracy=self._accuracy,
        )

    def _report(self, lost: Mapping[str, str]) -> Report:
        first_s = self._first_pose_s()
        return Report(
            cameras=tuple(watched.report(self._statuses.get(name)) for name, watched in self._watched.items()),
            accuracy=self._accuracy,
            seconds=self._elapsed_s(),
            first_pose_s=None if first_s is None else first_s - self._began_s,
            network=self._model,
            lost=lost,
            output=self._settings.output,
            files=self._save_pictures(),
        )

    def _save_pictures(self) -> dict[str, Path]:
        album = Album({name: watched.recording.shots for name, watched in self._watched.items()})
        if not album:
            return {}
        files = {"picture": self._settings.output / "picture.png", "clip": self._settings.output / "clip.webp"}
        with self._console.status("drawing the picture and the clip", spinner="dots"):
            save_picture(album, files["picture"])
            save_clip(album, files["clip"])
        return files
