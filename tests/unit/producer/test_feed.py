"""When a camera's run is over: after the last of its frames has ended, and not before."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from unittest.mock import create_autospec

import pytest

from posestream.errors import BrokerError
from posestream.image import ImageLimits
from posestream.service.metrics import ProducerMetrics
from posestream.service.process import StopSignal
from producer.calibration.live import LiveCalibration, Registry
from producer.encode import Encoder
from producer.feed import Feed
from producer.holding import HeldCamera
from producer.settings import CameraSettings
from producer.sources import SourceKind, make_source
from producer.tally import Tally
from tests.unit.producer.media import encoded, write_folder


class TakesAll:
    """An admission that takes every frame, and notes how runs were ended."""

    def __init__(self) -> None:
        self.ended: list[tuple[bool, bool]] = []

    def begin(self, identity: str | None) -> int:
        return 0

    def admit(self, position: int, image: bytes, meta: bytes) -> int:
        return position + 1

    def end(self, *, complete: bool, keep: bool) -> None:
        self.ended.append((complete, keep))


def played(folder: Path, on_fed: Callable[[], bool]) -> tuple[TakesAll, Callable[[], bool]]:
    """An admission, and what plays two images into it."""
    source = make_source(str(write_folder(folder / "i", {"1.jpg": encoded(1), "2.jpg": encoded(2)})), ImageLimits())
    admission = TakesAll()
    feed = Feed(
        CameraSettings(name="hall", source=source.name).settled(SourceKind.RECORDING),
        source,
        Encoder(ImageLimits(), max_side=None, quality=90),
        admission,
        LiveCalibration("hall", Registry(str)),
        create_autospec(HeldCamera, instance=True),
        Tally("hall"),
        ProducerMetrics(),
        StopSignal(),
    )
    return admission, lambda: feed.run(on_taken=lambda: None, on_fed=on_fed)


@pytest.mark.parametrize("drained", [True, False])
def test_a_run_is_over_when_its_last_frame_has_ended(drained: bool, tmp_path: Path):
    admission, run = played(tmp_path, on_fed=lambda: drained)

    assert run() is drained
    assert admission.ended == [(drained, False)]


def test_a_run_whose_last_frames_can_not_be_waited_for_is_not_over(tmp_path: Path):
    def refused() -> bool:
        raise BrokerError("no permission")

    admission, run = played(tmp_path, on_fed=refused)

    with pytest.raises(BrokerError):
        run()
    assert admission.ended == [(False, False)]
