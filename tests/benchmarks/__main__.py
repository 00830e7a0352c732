"""The benchmarks: `python -m tests.benchmarks` for the pipeline's, with a name for one of the others."""

from __future__ import annotations

import sys
from importlib import import_module

OTHERS = {
    "decoding": "what decoding costs, by number of people",
    "placing": "how far from where they are people are placed",
    "scale": "how the fleet scales with slots, cameras and shards, and what larger ones would take",
    "server_functions": "what the server functions cost the server",
    "synthetic": "what synthetic frames cost",
    "tracker": "how many frames a second one tracker handles",
    "tracking": "how well people are followed",
    "viewer": "how a page in a browser keeps up with four cameras",
}

USAGE = (
    "usage: python -m tests.benchmarks [NAME]\n\n  (none)            the whole pipeline; --help explains more\n"
    + "\n".join(f"  {name:16}  {what}" for name, what in OTHERS.items())
)


def main(argv: list[str]) -> int:
    """Run the benchmark that is named, or the pipeline's."""
    if argv and argv[0] in OTHERS:
        import_module(f"tests.benchmarks.{argv[0]}").main()
        return 0
    if argv and not argv[0].startswith("-"):
        print(USAGE, file=sys.stderr)
        return 2
    run: int = import_module("tests.benchmarks.pipeline.main").main(argv)
    return run


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
