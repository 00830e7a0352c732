"""What the documents show is run: every Python example, and the commands that record, replay and export."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from posestream.messages import Outcome
from tests.contract.roles import eventually
from tests.publishing import Stage
from tests.servers import EmbeddedValkey, Server
from tests.unit.posestream_service.services import ROOT

DOCUMENTS = ("README.md", "docs/subscribe.md", "docs/wire-format.md")
URL = "redis://127.0.0.1:6379/0"
CAMERA = "camera-1"


def examples() -> list[tuple[str, str]]:
    """Each Python block of the documents, but those marked as not to be run by themselves."""
    found = []
    for document in DOCUMENTS:
        blocks = re.findall(r"^```python\n(.*?)^```", (ROOT / document).read_text(encoding="utf-8"), re.S | re.M)
        found += [(f"{document}-{number}", code) for number, code in enumerate(blocks, start=1)]
    return found


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server of the documents' own, as they use the default prefix."""
    with EmbeddedValkey() as own:
        yield own


@pytest.fixture
def published(server: Server) -> Iterator[Stage]:
    """A camera that publishes two frames and loses one, again and again."""
    stopping = threading.Event()
    with Stage(server.url, "posestream") as stage:
        for camera in (CAMERA, "lobby"):  # the latter is in the wire format's example
            stage.publish(camera, 15)

        def go_on() -> None:
            while not stopping.wait(0.1):
                for camera in (CAMERA, "lobby"):
                    stage.end(camera, [Outcome.POSED, Outcome.DEAD, Outcome.POSED])

        publishing = threading.Thread(target=go_on)
        publishing.start()
        yield stage
        stopping.set()
        publishing.join()


def test_there_are_examples_in_the_readme_and_for_every_way_to_subscribe():
    names = [name for name, _ in examples()]
    assert "README.md-1" in names
    assert sum(name.startswith("docs/subscribe.md") for name in names) >= 5
    assert all(len(code.splitlines()) < 25 for _, code in examples())


@pytest.mark.parametrize(("name", "code"), examples(), ids=[name for name, _ in examples()])
def test_an_example_prints_what_is_published(name: str, code: str, server: Server, published: Stage, tmp_path: Path):
    assert URL in code or "redis.Redis()" in code, "else it would not come to this server"
    script = tmp_path / "example.py"
    script.write_text(code.replace(URL, server.url).replace("redis.Redis()", f"redis.Redis(port={server.port})"))
    with (tmp_path / "out").open("w") as out, (tmp_path / "err").open("w") as err:
        process = subprocess.Popen(
            [sys.executable, "-u", str(script)],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=out,
            stderr=err,
        )

        def enough() -> bool:
            printed = (tmp_path / "out").read_text()
            return printed.count("\n") >= 5 and ("events=True" not in code or "without a pose" in printed)

        try:
            eventually(lambda: enough() or process.poll(), within_s=30)
        finally:
            process.kill()
            process.wait(timeout=20)
    assert (tmp_path / "err").read_text() == ""
    assert enough(), (tmp_path / "out").read_text()


def test_the_commands_that_record_replay_and_export_do(server: Server, published: Stage, tmp_path: Path):
    text = (ROOT / "docs" / "subscribe.md").read_text(encoding="utf-8")
    (block,) = (block for block in re.findall(r"^```sh\n(.*?)^```", text, re.S | re.M) if "posestream record" in block)
    commands = [shlex.split(line, comments=True) for line in block.splitlines()]
    assert [command[1] for command in commands] == ["record", "replay", "export", "export"]
    commands[0][commands[0].index("10s")] = "2s"  # the one thing that is changed, to have it sooner
    for command in commands:
        done = subprocess.run(
            [sys.executable, "-m", "posestream.cli", *command[1:]],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT), "POSESTREAM_REDIS_URL": server.url},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, ""), command
    written = {path.name for path in tmp_path.iterdir()}
    assert {"walk.poses", "walk.csv"} <= written
    assert any(name.endswith(".trc") for name in written)
