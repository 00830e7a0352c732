"""The pose worker as it is, but for inference: `python -m tests.chaos.worker`, with the flags of `workers pose`."""

from __future__ import annotations

from unittest.mock import patch

from posestream.service.process import run_service
from tests.chaos.standin import StandInNetwork, StandInProcessor
from workers.pose import app


def main(argv: list[str]) -> int:
    """Run the pose worker with the stand-in."""
    with patch.multiple("workers.pose.service", PoseNetwork=StandInNetwork, FrameProcessor=StandInProcessor):
        return app.main(argv)


if __name__ == "__main__":
    run_service(main)
