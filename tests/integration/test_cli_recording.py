"""`posestream record`, `replay` and `export` as a user runs them, against a real server."""

from __future__ import annotations

import csv
import json
import re
import signal
import threading
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pyarrow.parquet
import pytest

from posestream import Gap, Skipped, subscribe
from posestream.broker import FrameIntake, WorkQueue
from posestream.messages import Person, PoseFrame
from posestream.recording import RecordingWriter, read_recording
from tests.contract.roles import eventually
from tests.publishing import Stage
from tests.unit.posestream.golden import EXTRINSICS
from tests.users import rules, url_as


@pytest.fixture
def stage(redis_url: str, prefix: str) -> Iterator[Stage]:
    with Stage(redis_url, prefix) as prepared:
        yield prepared


@pytest.fixture
def recorded(redis_url: str, prefix: str, stage: Stage, tmp_path: Path) -> Path:
    """A recording of 30 frames of `hall` and 10 of `yard`, 40 ms apart."""
    stage.publish("hall", 30)
    stage.publish("yard", 10)
    path = tmp_path / "room.poses"
    with subscribe(redis_url, prefix=prefix, start="beginning") as live, RecordingWriter(path) as writer:
        for number, frame in enumerate(islice(live, 40), start=1):
            writer.add(frame)
            if number % 20 == 0:
                writer.flush()
    return path


def frames_in(path: Path) -> list[PoseFrame]:
    with read_recording(path) as recording:
        return list(recording)


# record ---------------------------------------------------------------------------------------------------------------


def test_a_recording_holds_what_was_published_and_says_how_much(posestream, stage, redis_url, prefix, tmp_path):
    path = tmp_path / "room.poses"
    stage.publish("hall", 30)
    stage.publish("yard", 10)
    code, out, err = posestream.run("record", str(path), "--start", "beginning", "--frames", "40")
    assert (code, err) == (0, "")
    assert out.startswith("40 frames of 2 cameras with 80 people in ")
    frames = frames_in(path)
    assert sorted((frame.camera, frame.seq) for frame in frames) == [
        *(("hall", seq) for seq in range(1, 31)),
        *(("yard", seq) for seq in range(1, 11)),
    ]
    with subscribe(redis_url, prefix=prefix, cameras="hall", start="beginning") as live:
        published = [frame.to_dict() for frame in islice(live, 30)]
    assert [frame.to_dict() for frame in frames if frame.camera == "hall"] == published


def test_recording_ends_with_a_summary_when_interrupted(posestream, stage, tmp_path):
    path = tmp_path / "room.poses"
    process = posestream.start("record", str(path), "--camera", "hall")
    eventually(path.exists)
    while not path.stat().st_size > 200:
        stage.publish("hall", 5)
        stage.publish("yard", 1)
        process.poll()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    frames = frames_in(path)
    assert (process.returncode, err) == (0, "no camera 'hall' yet (there is: none); waiting for it\n")
    assert {frame.camera for frame in frames} == {"hall"}
    assert out.startswith(f"{len(frames)} frames of 1 camera with {2 * len(frames)} people in ")
    seqs = [frame.seq for frame in frames]
    assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))


def test_a_recording_that_was_killed_is_gone_on_with_and_misses_nothing(posestream, stage, tmp_path):
    path = tmp_path / "room.poses"
    stage.publish("hall", 20)
    process = posestream.start("record", str(path), "--start", "beginning")
    eventually(lambda: path.exists() and path.stat().st_size > 200)
    process.kill()
    process.communicate(timeout=20)
    before = len(frames_in(path))
    stage.publish("hall", 20)
    code, out, err = posestream.run("record", str(path), "--resume", "--frames", str(40 - before))
    assert (code, err) == (0, "")
    assert before >= 1
    assert [frame.seq for frame in frames_in(path)] == list(range(1, 41))
    assert "gap" not in out


def test_what_is_missing_is_in_the_summary(posestream, recorded, stage):
    stage.publish("hall", 30)
    stage.trim("hall", 10)
    _, out, _ = posestream.run("record", str(recorded), "--resume", "--frames", "10")
    assert "1 gap: poses of up to 20 frames were no longer kept" in out


