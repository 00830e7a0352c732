"""Start the producer: `python -m producer run SOURCE --camera NAME`."""

from __future__ import annotations

from posestream.service.process import run_command, run_service

COMMANDS = {"run": "producer.app"}

USAGE = """usage: python -m producer {run} ...

  run    send the frames of a file, a folder, a webcam, a network camera, or of many of them

Each explains itself with --help."""


def main(argv: list[str]) -> int:
    """Run the command that the first argument names."""
    return run_command(argv, COMMANDS, USAGE)


if __name__ == "__main__":
    run_service(main)
