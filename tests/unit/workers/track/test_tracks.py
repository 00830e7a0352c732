"""People keep their ids and move smoothly, whatever is missed, and in whatever process."""

from __future__ import annotations

from dataclasses import replace

import msgpack
import numpy as np
import pytest

from posestream.messages import Person
from workers.track.bones import bone_lengths
from workers.track.tracks import CameraTracks, TrackOptions

OPTIONS = TrackOptions(keep_ms=1500)
STEP_MS = 50


def person(x_m: float, z_m: float = 4.0, *, noise_m: float = 0.0, seed: int = 0) -> Person:
    """Somebody of a fixed posture whose neck is at x and z."""
    body_m = np.random.default_rng(42).normal(0, 0.3, (19, 3))
    joints_m = body_m - body_m[0] + (x_m, 0.0, z_m)
    joints_m = (joints_m + np.random.default_rng(seed).normal(0, noise_m, (19, 3))).astype(np.float32)
    joints_px = (joints_m[:, :2] / joints_m[:, 2:] * 900 + (640, 360)).astype(np.float32)
    joints_px[2] = np.nan
    return Person(None, 10.0, joints_px, np.full(19, 0.8, np.float32), joints_m)


def ids(tracks: CameraTracks, time_ms: int, *people: Person) -> list[int | None]:
    return [found.id for found in tracks.update(time_ms, people)]


def test_people_get_ids_from_one_on_and_keep_them_in_whatever_order_they_come() -> None:
    tracks = CameraTracks(OPTIONS)

    assert ids(tracks, 1000, person(-1), person(1)) == [1, 2]
    assert ids(tracks, 1050, person(1.02), person(-0.98)) == [2, 1]


def test_somebody_new_gets_a_new_id_and_an_id_is_never_given_again() -> None:
    tracks = CameraTracks(OPTIONS)
    ids(tracks, 0, person(-1))
    assert ids(tracks, STEP_MS, person(-1), person(1)) == [1, 2]
    assert ids(tracks, 10_000, person(-1)) == [3]


@pytest.mark.parametrize(("away_ms", "expected"), [(1200, 1), (1800, 2)])
def test_somebody_out_of_sight_is_the_same_for_a_while(away_ms: int, expected: int) -> None:
    tracks = CameraTracks(OPTIONS)
    ids(tracks, 0, person(0))
    for time_ms in range(STEP_MS, away_ms, STEP_MS):
        assert ids(tracks, time_ms) == []

    assert ids(tracks, away_ms, person(0.1)) == [expected]


def test_people_who_cross_keep_their_ids() -> None:
    tracks = CameraTracks(OPTIONS)
    for step in range(60):
        x_m = -1.5 + 0.05 * step  # 1 m/s, past each other at z 3.6 and 4.4
        found = ids(tracks, step * STEP_MS, person(x_m, 3.6), person(-x_m, 4.4))
        assert found == [1, 2], f"step {step}"


def test_somebody_hidden_while_they_go_on_is_found_where_they_went() -> None:
    tracks = CameraTracks(OPTIONS)
    for step in range(20):
        ids(tracks, step * STEP_MS, person(-1.5 + 0.06 * step), person(1.2, 5.0))
    for step in range(20, 28):  # 0.4 s, 0.48 m
        ids(tracks, step * STEP_MS, person(1.2, 5.0))

    assert ids(tracks, 28 * STEP_MS, person(-1.5 + 0.06 * 28), person(1.2, 5.0)) == [1, 2]


def test_smoothed_joints_jitter_less_and_stay_near() -> None:
    tracks = CameraTracks(OPTIONS)
    raw, smooth = [], []
    for step in range(200):
        (found,) = tracks.update(step * STEP_MS, (person(0, noise_m=0.03, seed=step),))
        assert found.smooth_m is not None
        raw.append(found.joints_m)
        smooth.append(found.smooth_m)
    truth = person(0).joints_m

    jitter_raw, jitter = (
        np.linalg.norm(np.diff(np.array(each)[50:], 2, axis=0), axis=2).mean() for each in (raw, smooth)
    )
    assert jitter < 0.35 * jitter_raw
    assert np.linalg.norm(np.array(smooth)[50:] - truth, axis=2).mean() < 0.7 * 0.03 * np.sqrt(3)


