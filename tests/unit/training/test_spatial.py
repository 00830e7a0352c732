"""Which frames are the worst, with joints that the truth does not know."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from posestream.skeleton import PELVIS
from producer.synthetic.truth import Truth
from tests.unit.training.people import CAMERA, SIZE_WH, found, leaning, truth_of
from training.report import write_report
from training.samples import HeldOut
from training.spatial import Spatial


def frame(name: str, truth: Truth, *, pelvis: bool = True) -> HeldOut:
    known = np.ones(truth.visibility.shape, bool)
    known[:, PELVIS] = pelvis
    image = np.zeros((SIZE_WH[1], SIZE_WH[0], 3), np.uint8)
    return HeldOut(image, truth, CAMERA, (), name=name, known=known)


def test_an_unknown_pelvis_leaves_the_order_of_the_worst_frames(tmp_path) -> None:
    truth = truth_of(leaning((-0.5, -0.5, 4.0)))
    right = found(truth, 0)
    wrong = replace(right, joints_m=right.joints_m * np.float32(0.8))
    spatial = Spatial()
    for name, person, pelvis in (("right", right, True), ("unknown", right, False), ("wrong", wrong, True)):
        spatial.add(frame(name, truth, pelvis=pelvis), [person], [person])
    spatial.add(frame("missed", truth, pelvis=False), [], [])
    assert [looked.frame.name for looked in spatial.worst][:2] == ["missed", "wrong"]
    assert all(np.isfinite(looked.badness) for looked in spatial.worst)
    write_report(tmp_path, "a network", {}, spatial)
    assert "nan mm" not in (tmp_path / "report.md").read_text()
