"""The command line as a user runs it, against a real server with published poses."""

from __future__ import annotations

import json
import re
import threading
import time

import numpy as np
import pytest

from posestream.broker import CameraRelease, FrameIntake, ReleasedRecord, ResultLog, Shard, WorkQueue, connect
from posestream.keys import FrameId, ShardKeys
from posestream.messages import CaptureClock, Intrinsics, Outcome, Person, Policy, PoseFrame, encode_pose
from posestream.skeleton import JOINT_COUNT, PELVIS
from tests.servers import free_port
from tests.unit.posestream_service.services import Camera, Services, take_all

SIZE = (640, 480)


def pose_of(camera: str, frame_id: FrameId, seq: int) -> PoseFrame:
    """One person with track id 7, whose pelvis is at (0.25, 0.5, 4) metres; joints not seen are NaN."""
    joints_m = np.full((JOINT_COUNT, 3), np.nan, np.float32)
    joints_m[PELVIS] = (0.25, 0.5, 4)
    joints_px = np.full((JOINT_COUNT, 2), np.nan, np.float32)
    person = Person(7, 12.5, joints_px, np.zeros(JOINT_COUNT, np.float32), joints_m)
    captured_ms = 1_700_000_000_042
    return PoseFrame(camera, frame_id, seq, captured_ms, CaptureClock.FILE, SIZE, Intrinsics.assumed(*SIZE), (person,))


def publish(shard: Shard, camera: Camera, count: int) -> None:
    """Take frames of a camera through worker and tracker."""
    for _ in range(count):
        camera.admit()
    queue, log = WorkQueue(shard, "worker"), ResultLog(shard)
    for token in take_all(queue).values():
        pose = pose_of(camera.name, token.frame_id, token.seq)
        assert queue.finish(token, Outcome.POSED, encode_pose(pose))
    records = log.read(FrameId(0), count=1000)
    believed = log.progress([camera.name])[camera.name].released
    release = CameraRelease(
        camera.name,
        believed,
        believed + len(records),
        b"",
        [ReleasedRecord(record, record.outcome, record.data) for record in records],
    )
    assert log.publish(log.lead("tracker", 5000).epoch, 1000, [release]) == count


@pytest.fixture
def lobby(shard):
    camera = Camera(shard, "lobby")
    publish(shard, camera, 5)
    return camera


# posestream tail ------------------------------------------------------------------------------------------------------


def test_tail_prints_a_line_per_frame_with_where_everybody_is(posestream, lobby):
    code, out, err = posestream.run("tail", "lobby", "--from-start", "--count", "5")
    lines = out.splitlines()

    assert (code, err, len(lines)) == (0, "", 5)
    assert lines[2].endswith(".042  lobby  #3  1 person  7 at (0.25, 0.50, 4.00) m")


def test_tail_as_json_has_everything_and_null_for_what_was_not_seen(posestream, lobby):
    code, out, _ = posestream.run("tail", "lobby", "--from-start", "--count", "2", "--json")
    first, second = (json.loads(line) for line in out.splitlines())

    assert code == 0
    assert (first["seq"], second["seq"], first["camera"], first["size"]) == (1, 2, "lobby", [640, 480])
    assert second["id"] == str(lobby.poses()[1].id)
    (person,) = first["people"]
    assert person["joints_m"][PELVIS] == [0.25, 0.5, 4.0]
    assert person["joints_m"][0] == [None, None, None]
    assert person["joints_px"] == [[None, None]] * JOINT_COUNT


def test_tail_begins_with_the_next_frame_and_ends_quietly_when_interrupted(posestream, shard, lobby):
    process = posestream.start("tail", "lobby")
    lines: list[str] = []
    reader = threading.Thread(target=lambda: lines.extend(process.stdout), daemon=True)
    reader.start()
    deadline = time.monotonic() + 20
    while not lines and time.monotonic() < deadline:
        publish(shard, lobby, 1)
        time.sleep(0.05)
    process.send_signal(2)

    assert process.wait(timeout=10) == 0
    reader.join(10)
    assert process.stderr.read() == ""
    assert int(lines[0].split("#")[1].split()[0]) > 5