@pytest.mark.parametrize("bones", [False, True])
def test_a_joint_that_has_no_place_once_is_smoothed_again_when_it_has_one_and_costs_nobody_their_id(bones) -> None:
    tracks, unspoilt = (CameraTracks(replace(OPTIONS, bones=bones)) for _ in range(2))
    for step in range(8):
        somebody = person(0.01 * step)
        joints_m = somebody.joints_m.copy()
        joints_m[5] = np.nan if step == 3 else joints_m[5]
        (found,) = tracks.update(STEP_MS * step, (replace(somebody, joints_m=joints_m),))
        (expected,) = unspoilt.update(STEP_MS * step, (somebody,))
        assert found.id == 1
        assert found.smooth_m is not None
        assert expected.smooth_m is not None
        if step != 3:
            np.testing.assert_allclose(found.smooth_m, expected.smooth_m, atol=0.05)
    nowhere = replace(person(2), joints_m=np.full((19, 3), np.nan, np.float32))
    assert ids(tracks, STEP_MS * 8, person(0.08), nowhere) == [1, 2]


def test_the_first_frame_is_not_smoothed_and_raw_joints_never_are() -> None:
    tracks = CameraTracks(OPTIONS)
    (first,) = tracks.update(0, (person(0),))
    np.testing.assert_allclose(first.smooth_m, first.joints_m, atol=1e-6)
    (second,) = tracks.update(STEP_MS, (person(0.1),))
    np.testing.assert_array_equal(second.joints_m, person(0.1).joints_m)
    assert np.abs(second.smooth_m - second.joints_m).max() > 0.005


def test_other_tracks_that_read_the_state_go_on_exactly_alike() -> None:
    tracks = CameraTracks(OPTIONS)
    for step in range(10):
        tracks.update(step * STEP_MS, (person(0.02 * step), person(2 - 0.02 * step)))

    again = CameraTracks.unpack(OPTIONS, tracks.pack())

    for step in range(10, 15):
        people = (person(0.02 * step), person(2 - 0.02 * step), person(-2))
        for ours, theirs in zip(
            tracks.update(step * STEP_MS, people), again.update(step * STEP_MS, people), strict=True
        ):
            assert ours.id == theirs.id
            np.testing.assert_array_equal(ours.smooth_m, theirs.smooth_m)
    assert again.pack() == tracks.pack()


def test_no_state_is_a_fresh_start_and_nonsense_is_refused() -> None:
    assert ids(CameraTracks.unpack(OPTIONS, b""), 0, person(0)) == [1]
    for state in (b"\xc1", b"state", b"\x93\x02\x02\x03"):
        with pytest.raises(ValueError, match="not a state of tracks"):
            CameraTracks.unpack(OPTIONS, state)


def test_of_a_state_of_an_earlier_version_ids_go_on_and_people_do_not() -> None:
    assert ids(CameraTracks.unpack(OPTIONS, msgpack.packb([1, 7, [[0, 0, []]]])), 0, person(0)) == [7]


def test_bones_keep_their_length_where_that_is_asked_for() -> None:
    rng = np.random.default_rng(1)
    plain, steady = CameraTracks(OPTIONS), CameraTracks(replace(OPTIONS, bones=True))
    spreads = []
    for tracks in (plain, steady):
        lengths = []
        for step in range(60):
            noisy = person(0)
            noisy = replace(noisy, joints_m=noisy.joints_m + rng.normal(0, 0.03, (19, 3)).astype(np.float32))
            (given,) = tracks.update(step * STEP_MS, (noisy,))
            lengths.append(bone_lengths(given.smooth_m[None])[0])
        spreads.append(np.std(lengths[20:], axis=0).mean())
    assert spreads[1] < 0.3 * spreads[0]


def test_a_clock_that_goes_back_a_little_changes_nobody() -> None:
    tracks = CameraTracks(OPTIONS)
    ids(tracks, 5000, person(0))
    assert ids(tracks, 4700, person(0)) == [1]
    assert ids(tracks, 4700, person(0)) == [1]


def test_a_file_that_starts_again_has_new_people() -> None:
    tracks = CameraTracks(OPTIONS)
    for step in range(100):
        ids(tracks, step * STEP_MS, person(0))

    assert [ids(tracks, step * STEP_MS, person(0)) for step in range(3)] == [[2], [2], [2]]


def test_one_old_frame_in_between_costs_nobody_their_id() -> None:
    tracks = CameraTracks(OPTIONS)
    for step in range(100):
        ids(tracks, step * STEP_MS, person(0))

    assert ids(tracks, 1000, person(1)) == [2]
    assert ids(tracks, 100 * STEP_MS, person(0)) == [1]


def test_a_frame_without_people_is_a_frame_all_the_same() -> None:
    tracks = CameraTracks(OPTIONS)
    assert tracks.update(0, ()) == ()
    assert ids(tracks, STEP_MS, person(0)) == [1]
