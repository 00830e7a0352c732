"""`posestream dead` as a user runs it, on dead letters of a real server."""

from __future__ import annotations

import json

import pytest

from posestream.broker import ShardOperations, WorkQueue
from posestream.messages import Outcome
from tests.unit.posestream_service.services import Camera, jpeg

IMAGE = jpeg()


@pytest.fixture
def letters(shard) -> list[str]:
    """Two letters of `lobby`, the second without an image, and one of `yard`; oldest first."""
    lobby, yard = Camera(shard, "lobby"), Camera(shard, "yard")
    for camera, image, reason in ((lobby, IMAGE, "failed"), (lobby, b"", "unreadable"), (yard, IMAGE, "crashed")):
        camera.admit(image)
        queue = WorkQueue(shard, "worker")
        token = queue.take(500)
        assert token is not None
        assert queue.finish(token, Outcome.DEAD, reason, f"what went wrong [{reason}]")
    return [letter["letter"] for letter in reversed(ShardOperations(shard).dead_letters())]


def test_the_list_says_which_frame_died_why_and_what_the_error_was(posestream, letters):
    code, out, err = posestream.call("dead")

    assert (code, err) == (0, "")
    words = " ".join(out.split())
    for text in (letters[0], "lobby", "yard", "failed", "unreadable", "crashed", "none", "KiB"):
        assert text in words
    assert words.index("crashed") < words.index("unreadable") < words.index("failed")


def test_the_list_of_one_camera_as_json_is_a_line_for_each(posestream, letters):
    code, out, _ = posestream.call("dead", "list", "--camera", "lobby", "--json")
    newest, oldest = (json.loads(line) for line in out.splitlines())

    assert code == 0
    assert (oldest["letter"], oldest["reason"], oldest["error"]) == (letters[0], "failed", "what went wrong [failed]")
    assert (newest["image_bytes"], oldest["image_bytes"]) == ("0", str(len(IMAGE)))


def test_showing_one_tells_all_and_saves_its_image(posestream, letters, tmp_path):
    code, out, err = posestream.call("dead", "show", letters[0], "--image", str(tmp_path / "dead.jpg"))

    assert (code, err) == (0, "")
    assert "jpeg 1280x720" in out
    assert "what went wrong [failed]" in out
    assert (tmp_path / "dead.jpg").read_bytes() == IMAGE


def test_an_image_that_was_not_kept_can_not_be_saved(posestream, letters, tmp_path):
    code, _, err = posestream.call("dead", "show", letters[1], "--image", str(tmp_path / "dead.jpg"))

    assert code != 0
    assert "no image was kept" in err
    assert not (tmp_path / "dead.jpg").exists()


def test_requeueing_admits_the_frame_anew(posestream, letters, shard):
    code, out, err = posestream.call("dead", "requeue", letters[0])

    assert (code, err) == (0, "")
    assert out.startswith(f"{letters[0]}: in again as frame ")
    token = WorkQueue(shard, "worker").take(500)
    assert token is not None
    assert (token.camera, token.seq) == ("lobby", 3)
    status = ShardOperations(shard).status()
    assert (status.dead, status.cameras["lobby"].admitted) == (2, 3)
    assert status.cameras["lobby"].conserved


def test_requeueing_a_camera_takes_those_that_have_an_image(posestream, letters, shard):
    code, out, _ = posestream.call("dead", "requeue", "--camera", "lobby")

    assert (code, len(out.splitlines())) == (0, 1)
    assert [letter["letter"] for letter in ShardOperations(shard).dead_letters()] == [letters[2], letters[1]]


def test_a_letter_without_an_image_is_refused_and_says_why(posestream, letters):
    code, _, err = posestream.call("dead", "requeue", letters[1])

    assert code != 0
    assert "no image was kept of it (unreadable)" in err


@pytest.mark.parametrize(("arguments", "left"), [(["--camera", "lobby"], 1), (["--all"], 0)], ids=["a camera's", "all"])
def test_purging_removes_what_was_named_and_says_how_many(posestream, letters, shard, arguments, left):
    code, out, _ = posestream.call("dead", "purge", *arguments)

    assert code == 0
    assert out == f"{3 - left} dead letters removed\n"
    assert ShardOperations(shard).status().dead == left


def test_purging_one_removes_that_one(posestream, letters, shard):
    assert posestream.call("dead", "purge", letters[1])[:2] == (0, "1 dead letter removed\n")
    assert [letter["letter"] for letter in ShardOperations(shard).dead_letters()] == [letters[2], letters[0]]


def test_without_letters_it_says_so(posestream, shard):
    assert posestream.call("dead") == (0, "no dead letters\n", "")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["show", "nonsense"], "is no letter's id"),
        (["show", "1-1"], "there is no dead letter 1-1"),
        (["requeue", "1-1"], "there is no dead letter 1-1"),
        (["requeue"], "give the ids of letters, or --camera NAME"),
        (["requeue", "1-1", "--camera", "lobby"], "give the ids of letters, or --camera NAME"),
        (["requeue", "--camera", "nobody"], "there is no such dead letter"),
        (["purge"], "or --all"),
        (["purge", "--all", "--camera", "lobby"], "or --all"),
    ],
)
def test_a_wrong_argument_is_one_line_with_the_remedy(posestream, letters, arguments, words):
    code, out, err = posestream.call("dead", *arguments)

    assert code != 0
    assert out == ""
    assert words in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("command", [[], ["show"], ["requeue"], ["purge"]])
def test_every_command_explains_itself(posestream, command):
    code, out, _ = posestream.call("dead", *command, "--help")

    assert code == 0
    assert f"usage: posestream dead {' '.join(command)}".strip() in out
