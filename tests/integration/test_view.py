"""The viewer as a process, with a real server and cameras whose people are known."""

from __future__ import annotations

import asyncio
import json
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import msgpack
import pytest
import redis
import trustme
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from posestream.broker import connect as connect_server
from posestream.messages import PoseFrame, decode_pose, encode_pose
from posestream.view.access import COOKIE, Gate
from posestream.view.app import create_app
from tests.acting import Company, Script
from tests.fleet import ROOT, wait_until
from tests.servers import EmbeddedValkey, Server, free_port
from tests.users import url_as, write_users
from tests.viewing import Connection, Viewer, events

TOKEN = "a-token-of-enough-characters"
SOURCE = "synthetic:?people=2&seed=11&size=320x180"


@pytest.fixture(scope="module")
def script() -> Script:
    return Script(SOURCE, 3)


@pytest.fixture
def company(redis_url: str, prefix: str, script: Script) -> Iterator[Company]:
    acting = Company(redis_url, prefix, {"hall": script, "lobby": script})
    yield acting
    acting.close()


@pytest.fixture
def viewer(redis_url: str, prefix: str, tmp_path: Path) -> Iterator[Viewer]:
    with Viewer(redis_url, prefix, tmp_path) as started:
        yield started


# The page's connection ------------------------------------------------------------------------------------------------


def test_a_page_gets_each_picture_with_the_people_of_that_very_frame(viewer: Viewer, company: Company, script: Script):
    with viewer.page() as page:
        page.wait_for_camera("hall")
        page.watch(hall=True)
        with company.acting():
            for _ in range(10):
                header, image = page.moment()
                number = next(n for n, shot in enumerate(script.shots) if shot.image == image)
                people = sorted(header["pose"]["people"], key=lambda person: person["id"])
                truth = script.shots[number].truth
                assert (header["camera"], header["id"]) == ("hall", header["pose"]["id"])
                for person, joints_m in zip(people, truth.joints_m, strict=True):
                    assert person["depth_m"] == pytest.approx(joints_m[2, 2], abs=0.001)


def test_the_status_says_how_every_camera_does(viewer: Viewer, company: Company):
    with viewer.page() as page, company.acting():
        page.wait_for_camera("hall")
        page.watch(hall=True, lobby=False)
        deadline = time.monotonic() + 30
        while True:
            status = page.status()
            hall, lobby = status["cameras"]
            if hall["frames_per_s"] > 1 and lobby["frames_per_s"] > 1:
                break
            assert time.monotonic() < deadline, status
        assert (status["problem"], status["workers"], status["tracker"]) == (None, 1, True)
        assert (hall["name"], hall["online"], hall["people"], hall["size"]) == ("hall", True, 2, [320, 180])
        assert hall["outcomes"]["posed"] > 0
        assert 0 <= hall["latency_ms"][0] <= hall["latency_ms"][1]


def connections(client: redis.Redis, name: str) -> int:
    return sum(one["name"] == name for one in client.client_list())


def test_pages_share_one_read_of_a_camera_and_nothing_is_read_for_nobody(
    viewer: Viewer, company: Company, client: redis.Redis
):
    with viewer.page() as first, viewer.page() as second:
        first.wait_for_camera("hall")
        assert connections(client, "view-hall") == 0
        first.watch(hall=True)
        second.watch(hall=True)
        with company.acting():
            assert first.moment()[1]
            assert second.moment()[1]
        assert (connections(client, "view-hall"), connections(client, "view-lobby")) == (1, 0)
        assert connections(client, "subscribe-s0") == 1
        first.watch(hall=False)
        second.watch(hall=False)
        wait_until(lambda: connections(client, "view-hall") == 0, seconds=20, what="frames are not read any longer")
    wait_until(lambda: connections(client, "subscribe-s0") == 0, seconds=20, what="nor are poses")


def test_a_camera_of_which_nobody_has_published_a_pose_is_shown_all_the_same(
    viewer: Viewer, company: Company, script: Script
):
    with viewer.page() as page:
        page.wait_for_camera("hall")
        page.watch(hall=True)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            company.admit("hall", script.shots[0].image)
            try:
                header, image = page.moment(seconds=0.2)
            except TimeoutError:
                continue
            assert (header["pose"], image) == (None, script.shots[0].image)
            return
        raise AssertionError("no picture came")


