"""Files for other tools, read back by those tools' own readers where there are any."""

from __future__ import annotations

import csv
import json
import resource
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import ezc3d
import numpy as np
import pyarrow.parquet
import pytest

from posestream.errors import ConfigurationError, RecordingError
from posestream.export.c3d import write_c3d
from posestream.export.motion import Motion
from posestream.export.parquet import write_parquet
from posestream.export.text import write_csv, write_jsonl
from posestream.export.trc import write_trc
from posestream.skeleton import JOINT_COUNT, JOINT_INDEX, JOINT_NAMES
from tests.unit.posestream.golden import PLACED_POSE, POSE

WRIST = JOINT_INDEX["l_wrist"]
NOBODY = replace(POSE, seq=70_001, people=())


@pytest.fixture
def motion() -> Motion:
    """Three samples at 50 Hz that begin at the camera's second frame; the right ear is missing in the last."""
    joints_m = np.arange(3 * JOINT_COUNT * 3, dtype=np.float32).reshape(3, JOINT_COUNT, 3) / 64
    joints_m[2, -1] = np.nan
    return Motion("hall", 7, "world", 50.0, 1, joints_m)


def test_a_csv_table_has_a_row_for_each_person_and_frame_with_units_in_its_headings(tmp_path: Path):
    path = tmp_path / "a.csv"
    assert write_csv([POSE, NOBODY], path, ("smooth_m",)) == (2, 1), "one of two people is not tracked"
    first, second, empty = csv.DictReader(path.open(newline=""))
    assert [row["person_id"] for row in (first, second, empty)] == ["", "7", ""]
    person = POSE.people[1]
    assert person.smooth_m is not None
    assert float(second["l_wrist_smooth_x_m"]) == pytest.approx(person.smooth_m[WRIST, 0], abs=1e-4)
    assert float(second["l_wrist_y_px"]) == pytest.approx(person.joints_px[WRIST, 1], abs=1e-2)
    assert float(second["l_wrist_confidence"]) == 0.75
    assert (second["r_ear_x_px"], second["r_ear_confidence"]) == ("", "0.0000")
    assert (first["neck_smooth_x_m"], empty["score"], empty["neck_y_px"]) == ("", "", "")
    assert (empty["seq"], empty["camera"], empty["captured_ms"]) == ("70001", "lobby", str(POSE.captured_ms))


def test_a_parquet_table_has_all_coordinates_as_numbers_and_null_for_what_is_missing(tmp_path: Path):
    path = tmp_path / "a.parquet"
    assert write_parquet([PLACED_POSE, NOBODY], path) == 2
    table = pyarrow.parquet.read_table(path)
    rows = table.to_pylist()
    assert [row["person_id"] for row in rows] == [None, 7, None]
    assert rows[0]["captured"] == datetime.fromtimestamp(POSE.captured_ms / 1000, UTC)
    person = PLACED_POSE.people[1]
    for name, joints_m in (
        ("", person.joints_m),
        ("smooth_", person.smooth_m),
        ("world_", person.world_m),
        ("smooth_world_", person.smooth_world_m),
    ):
        assert [rows[1][f"l_wrist_{name}{axis}_m"] for axis in "xyz"] == pytest.approx(joints_m[WRIST])
    assert rows[1]["r_ear_x_px"] is None
    assert rows[2]["neck_x_m"] is None
    assert table.schema.field("neck_x_m").type == pyarrow.float32()


def test_a_parquet_table_of_nothing_is_a_table(tmp_path: Path):
    assert write_parquet([], tmp_path / "a.parquet") == 0
    assert pyarrow.parquet.read_table(tmp_path / "a.parquet").num_rows == 0


def test_json_lines_are_the_frames_as_json(tmp_path: Path):
    assert write_jsonl([POSE, NOBODY], tmp_path / "a.jsonl") == 2
    lines = (tmp_path / "a.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [POSE.to_dict(), NOBODY.to_dict()]


def test_trc_is_in_millimetres_with_the_axis_up_that_was_asked_for(tmp_path: Path, motion: Motion):
    path = tmp_path / "a.trc"
    write_trc(motion, path, "y")
    lines = path.read_text().splitlines()
    head = dict(zip(lines[1].split("\t"), lines[2].split("\t"), strict=True))
    assert lines[0].split("\t") == ["PathFileType", "4", "(X/Y/Z)", "a.trc"]
    assert head["DataRate"] == head["CameraRate"] == "50"
    assert (head["NumFrames"], head["NumMarkers"], head["Units"]) == ("3", "19", "mm")
    markers, axes = lines[3].split("\t"), lines[4].split("\t")
    assert [name for name in markers if name] == ["Frame#", "Time", *JOINT_NAMES]
    rows = [line.split("\t") for line in lines[6:]]
    assert lines[5] == ""
    assert {len(row) for row in rows} == {len(axes)} == {2 + 3 * JOINT_COUNT}
    assert [row[:2] for row in rows] == [["1", "0.02000"], ["2", "0.04000"], ["3", "0.06000"]]
    x, y, z = motion.joints_m[1, WRIST]
    column = markers.index("l_wrist")
    assert axes[column] == "X6"
    assert [float(value) for value in rows[1][column : column + 3]] == pytest.approx([1000 * x, 1000 * z, -1000 * y])
    assert rows[2][-3:] == ["", "", ""]


def test_c3d_is_read_by_its_library_in_millimetres_with_z_up(tmp_path: Path, motion: Motion):
    path = tmp_path / "a.c3d"
    write_c3d(motion, path, "z")
    read = ezc3d.c3d(str(path))
    point = read["parameters"]["POINT"]
    assert (point["UNITS"]["value"], point["RATE"]["value"][0]) == (["mm"], 50)
    assert point["LABELS"]["value"] == list(JOINT_NAMES)
    assert (point["X_SCREEN"]["value"], point["Y_SCREEN"]["value"]) == (["+X"], ["+Z"])
    assert read["header"]["points"]["first_frame"] == 1
    points = read["data"]["points"]
    assert points.shape == (4, JOINT_COUNT, 3)
    assert points[:3, WRIST, 1] == pytest.approx(1000 * motion.joints_m[1, WRIST], rel=1e-6)
    assert np.isnan(points[:3, -1, 2]).all()
    assert read["data"]["meta_points"]["residuals"][0, -1].tolist() == [0, 0, -1]


def test_a_c3d_file_that_can_not_be_written_is_an_error_and_leaves_what_was_there(tmp_path: Path, motion: Motion):
    path = tmp_path / "a.c3d"
    path.write_text("before")
    with pytest.raises(FileNotFoundError):
        write_c3d(motion, tmp_path / "nowhere" / "a.c3d", "z")
    with pytest.raises(ConfigurationError, match="not a file"):
        write_c3d(motion, Path("/dev/full"), "z")
    write_c3d(motion, tmp_path / "b.c3d", "z")
    size = (tmp_path / "b.c3d").stat().st_size
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        for room in (0, 100, size // 2, size - 1):
            resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))  # as if the disk were full by then
            with pytest.raises(RecordingError, match="could not be written whole"):
                write_c3d(motion, path, "z")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert path.read_text() == "before"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.c3d", "b.c3d"]
    write_c3d(motion, path, "z")
    assert ezc3d.c3d(str(path))["data"]["points"].shape == (4, JOINT_COUNT, 3)
