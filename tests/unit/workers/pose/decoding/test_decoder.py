"""The decoder against the reference's recordings, the golden file, the oracle, and people whose places are known."""

from __future__ import annotations

import warnings

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posestream.messages import Intrinsics
from posestream.skeleton import JOINT_COUNT, JOINT_INDEX, NECK, PELVIS
from tests.unit.workers.pose.decoding import oracle
from tests.unit.workers.pose.decoding.comparison import Expected, assert_same_people, oracle_view, truly_named
from tests.unit.workers.pose.decoding.golden import CASES, golden_cases
from tests.unit.workers.pose.decoding.recorded import (
    DECODE_CASES,
    RECORDED_VIEW,
    RecordedCase,
    recorded_frames,
    recorded_video,
)
from tests.unit.workers.pose.decoding.synthetic_maps import Maps, draw_maps, project_px, standing
from workers.pose.decoding import People, View, decode
from workers.pose.decoding.decoder import find_people

needs_recordings = pytest.mark.skipif(
    not DECODE_CASES.exists(), reason="the reference's recordings (../shared/reference) are not on this machine"
)

# Sums in another order than the oracle's may decide what lies exactly at a threshold; the same examples every time keep
# that from failing a test once in a while.
same_examples = settings(derandomize=True, deadline=None, max_examples=40)

VIEW = View.resized((1280, 720), (448, 256))
SMALL_VIEW = View((2.5, 2.6), (-12.0, 3.0), Intrinsics(300.0, 280.0, 90.0, 130.0, calibrated=True))


def decoded(maps: Maps, view: View) -> People:
    return decode(maps.features, maps.heatmaps, maps.pafs, view)


def by_oracle(maps: Maps, view: View) -> list[Expected]:
    found = oracle.decode(maps.features, maps.heatmaps, maps.pafs, **oracle_view(view))
    return [Expected.by_oracle(person) for person in found]


# --- the reference's recordings


def as_recorded(case: RecordedCase) -> list[Expected]:
    people = []
    for pose2d, pose3d in zip(case.poses2d_px, case.poses3d_cm, strict=True):
        joints = truly_named(pose2d[:-1].reshape(JOINT_COUNT, 3))
        seen = joints[:, 2] > 0  # -1 where missing
        people.append(
            Expected(
                np.where(seen[:, None], joints[:, :2], np.nan),
                np.clip(joints[:, 2], 0, 1),
                pose3d[:, :3] / 100,
                pose2d[-1],
            )
        )
    return people


@needs_recordings
def test_recorded_frames_give_the_references_people() -> None:
    for case in recorded_frames():
        people = decode(case.features, case.heatmaps, case.pafs, RECORDED_VIEW)
        assert_same_people(people, as_recorded(case))


@needs_recordings
def test_recorded_frames_give_the_references_people_before_any_is_dropped_for_its_neck() -> None:
    for case in recorded_frames():
        assert case.raw is not None
        found = find_people(case.heatmaps, case.pafs)
        joints = case.raw[:, :-1].reshape(-1, 18, 3)
        missing = joints[:, :, 2] < 0
        assert found.joints_fine_px.shape == (len(joints), 18, 2), case.name
        np.testing.assert_array_equal(found.joints_fine_px, np.where(missing[..., None], np.nan, joints[..., :2]))
        np.testing.assert_allclose(found.joint_score, np.where(missing, 0, joints[..., 2]), atol=1e-5)
        np.testing.assert_allclose(found.score, case.raw[:, -1], rtol=1e-5)


@needs_recordings
def test_the_recorded_video_gives_the_references_people_up_to_its_filtered_translation() -> None:
    for case in recorded_video():
        expected = as_recorded(case)
        people = decode(case.features, case.heatmaps, case.pafs, RECORDED_VIEW)
        about_the_neck = People(
            people.joints_px, people.confidence, people.joints_m - people.joints_m[:, :1], people.score
        )
        assert_same_people(
            about_the_neck,
            [Expected(e.joints_px, e.confidence, e.joints_m - e.joints_m[:1], e.score) for e in expected],
        )


