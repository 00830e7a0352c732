"""The main job, as a user does it: frames in, poses out, every process real and separate."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from posestream.broker import ShardOperations
from posestream.messages import Outcome, PoseFrame
from tests.acceptance.conftest import KnownPeople
from tests.fleet import Fleet, wait_until
from tests.networks import grey_level
from workers.model.convert import convert

REFERENCE = Path(__file__).parents[3] / "shared" / "reference"


def write_video(path: Path, levels: list[int], size: tuple[int, int] = (1280, 720)) -> Path:
    """Write one uniformly grey frame for each level."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 25, size)
    assert writer.isOpened()
    for level in levels:
        writer.write(np.full((size[1], size[0], 3), level, np.uint8))
    writer.release()
    return path


def intrinsics_flags(known: KnownPeople) -> list[str]:
    camera = known.intrinsics
    values = {"fx": camera.fx, "fy": camera.fy, "cx": camera.cx, "cy": camera.cy}
    return [text for name, value in values.items() for text in (f"--intrinsics.{name}", str(value))]


def assert_all_posed_in_order(fleet: Fleet, camera: str, frames: int) -> list[PoseFrame]:
    poses = fleet.poses(camera)
    assert [pose.seq for pose in poses] == list(range(1, frames + 1))
    ids = [pose.id for pose in poses]
    assert ids == sorted(set(ids))
    status = fleet.operations.status(camera).cameras[camera]
    assert status.conserved
    assert (status.admitted, status.outcomes[Outcome.POSED], status.in_flight) == (frames, frames, 0)
    return poses


def assert_same_people(poses: list[PoseFrame], expected: list[np.ndarray]) -> None:
    for pose, people_m in zip(poses, expected, strict=True):
        assert len(pose.people) == len(people_m), f"frame {pose.seq}"
        left = [person.joints_m for person in pose.people]
        for person_m in people_m:
            distances_m = [np.abs(joints_m - person_m).max() for joints_m in left]
            assert min(distances_m) < 0.001, f"frame {pose.seq}"
            left.pop(int(np.argmin(distances_m)))


def test_a_video_becomes_as_many_poses_in_order_with_the_people_of_the_networks_output(
    fleet: Fleet, known: KnownPeople, tmp_path: Path
) -> None:
    chosen = [number * 7 % known.cases for number in range(120)]
    video = write_video(tmp_path / "video.mp4", [grey_level(case) for case in chosen])
    fleet.start_workers(known.model, 2, "--placing", "reference")

    done = fleet.run("producer", "run", str(video), "--camera", "hall", *intrinsics_flags(known))

    assert done.returncode == 0, done.stderr
    assert "120 frames admitted: 120 posed" in done.stdout + done.stderr
    poses = assert_all_posed_in_order(fleet, "hall", 120)
    assert {pose.clock.value for pose in poses} == {"file"}
    assert np.allclose(np.diff([pose.captured_ms for pose in poses]), 40, atol=1)
    assert_same_people(poses, [known.joints_m[case] for case in chosen])


@pytest.mark.skipif(not REFERENCE.exists(), reason="the reference's checkpoint (../shared/reference) is not here")
def test_a_network_built_from_a_checkpoint_does_the_same_job(fleet: Fleet, tmp_path: Path) -> None:
    model = convert(REFERENCE / "checkpoint_flat_zip.pth", tmp_path / "models")
    video = write_video(tmp_path / "video.mp4", [grey_level(number % 25) for number in range(24)], (640, 480))
    fleet.start_workers(model, 2, "--first-size", "640x480")

    done = fleet.run("producer", "run", str(video), "--camera", "hall", seconds=100)

    assert done.returncode == 0, done.stderr
    assert_all_posed_in_order(fleet, "hall", 24)


def write_folder(folder: Path) -> list[str]:
    """Write seven good images among bad ones; returns the reason for which each of the bad is dead-lettered."""
    folder.mkdir()
    encoded, jpeg = cv2.imencode(".jpg", np.full((720, 1280, 3), grey_level(1), np.uint8))
    assert encoded
    for number in range(6):
        (folder / f"good-{number}.jpg").write_bytes(jpeg.tobytes())
    cv2.imwrite(str(folder / "good-6.png"), np.full((720, 1280, 3), grey_level(1), np.uint8))
    (folder / "good-2-empty.jpg").write_bytes(b"")
    (folder / "good-3-truncated.jpg").write_bytes(jpeg.tobytes()[:-200])
    (folder / "good-4-notes.txt").write_text("not an image\n")
    (folder / "good-5-huge.jpg").write_bytes(jpeg.tobytes() + bytes(17 * 1024 * 1024))
    bomb = bytearray(cv2.imencode(".png", np.zeros((4, 4, 3), np.uint8))[1].tobytes())
    bomb[16:24] = (60_000).to_bytes(4, "big") * 2
    (folder / "good-6-bomb.png").write_bytes(bomb)
    broken = bytearray(jpeg.tobytes())
    broken[2:40] = bytes(38)
    (folder / "good-7-broken.jpg").write_bytes(broken)
    # The producer does not send what is above a limit, only why.
    return ["empty", "truncated", "not_an_image", "not_an_image", "unreadable", "unreadable"]


@pytest.mark.parametrize("known", ["golden"], indirect=True)
def test_good_images_become_poses_and_each_bad_one_a_dead_letter(
    fleet: Fleet, known: KnownPeople, tmp_path: Path
) -> None:
    reasons = write_folder(tmp_path / "images")
    fleet.start_workers(known.model)

    done = fleet.run("producer", "run", str(tmp_path / "images"), "--camera", "hall")

    assert done.returncode == 0, done.stderr
    assert [len(pose.people) for pose in fleet.poses("hall")] == [3] * 7
    letters = fleet.operations.dead_letters()
    assert sorted(letter["reason"] for letter in letters) == sorted(reasons)
    assert all(letter["error"] for letter in letters)
    status = fleet.operations.status("hall").cameras["hall"]
    assert (status.admitted, status.outcomes[Outcome.POSED], status.outcomes[Outcome.DEAD]) == (13, 7, 6)
    assert status.conserved


@pytest.mark.parametrize("known", ["golden"], indirect=True)
def test_cutting_every_connection_again_and_again_loses_and_doubles_nothing(
    fleet: Fleet, known: KnownPeople, tmp_path: Path
) -> None:
    frames = 200
    chosen = [number % known.cases for number in range(frames)]
    video = write_video(tmp_path / "video.mp4", [grey_level(case) for case in chosen])
    fleet.start_workers(known.model, 2, "--placing", "reference")
    producer = fleet.start("producer", "run", str(video), "--camera", "hall", *intrinsics_flags(known))
    operations = ShardOperations(fleet.shard)

    def posed() -> int:
        status = operations.status().cameras.get("hall")
        assert status is None or status.conserved
        return 0 if status is None else status.outcomes[Outcome.POSED]

    for part in (1, 2, 3):
        wait_until(lambda part=part: posed() >= frames * part // 4, seconds=60, what=f"{part} quarters are posed")
        fleet.shard.client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")

    assert producer.wait(timeout=60) == 0
    poses = assert_all_posed_in_order(fleet, "hall", frames)
    assert_same_people(poses, [known.joints_m[case] for case in chosen])
