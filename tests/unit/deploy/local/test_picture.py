"""The picture and the clip."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from deploy.local.errors import DemoError
from deploy.local.picture import CAMERAS, Album, save_clip, save_picture
from deploy.local.recording import SECONDS
from tests.unit.deploy.local.shots import grey_jpeg, person_at, pose_of, shot_of, standing_m

PERSON = person_at(standing_m(0.0, 1.0, 4.0))


def shots(count: int, first: int = 0, people: dict[int, int] | None = None):
    """Return shots of which some have people; frame n is as bright as n."""
    people = people or {}
    return [
        shot_of(pose_of([PERSON] * people.get(number, 0), number=number), grey_jpeg(40 + number))
        for number in range(first, first + count)
    ]


def brightness(sheet: np.ndarray, row: int = 0) -> float:
    """Return the level of a camera's frame, away from anything drawn."""
    return float(sheet[150 + row * 496 : 170 + row * 496, 30:60].mean())


def test_the_still_shows_the_moment_with_the_most_people():
    album = Album({"hall": shots(30, people={7: 1, 12: 3, 20: 2})})
    assert brightness(album.still()) == pytest.approx(40 + 12, abs=2)


def test_the_clip_shows_every_tenth_of_a_second_of_all_cameras_in_step():
    album = Album({"hall": shots(20), "yard": shots(20, first=5)})
    clip = album.clip()
    assert len(clip) == 25
    full = [cv2.resize(frame, None, fx=1 / 0.6, fy=1 / 0.6) for frame in clip]
    assert [brightness(full[at]) for at in (0, 10, 24)] == pytest.approx([40, 50, 59], abs=2)
    assert [brightness(full[at], row=1) for at in (0, 10, 24)] == pytest.approx([45, 50, 64], abs=2)


def test_a_camera_that_ended_long_ago_does_not_make_the_clip_longer():
    clip = Album({"hall": shots(3), "yard": shots(3, first=200)}).clip()
    assert len(clip) == SECONDS * 10 + 1


def test_only_the_first_few_cameras_are_shown():
    few = Album({str(number): shots(1) for number in range(CAMERAS)}).still()
    many = Album({str(number): shots(1) for number in range(CAMERAS + 4)}).still()
    assert few.shape == many.shape


def test_cameras_without_a_shot_are_left_out_and_without_any_there_is_no_picture():
    assert Album({"hall": [], "yard": shots(1)}).still().shape == Album({"yard": shots(1)}).still().shape
    assert not Album({"hall": []})
    assert not Album({})


def test_both_files_can_be_opened(tmp_path):
    album = Album({"hall": shots(4, people={2: 1})})
    save_picture(album, tmp_path / "picture.png")
    save_clip(album, tmp_path / "clip.webp")
    assert np.array_equal(cv2.imread(str(tmp_path / "picture.png")), album.still())
    loaded, clip = cv2.imreadanimation(str(tmp_path / "clip.webp"))
    assert loaded
    assert len(clip.frames) == 4
    assert set(np.ravel(clip.durations)) == {100}


@pytest.mark.parametrize("save", [save_picture, save_clip])
def test_a_file_that_can_not_be_written_is_named(save, tmp_path):
    path = tmp_path / "gone" / "file.webp"
    with pytest.raises(DemoError, match=r"file\.webp"):
        save(Album({"hall": shots(2)}), path)