def test_json_lines_and_parquet_hold_the_same_frames(posestream, stage, tmp_path, recorded):
    lines, table = tmp_path / "room.jsonl", tmp_path / "room.parquet"
    for path in (lines, table):
        code, _, err = posestream.run("record", str(path), "--start", "beginning", "--frames", "40")
        assert (code, err) == (0, "")
    read = [json.loads(line) for line in lines.read_text().splitlines()]
    expected = {(frame.camera, frame.seq): frame.to_dict() for frame in frames_in(recorded)}
    assert {(frame["camera"], frame["seq"]): frame for frame in read} == expected
    rows = pyarrow.parquet.read_table(table).to_pylist()
    assert {(row["camera"], row["seq"]) for row in rows} == expected.keys()
    assert len(rows) == 80
    assert not (tmp_path / "room.parquet.poses").exists()


def test_a_parquet_recording_that_was_killed_leaves_its_frames_for_export(posestream, stage, tmp_path):
    stage.publish("hall", 20)
    table, spool = tmp_path / "room.parquet", tmp_path / "room.parquet.poses"
    process = posestream.start("record", str(table), "--start", "beginning")
    eventually(lambda: spool.exists() and spool.stat().st_size > 200)
    process.kill()
    process.communicate(timeout=20)
    assert not table.exists()
    code, out, _ = posestream.call("export", str(spool), str(table))
    assert (code, out) == (0, f"{table}: {len(frames_in(spool))} frames\n")
    assert pyarrow.parquet.read_table(table).num_rows == 2 * len(frames_in(spool))


@pytest.mark.parametrize(
    ("limit", "reached"), [(("--duration", "0.5s"), "the duration given"), (("--size", "3k"), "the size given")]
)
def test_a_limit_ends_a_recording(posestream, stage, tmp_path, limit, reached):
    stage.publish("hall", 100)
    path = tmp_path / "room.jsonl"
    code, out, _ = posestream.run("record", str(path), "--start", "beginning", *limit)
    assert code == 0
    assert f"({reached} is reached)" in out
    assert path.read_text().endswith("}\n")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["record", "x.txt"], [".poses", "--format"]),
        (["record", "/nowhere/x.poses"], ["/nowhere/x.poses", "No such file"]),
        (["record", "x.poses", "--duration", "long"], ["--duration", "such as 90s"]),
        (["record", "x.jsonl", "--start", "later"], ["start", "beginning"]),
        (["record", "nowhere.poses", "--resume"], ["nowhere.poses", "No such file"]),
        (["record", "x.poses", "--start", "99999999999999d"], ["start", "beginning"]),
        (["record", "x.poses", "--size", "9" * 400], ["--size", "more than can be counted"]),
        (["view", "--tls-key", "key.pem"], ["--tls-key", "--tls-cert"]),
        (["view", "--allow-origin", "app.example"], ["--allow-origin app.example", "https://app.example"]),
        (["replay", "nowhere.poses"], ["nowhere.poses", "No such file"]),
        (["replay", "x.poses", "--into", "a b"], ["--into", "without braces"]),
        (["export", "nowhere.poses", "x.csv"], ["nowhere.poses", "No such file"]),
        (["export", "x.poses", "x.fbx"], [".csv", ".c3d"]),
        (["export", "x.poses", "x.trc", "--up", "x"], ["--up"]),
        (["export", "x.poses", "x.csv", "--rate", "30"], ["--rate", "trc, c3d"]),
        (["export", "x.poses", "x.jsonl", "--raw"], ["--raw", "csv, trc, c3d"]),
    ],
)
def test_a_wrong_argument_is_one_line_that_names_it(posestream, monkeypatch, tmp_path, arguments, words):
    monkeypatch.chdir(tmp_path)
    code, out, err = posestream.call(*arguments)
    assert (code, out) == (1, "")
    assert err.startswith("error: ")
    assert len(err.splitlines()) == 1
    assert all(word in err for word in words), err
    assert list(tmp_path.iterdir()) == []


def test_no_recording_is_written_over_unless_told(posestream, recorded):
    before = recorded.read_bytes()
    code, _, err = posestream.run("record", str(recorded))
    assert code == 1
    assert "is there already" in err
    assert recorded.read_bytes() == before
    code, _, _ = posestream.run("record", str(recorded), "--overwrite", "--start", "beginning", "--frames", "2")
    assert (code, len(frames_in(recorded))) == (0, 2)


