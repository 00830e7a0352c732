"""The asynchronous twin: what is its own, as it shares the rest."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from itertools import pairwise

import pytest

from posestream import CameraOnline, asubscribe
from posestream.errors import BrokerUnavailableError, ConfigurationError
from posestream.messages import PoseFrame
from tests.contract.roles import eventually
from tests.publishing import Stage
from tests.servers import EmbeddedValkey, free_port


@pytest.fixture
def stage(redis_url: str, prefix: str) -> Iterator[Stage]:
    with Stage(redis_url, prefix) as prepared:
        yield prepared


def run(main) -> None:
    asyncio.run(asyncio.wait_for(main(), 60))


def test_frames_and_events_come_in_order(stage, redis_url, prefix):
    stage.publish("hall", 3)

    async def main():
        seen = []
        async with asubscribe(redis_url, prefix=prefix, start="beginning", events=True) as subscription:
            async for item in subscription:
                seen.append(item)
                if isinstance(item, PoseFrame) and item.seq == 3:
                    break
        assert [item.seq for item in seen if isinstance(item, PoseFrame)] == [1, 2, 3]
        assert [item.camera for item in seen if isinstance(item, CameraOnline)] == ["hall"]
        assert subscription.positions["hall"].seq == 3

    run(main)


def test_cancelling_who_waits_loses_and_repeats_nothing(stage, redis_url, prefix):
    async def main():
        async with asubscribe(redis_url, prefix=prefix) as subscription:
            got: list[int] = []
            publishing = asyncio.gather(asyncio.to_thread(lambda: [stage.publish("hall") for _ in range(40)]))
            while len(got) < 40:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.003):
                        while True:
                            got.append((await anext(subscription)).seq)
            await publishing
            assert got == list(range(1, 41))

    run(main)


def test_what_is_there_is_taken_without_waiting(stage, redis_url, prefix):
    stage.publish("hall", 2)

    async def main():
        subscription = asubscribe(redis_url, prefix=prefix, start="beginning")
        assert subscription.take() is None
        async with subscription:
            assert (await anext(subscription)).seq == 1
            async with asyncio.timeout(20):
                while (frame := subscription.take()) is None:
                    await asyncio.sleep(0.01)
            assert (frame.seq, subscription.take(), subscription.stopped) == (2, None, False)
        assert subscription.stopped

    run(main)


def test_the_loop_runs_on_while_nothing_comes(redis_url, prefix):
    async def main():
        async with asubscribe(redis_url, prefix=prefix) as subscription:
            waiting = asyncio.create_task(anext(subscription))
            for _ in range(100):
                await asyncio.sleep(0)
            assert not waiting.done()
            subscription.stop()
            with pytest.raises(StopAsyncIteration):
                await waiting

    run(main)


def test_another_thread_stops_it(redis_url, prefix):
    async def main():
        async with asubscribe(redis_url, prefix=prefix) as subscription:
            threading.Thread(target=subscription.stop).start()
            assert [frame async for frame in subscription] == []

    run(main)


def test_cancelled_while_it_connects_it_leaves_no_thread_behind(redis_url, prefix):
    async def main():
        subscription = asubscribe(redis_url, prefix=prefix)
        opening = asyncio.create_task(anext(subscription))
        await asyncio.sleep(0)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening

    run(main)
    eventually(lambda: not [each for each in threading.enumerate() if each.name.startswith("posestream-s")])


def test_others_have_their_turn_however_much_waits(stage, redis_url, prefix):
    stage.publish("hall", 200)

    async def main():
        turns = 0

        async def others() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        async with asubscribe(redis_url, prefix=prefix, start="beginning") as subscription:
            other = asyncio.create_task(others())
            seen_at = [turns async for frame in islice_async(subscription, 200)]
            other.cancel()
        assert all(later > earlier for earlier, later in pairwise(seen_at)), "none held the loop for two frames"

    run(main)


async def islice_async(items, count: int):
    for _ in range(count):
        yield await anext(items)


def test_whoever_asks_first_at_the_same_time_shares_one_session(stage, redis_url, prefix):
    stage.publish("hall", 4)

    async def main():
        subscription = asubscribe(redis_url, prefix=prefix, start="beginning")
        frames = await asyncio.gather(*(anext(subscription) for _ in range(4)))
        assert sorted(frame.seq for frame in frames) == [1, 2, 3, 4]
        names = [one["name"] for one in stage.shard.client.client_list()]
        assert names.count("subscribe-s0") == 1
        await subscription.close()

    run(main)


def test_cancelled_while_it_connects_the_next_one_goes_on_with_what_was_opened(stage, redis_url, prefix):
    stage.publish("hall", 1)

    async def main():
        subscription = asubscribe(redis_url, prefix=prefix, start="beginning")
        first = asyncio.create_task(anext(subscription))
        await asyncio.sleep(0)
        first.cancel()
        assert (await anext(subscription)).seq == 1
        assert [one["name"] for one in stage.shard.client.client_list()].count("subscribe-s0") == 1
        await subscription.close()

    run(main)


def test_a_server_that_was_away_is_tried_again_by_who_asks_next(redis_url, prefix):
    server = EmbeddedValkey()

    async def main():
        async with asyncio.timeout(50):
            subscription = asubscribe(server.url, prefix=prefix, start="beginning")
            with pytest.raises(BrokerUnavailableError):
                await anext(subscription)
            with server, Stage(server.url, prefix) as stage:
                stage.publish("hall")
                assert (await anext(subscription)).camera == "hall"
                await subscription.close()

    run(main)


def test_several_subscriptions_share_one_loop(stage, redis_url, prefix):
    async def follow(camera: str) -> list[int]:
        async with asubscribe(redis_url, prefix=prefix, cameras=camera, start="beginning") as subscription:
            return [(await anext(subscription)).seq for _ in range(5)]

    async def main():
        names = [f"cam-{number}" for number in range(4)]
        for name in names:
            stage.publish(name, 5)
        assert await asyncio.gather(*map(follow, names)) == [[1, 2, 3, 4, 5]] * 4

    run(main)


def test_a_server_that_is_not_there_is_told_when_it_is_entered():
    async def main():
        with pytest.raises(BrokerUnavailableError):
            async with asubscribe(f"redis://127.0.0.1:{free_port()}/0"):
                pass

    run(main)


def test_a_wrong_argument_is_told_at_once(redis_url):
    with pytest.raises(ConfigurationError, match="cameras"):
        asubscribe(redis_url, cameras=[])
