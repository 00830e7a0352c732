"""The command line: `posestream tail | cameras | status`. Needs the extra `cli`."""

from __future__ import annotations

import sys

USAGE = """usage: posestream {tail,cameras,status} ...

  tail CAMERA           follow a camera's poses, a line per frame (--json for pipes)
  cameras               list the cameras
  cameras remove NAME   take a camera and all its keys away
  status                what became of every camera's frames, and what waits

Each explains itself with --help. The server is --redis-url or POSESTREAM_REDIS_URL."""


def main() -> None:
    """Run the command that the arguments name, as the process."""
    try:
        from posestream.cli import cameras, status, tail  # noqa: PLC0415 - their libraries are an extra
        from posestream.service.process import run_main  # noqa: PLC0415
    except ModuleNotFoundError as error:
        sys.exit(f"error: {error.name} is not installed; the command line needs `pip install 'posestream[cli]'`")
    commands = {"tail": tail.main, "cameras": cameras.main, "status": status.main}

    def run(argv: list[str]) -> int:
        if not argv or argv[0] in ("-h", "--help"):
            print(USAGE)  # noqa: T201
            return 0 if argv else 2
        if argv[0] not in commands:
            print(f"{USAGE}\n\nerror: there is no command {argv[0]!r}", file=sys.stderr)  # noqa: T201
            return 2
        return commands[argv[0]](argv[1:])

    run_main(run)
