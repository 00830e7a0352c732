"""What a reader of the bridge asks for, and what it is told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from starlette.datastructures import QueryParams

from posestream.errors import ConfigurationError
from posestream.keys import FrameId
from posestream.messages import Outcome
from posestream.subscriber import CameraOnline, Gap, Position, Skipped
from posestream.view.bridge import MAX_CAMERAS, Wish, as_json, items, read_wish, sse
from tests.unit.posestream_view.test_matching import pose


@pytest.mark.parametrize(
    ("query", "wish"),
    [
        ("", Wish()),
        ("camera=a&camera=b%C3%BChne", Wish(cameras=frozenset({"a", "bühne"}))),
        ("start=beginning", Wish(start="beginning")),
        ("start=90s", Wish(start="90s")),
        ("start=1700000000000-3", Wish(start="1700000000000-3")),
        ("latest=1", Wish(latest=True)),
        ("latest=0", Wish()),
    ],
)
def test_the_query_says_which_cameras_and_from_where(query: str, wish: Wish):
    assert read_wish(QueryParams(query), None) == wish


def test_the_id_of_the_last_event_says_where_to_go_on():
    _, _, event_id = sse("pose", "{}", {"a": Position(FrameId(5, 1), 7), "bühne": Position(FrameId(6))}).partition(
        "id: "
    )
    wish = read_wish(QueryParams("start=beginning"), event_id.partition("\n")[0])
    assert wish.start == {"a": Position(FrameId(5, 1), 7), "bühne": Position(FrameId(6))}


@pytest.mark.parametrize(
    "query", ["camera=a+b", "camera=", "start=yesterday", "start=-5s", "start=5", "camera=a&" * 300]
)
def test_a_wish_that_makes_no_sense_is_refused(query: str):
    assert MAX_CAMERAS < 300
    with pytest.raises(ConfigurationError, match=r"camera|start"):
        read_wish(QueryParams(query), None)


@pytest.mark.parametrize("last", ["[]", "7", "x", '{"a": 7}', '{"a b": "1-1"}', '{"a": "x"}', "[" * 9000, "1" * 99_999])
def test_an_id_that_is_none_of_ours_is_refused(last: str):
    with pytest.raises(ConfigurationError, match="last event id"):
        read_wish(QueryParams(""), last)


def test_a_pose_is_a_message_without_a_name_and_events_have_theirs():
    name, data = as_json(pose(7))
    assert (name, json.loads(data)["type"], json.loads(data)["id"]) == ("pose", "pose", "7-0")
    assert sse(name, data, {}).startswith("id: {}\ndata: {")
    name, data = as_json(Gap("a", FrameId(1), FrameId(9), 7))
    assert sse(name, data, {}).startswith("event: gap\n")
    assert json.loads(data) == {"type": "gap", "camera": "a", "after": "1-0", "before": "9-0", "missed": 7}


def test_events_are_plain_values_under_their_names():
    name, data = as_json(CameraOnline("a", 1_700_000_000_000))
    assert (name, json.loads(data)["heard_ms"]) == ("camera-online", 1_700_000_000_000)
    _, data = as_json(Skipped("a", FrameId(9), 2, {Outcome.STALE: 2}))
    assert json.loads(data)["outcomes"] == {"stale": 2}


def test_a_message_is_one_line_whatever_a_camera_is_called():
    message = sse("pose", '{"camera": "x"}', {"\u2028": Position(FrameId(1))})
    assert message.count("\n") == 3
    assert "\u2028" not in message


@pytest.mark.parametrize("turns", range(4))
def test_who_goes_while_an_item_comes_has_gone(turns: int):
    """Else the reader's place would be taken until the next item, which may never come."""

    async def play() -> None:
        comes = asyncio.Event()

        async def subscription() -> AsyncIterator[CameraOnline]:
            await comes.wait()
            yield CameraOnline("hall", 0)
            await asyncio.Event().wait()

        async def read() -> None:
            async for _ in items(subscription()):
                pass

        reader = asyncio.create_task(read())
        await asyncio.sleep(0.01)
        comes.set()
        for _ in range(turns):
            await asyncio.sleep(0)
        reader.cancel()
        assert await asyncio.wait({reader}, timeout=5) == ({reader}, set())
        assert reader.cancelled()

    asyncio.run(play())