def test_tail_into_a_pipe_that_is_closed_early_ends_quietly(posestream, shard, lobby):
    publish(shard, lobby, 500)
    process = posestream.start("tail", "lobby", "--from-start")
    assert "#1 " in process.stdout.readline()
    process.stdout.close()

    assert process.wait(timeout=10) == 0
    assert process.stderr.read() == ""


def test_tail_of_a_camera_that_is_not_there_says_which_are_and_waits_for_it(posestream, shard, lobby):
    process = posestream.start("tail", "looby", "--count", "1", "--from-start")

    assert process.stderr.readline() == "no camera 'looby' yet (there is: lobby); waiting for it\n"
    publish(shard, Camera(shard, "looby"), 1)
    out, err = process.communicate(timeout=10)
    assert (process.returncode, err) == (0, "")
    assert "looby  #1" in out


def test_tail_passes_over_a_pose_it_can_not_read_and_says_so(posestream, shard):
    shard.client.xadd(shard.keys.poses("lobby"), {"pose": b"\xc1"}, id="1-1")
    publish(shard, Camera(shard, "lobby"), 2)
    code, out, err = posestream.run("tail", "lobby", "--from-start", "--count", "2")

    assert code == 0
    assert [line.split("#")[1][0] for line in out.splitlines()] == ["1", "2"]
    assert err.startswith("unreadable pose: ")
    assert len(err.splitlines()) == 1


# posestream cameras ---------------------------------------------------------------------------------------------------


def test_cameras_lists_what_each_is_and_whether_its_producer_is_there(posestream, shard, lobby):
    facts = {"source": "rtsp://10.0.0.9/a/rather/long/path/to/the/main/stream", "width": 1280, "height": 720, "fps": 25}
    FrameIntake(shard).register("door[front]", "producer", 60_000, facts)
    shard.call("end", "lobby", "producer", "run", 0)
    code, out, _ = posestream.call("cameras")
    heading, door, lobby_line = out.splitlines()

    assert code == 0
    assert heading.split() == ["camera", "producer", "heard", "size", "fps", "policy", "source"]
    assert door.startswith("door[front]  online ")
    assert door.split()[-3:] == ["1280x720", "25", facts["source"]], "a pipe is never too narrow"
    assert lobby_line.split()[:2] == ["lobby", "away"]


def test_cameras_as_json_has_numbers_where_there_are_numbers(posestream, shard):
    FrameIntake(shard).register("door", "producer", 60_000, {"width": 1280, "height": 720, "fps": 12.5, "source": "x"})
    _, out, _ = posestream.call("cameras", "--json")
    (row,) = (json.loads(line) for line in out.splitlines())

    assert 0 <= row.pop("heard_s_ago") < 20
    assert row == {
        "camera": "door",
        "online": True,
        "policy": "",
        "width": 1280,
        "height": 720,
        "fps": 12.5,
        "source": "x",
    }


def test_all_about_one_camera_is_shown_with_its_calibration_and_counts(posestream, shard, lobby):
    intrinsics = {"fx": 1000.5, "fy": 1001.0, "cx": 640.0, "cy": 360.0, "calibrated": True}
    facts = {"width": 1280, "height": 720, "source": "rtsp://door", "intrinsics": json.dumps(intrinsics)}
    FrameIntake(shard).register("lobby", "producer", 60_000, facts)
    code, out, _ = posestream.call("cameras", "show", "lobby")
    assert code == 0
    assert re.search(r"^intrinsics +fx 1000.5  fy 1001  cx 640  cy 360  calibrated yes *$", out, re.MULTILINE)
    assert re.search(r"^posed +5 *$", out, re.MULTILINE)
    _, out, _ = posestream.call("cameras", "show", "lobby", "--json")
    told = json.loads(out)
    assert told["intrinsics"] == intrinsics
    assert (told["width"], told["admitted"], told["producer"]) == (1280, 5, "producer")
    code, _, err = posestream.call("cameras", "show", "attic")
    assert (code, err) == (1, "error: there is no camera 'attic'; `posestream cameras` lists them\n")


