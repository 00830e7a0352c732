"""Networks held against each other where nobody knows the truth, with networks whose answers are known."""

from __future__ import annotations

import numpy as np
import pytest

from posestream.messages import Intrinsics
from tests.networks import Case, grey_level, write_network
from tests.unit.training.people import leaning, truth_of
from training.quantize_agreement import agreement, as_truth
from training.targets import draw_targets
from training.worker import Worker

WH = (448, 256)
SCENES = ((), ((-1.0, -0.5, 4.0),), ((-1.2, -0.5, 4.0), (1.1, -0.5, 3.6)))


def network(folder, name: str, scenes):
    """A network that sees the scene whose number is the frame's grey level."""
    targets = [draw_targets(truth_of(*(leaning(neck_m) for neck_m in scene)), WH) for scene in scenes]
    return write_network(folder / name, [Case(target.features, target.heatmaps, target.pafs) for target in targets])


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    """One that sees the scenes as they are, and one that misses the second person and sees one in an empty room."""
    folder = tmp_path_factory.mktemp("networks")
    return network(folder, "one.xml", SCENES), network(folder, "other.xml", (SCENES[1], SCENES[1], SCENES[2][:1]))


FRAMES = [np.full((WH[1], WH[0], 3), grey_level(case), np.uint8) for case in range(3)]


def test_a_network_agrees_with_itself(networks):
    agreed = agreement(FRAMES, networks[0], networks[0])
    assert (agreed.frames, agreed.counted, agreed.matched, agreed.extra) == (3, 3, 3, 0)
    assert (agreed.mean_error_px, agreed.mpjpe_mm) == (0, 0)


def test_whom_only_one_of_two_networks_sees_is_told(networks):
    agreed = agreement(FRAMES, *networks)
    assert (agreed.counted, agreed.matched, agreed.extra) == (3, 2, 1)
    agreed = agreement(FRAMES, *reversed(networks))
    assert (agreed.counted, agreed.matched, agreed.extra) == (3, 2, 1)


def test_joints_without_a_position_are_nowhere_in_the_image(networks):
    worker = Worker(networks[0])
    people = worker.people(FRAMES[1], Intrinsics.assumed(*WH))
    worker.close()
    truth = as_truth(people)
    assert len(truth) == 1
    assert ((truth.visibility == 0) == np.isnan(truth.joints_px).any(axis=2)).all()
    assert len(as_truth([])) == 0
