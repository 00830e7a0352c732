"""`python -m producer calibrate board | lens | floor | set`: print a board, find a lens, find a place, set both."""

from __future__ import annotations

from typing import Final

from posestream.service.process import run_command

COMMANDS: Final = {name: f"producer.calibration.commands.{name}" for name in ("board", "lens", "floor", "set")}

USAGE = """usage: python -m producer calibrate {board,lens,floor,set} ...

  board  draw a board to print
  lens   find a camera's intrinsics and distortion from a video of the board
  floor  find where a camera is, from points on the floor or a board that lies there
  set    set a camera's calibration on the server, or take it away

Each explains itself with --help; docs/calibration.md goes through all of it."""


def main(argv: list[str]) -> int:
    """Run the step that the first argument names."""
    return run_command(argv, COMMANDS, USAGE)