@needs_recordings
def test_the_oracle_gives_the_references_people() -> None:
    for case in recorded_frames():
        maps = Maps(case.features, case.heatmaps, case.pafs)
        found = by_oracle(maps, RECORDED_VIEW)
        as_arrays = People(
            *(
                np.array([getattr(person, part) for person in found]).reshape(-1, *shape)
                for part, shape in (("joints_px", (19, 2)), ("confidence", (19,)), ("joints_m", (19, 3)))
            ),
            np.array([person.score for person in found]),
        )
        assert_same_people(as_arrays, as_recorded(case))


# --- the golden file


@pytest.mark.parametrize("name", CASES)
def test_golden_cases_give_the_people_in_the_file(name) -> None:
    case = next(case for case in golden_cases() if case.name == name)
    assert len(case.expected) == len(CASES[name][2])
    assert_same_people(decoded(case.maps, case.view), case.expected)


# --- people whose places are known

# Joints come to the nearest of the fine pixels, each 2 network pixels.
FINE_PX = 2 * np.array(VIEW.scale_xy)


def test_people_are_found_where_they_were_drawn() -> None:
    people_m = np.array([standing((-1.5, -0.5, 4.4)), standing((0.2, -0.6, 4.0)), standing((1.4, -0.4, 3.8))])

    people = decoded(draw_maps(people_m, VIEW, (32, 56)), VIEW)

    assert len(people) == 3
    order = np.argsort(people.joints_m[:, NECK, 0])
    seen = np.arange(JOINT_COUNT) != PELVIS
    assert (people.confidence[:, seen] > 0.6).all()
    pixels_off = np.abs(people.joints_px[order][:, seen] - project_px(people_m, VIEW)[:, seen])
    assert (pixels_off <= FINE_PX).all()
    # Half a fine pixel here and there makes a body look a hundredth larger or smaller, and so much nearer or farther.
    assert np.abs(people.joints_m[order] - people_m).max() < 0.02 * 4.4


def test_a_lens_looking_past_the_middle_of_a_padded_frame_finds_people_where_they_are() -> None:
    view = View((1.6, 1.5), (-40.0, 20.0), Intrinsics(520.0, 500.0, 180.0, 260.0, calibrated=True))
    people_m = np.array([standing((-0.1, -0.6, 3.0)), standing((1.2, -0.5, 3.2))])

    people = decoded(draw_maps(people_m, view, (32, 42)), view)

    order = np.argsort(people.joints_m[:, NECK, 0])
    assert np.abs(people.joints_m[order] - people_m).max() < 0.02 * 3.2


def test_an_arm_reaching_for_the_camera_keeps_its_depth() -> None:
    person_m = standing((0.1, -0.5, 4.0))
    arm = [JOINT_INDEX[name] for name in ("l_elbow", "l_wrist")]
    person_m[arm, 2] -= (0.2, 0.45)

    people = decoded(draw_maps(person_m[None], VIEW, (32, 56)), VIEW)

    about_the_neck = people.joints_m[0] - people.joints_m[0, NECK]
    np.testing.assert_allclose(about_the_neck, person_m - person_m[NECK], atol=1e-3)


# Each joint of the face has the heatmap that hangs on the shoulder of its side: limbs 2-16-14 right, 5-17-15 left.
FACE_HEATMAPS = {"r_eye": 14, "l_eye": 15, "r_ear": 16, "l_ear": 17}


