"""TLS, with Debian's Redis (Valkey from PyPI is built without): the whole main job, and certificates that are wrong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pytest
import trustme

from posestream import subscribe
from posestream.broker import Shard, connect
from posestream.errors import BrokerError, BrokerUnavailableError, ConfigurationError
from posestream.keys import ShardKeys
from posestream.messages import Outcome
from tests.acceptance.test_main_job import write_video
from tests.fleet import Fleet
from tests.networks import Case, grey_level, write_network
from tests.publishing import Stage
from tests.servers import DebianRedis, free_port
from tests.unit.workers.pose.decoding.golden import golden_cases

pytestmark = pytest.mark.system


@dataclass(frozen=True)
class TlsServer:
    """Where a server listens with TLS, and the files that go with it; `strict` wants a certificate of clients, too."""

    port: int
    authority: Path
    other_authority: Path
    client: Path
    client_key: Path

    def url(self, options: str = "", host: str = "127.0.0.1") -> str:
        return f"rediss://{host}:{self.port}/0{options}"

    @property
    def right_url(self) -> str:
        return self.url(f"?ssl_ca_certs={self.authority}")


@pytest.fixture(params=["no"])
def tls(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[TlsServer]:
    authority, other = trustme.CA(), trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    other.cert_pem.write_to_path(tmp_path / "other.pem")
    for name, certificate in (("server", authority.issue_cert("127.0.0.1")), ("client", authority.issue_cert("me"))):
        certificate.private_key_pem.write_to_path(tmp_path / f"{name}.key")
        for blob in certificate.cert_chain_pems:
            blob.write_to_path(tmp_path / f"{name}.pem", append=True)
    port = free_port()
    options = {"tls_cert_file": "server.pem", "tls_key_file": "server.key", "tls_ca_cert_file": "ca.pem"}
    files = {name: str(tmp_path / file) for name, file in options.items()}
    with DebianRedis(tls_port=str(port), tls_auth_clients=request.param, **files):
        yield TlsServer(port, *(tmp_path / name for name in ("ca.pem", "other.pem", "client.pem", "client.key")))


def server_ms(url: str) -> int:
    return Shard(connect(url, name="test"), ShardKeys("test", 0)).server_ms()


def test_a_subscriber_reads_over_tls_and_hears_why_a_certificate_is_not_accepted(tls: TlsServer, prefix: str) -> None:
    with Stage(tls.right_url, prefix) as stage:
        stage.publish("hall", 3)
    with subscribe(tls.right_url, prefix=prefix, start="beginning") as subscription:
        assert [frame.seq for frame in islice(subscription, 3)] == [1, 2, 3]
    with pytest.raises(BrokerError, match=r"certificate is not accepted.*ssl_ca_certs"):
        subscribe(tls.url(f"?ssl_ca_certs={tls.other_authority}"), prefix=prefix)


def test_a_video_becomes_poses_over_tls(tls: TlsServer, prefix: str, tmp_path: Path) -> None:
    maps = {case.name: case.maps for case in golden_cases()}["three"]
    model = write_network(tmp_path / "known.xml", [Case(maps.features, maps.heatmaps, maps.pafs)])
    video = write_video(tmp_path / "video.mp4", [grey_level(0)] * 12)
    with Fleet(tls.right_url, prefix, tmp_path) as fleet:
        fleet.start_workers(model, 1)
        done = fleet.run("producer", "run", str(video), "--camera", "hall", seconds=100)
        assert done.returncode == 0, done.stderr
        assert len(fleet.poses("hall")) == 12
        followed = fleet.run("posestream.cli", "tail", "hall", "--from-start", "--count", "12")
        assert followed.stdout.count("3 people") == 12, followed.stderr
        assert fleet.operations.status().cameras["hall"].outcomes[Outcome.POSED] == 12


@pytest.mark.parametrize("options", ["", "?ssl_ca_certs={other}"])
def test_an_unknown_certificate_is_told_with_the_remedy_and_not_waited_for(tls: TlsServer, options: str) -> None:
    with pytest.raises(BrokerError, match=r"certificate is not accepted .*ssl_ca_certs=FILE") as told:
        server_ms(tls.url(options.format(other=tls.other_authority)))
    assert not isinstance(told.value, BrokerUnavailableError)


def test_a_certificate_for_another_host_is_told(tls: TlsServer) -> None:
    assert server_ms(tls.right_url) > 0
    with pytest.raises(BrokerError, match=r"certificate is not accepted .*name the host as it does"):
        server_ms(tls.url(f"?ssl_ca_certs={tls.authority}", host="localhost"))


@pytest.mark.parametrize("tls", ["yes"], indirect=True)
def test_a_server_may_want_a_certificate_of_its_clients(tls: TlsServer) -> None:
    with pytest.raises(BrokerError):
        server_ms(tls.right_url)
    assert server_ms(f"{tls.right_url}&ssl_certfile={tls.client}&ssl_keyfile={tls.client_key}") > 0


@pytest.mark.parametrize("command", [("workers", "track"), ("posestream.cli", "status")])
def test_a_process_ends_with_one_line_about_an_unknown_certificate(
    tls: TlsServer, prefix: str, tmp_path: Path, command: tuple[str, ...]
) -> None:
    with Fleet(tls.right_url, prefix, tmp_path) as fleet:
        fleet.environment["POSESTREAM_REDIS_URL"] = tls.url()
        done = fleet.run(*command)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].count("ssl_ca_certs=FILE") == 1
    assert "Traceback" not in done.stderr


def test_a_file_that_is_not_there_or_no_certificate_is_a_configuration_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"ssl_ca_certs=.*absent\.pem.*no such file"):
        connect(f"rediss://host/0?ssl_ca_certs={tmp_path}/absent.pem", name="test")
    (tmp_path / "text.pem").write_text("no certificate\n")
    with pytest.raises(ConfigurationError, match=r"ssl_ca_certs=.*text\.pem"):
        connect(f"rediss://host/0?ssl_ca_certs={tmp_path}/text.pem", name="test")
    with pytest.raises(ConfigurationError, match=r"ssl_certfile=.*text\.pem"):
        connect(f"rediss://host/0?ssl_certfile={tmp_path}/text.pem", name="test")