def test_a_page_that_talks_nonsense_is_cut_off_and_nobody_else(viewer: Viewer, company: Company):
    with viewer.page() as good:
        for message, code in (
            ("nonsense", 1007),
            (json.dumps({"watch": {"a b": True}}), 1007),
            (json.dumps({"watch": {"ü" * 200: True}}), 1007),
            (json.dumps({"seen": []}), 1007),
            (b"binary", 1003),
            ("x" * 100_000, 1009),
        ):
            with viewer.page() as bad:
                bad.socket.send(message)
                assert closed_with(bad.socket) == code, message
        with connect(f"ws://localhost:{viewer.port}/api/poses") as reader:
            reader.send(b"binary")
            assert closed_with(reader) == 1003
        good.wait_for_camera("hall")
    assert "Traceback" not in viewer.said


def closed_with(socket: ClientConnection) -> int | None:
    """The code with which a connection is closed, whatever comes before."""
    with pytest.raises(ConnectionClosed) as caught:
        list(iter(lambda: socket.recv(timeout=20), None))
    return None if caught.value.rcvd is None else caught.value.rcvd.code


def test_the_page_is_told_that_the_server_is_away_and_goes_on_when_it_is_back(
    prefix: str, script: Script, tmp_path: Path
):
    server = EmbeddedValkey(appendonly="yes")
    with Viewer(server.url, prefix, tmp_path) as viewer, viewer.page() as page:
        assert "waiting for it" in viewer.said
        assert page.status()["problem"] == "The Redis server can not be reached"
        with server:
            company = Company(server.url, prefix, {"hall": script})
            page.wait_for_camera("hall")
            page.watch(hall=True)
            with company.acting():
                assert page.moment()[0]["pose"]
            company.close()


def test_the_viewer_s_own_user_has_the_rights_it_needs(prefix: str, script: Script, tmp_path: Path):
    with EmbeddedValkey(include=str(write_users(tmp_path, prefix))) as server:
        company = Company(url_as("admin", server.url, "admin"), prefix, {"hall": script})
        with Viewer(url_as("viewer", server.url), prefix, tmp_path) as viewer, viewer.page() as page:
            page.wait_for_camera("hall")
            page.watch(hall=True)
            with company.acting():
                header, image = page.moment()
                assert header["pose"]
                assert image
            assert [one["name"] for one in httpx.get(f"{viewer.url}/api/cameras").json()] == ["hall"]
        company.close()
        log = connect_server(url_as("admin", server.url, "admin"), name="test").acl_log()
        assert {entry["object"] for entry in log} <= {"client|setinfo", "setinfo"}