@pytest.mark.parametrize("hidden", [None, *FACE_HEATMAPS])
def test_eyes_and_ears_come_out_under_their_own_names(hidden) -> None:
    person_m = standing((0.2, -0.5, 3.0))
    maps = draw_maps(person_m[None], VIEW, (32, 56))
    if hidden is not None:
        maps.heatmaps[FACE_HEATMAPS[hidden]] = 0

    people = decoded(maps, VIEW)

    about_the_neck = people.joints_m[0] - people.joints_m[0, NECK]
    for name in FACE_HEATMAPS:
        joint = JOINT_INDEX[name]
        np.testing.assert_allclose(about_the_neck[joint], person_m[joint] - person_m[NECK], atol=1e-3)
        if name == hidden:
            assert people.confidence[0, joint] == 0
        else:
            assert people.confidence[0, joint] > 0.6
            assert (np.abs(people.joints_px[0, joint] - project_px(person_m[joint], VIEW)) <= FINE_PX).all()


def test_the_pelvis_has_a_place_in_space_and_none_on_the_frame() -> None:
    person_m = standing((0.1, -0.5, 4.0))
    people = decoded(draw_maps(person_m[None], VIEW, (32, 56)), VIEW)
    assert np.isnan(people.joints_px[0, PELVIS]).all()
    assert people.confidence[0, PELVIS] == 0
    assert np.abs(people.joints_m[0, PELVIS] - person_m[PELVIS]).max() < 0.08


def test_people_without_a_neck_are_left_out() -> None:
    maps = draw_maps(standing((0.1, -0.5, 4.0))[None], VIEW, (32, 56))
    maps.heatmaps[1] = 0
    assert len(decoded(maps, VIEW)) == 0
    assert len(find_people(maps.heatmaps, maps.pafs).score) > 0  # an arm or a leg is a person, as far as maps go


def test_a_confidence_is_never_above_1() -> None:
    maps = draw_maps(standing((0.1, -0.5, 4.0))[None], VIEW, (32, 56))
    maps.heatmaps[:] *= 1.5
    people = decoded(maps, VIEW)
    assert find_people(maps.heatmaps, maps.pafs).joint_score.max() > 1
    assert people.confidence.max() == 1


# --- against the oracle


@pytest.mark.parametrize("hw", [(32, 56), (32, 42), (32, 80), (1, 1)])
def test_empty_maps_give_empty_arrays_of_the_right_shapes_and_types(hw) -> None:
    people = decode(*(np.zeros((channels, *hw), np.float32) for channels in (57, 19, 38)), VIEW)
    assert len(people) == 0
    for array, shape in (
        (people.joints_px, (0, 19, 2)),
        (people.confidence, (0, 19)),
        (people.joints_m, (0, 19, 3)),
        (people.score, (0,)),
    ):
        assert array.shape == shape
        assert array.dtype == np.float32


@same_examples
@given(
    seed=st.integers(0, 2**32 - 1),
    width=st.sampled_from([42, 56, 80]),
    count=st.integers(0, 4),
    noise=st.sampled_from([0.0, 0.02, 0.05]),
)
def test_drawn_people_are_those_the_oracle_finds(seed, width, count, noise) -> None:
    rng = np.random.default_rng(seed)
    view = View.resized((width * 20, 640), (width * 8, 256))
    # Anywhere, so also half outside, at the border, or behind one another.
    necks = rng.uniform((-3, -2, 2.5), (3, 1.5, 7), (count, 3))
    drawn = draw_maps(np.array([standing(neck) for neck in necks]).reshape(-1, 19, 3), view, (32, width))
    maps = Maps(
        *((m + rng.normal(0, noise, m.shape)).astype(np.float32) for m in (drawn.features, drawn.heatmaps, drawn.pafs))
    )
    assert_same_people(decoded(maps, view), by_oracle(maps, view))


