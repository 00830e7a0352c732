"""Start one of the worker applications: `python -m workers pose | track | model`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module

from posestream.service.process import run_main

# Imported only when chosen: the tracker needs neither OpenVINO nor OpenCV.
APPLICATIONS = {
    "pose": "workers.pose.app",
    "track": "workers.track.app",
    "model": "workers.model.app",
}

USAGE = """usage: python -m workers {pose,track,model} ...

  pose    take frames, find the people in them, hand the results on
  track   put each camera's results back in order and publish them
  model   fetch, convert or describe a pose network

Each explains itself with --help."""


def main(argv: list[str]) -> int:
    """Run the application that the first argument names."""
    if not argv or argv[0] in ("-h", "--help"):
        print(USAGE)  # noqa: T201
        return 0 if argv else 2
    if argv[0] not in APPLICATIONS:
        print(f"{USAGE}\n\nerror: there is no application {argv[0]!r}", file=sys.stderr)  # noqa: T201
        return 2
    run: Callable[[list[str]], int] = import_module(APPLICATIONS[argv[0]]).main
    return run(argv[1:])


if __name__ == "__main__":
    run_main(main)
