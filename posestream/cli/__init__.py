"""The command line: `posestream tail | cameras | status | record | replay | export | dead | view`: the extra `cli`."""

from __future__ import annotations

import sys

COMMANDS = {
    "tail": "posestream.cli.tail",
    "cameras": "posestream.cli.cameras",
    "status": "posestream.cli.status",
    "dead": "posestream.cli.dead",
    "record": "posestream.cli.record",
    "replay": "posestream.cli.replay",
    "export": "posestream.cli.export",
    "view": "posestream.cli.view",
}

USAGE = """usage: posestream {tail,cameras,status,record,replay,export,dead,view} ...

  tail [CAMERA ...]     follow poses, a line per frame (JSON in a pipe with --json)
  cameras               list the cameras
  cameras show NAME     all about one of them, its calibration, too
  cameras remove NAME   take a camera and all its keys away
  status                what became of every camera's frames, and what waits
  record FILE           write poses to a file as they come: .poses, .jsonl or .parquet
  replay FILE           publish a recording again, under a prefix of its own
  export FILE OUT       a recording as CSV, Parquet, JSON Lines, TRC or C3D
  dead                  list the dead letters: frames that could not be used or crashed their workers
  dead show LETTER      all about one of them; --image FILE saves its picture
  dead requeue LETTER   put frames in again, as new frames of their camera
  dead purge            remove dead letters
  view                  serve a page to watch the cameras, and poses as JSON

Each explains itself with --help. The server is --redis-url or POSESTREAM_REDIS_URL."""


def main() -> None:
    """Run the command that the arguments name, as the process."""
    from posestream.service.process import run_command, run_main  # noqa: PLC0415 - with the extra's libraries

    def run(argv: list[str]) -> int:
        try:
            return run_command(argv, COMMANDS, USAGE)
        except ModuleNotFoundError as error:
            print(  # noqa: T201
                f"error: {error.name} is not installed; the command line needs `pip install 'posestream[cli]'`",
                file=sys.stderr,
            )
            return 1

    run_main(run)
