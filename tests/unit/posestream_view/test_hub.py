"""What a mistake in the program does to the viewer, and how many pages it takes."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import NoReturn

import pytest

from posestream.view import hub as module
from posestream.view.hub import Hub, HubFullError
from tests.servers import free_port


def test_a_mistake_while_looking_is_told_to_whoever_can_end_the_process(monkeypatch: pytest.MonkeyPatch):
    async def play() -> list[BaseException]:
        failures: list[BaseException] = []
        failed = asyncio.Event()

        def on_failure(failure: BaseException) -> None:
            failures.append(failure)
            failed.set()

        hub = Hub(f"redis://127.0.0.1:{free_port()}/0", "test", on_failure)

        def mistaken() -> NoReturn:
            raise ZeroDivisionError("a mistake")

        monkeypatch.setattr(hub._observatory, "look", mistaken)
        monkeypatch.setattr(hub._observatory, "topology", lambda: None)
        async with hub.page():
            await asyncio.wait_for(failed.wait(), 20)
        await hub.close()
        return failures

    assert [type(failure) for failure in asyncio.run(play())] == [ZeroDivisionError]


def test_more_pages_than_it_can_serve_are_turned_away_until_one_closes():
    async def play() -> None:
        hub = Hub(f"redis://127.0.0.1:{free_port()}/0", "test", lambda failure: None)
        async with AsyncExitStack() as pages:
            for _ in range(module.MAX_PAGES - 1):
                await pages.enter_async_context(hub.page())
            async with hub.page():
                with pytest.raises(HubFullError, match="64 pages are open"):
                    await pages.enter_async_context(hub.page())
            await pages.enter_async_context(hub.page())
        await hub.close()

    asyncio.run(play())