def test_the_shipped_subscriber_may_record(posestream, client, redis_url, prefix, stage, tmp_path):
    stage.publish("hall", 2)
    name = f"reader-{prefix}"
    client.execute_command("ACL", "SETUSER", name, "reset", *rules("subscriber", prefix))
    url = url_as("subscriber", redis_url, name)
    code, _, err = posestream.run(
        "record", str(tmp_path / "a.poses"), "--redis-url", url, "--start", "beginning", "--frames", "2"
    )
    client.execute_command("ACL", "DELUSER", name)
    assert (code, err) == (0, "")


# replay ---------------------------------------------------------------------------------------------------------------


def test_a_replay_is_published_like_live_cameras_and_adds_up(posestream, recorded, redis_url, prefix):
    into = f"{prefix}-again"
    code, out, err = posestream.run("replay", str(recorded), "--into", into, "--speed", "0")
    assert (code, err) == (0, "")
    assert out.startswith("40 frames in ")
    original = [frame for frame in frames_in(recorded) if frame.camera == "hall"]
    with subscribe(redis_url, prefix=into, cameras="hall", start="beginning", events=True) as replayed:
        items = list(islice((item for item in replayed if not hasattr(item, "heard_ms")), 30))
    assert not [item for item in items if isinstance(item, Gap | Skipped)]
    assert [item.seq for item in items] == list(range(1, 31))
    assert [item.captured_ms for item in items] == [frame.captured_ms for frame in original]
    assert [person.to_dict() for person in items[7].people] == [person.to_dict() for person in original[7].people]
    code, out, _ = posestream.call("status", "--prefix", into, "--json")
    counts = json.loads(out)["cameras"]
    assert code == 0
    assert (counts["hall"]["posed"], counts["yard"]["posed"]) == (30, 10)
    assert counts["hall"]["conserved"]


def test_a_replay_can_be_played_again_behind_the_first(posestream, recorded, redis_url, prefix):
    into = f"{prefix}-again"
    for _ in range(2):
        code, _, err = posestream.run("replay", str(recorded), "--into", into, "--speed", "0", "--camera", "yard")
        assert (code, err) == (0, "")
    with subscribe(redis_url, prefix=into, start="beginning") as replayed:
        assert [frame.seq for frame in islice(replayed, 20)] == list(range(1, 21))


def test_a_replay_takes_no_less_time_than_its_speed_says(posestream, recorded, prefix):
    into = f"{prefix}-again"
    code, out, _ = posestream.run("replay", str(recorded), "--into", into, "--camera", "hall", "--speed", "2")
    taken = re.fullmatch(r"30 frames in ([\d.]+) s under .*\n", out)
    assert code == 0
    assert taken is not None
    assert float(taken[1]) >= 0.5, "29 steps of 40 ms, twice as fast"


def test_a_replay_that_is_interrupted_ends_in_good_order(posestream, recorded, prefix, redis_url):
    into = f"{prefix}-again"
    process = posestream.start("replay", str(recorded), "--into", into, "--loop")
    with subscribe(redis_url, prefix=into, start="beginning") as replayed:
        assert len(list(islice(replayed, 45))) == 45, "more than are in it"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (0, "")
    assert "frames in " in out
    again = posestream.run("replay", str(recorded), "--into", into, "--speed", "0")
    assert again[0] == 0, "it has given everything up"


def test_a_replay_leaves_a_prefix_alone_where_a_fleet_is_at_work(posestream, recorded, prefix, stage):
    code, _, err = posestream.run("replay", str(recorded), "--into", prefix)
    assert code == 1
    assert "is in use (stage): replay into another one, --into NAME" in err
    assert stage.operations.status().cameras["hall"].admitted == 30


def test_a_replay_leaves_a_prefix_alone_where_workers_wait_or_a_camera_is_a_real_one(
    posestream, recorded, shard, redis_url, prefix
):
    into = f"{prefix}-other"
    with Stage(redis_url, into) as other:
        FrameIntake(other.shard).register("hall", "producer", 60_000, {"source": "rtsp://somewhere"})
        code, _, err = posestream.run("replay", str(recorded), "--into", into)
        assert code == 1
        assert "has a camera 'hall' that is no replay" in err
        WorkQueue(other.shard, "worker").heartbeat([])
        code, _, err = posestream.run("replay", str(recorded), "--into", into)
        assert code == 1
        assert "is in use (pose workers)" in err


