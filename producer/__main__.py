"""Start the producer: `python -m producer run SOURCE --camera NAME`, or `python -m producer calibrate …`."""

from __future__ import annotations

from posestream.service.process import run_command, run_service

COMMANDS = {"run": "producer.app", "calibrate": "producer.calibration.app"}

USAGE = """usage: python -m producer {run,calibrate} ...

  run        send the frames of a file, a folder, a webcam, a network camera, or of many of them
  calibrate  find out what a camera's lens is like, and where it is

Each explains itself with --help."""


def main(argv: list[str]) -> int:
    """Run the command that the first argument names."""
    return run_command(argv, COMMANDS, USAGE)


if __name__ == "__main__":
    run_service(main)
