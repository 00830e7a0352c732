"""What a frame's metadata say of its camera decides where its people are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import cv2
import numpy as np
import pytest

from posestream.broker import Frame, Token
from posestream.calibration import Distortion, Extrinsics, Intrinsics, LensModel
from posestream.image import ImageLimits
from posestream.keys import FrameId
from posestream.messages import FrameMeta, Policy, PoseFrame, encode_meta
from posestream.service.metrics import WorkerMetrics
from posestream.skeleton import JOINT_INDEX, PELVIS
from tests.networks import Case, grey_level, write_network
from tests.unit.training.people import CAMERA, SIZE_WH, leaning, truth_of
from training.targets import draw_targets
from workers.pose.frame import FrameProcessor
from workers.pose.network import NetworkOptions, PoseNetwork
from workers.pose.placing import ANKLE_HEIGHT_M, Placing

TRUE_M = leaning((0.6, -0.5, 4.0), forward=0.6)
# Upright, with the floor a little lower below the ankles than it is for people who stand on it.
HEIGHT_M = float(TRUE_M[JOINT_INDEX["l_ankle"], 1]) + ANKLE_HEIGHT_M + 0.06
PLACE = Extrinsics.of([[1, 0, 0], [0, 0, -1], [0, 1, 0]], [0.5, HEIGHT_M, 1.0])
META = FrameMeta(intrinsics=CAMERA, extrinsics=PLACE)
BARREL = Distortion(LensModel.STANDARD, (-0.4, 0.2, 0.0, 0.0))

Process = Callable[..., PoseFrame]


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PoseNetwork]:
    target = draw_targets(truth_of(TRUE_M), SIZE_WH)
    path = tmp_path_factory.mktemp("network") / "known.xml"
    write_network(path, [Case(target.features, target.heatmaps, target.pafs)])
    opened = PoseNetwork(path, NetworkOptions(device="CPU", threads=1, precision="f32", cache=None, limit=1))
    yield opened
    opened.close()


@pytest.fixture
def process(network: PoseNetwork) -> Process:
    image = np.full((SIZE_WH[1], SIZE_WH[0], 3), grey_level(0), np.uint8)
    jpeg = cv2.imencode(".jpg", image)[1].tobytes()
    token = Token("0-1", "hall", FrameId(1), seq=1, policy=Policy.LOSSLESS, expires_ms=0)

    def processed(meta: FrameMeta, placing: Placing = Placing.FIT) -> PoseFrame:
        processor = FrameProcessor(network, ImageLimits(), WorkerMetrics().stages, placing)
        pose = processor.process(token, Frame(jpeg, encode_meta(meta)))
        assert len(pose.people) == 1
        return pose

    return processed


def off_m(pose: PoseFrame) -> float:
    return float(np.linalg.norm(pose.people[0].joints_m[PELVIS] - TRUE_M[PELVIS]))


def test_people_are_in_the_world_where_the_cameras_place_is_known(process: Process) -> None:
    pose = process(META)
    (person,) = pose.people
    assert person.world_m is not None
    np.testing.assert_allclose(person.world_m, PLACE.to_world(person.joints_m), atol=1e-5)
    assert pose.extrinsics is not None
    assert np.allclose(pose.extrinsics.position_m, PLACE.position_m)
    assert off_m(pose) < 0.1
    (without,) = process(replace(META, extrinsics=None)).people
    assert without.world_m is None


def test_a_lens_that_bends_moves_people(process: Process) -> None:
    straight, bent = process(META), process(replace(META, distortion=BARREL))
    assert bent.distortion is not None
    np.testing.assert_array_equal(bent.people[0].joints_px, straight.people[0].joints_px)
    assert off_m(bent) > off_m(straight) + 0.03


def test_distortion_means_nothing_of_an_assumed_lens(process: Process) -> None:
    pose = process(FrameMeta(distortion=BARREL))
    assert (pose.distortion, pose.intrinsics) == (None, Intrinsics.assumed(*SIZE_WH))
    np.testing.assert_array_equal(pose.people[0].joints_m, process(FrameMeta()).people[0].joints_m)


def test_the_setting_says_how_people_are_placed(process: Process) -> None:
    fitted, reference = process(META), process(META, Placing.REFERENCE)
    assert off_m(reference) > 2 * off_m(fitted)
    on_floor = process(META, Placing.FLOOR)
    lower = [float(pose.people[0].world_m[JOINT_INDEX["l_ankle"], 2]) for pose in (fitted, on_floor)]  # type: ignore[index]
    assert ANKLE_HEIGHT_M < lower[1] < lower[0] - 0.01