def test_a_damaged_recording_is_told_before_anything_is_published(posestream, recorded, prefix, client):
    data = bytearray(recorded.read_bytes())
    data[200] ^= 1
    recorded.write_bytes(data)
    code, _, err = posestream.run("replay", str(recorded), "--into", f"{prefix}-again", "--speed", "0")
    assert code == 1
    assert "damaged at byte" in err or "can not be read" in err
    assert client.keys(f"{prefix}-again:*") == []


# export ---------------------------------------------------------------------------------------------------------------


def test_markers_are_a_file_for_each_person_and_one_person_is_one_file(posestream, recorded, tmp_path):
    code, out, err = posestream.call("export", str(recorded), str(tmp_path / "walk.trc"), "--shortest", "0.1")
    assert (code, err) == (0, "")
    written = sorted(path.name for path in tmp_path.glob("*.trc"))
    assert written == ["walk-hall-1.trc", "walk-hall-2.trc", "walk-yard-1.trc", "walk-yard-2.trc"]
    assert "person 1 before hall, 30 samples at 25 Hz, millimetres in the camera's axes with y up" in out
    one = tmp_path / "one.c3d"
    code, out, _ = posestream.call(
        "export", str(recorded), str(one), "--camera", "yard", "--person", "2", "--shortest", "0.1"
    )
    assert code == 0
    assert "person 2 before yard, 10 samples" in out
    assert one.exists()


def test_tables_hold_every_frame_of_the_cameras_that_were_asked_for(posestream, recorded, tmp_path):
    path = tmp_path / "walk.csv"
    code, out, err = posestream.call("export", str(recorded), str(path), "--camera", "hall")
    assert (code, out, err) == (0, f"{path}: 30 frames\n", "")
    assert len(path.read_text().splitlines()) == 1 + 60
    code, _, err = posestream.call("export", str(recorded), str(path))
    assert code == 1
    assert "is there already" in err


def test_who_was_there_for_a_moment_only_is_left_out_and_counted(posestream, recorded, tmp_path):
    code, out, _ = posestream.call("export", str(recorded), str(tmp_path / "walk.trc"), "--shortest", "1")
    assert code == 0
    assert sorted(path.name for path in tmp_path.glob("*.trc")) == ["walk-hall-1.trc", "walk-hall-2.trc"]
    assert out.splitlines()[-1] == "2 left out, who were there for less than 1 s"


def test_the_recording_itself_is_never_written_over(posestream, recorded, tmp_path):
    link = tmp_path / "same.trc"
    link.hardlink_to(recorded)
    before = recorded.read_bytes()
    for output, format_ in ((recorded, "jsonl"), (recorded, "csv"), (link, "trc")):
        one = ("--camera", "hall", "--person", "1")
        code, _, err = posestream.call("export", str(recorded), str(output), "--format", format_, "--overwrite", *one)
        assert (code, f"{output} is the recording itself" in err) == (1, True)
        assert recorded.read_bytes() == before


def test_an_unknown_camera_is_an_error_whatever_is_made_of_the_recording(posestream, recorded, tmp_path):
    outputs = [tmp_path / f"walk.{ending}" for ending in ("csv", "parquet", "jsonl", "trc", "c3d")]
    for command in (["replay", str(recorded)], *(["export", str(recorded), str(output)] for output in outputs)):
        code, out, err = posestream.call(*command, "--camera", "hall", "--camera", "attic")
        assert (code, out) == (1, "")
        assert f"{recorded}: no camera 'attic' in it, but hall, yard" in err
    assert list(tmp_path.iterdir()) == [recorded]


@pytest.fixture
def mixed(recorded, tmp_path) -> Path:
    """A recording in which the place of `yard` is known, and that of `hall` and `hall:1` and `hall_1` is not."""
    path = tmp_path / "mixed.poses"
    with RecordingWriter(path) as writer:
        for frame in frames_in(recorded):
            if frame.camera == "hall":
                for name in ("hall:1", "hall_1"):
                    writer.add(replace(frame, camera=name))
                writer.add(frame)
            else:
                people = [placed(person) for person in frame.people]
                writer.add(replace(frame, extrinsics=EXTRINSICS, people=tuple(people)))
    return path


def placed(person: Person) -> Person:
    assert person.smooth_m is not None
    return replace(
        person, world_m=EXTRINSICS.to_world(person.joints_m), smooth_world_m=EXTRINSICS.to_world(person.smooth_m)
    )


