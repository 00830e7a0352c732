"""Reading poses with redis-cli, by the very lines of docs/subscribe.md."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from tests.contract.roles import eventually
from tests.publishing import Stage
from tests.servers import DebianRedis, EmbeddedValkey, Server

pytestmark = pytest.mark.system
DOCUMENT = Path(__file__).parents[2] / "docs" / "subscribe.md"


def lines_with(word: str, server: Server) -> str:
    blocks = re.findall(r"^```sh\n(.*?)^```", DOCUMENT.read_text(encoding="utf-8"), re.S | re.M)
    (block,) = (block for block in blocks if word in block)
    return str(block.replace("redis-cli ", f"redis-cli -p {server.port} "))


@pytest.mark.parametrize("kind", [EmbeddedValkey, DebianRedis])
def test_redis_cli_shows_poses_as_json_and_their_ids_as_they_come(kind):
    with kind() as server, Stage(server.url, "posestream") as stage:
        asked = lines_with("EVAL", server)
        assert subprocess.run(["sh", "-c", asked], capture_output=True, text=True, check=True).stdout.strip() == ""
        last = stage.publish("camera-1", 3)[-1]
        told = subprocess.run(["sh", "-c", asked], capture_output=True, text=True, check=True).stdout
        pose = json.loads(told)
        assert (pose["id"], pose["seq"], len(pose["people"])) == (str(last), 3, 2)
        assert len(pose["people"][0]["joints_px"]) == 38
        assert pose["people"][0]["joints_px"][-1] is None

        following = subprocess.Popen(
            ["sh", "-c", lines_with("XREAD", server)], stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        try:
            eventually(lambda: int(stage.shard.client.info("clients")["blocked_clients"]) == 1)
            new = [stage.publish("camera-1", count) for count in (1, 30, 1)]
            ids = [str(each) for published in new for each in published]
            assert following.stdout is not None
            assert [following.stdout.readline().rstrip("\n") for _ in ids] == ids
        finally:
            os.killpg(following.pid, signal.SIGKILL)
            following.communicate(timeout=20)
