"""Start one of the worker applications: `python -m workers pose | track | model`."""

from __future__ import annotations

from posestream.service.process import run_command, run_service

COMMANDS = {
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
    return run_command(argv, COMMANDS, USAGE)


if __name__ == "__main__":
    run_service(main)