def test_without_cameras_it_says_how_to_start_one(posestream):
    code, out, _ = posestream.call("cameras")

    assert code == 0
    assert "python -m producer run" in out


def test_a_camera_whose_producer_is_there_is_removed_only_by_force(posestream, shard, lobby):
    code, _, err = posestream.call("cameras", "remove", "lobby")
    assert code == 1
    assert err.startswith("error: camera lobby is held by producer for ")
    assert "--force" in err
    assert len(lobby.poses()) == 5

    assert posestream.call("cameras", "remove", "lobby", "--force") == (0, "camera lobby removed\n", "")
    assert lobby.poses() == []
    assert not [key for key in shard.client.keys(f"{shard.keys.prefix}:*") if b"lobby" in key]


def test_removing_a_camera_that_is_not_there_is_an_error(posestream):
    code, out, err = posestream.call("cameras", "remove", "attic")

    assert (code, out) == (1, "")
    assert err == "error: there is no camera 'attic'; `posestream cameras` lists them\n"


# posestream status ----------------------------------------------------------------------------------------------------


def test_status_shows_what_became_of_every_frame_and_that_it_adds_up(posestream, shard, lobby):
    for _ in range(3):
        lobby.admit()
    worker = WorkQueue(shard, "worker")
    worker.heartbeat([worker.take(100)])
    code, out, _ = posestream.call("status")
    summary, *heading, row = out.splitlines()

    assert code == 0
    assert summary.startswith("shard 0   worker slots 1   tracker tracker   frames ")
    assert " ".join(heading).split() == ["in", "adds", "camera", "admitted", *Outcome, "flight", "waiting", "up"]
    assert [word for word in row.split() if word] == ["lobby", "8", "5", "0", "0", "0", "0", "3", "2", "yes"]


def test_status_shows_refusals_where_there_are_some(posestream, shard):
    camera = Camera(shard, "full", Policy.LOSSLESS, depth=2)
    for _ in range(2):
        camera.admit()
    with pytest.raises(AssertionError, match="full"):
        camera.admit()
    _, out, _ = posestream.call("status")

    assert "refused" in out
    assert out.splitlines()[-1].rstrip().endswith("full 1")


def test_status_as_json_is_a_line_per_shard(posestream, client, prefix, lobby):
    client.hset(f"{prefix}:config", "shards", 2)
    code, out, _ = posestream.call("status", "--json")
    first, second = (json.loads(line) for line in out.splitlines())

    assert code == 0
    assert (first["shard"], second["shard"], second["cameras"]) == (0, 1, {})
    counts = first["cameras"]["lobby"]
    assert counts["admitted"] == sum(counts[outcome.value] for outcome in Outcome) + counts["in_flight"] == 5
    assert counts["conserved"] is True


def test_status_fails_when_frames_are_unaccounted_for(posestream, shard, lobby):
    shard.client.hincrby(shard.keys.state("lobby"), "admitted", 1)
    code, out, _ = posestream.call("status")

    assert code == 1
    assert out.splitlines()[-1].split()[-1] == "NO"


def test_status_of_an_empty_server_says_what_is_missing(posestream):
    code, out, _ = posestream.call("status")

    assert code == 0
    assert out.splitlines()[0].startswith("shard 0   worker slots none   tracker none   ")
    assert out.splitlines()[1] == "no cameras yet"


def test_status_is_looked_at_again_and_again_until_interrupted(posestream, shard, lobby):
    process = posestream.start("status", "--watch", "0.1", "--json")
    first = json.loads(process.stdout.readline())
    publish(shard, lobby, 3)
    deadline = time.monotonic() + 20
    while json.loads(process.stdout.readline())["cameras"]["lobby"]["posed"] < 8:
        assert time.monotonic() < deadline
    process.send_signal(2)
    _, err = process.communicate(timeout=20)
    assert first["cameras"]["lobby"]["posed"] == 5
    assert (process.returncode, err) == (0, "")