def test_a_table_has_metres_of_every_camera_whichever_comes_first(posestream, mixed, tmp_path):
    path = tmp_path / "walk.csv"
    code, out, _ = posestream.call("export", str(mixed), str(path))
    assert (code, out) == (0, f"{path}: 100 frames\n")
    rows = list(csv.DictReader(path.open(newline="")))
    assert len(rows) == 200
    for row in rows:
        assert row["pelvis_smooth_z_m"]
        assert bool(row["pelvis_smooth_world_z_m"]) == (row["camera"] == "yard")
    code, out, _ = posestream.call("export", str(mixed), str(path), "--space", "world", "--raw", "--overwrite")
    assert code == 0
    assert out.splitlines()[1] == (
        "180 rows without metres, of people whose camera had no known place (--space camera has them)"
    )
    code, _, _ = posestream.call("export", str(mixed), str(path), "--camera", "yard", "--overwrite")
    assert code == 0
    assert "pelvis_smooth_z_m" not in path.read_text().partition("\n")[0]


def test_files_of_cameras_that_are_called_nearly_the_same_have_names_of_their_own(posestream, mixed, tmp_path):
    code, out, _ = posestream.call("export", str(mixed), str(tmp_path / "walk.trc"), "--person", "1")
    assert code == 0
    written = sorted(path.name for path in tmp_path.glob("*.trc"))
    assert written == ["walk-hall%3A1-1.trc", "walk-hall-1.trc", "walk-hall_1-1.trc"]
    assert out.splitlines()[-1] == "1 left out, who were there for less than 0.5 s"


def test_who_has_no_world_coordinates_is_said_to_have_none(posestream, mixed, recorded, tmp_path):
    path = tmp_path / "walk.trc"
    code, out, _ = posestream.call("export", str(mixed), str(path), "--space", "world", "--shortest", "0.1")
    assert code == 0
    assert out.splitlines()[-1] == "6 left out, who have no world coordinates"
    code, _, err = posestream.call("export", str(recorded), str(path), "--space", "world")
    assert code == 1
    assert "it holds nobody to export" in err
    assert "4 left out, who have no world coordinates" in err


def test_a_file_that_was_played_again_is_exported_at_its_rate_and_says_what_is_left_out(posestream, recorded, tmp_path):
    path = tmp_path / "loop.poses"
    frames = [frame for frame in frames_in(recorded) if frame.camera == "hall"]
    with RecordingWriter(path) as writer:
        for turn in range(2):
            for frame in frames:
                writer.add(replace(frame, seq=frame.seq + turn * len(frames)))
    code, out, _ = posestream.call("export", str(path), str(tmp_path / "walk.c3d"), "--person", "1")
    assert code == 0
    assert "30 samples at 25 Hz" in out
    assert "person 1 before hall: 30 frames left out, before which the clock had gone back" in out


def test_a_file_that_can_not_be_written_is_an_error(posestream, recorded, tmp_path):
    for ending in ("c3d", "trc", "csv", "parquet", "jsonl"):
        path = tmp_path / "nowhere" / f"x.{ending}"
        code, out, err = posestream.call("export", str(recorded), str(path))
        assert (code, out) == (1, "")
        assert str(path.parent) in err


def test_nobody_to_export_is_told(posestream, recorded, tmp_path):
    code, _, err = posestream.call("export", str(recorded), str(tmp_path / "walk.trc"), "--person", "99")
    assert code == 1
    assert "it holds nobody" in err


# tail -----------------------------------------------------------------------------------------------------------------


def test_tail_without_names_follows_all_cameras_and_tells_events_as_json(posestream, stage):
    stage.publish("hall", 2)
    process = posestream.start("tail", "--json", "--events", "--start", "10m", "--count", "4")
    lines: list[str] = []
    reader = threading.Thread(target=lambda: lines.extend(process.stdout), daemon=True)
    reader.start()
    stage.publish("yard", 2)
    assert process.wait(timeout=20) == 0
    reader.join(20)
    told = [json.loads(line) for line in lines]
    assert sorted((item["camera"], item["seq"]) for item in told if "seq" in item) == [
        ("hall", 1), ("hall", 2), ("yard", 1), ("yard", 2),
    ]  # fmt: skip
    assert {item["type"] for item in told if "seq" not in item} == {"camera-online"}