def status_with(page: Connection, holds: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    """The first status of which something is true."""
    deadline = time.monotonic() + 30
    while not holds(status := page.status()):
        assert time.monotonic() < deadline, status
    return status


def test_poses_of_a_newer_version_are_said_to_be_that(viewer: Viewer, company: Company):
    newer = msgpack.packb({"schema": 2})
    with viewer.page() as page:
        page.wait_for_camera("hall")
        page.watch(hall=True)
        status_with(page, lambda status: status["cameras"][0]["watched"])
        deadline = time.monotonic() + 30
        while (trouble := page.status()["cameras"][0]["trouble"]) is None and time.monotonic() < deadline:
            company.shard.client.xadd(company.shard.keys.poses("hall"), {"pose": newer})
        assert "upgrade posestream" in trouble


def test_what_no_function_has_written_is_said_and_passed_over_when_it_is_gone(viewer: Viewer, company: Company):
    state = company.shard.keys.state("hall")
    with viewer.page() as page:
        page.wait_for_camera("hall")
        company.shard.client.hset(state, "posed", "many")
        assert "no number" in status_with(page, lambda status: status["problem"])["problem"]
        company.shard.client.hset(state, "posed", "0")
        status_with(page, lambda status: not status["problem"])


# The bridge -----------------------------------------------------------------------------------------------------------


def test_poses_come_as_server_sent_events_and_go_on_where_they_were_left(viewer: Viewer, company: Company):
    url = f"{viewer.url}/api/poses?camera=hall"
    with httpx.stream("GET", url, timeout=30) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        told = events(response)
        assert next(told)[0] == "camera-online"
        first = company.act()["hall"]
        name, event_id, data = next(told)
        assert (name, data) == ("message", {"type": "pose", **as_sent(first)})
    missed = [company.act()["hall"] for _ in range(5)]
    with httpx.stream("GET", url, timeout=30, headers={"last-event-id": event_id}) as response:
        got = [data["id"] for name, _, data in take(events(response), 6) if name == "message"]
    assert got == [str(pose.id) for pose in missed]


def as_sent(pose: PoseFrame) -> dict[str, Any]:
    return decode_pose(encode_pose(pose)).to_dict()


def take(told: Any, count: int) -> list[Any]:
    return [next(told) for _ in range(count)]


def test_poses_come_by_websocket_from_where_one_asks(viewer: Viewer, company: Company):
    poses = [company.act() for _ in range(3)]
    with connect(f"ws://localhost:{viewer.port}/api/poses?start=beginning") as socket:
        got = [json.loads(socket.recv(timeout=20)) for _ in range(8)]
    told = [(each["camera"], each["id"]) for each in got if each["type"] == "pose"]
    assert sorted(told) == sorted((camera, str(pose.id)) for each in poses for camera, pose in each.items())
    assert sorted(each["camera"] for each in got if each["type"] == "camera-online") == ["hall", "lobby"]


@pytest.mark.parametrize(("kind", "answer", "refusal"), [("http", 200, 503), ("websocket", 0, 1013)])
def test_one_reader_more_than_there_is_room_for_is_told_so_and_none_is_left_hanging(
    redis_url: str, prefix: str, company: Company, monkeypatch: pytest.MonkeyPatch, kind: str, answer: int, refusal: int
):
    monkeypatch.setattr("posestream.view.app.MAX_READERS", 2)
    app = create_app(redis_url, prefix, Gate(None), on_failure=lambda failure: None)

    async def play() -> None:
        readers = [Reader(app, kind) for _ in range(5)]
        answers = await asyncio.gather(*(reader.answered for reader in readers))
        assert sorted(answers) == [answer, answer, refusal, refusal, refusal]
        await asyncio.gather(*(reader.leave() for reader in readers))
        again = Reader(app, kind)
        assert await again.answered == answer, "those that have gone make room"
        await again.leave()

    asyncio.run(asyncio.wait_for(play(), 60))


class Reader:
    """A reader of the bridge, of the application itself; `answered` is a status, a code to close with, or 0."""

    def __init__(self, app: Any, kind: str) -> None:
        scope = {"type": kind, "method": "GET", "path": "/api/poses", "query_string": b""}
        self._scope = {**scope, "headers": [(b"host", b"localhost")], "asgi": {"version": "3.0", "spec_version": "2.3"}}
        self._connected = False
        self._gone = asyncio.Event()
        self.answered: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._served = asyncio.create_task(app(self._scope, self._receive, self._send))

    async def _receive(self) -> dict[str, Any]:
        kind = self._scope["type"]
        if kind == "websocket" and not self._connected:
            self._connected = True
            return {"type": "websocket.connect"}
        await self._gone.wait()
        return {"type": f"{kind}.disconnect", "code": 1000}

    async def _send(self, message: Any) -> None:
        answers = {"http.response.start": "status", "websocket.close": "code", "websocket.send": ""}
        if message["type"] in answers and not self.answered.done():
            self.answered.set_result(message.get(answers[message["type"]], 0))

    async def leave(self) -> None:
        self._gone.set()
        await self._served


def test_a_wish_that_makes_no_sense_is_refused_in_words(viewer: Viewer):
    answer = httpx.get(f"{viewer.url}/api/poses?start=yesterday")
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("start 'yesterday': give now, beginning")
    with pytest.raises(InvalidStatus), connect(f"ws://localhost:{viewer.port}/api/poses?start=yesterday"):
        pass


# Who may look ---------------------------------------------------------------------------------------------------------


def test_another_page_in_the_visitor_s_browser_gets_nothing(viewer: Viewer, company: Company):
    evil = {"origin": "http://evil.example"}
    assert httpx.get(f"{viewer.url}/api/cameras", headers=evil).status_code == 403
    for path in ("live", "poses"):
        with (
            pytest.raises(InvalidStatus),
            connect(f"ws://localhost:{viewer.port}/api/{path}", origin="http://evil.example"),
        ):
            pass
    rebound = httpx.get(f"{viewer.url}/", headers={"host": "evil.example"})
    assert (rebound.status_code, "evil.example" in rebound.json()["error"]) == (421, True)
    own = {"origin": viewer.url}
    answer = httpx.get(f"{viewer.url}/api/cameras", headers=own)
    assert [camera["name"] for camera in answer.json()] == ["hall", "lobby"]
    assert "access-control-allow-origin" not in answer.headers


def test_a_host_or_origin_that_is_none_is_refused_in_words(viewer: Viewer):
    assert httpx.get(viewer.url, headers={"host": "["}).status_code == 421
    assert httpx.get(f"{viewer.url}/api/cameras", headers={"origin": "http://["}).status_code == 403
    assert "Traceback" not in viewer.said


def test_it_answers_at_the_address_that_it_was_given(redis_url: str, prefix: str, tmp_path: Path):
    with Viewer(redis_url, prefix, tmp_path, "--host", "127.0.0.2") as viewer:
        address = f"http://127.0.0.2:{viewer.port}/"
        assert address in viewer.said
        assert httpx.get(address).status_code == 200


def test_an_allowed_page_may_read_the_api(redis_url: str, prefix: str, tmp_path: Path):
    flags = ("--allow-origin", "https://app.example")
    with Viewer(redis_url, prefix, tmp_path, *flags, token=TOKEN) as viewer:
        asked = {"origin": "https://app.example", "access-control-request-method": "GET"}
        asked["access-control-request-headers"] = "authorization"
        allowed = httpx.options(f"{viewer.url}/api/poses", headers=asked)
        assert allowed.headers["access-control-allow-origin"] == "https://app.example"
        headers = {"origin": "https://app.example", "authorization": f"Bearer {TOKEN}"}
        answer = httpx.get(f"{viewer.url}/api/cameras", headers=headers)
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, "https://app.example")
        refused = httpx.get(f"{viewer.url}/api/cameras", headers=headers | {"origin": "https://evil.example"})
        assert refused.status_code == 403