def smooth(rng: np.random.Generator, channels: int, hw: tuple[int, int], cells: int) -> np.ndarray:
    """Random maps that change over so many cells."""
    coarse = rng.normal(size=(channels, hw[0] // cells + 2, hw[1] // cells + 2)).astype(np.float32)
    return np.stack([cv2.resize(channel, hw[::-1], interpolation=cv2.INTER_LINEAR) for channel in coarse])


def random_maps(seed: int, hw: tuple[int, int], cells: int) -> Maps:
    """Blobs at random with fields at random: nothing like people, but full of joints that belong together."""
    rng = np.random.default_rng(seed)
    heatmaps = np.clip(smooth(rng, 19, hw, 2) - 0.4, -0.2, 1.1) + rng.normal(0, 0.01, (19, *hw))
    return Maps(
        rng.normal(0, 0.3, (57, *hw)).astype(np.float32),
        heatmaps.astype(np.float32),
        smooth(rng, 38, hw, cells) + rng.normal(0, 0.01, (38, *hw)).astype(np.float32),
    )


@same_examples
@given(
    seed=st.integers(0, 2**32 - 1),
    hw=st.tuples(st.integers(2, 20), st.integers(2, 20)),  # a single row is one plateau, down to rounding
    cells=st.sampled_from([1, 4, 50]),
)
def test_whatever_the_maps_the_people_are_those_the_oracle_finds(seed, hw, cells) -> None:
    maps = random_maps(seed, hw, cells)
    assert_same_people(decoded(maps, SMALL_VIEW), by_oracle(maps, SMALL_VIEW))


def test_random_maps_have_people_for_the_oracle_to_find() -> None:
    found = [len(by_oracle(random_maps(seed, (16, 16), 50), SMALL_VIEW)) for seed in range(5)]
    assert min(found) > 0
    assert max(found) > 3


# --- broken maps


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 3e38])
@pytest.mark.parametrize("part", ["features", "heatmaps", "pafs"])
def test_bad_values_count_as_0_and_spoil_no_joint(bad, part) -> None:
    maps = random_maps(3, (16, 16), 50)
    values = getattr(maps, part)
    values[np.random.default_rng(8).random(values.shape) < 0.02] = bad

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        people = decoded(maps, SMALL_VIEW)

    assert len(people) > 0
    assert np.isfinite(people.joints_m).all()
    assert np.isfinite(people.score).all()
    assert (np.isnan(people.joints_px).any(axis=2) == (people.confidence == 0)).all()
    assert_same_people(people, by_oracle(maps, SMALL_VIEW))


def test_maps_of_nothing_but_nan_have_nobody() -> None:
    assert len(decode(*(np.full((channels, 32, 56), np.nan, np.float32) for channels in (57, 19, 38)), VIEW)) == 0


def test_a_wrong_shape_is_refused_by_name() -> None:
    maps = random_maps(0, (8, 8), 4)
    with pytest.raises(ValueError, match="pafs have shape"):
        decode(maps.features, maps.heatmaps, maps.features, VIEW)


# --- the arrays themselves


def test_the_networks_arrays_stay_as_they_are_and_are_not_kept() -> None:
    # An inference request writes its next result into the same memory.
    maps = random_maps(4, (16, 16), 50)
    maps.heatmaps[0, 0, 0] = np.nan
    before = [part.copy() for part in (maps.features, maps.heatmaps, maps.pafs)]
    people = decoded(maps, SMALL_VIEW)
    for part, was in zip((maps.features, maps.heatmaps, maps.pafs), before, strict=True):
        np.testing.assert_array_equal(part, was)
        for array in (people.joints_px, people.confidence, people.joints_m, people.score):
            assert not np.shares_memory(part, array)


def test_maps_that_are_views_of_something_larger_decode_the_same() -> None:
    maps = random_maps(5, (16, 16), 50)
    strided = Maps(*(np.repeat(part, 2, axis=2)[:, :, ::2] for part in (maps.features, maps.heatmaps, maps.pafs)))
    assert not strided.pafs.flags.c_contiguous
    assert len(decoded(maps, SMALL_VIEW)) > 0
    np.testing.assert_array_equal(decoded(strided, SMALL_VIEW).joints_m, decoded(maps, SMALL_VIEW).joints_m)
