"""What a page is sent: the newest, and only as fast as it shows it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from typing import Any

import pytest

from posestream.errors import MessageError
from posestream.keys import FrameId
from posestream.view.matching import Moment
from posestream.view.page import CREDITS, MAX_WATCHED, Page
from posestream.view.wire import Shown


class Sent:
    """A channel that keeps what it is given; `moments` are (camera, frame id, image)."""

    def __init__(self) -> None:
        self.texts: list[Any] = []
        self.moments: list[tuple[str, str, bytes]] = []

    async def send_text(self, data: str) -> None:
        self.texts.append(json.loads(data))

    async def send_bytes(self, data: bytes) -> None:
        length = int.from_bytes(data[:4], "big")
        header = json.loads(data[4 : 4 + length])
        self.moments.append((header["camera"], header["id"], data[4 + length :]))


def shown(camera: str, number: int) -> Shown:
    return Shown(camera, Moment(FrameId(number), b"image", None), None)


def watching(*cameras: str) -> Page:
    page = Page()
    assert page.hear(json.dumps({"watch": dict.fromkeys(cameras, True)}))
    return page


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def run(play: Coroutine[Any, Any, None]) -> None:
    asyncio.run(play)


def test_a_page_that_keeps_up_gets_every_moment():
    async def play() -> None:
        page, channel = watching("a"), Sent()
        sending = asyncio.create_task(page.send(channel))
        for number in range(1, 20):
            page.show("a", shown("a", number))
            await settle()
            page.hear('{"seen": "a"}')
        assert [moment[1] for moment in channel.moments] == [f"{number}-0" for number in range(1, 20)]
        assert page.left_out == 0
        sending.cancel()

    run(play())


def test_a_slow_page_gets_the_newest_when_it_is_ready_and_nothing_before():
    async def play() -> None:
        page, channel = watching("a"), Sent()
        sending = asyncio.create_task(page.send(channel))
        for number in range(1, 100):
            page.show("a", shown("a", number))
            await settle()
        assert len(channel.moments) == CREDITS
        page.hear('{"seen": "a"}')
        await settle()
        assert channel.moments[-1][1] == "99-0"
        assert page.left_out == 99 - CREDITS - 1
        sending.cancel()

    run(play())


def test_a_slow_camera_does_not_hold_up_the_others():
    async def play() -> None:
        page, channel = watching("a", "b"), Sent()
        sending = asyncio.create_task(page.send(channel))
        for number in range(1, 10):
            page.show("a", shown("a", number))
            page.show("b", shown("b", number))
            await settle()
            page.hear('{"seen": "b"}')
        assert [moment[0] for moment in channel.moments].count("b") == 9
        assert [moment[0] for moment in channel.moments].count("a") == CREDITS
        sending.cancel()

    run(play())


def test_credits_can_not_be_made_up():
    async def play() -> None:
        page, channel = watching("a"), Sent()
        for _ in range(50):
            page.hear('{"seen": "a"}')
            page.hear('{"seen": "stranger"}')
        sending = asyncio.create_task(page.send(channel))
        for number in range(1, 50):
            page.show("a", shown("a", number))
            await settle()
        assert len(channel.moments) == CREDITS
        sending.cancel()

    run(play())


def test_a_camera_looked_at_in_space_alone_comes_without_its_picture():
    async def play() -> None:
        page, channel = Page(), Sent()
        page.hear(json.dumps({"watch": {"a": False}}))
        sending = asyncio.create_task(page.send(channel))
        page.show("a", shown("a", 1))
        await settle()
        assert channel.moments == [("a", "1-0", b"")]
        sending.cancel()

    run(play())


def test_it_is_told_first_what_people_consist_of_and_of_statuses_only_the_newest():
    async def play() -> None:
        page, channel = Page(), Sent()
        page.tell('{"number": 1}')
        page.tell('{"number": 2}')
        sending = asyncio.create_task(page.send(channel))
        await settle()
        hello, *statuses = channel.texts
        assert (hello["type"], len(hello["joints"]), len(hello["bones"]), len(hello["bones_2d"])) == (
            "hello",
            19,
            18,
            18,
        )
        assert statuses == [{"number": 2}]
        sending.cancel()

    run(play())


@pytest.mark.parametrize(
    "message",
    [
        "",
        "[]",
        "no json",
        "[" * 100_000,
        "{}",
        '{"watch": []}',
        '{"seen": []}',
        '{"seen": null}',
        '{"watch": {"with space": true}}',
        json.dumps({"watch": {f"camera-{n}": True for n in range(MAX_WATCHED + 1)}}),
    ],
    ids=lambda text: text[:20],
)
def test_what_no_page_says_is_refused(message: str):
    with pytest.raises(MessageError):
        Page().hear(message)


def test_a_moment_is_packed_once_for_all_pages():
    moment = Shown("a", Moment(FrameId(1), b"image", None), None)
    assert moment.with_picture is moment.with_picture
