"""The images: built for real, measured, and run as a cluster would run them."""

from __future__ import annotations

import shutil
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from posestream.broker import Shard, ShardOperations, connect
from posestream.keys import ShardKeys
from posestream.messages import Outcome
from tests.servers import EmbeddedValkey, free_port
from tests.system.images import Builder, Image, missing
from tests.unit.workers.model.checkpoint_writer import write_checkpoint
from tests.unit.workers.model.narrow_network import narrow_tensors

pytestmark = [
    pytest.mark.system,
    pytest.mark.timeout(900),
    pytest.mark.skipif(missing() is not None, reason=f"images not built: {missing()}"),
]

MORE_THAN_THE_BASE_MB = {"worker": 450, "tracker": 150, "producer": 300}
FRAMES = 25


@pytest.fixture(scope="module")
def builder() -> Iterator[Builder]:
    # In memory where there is enough: it is thousands of files, which are written and removed again.
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and shutil.disk_usage(memory).free > 5e9
    folder = Path(tempfile.mkdtemp(prefix="posestream-images-", dir=memory if roomy else None))
    with Builder(folder) as builder:
        yield builder


@pytest.fixture(scope="module")
def built(builder: Builder) -> tuple[int, dict[str, Image]]:
    return builder.make_base(), builder.build("worker", "tracker", "producer")


@pytest.fixture(scope="module")
def images(built) -> dict[str, Image]:
    return built[1]


def test_images_are_small(built):
    base, images = built
    for name, most in MORE_THAN_THE_BASE_MB.items():
        more = (images[name].size_bytes - base) / 1e6
        print(f"{name}: {more:.0f} MB on top of a base of {base / 1e6:.0f} MB")
        assert 20 < more < most


def test_images_hold_only_what_their_role_needs(images):
    for name, image in images.items():
        packages = {path.name.lower() for path in image.root.glob("opt/venv/lib/python3*/site-packages/*")}
        assert {"redis", "numpy", "msgpack"} <= packages
        assert not {"openvino_telemetry", "pip", "setuptools"} & packages
        assert ("openvino" in packages) is (name == "worker")
        assert ("cv2" in packages) is (name != "tracker")
        plugins = {path.name for path in image.root.rglob("libopenvino_*_plugin.so")}
        assert plugins == ({"libopenvino_intel_cpu_plugin.so"} if name == "worker" else set())
        assert not (image.root / "app/tests").exists()


def test_an_image_that_is_built_again_has_the_same_layers(builder, images):
    again = builder.build("tracker", anew=True)["tracker"]
    assert again.layers == images["tracker"].layers
    assert len(again.layers) > 1


def test_images_say_what_they_are(images):
    for name, image in images.items():
        assert image.config["User"] == "65532:65532"
        assert image.config["StopSignal"] == "SIGTERM"
        labels = image.config["Labels"]
        assert labels["org.opencontainers.image.title"] == f"posestream {name}"
        assert labels["org.opencontainers.image.version"] == "test"
        assert len(labels["org.opencontainers.image.revision"]) == 40
        assert image.config["Healthcheck"]["Test"][0] == "CMD"


def test_nothing_in_an_image_can_be_written_but_tmp_and_nothing_gains_rights(images):
    done = images["worker"].run(
        "sh",
        "-c",
        "id -u; touch /tmp/yes && echo tmp; touch /app/no /models/no /opt/no; grep -E 'CapEff|NoNew' /proc/self/status",
    )
    assert done.stdout.decode().split() == ["65532", "tmp", "CapEff:", "0" * 16, "NoNewPrivs:", "1"]
    assert done.stderr.count(b"Read-only file system") == 3


def test_a_checkpoint_is_converted_by_what_is_left_of_openvino(images):
    steps = "cat > /tmp/net.pth && python3 -m workers model convert /tmp/net.pth --output /tmp --name net && ls /tmp"
    done = images["worker"].run("sh", "-c", steps, given=write_checkpoint(narrow_tensors(), "zip"))
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    assert {"net.xml", "net.bin"} <= set(done.stdout.decode().split())


def test_frames_go_through_all_three_and_processes_end_when_asked(images, tmp_path):
    health = {name: free_port() for name in images}
    with EmbeddedValkey() as server:

        def start(name: str, *command: str):
            return images[name].start(
                *command,
                log=tmp_path / f"{name}.log",
                POSESTREAM_REDIS_URL=server.url,
                POSESTREAM_LISTEN_HOST="127.0.0.1",
                POSESTREAM_HEALTH_PORT=str(health[name]),
                POSESTREAM_METRICS_PORT=str(free_port()),
            )

        source = f"synthetic:?people=2&seed=3&fps=15&size=640x360&frames={FRAMES}"
        with (
            start("tracker", "track") as tracker,
            start("worker", "pose", "--model", "demo") as worker,
            start("producer", "run", source, "--camera", "hall") as producer,
        ):
            code = producer.wait(240)
            assert code == 0, text(tmp_path)
            client = connect(server.url, name="test")
            camera = ShardOperations(Shard(client, ShardKeys("posestream", 0))).status().cameras["hall"]
            assert camera.outcomes[Outcome.POSED] == camera.admitted == FRAMES
            for name in ("tracker", "worker"):
                assert answers(health[name], "/ready")
                check = [
                    part.replace(":8080", f":{health[name]}") for part in images[name].config["Healthcheck"]["Test"][1:]
                ]
                assert images[name].run(*check).returncode == 0
            for process in (tracker, worker):
                process.terminate()
                assert process.wait(60) == 0, text(tmp_path)
            check = [
                part.replace(":8080", f":{health['worker']}")
                for part in images["worker"].config["Healthcheck"]["Test"][1:]
            ]
            assert images["worker"].run(*check).returncode != 0


def test_the_command_line_is_there(images):
    for image in images.values():
        done = image.run("python3", "-m", "posestream.cli", "status", "--help")
        assert done.returncode == 0, done.stderr
        assert b"--redis-url" in done.stdout


def answers(port: int, path: str) -> bool:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            return urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5).status == 200
        except urllib.error.URLError:
            time.sleep(0.1)
    return False


def text(folder: Path) -> str:
    return "\n".join(f"{path.name}: {path.read_text()[-1500:]}" for path in sorted(folder.glob("*.log")))
