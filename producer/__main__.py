"""Start the producer: `python -m producer run SOURCE --camera NAME`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module

from posestream.service.process import run_main

# Imported only when chosen, so that help and mistakes answer at once.
COMMANDS = {"run": "producer.app"}

USAGE = """usage: python -m producer {run} ...

  run    send the frames of a file, a folder, a webcam, a network camera, or of many of them

Each explains itself with --help."""


def main(argv: list[str]) -> int:
    """Run the command that the first argument names."""
    if not argv or argv[0] in ("-h", "--help"):
        print(USAGE)  # noqa: T201
        return 0 if argv else 2
    if argv[0] not in COMMANDS:
        print(f"{USAGE}\n\nerror: there is no command {argv[0]!r}", file=sys.stderr)  # noqa: T201
        return 2
    run: Callable[[list[str]], int] = import_module(COMMANDS[argv[0]]).main
    return run(argv[1:])


if __name__ == "__main__":
    run_main(main)