def test_with_a_token_nothing_is_shown_without_it(redis_url: str, prefix: str, company: Company, tmp_path: Path):
    with Viewer(redis_url, prefix, tmp_path, "--host", "0.0.0.0", token=TOKEN) as viewer:
        door = httpx.get(viewer.url)
        assert (door.status_code, "Enter the token" in door.text) == (401, True)
        assert httpx.get(f"{viewer.url}/api/cameras").status_code == 401
        for path in ("live", "poses"):
            with pytest.raises(InvalidStatus), connect(f"ws://localhost:{viewer.port}/api/{path}"):
                pass
        assert httpx.get(f"{viewer.url}/api/cameras?token={TOKEN}").status_code == 200
        assert httpx.get(f"{viewer.url}/?token=wrong").status_code == 401
        for opened in (
            httpx.get(f"{viewer.url}/?token={TOKEN}"),
            httpx.post(f"{viewer.url}/signin", data={"token": TOKEN}),
        ):
            assert (opened.status_code, opened.headers["location"]) == (303, "./")
            assert "HttpOnly" in opened.headers["set-cookie"]
            assert "SameSite=strict" in opened.headers["set-cookie"]
            cookies = {COOKIE: opened.cookies[COOKIE]}
            assert "Skip to the cameras" in httpx.get(viewer.url, cookies=cookies).text
        with viewer.page(additional_headers={"cookie": f"{COOKIE}={cookies[COOKIE]}"}) as page:
            page.wait_for_camera("hall")
        wrong = httpx.post(f"{viewer.url}/signin", data={"token": "wrong"})
        assert (wrong.headers["location"], "set-cookie" in wrong.headers) == ("./#wrong", False)
        assert httpx.post(f"{viewer.url}/signin", data={"token": "x" * 5000}).status_code == 413
        assert TOKEN not in viewer.said


