"""Start the demo: `python -m deploy.local`."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from deploy.local.cameras import DemoCamera, plan_cameras
from deploy.local.demo import Demo
from deploy.local.errors import DemoError
from deploy.local.fleet import ROOT, Fleet
from deploy.local.intro import introduce
from deploy.local.processes import Processes
from deploy.local.server import Server, embedded_server
from deploy.local.settings import DemoSettings, load_demo
from deploy.local.summary import show, write_json
from posestream.cli.console import table_console
from posestream.service.process import StopSignal, run_service
from workers.networks import DEMO_NETWORK

OFFICIAL_NETWORK: Final = Path("models/human-pose-estimation-3d-0001.xml")


class _Stop(StopSignal):
    """Closing the terminal counts, too."""

    SIGNALS = (*StopSignal.SIGNALS, signal.SIGHUP)


def main(argv: list[str]) -> int:
    """Run the demo; the exit code is 0 only if every frame is accounted for and people were found."""
    settings = load_demo(argv)
    cameras = plan_cameras(settings.source, time.time_ns() // 1_000_000)
    model = _model(settings, cameras)
    _clear(settings.output)
    console = table_console()
    stop = _Stop()
    stop.listen()
    with _server(settings) as server, Processes(settings.output) as processes:
        fleet = Fleet(processes, server, settings.prefix)
        demo = Demo(settings, cameras, model, server.url, fleet, stop, console)
        page = fleet.start_viewer(settings.view_port) if settings.view else None
        introduce(console, cameras, server, settings.workers, model, page)
        report = demo.run()
        if settings.redis_url is not None:
            demo.forget()
    show(report, console)
    if settings.json_file is not None:
        write_json(report, settings.json_file)
    return 0 if report.problem is None else 1


def _model(settings: DemoSettings, cameras: Sequence[DemoCamera]) -> Path:
    """Return the network to use.

    Raises:
        DemoError: it is not there.
    """
    synthetic = all(camera.scene is not None for camera in cameras)
    official = ROOT / OFFICIAL_NETWORK
    model = settings.model or (DEMO_NETWORK if synthetic or not official.is_file() else official)
    if not model.is_file():
        raise DemoError(f"--model {model}: no such file; `python -m workers model fetch` gets the official network")
    return model.relative_to(Path.cwd()) if model.is_relative_to(Path.cwd()) else model


def _clear(output: Path) -> None:
    """Make the folder, and remove what an earlier demo left in it, so that nothing old is taken for new."""
    try:
        output.mkdir(parents=True, exist_ok=True)
        for left in (*output.glob("*.log"), output / "picture.png", output / "clip.webp"):
            left.unlink(missing_ok=True)
    except OSError as error:
        raise DemoError(f"--output {output}: {error.strerror or error}") from error


def _server(settings: DemoSettings) -> contextlib.AbstractContextManager[Server]:
    if settings.redis_url is None:
        return embedded_server(settings.output)
    return contextlib.nullcontext(Server(settings.redis_url, None))


if __name__ == "__main__":
    run_service(main)