def test_two_shards_and_a_camera_on_each_are_all_found(posestream, client, redis_url, prefix):
    client.hset(f"{prefix}:config", mapping={"shards": 2, "camera:one": 0, "camera:two": 1})
    for number, name in enumerate(("one", "two")):
        shard = Shard(connect(redis_url, name="test"), ShardKeys(prefix, number))
        shard.prepare()
        publish(shard, Camera(shard, name), 2)
        shard.close()

    assert [line.split()[0] for line in posestream.call("cameras")[1].splitlines()[1:]] == ["one", "two"]
    assert "two  #2" in posestream.run("tail", "two", "--from-start", "--count", "2")[1]


# Errors ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments", [["tail", "lobby"], ["cameras"], ["cameras", "remove", "lobby"], ["status"], ["status", "--json"]]
)
def test_without_a_server_there_is_one_line_that_says_where_it_was_looked_for(posestream, arguments):
    port = free_port()
    code, out, err = posestream.call(*arguments, "--redis-url", f"redis://:secret@127.0.0.1:{port}/0")

    assert (code, out) == (1, "")
    assert err.startswith("error: ")
    assert f"127.0.0.1:{port}" in err
    assert "POSESTREAM_REDIS_URL" in err
    assert len(err.splitlines()) == 1
    assert "secret" not in err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["status", "--redis-url", "http://:secret@somewhere"], ["http://***@somewhere", "redis://"]),
        (["status", "--redis-url", "redis://127.0.0.1:port/0"], ["127.0.0.1:port"]),
        (["tail", "two words"], ["two words", "without braces, spaces"]),
        (["record"], ["OUTPUT", "required"]),
        (["tail", "lobby", "--count", "-1"], ["--count", "greater than or equal to 0"]),
        (["status", "--colour"], ["--colour", "posestream status --help"]),
        (["status", "--prefix", "a b"], ["--prefix", "POSESTREAM_PREFIX"]),
    ],
)
def test_a_wrong_argument_is_one_line_that_names_it(posestream, arguments, words):
    code, out, err = posestream.call(*arguments)

    assert (code, out) == (1, "")
    assert err.startswith("error: ")
    assert len(err.splitlines()) == 1
    assert all(word in err for word in words), err
    assert "secret" not in err


def test_a_wrong_password_is_one_line(posestream, redis_url):
    code, _, err = posestream.call("status", "--redis-url", redis_url.replace("//", "//nobody:secret@"))

    assert code == 1
    assert "refuses the user or password" in err
    assert len(err.splitlines()) == 1
    assert "secret" not in err


def test_a_command_that_does_not_exist_is_named_with_those_that_do(posestream):
    code, _, err = posestream.call("stat")

    assert code == 2
    assert "error: there is no command 'stat'" in err
    assert "posestream {tail,cameras,status,record,replay,export,dead,view}" in err


@pytest.mark.parametrize("command", [["tail"], ["cameras"], ["cameras", "remove"], ["status"]])
def test_every_command_explains_itself(posestream, command):
    code, out, _ = posestream.call(*command, "--help")

    assert code == 0
    assert out.startswith(f"usage: posestream {' '.join(command)} ")


# The workers' command line --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["pose", "--model", "none.xml"], ["none.xml", "workers model fetch"]),
        (["pose", "--slots", "0"], ["--slots", "POSESTREAM_SLOTS"]),
        (["pose", "--first-size", "big"], ["--first-size"]),
        (["track", "--shards", "5"], ["no shard 5, only 0 to 0"]),
        (["track", "--metrics-port", "{taken}"], ["metrics port 127.0.0.1:{taken}", "in use"]),
        (["track", "--health-port", "{taken}"], ["health port 127.0.0.1:{taken}", "in use"]),
    ],
)
def test_a_service_that_can_not_start_says_why_in_its_last_line(redis_url, prefix, tmp_path, server, arguments, words):
    taken = str(server.port)
    with Services(redis_url, prefix, tmp_path) as services:
        service = services.start(*(argument.format(taken=taken) for argument in arguments))
        assert service.process.wait(timeout=20) == 1
        text = service.log.read_text()

    assert "Traceback" not in text
    last = text.splitlines()[-1]
    assert last.startswith("error: ")
    assert all(word.format(taken=taken) in last for word in words), last