def test_that_it_is_alive_is_told_to_anybody_and_nothing_else_is(redis_url: str, prefix: str, tmp_path: Path):
    anybody = {"host": "10.1.2.3:8640", "origin": "http://evil.example"}
    for settings in ({}, {"token": TOKEN}):
        with Viewer(redis_url, prefix, tmp_path, **settings) as viewer:
            answer = httpx.get(f"{viewer.url}/live", headers=anybody)
            assert (answer.status_code, answer.json()) == (200, {"ok": True})
            assert "access-control-allow-origin" not in answer.headers
            assert httpx.post(f"{viewer.url}/live", headers=anybody).status_code == 405
            for path in ("/live/../api/cameras", "//live", "/live.js", "/api/cameras"):
                assert httpx.get(viewer.url + path, headers=anybody).status_code in (401, 403, 404, 421), path
            with pytest.raises(InvalidStatus), connect(f"ws://localhost:{viewer.port}/live"):
                pass
        assert "Traceback" not in viewer.said


def test_only_the_page_s_own_files_are_served(viewer: Viewer):
    with httpx.Client(base_url=viewer.url) as client:
        for path in (
            "/../app.py",
            "/%2e%2e/app.py",
            "/..%2fapp.py",
            "/signin.html",
            "/nothing",
            "/.html",
            "/web/main.js",
        ):
            request = client.build_request("GET", "/")
            request.url = request.url.copy_with(raw_path=path.encode())
            assert client.send(request).status_code == 404, path
        assert client.get("/main.js").status_code == 200


def test_browsers_are_told_to_be_strict(viewer: Viewer):
    for path in ("/", "/main.js", "/style.css", "/icon.svg", "/api/cameras", "/nothing"):
        headers = httpx.get(viewer.url + path).headers
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self';"), path
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"


def test_it_speaks_tls_when_it_has_a_certificate(redis_url: str, prefix: str, tmp_path: Path):
    authority = trustme.CA()
    certificate = tmp_path / "view.pem"
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(certificate))
    context = ssl.create_default_context()
    authority.configure_trust(context)
    with Viewer(redis_url, prefix, tmp_path, "--tls-cert", str(certificate), token=TOKEN) as viewer:
        opened = httpx.get(f"https://localhost:{viewer.port}/?token={TOKEN}", verify=context)
        assert "Secure" in opened.headers["set-cookie"]


# The command ----------------------------------------------------------------------------------------------------------


def refused(*flags: str) -> str:
    command = [sys.executable, "-m", "posestream.cli", "view", *flags]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    return done.stderr


def test_it_refuses_to_be_reached_by_others_without_a_token():
    assert "error: --host 0.0.0.0: others can reach the viewer there, so give a --token" in refused("--host", "0.0.0.0")


def test_it_says_what_keeps_it_from_starting(viewer: Viewer, server: Server, tmp_path: Path):
    assert f"--port {viewer.port}: Address already in use" in refused("--port", str(viewer.port))
    nobody = f"redis://127.0.0.1:{free_port()}/0"
    missing = refused("--tls-cert", str(tmp_path / "none.pem"), "--redis-url", nobody, "--port", "0")
    assert "none.pem" in missing
    stranger = server.url.replace("//", "//stranger:secret@")
    assert "error: " in refused("--redis-url", stranger)
    assert "secret" not in refused("--redis-url", stranger)


def test_it_ends_when_asked_to_though_pages_are_open(viewer: Viewer, company: Company):
    with viewer.page() as page, httpx.stream("GET", f"{viewer.url}/api/poses") as response:
        next(events(response))
        page.wait_for_camera("hall")
        assert viewer.stop() == 0
    assert "Traceback" not in viewer.said
