"""The page in a real browser: what people see, and what they can do."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("playwright")

from playwright.sync_api import Browser, Page, expect

from posestream.broker import AdmissionRequest, FrameIntake
from posestream.keys import FrameId
from posestream.messages import Policy, PoseFrame
from posestream.skeleton import JOINT_NAMES, PELVIS
from producer.synthetic.options import parse_options
from producer.synthetic.view import SyntheticView
from tests.acting import Company, Script, Shot
from tests.browser import CHROMIUM, canvas_of, chromium, coloured, opened
from tests.fleet import Fleet, wait_until
from tests.servers import Server
from tests.viewing import Viewer
from workers.networks import DEMO_NETWORK

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(CHROMIUM is None, reason="no browser (Debian: chromium-headless-shell) is installed"),
]

DOCUMENT = Path(__file__).parents[2] / "docs" / "viewer.md"
SIZE = (640, 360)
SOURCE = "synthetic:?people=2&seed=11&size=640x360"
LEFT = [
    n for n, name in enumerate(JOINT_NAMES) if not name.startswith("r_") and "eye" not in name and "ear" not in name
]
NAME = "(({ariaLabel, innerText, labels}) => ariaLabel || innerText || labels?.[0]?.innerText)(document.activeElement)"
TILE = ".tile[data-camera={}]"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def scripts() -> dict[str, Script]:
    return {
        "lobby": Script(SOURCE, 4, every=10, in_world=True),
        "gate": Script(f"{SOURCE}&camera=1", 4, every=10, in_world=True),
    }


@pytest.fixture
def company(redis_url: str, prefix: str, scripts: dict[str, Script]) -> Iterator[Company]:
    acting = Company(redis_url, prefix, scripts)
    yield acting
    acting.close()


@pytest.fixture
def viewer(redis_url: str, prefix: str, tmp_path: Path) -> Iterator[Viewer]:
    with Viewer(redis_url, prefix, tmp_path) as started:
        yield started


def wait_for_frame(page: Page, camera: str, frame: FrameId) -> None:
    """Wait until a camera's picture is that of a frame; the page must be watching it by now."""
    page.wait_for_selector(f"{TILE.format(camera)} canvas[data-frame='{frame}'][data-picture=true]")


def until(page: Page, condition: str) -> None:
    """Wait until something holds in the page, whose policy lets no strings be run by itself."""
    wait_until(lambda: bool(page.evaluate(condition)), seconds=30, what=condition)


def watched(page: Page, company: Company) -> None:
    """Have every camera watched and shown: poses come until the page has drawn some."""
    with company.acting():
        for camera in company.scripts:
            page.wait_for_selector(f"{TILE.format(camera)} canvas[data-frame]")


def colours_of(page: Page, camera: str, ids: list[int | None]) -> list[str]:
    imported = "const {colourOf} = await import('./colours.js')"
    script = f"async ([camera, ids]) => {{ {imported}; return ids.map(id => colourOf(camera, id)); }}"
    return list(page.evaluate(script, [camera, ids]))


# Skeletons ------------------------------------------------------------------------------------------------------------


def test_each_skeleton_is_where_the_person_is_over_the_picture_of_that_very_frame(
    browser: Browser, viewer: Viewer, company: Company
) -> None:
    with opened(browser, viewer.url) as page:
        watched(page, company)
        for number in range(4):
            poses = company.act(number)
            for camera, pose in poses.items():
                wait_for_frame(page, camera, pose.id)
                image = canvas_of(page, f"{TILE.format(camera)} canvas")
                assert_drawn_where_they_are(image, pose, colours_of(page, camera, [one.id for one in pose.people]))
                assert_picture(image, company.scripts[camera].shots, number)


def assert_drawn_where_they_are(image: np.ndarray, pose: PoseFrame, colours: list[str], *, apart: bool = True) -> None:
    """Each person's joints are drawn in the person's colour; where people are not `apart`, some in another's."""
    scale = image.shape[1] / pose.size_wh[0]
    near = [cv2.dilate(coloured(image, colour).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0 for colour in colours]
    anybodys = np.any(near, axis=0)
    for person, own in zip(pose.people, near, strict=True):
        joints_px = person.joints_px[LEFT][person.confidence[LEFT] > 0] * scale
        assert len(joints_px) >= 3
        x, y = np.minimum(joints_px.astype(int), (image.shape[1] - 1, image.shape[0] - 1)).T
        assert anybodys[y, x].mean() > 0.7, (person.id, anybodys[y, x])
        assert own[y, x].mean() > (0.7 if apart else 0.3), (person.id, own[y, x])


def assert_picture(image: np.ndarray, shots: list[Shot], number: int) -> None:
    """The picture below is that of this frame, and looks like no other's; they differ by where the people are."""
    height, width = image.shape[:2]
    differences = []
    for shot in shots:
        decoded = cv2.imdecode(np.frombuffer(shot.image, np.uint8), cv2.IMREAD_COLOR)
        assert decoded is not None
        expected = cv2.resize(decoded, (width, height), interpolation=cv2.INTER_AREA)
        differences.append(np.abs(expected.astype(int) - image.astype(int)).mean())
    assert np.argmin(differences) == number, differences
    assert differences[number] < 12


def test_with_the_demo_network_the_skeletons_are_where_the_drawn_people_are(
    browser: Browser, viewer: Viewer, server: Server, prefix: str, tmp_path: Path
) -> None:
    source = "synthetic:?people=2&seed=11&fps=4&size=640x360&start=1700000000000"
    scene = SyntheticView(parse_options(source))
    with Fleet(server.url, prefix, tmp_path) as fleet:
        fleet.start_workers(DEMO_NETWORK, 1)
        producer = fleet.start("producer", "run", source, "--camera", "demo")
        with opened(browser, viewer.url) as page:
            page.wait_for_selector(f"{TILE.format('demo')} canvas[data-frame][data-picture=true]", timeout=60_000)
            page.wait_for_selector(".people li i")
            producer.terminate()
            producer.wait(20)
            page.wait_for_selector(f"{TILE.format('demo')}[data-camera-state=offline]")
            shown = page.get_attribute(f"{TILE.format('demo')} canvas", "data-frame")
            image = canvas_of(page, f"{TILE.format('demo')} canvas")
            [pose] = [pose for pose in fleet.poses("demo") if str(pose.id) == shown]
            truth = scene.truth(scene.options.index_at(pose.captured_ms, 1_700_000_000_000))
            colours = colours_of(page, "demo", [one.id for one in pose.people])
    assert len(pose.people) == 2
    assert_drawn_where_they_are(image, pose, colours, apart=False)
    assert_near_the_truth(image, colours, truth.joints_px * (image.shape[1] / SIZE[0]))


def assert_near_the_truth(image: np.ndarray, colours: list[str], truth_px: np.ndarray) -> None:
    """Everybody's trunk has a skeleton's colour on it, no two the same."""
    taken = set()
    for person_px in truth_px:
        trunk_px = person_px[[JOINT_NAMES.index(name) for name in ("neck", "l_shoulder", "l_hip")]]
        radius = 0.3 * np.linalg.norm(trunk_px[0] - trunk_px[2])
        rows, columns = np.mgrid[: image.shape[0], : image.shape[1]]
        shares = []
        for colour in colours:
            mask = coloured(image, colour)
            shares.append(np.mean([mask[np.hypot(columns - x, rows - y) < radius].any() for x, y in trunk_px]))
        assert max(shares) == 1, shares
        taken.add(int(np.argmax(shares)))
    assert len(taken) == len(truth_px)


# In space -------------------------------------------------------------------------------------------------------------


def test_people_stand_in_space_and_the_view_turns_zooms_and_comes_back(
    browser: Browser, viewer: Viewer, company: Company
) -> None:
    with opened(browser, viewer.url, reduced_motion="reduce") as page, company.acting():
        canvas = page.locator("#space-canvas[data-people='4']")  # two people, each seen by two cameras in one world
        canvas.wait_for()
        assert page.locator("#space-source option:checked").inner_text() == "the world"
        image = canvas_of(page, "#space-canvas")
        for number in (0, 1):  # both cameras say where each is; what one draws may hide what the other does
            seen = [coloured(image, colours_of(page, camera, [number])[0]).sum() for camera in company.scripts]
            assert max(seen) > 20
        view = lambda: [float(canvas.get_attribute(f"data-{name}") or "nan") for name in ("azimuth", "distance")]  # noqa: E731
        azimuth, distance = view()

        box = canvas.bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + 200, box["y"] + 200)
        page.mouse.down()
        page.mouse.move(box["x"] + 320, box["y"] + 220, steps=4)
        page.mouse.up()
        until(page, f"document.getElementById('space-canvas').dataset.azimuth > {azimuth + 0.2}")
        assert np.abs(canvas_of(page, "#space-canvas").astype(int) - image.astype(int)).max() > 60

        page.mouse.wheel(0, -400)
        until(page, f"document.getElementById('space-canvas').dataset.distance < {distance - 0.5}")
        canvas.focus()
        turned = view()[0]
        page.keyboard.press("ArrowRight")
        until(page, f"document.getElementById('space-canvas').dataset.azimuth != {turned}")
        page.keyboard.press("Home")
        until(page, f"Math.abs(document.getElementById('space-canvas').dataset.azimuth - {azimuth}) < 0.01")
        page.get_by_role("button", name="Top").click()
        until(page, "document.getElementById('space-canvas').dataset.azimuth == 0")


def test_a_person_is_said_to_be_where_they_are_in_the_world(browser: Browser, viewer: Viewer, company: Company) -> None:
    with opened(browser, viewer.url) as page:
        watched(page, company)
        page.locator("#space-source").select_option("gate")
        pose = company.act(2)["gate"]
        wait_for_frame(page, "gate", pose.id)
        assert pose.extrinsics is not None
        for person in pose.people:
            x, y, _ = pose.extrinsics.to_world(person.joints_m[PELVIS])
            expect(page.locator("#people")).to_contain_text(f"{person.id}{x:.1f}, {y:.1f} m")


# States ---------------------------------------------------------------------------------------------------------------


def test_it_says_what_to_do_without_cameras_and_shows_the_first_by_itself(
    browser: Browser, viewer: Viewer, redis_url: str, prefix: str, scripts: dict[str, Script]
) -> None:
    with opened(browser, viewer.url) as page:
        expect(page.get_by_role("heading", name="No cameras yet")).to_be_visible()
        expect(page.get_by_text("python -m producer run webcam:0")).to_be_visible()
        company = Company(redis_url, prefix, {"lobby": scripts["lobby"]})
        watched(page, company)
        expect(page.get_by_role("heading", name="No cameras yet")).to_be_hidden()
        company.close()


def test_it_comes_back_by_itself_when_the_viewer_has_been_away(
    browser: Browser, viewer: Viewer, company: Company
) -> None:
    with opened(browser, viewer.url) as page:
        watched(page, company)
        page.evaluate("window.stillTheSamePage = true")
        viewer.stop(kill=True)
        expect(page.get_by_text("No connection to the viewer")).to_be_visible()
        expect(page.get_by_role("status").filter(has_text="connection lost")).to_be_visible()
        viewer.start()
        expect(page.get_by_text("No connection to the viewer")).to_be_hidden()
        last = company.act(0)["lobby"].id
        with company.acting():
            until(
                page, f"parseInt(document.querySelector('.tile[data-camera=lobby] canvas').dataset.frame) > {last.ms}"
            )
        assert page.evaluate("window.stillTheSamePage")


def test_a_camera_that_goes_is_said_to_be_offline_and_one_that_is_removed_disappears(
    browser: Browser, viewer: Viewer, company: Company
) -> None:
    with opened(browser, viewer.url) as page:
        watched(page, company)
        request = AdmissionRequest("gate", "actors", "", Policy.LIVE, depth=4, lease_ms=1000)
        FrameIntake(company.shard).end(request, complete=False)
        tile = page.locator(TILE.format("gate"))
        expect(tile.get_by_text("offline since")).to_be_visible()
        expect(tile).to_have_attribute("data-camera-state", "offline")
        company.shard.call("remove", "gate", 1)
        expect(tile).to_have_count(0)


def test_figures_are_told_for_every_camera(browser: Browser, viewer: Viewer, company: Company) -> None:
    with opened(browser, viewer.url) as page, company.acting():
        figures = page.locator(TILE.format("lobby")).locator(".figures")
        expect(figures.locator("[data-figure=people]")).to_have_text("2")
        expect(figures.locator("[data-figure=outcomes]")).to_have_text("100 % posed")
        expect(figures.locator("[data-figure=latency]")).to_contain_text("ms")
        expect(page.locator("#totals")).to_contain_text("2 cameras")


# People ---------------------------------------------------------------------------------------------------------------


def test_everything_can_be_reached_by_keyboard_and_has_a_name(
    browser: Browser, viewer: Viewer, company: Company
) -> None:
    with opened(browser, viewer.url) as page:
        watched(page, company)
        names = []
        for _ in range(12):
            page.keyboard.press("Tab")
            names.append(page.evaluate(NAME))
        for wanted in (
            "Skip to the cameras",
            "Camera gate",
            "Enlarge",
            "Camera lobby",
            "Show people of",
            "Reset",
            "Top",
        ):
            assert any(wanted in (name or "") for name in names), (wanted, names)
        assert any((name or "").startswith("People in 3D. Arrow keys turn") for name in names)
        page.locator(TILE.format("gate")).focus()
        page.keyboard.press("Enter")
        expect(page.locator("#space-source")).to_have_value("gate")
        page.keyboard.press("e")
        expect(page.locator(TILE.format("gate"))).to_have_class("tile chosen large")
        assert page.locator(f"{TILE.format('gate')} canvas").get_attribute("aria-label", timeout=1000)


def test_on_a_phone_it_fits_and_tabs_lead_from_cameras_to_space(
    browser: Browser, viewer: Viewer, company: Company
) -> None:
    phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
    with opened(browser, viewer.url, **phone) as page:
        watched(page, company)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        expect(page.locator("#space-canvas")).to_be_hidden()
        page.get_by_role("button", name="In space").tap()
        expect(page.locator("#space-canvas")).to_be_visible()
        expect(page.locator(TILE.format("lobby"))).to_be_hidden()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_visitor_without_the_token_is_asked_for_it(
    browser: Browser, redis_url: str, prefix: str, tmp_path: Path
) -> None:
    token = "a-token-of-enough-characters"
    with Viewer(redis_url, prefix, tmp_path, token=token) as viewer, browser.new_context() as own:
        page = own.new_page()
        page.goto(viewer.url)
        page.get_by_label("Token").fill("wrong")
        page.get_by_role("button", name="Open").click()
        expect(page.get_by_text("That is not the token.")).to_be_visible()
        page.get_by_label("Token").fill(token)
        page.get_by_role("button", name="Open").click()
        expect(page.get_by_role("heading", name="No cameras yet")).to_be_visible()


# The bridge -----------------------------------------------------------------------------------------------------------


class QuietFiles(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Somebody else's page, on a server of its own."""
    with ThreadingHTTPServer(("localhost", 0), partial(QuietFiles, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://localhost:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_the_ten_lines_that_the_document_shows_show_people_in_a_page_of_another_origin(
    browser: Browser, redis_url: str, prefix: str, scripts: dict[str, Script], tmp_path: Path
) -> None:
    example = re.search(r"```html\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    assert example is not None
    assert len(re.findall(r"^ .*", example[1], re.MULTILINE)) <= 10
    company = Company(redis_url, prefix, {"camera-1": scripts["lobby"]})
    with served(tmp_path) as origin, Viewer(redis_url, prefix, tmp_path, "--allow-origin", origin) as viewer:
        page_text = example[1].replace("http://localhost:8640", viewer.url)
        (tmp_path / "example.html").write_text(
            f"<!doctype html><link rel=icon href=data:,>{page_text}", encoding="utf-8"
        )
        with browser.new_context() as own:
            page = own.new_page()
            page.goto(f"{origin}/example.html")
            with company.acting():
                expect(page.locator("#out")).to_contain_text(re.compile(r"0 at -?\d\.\d+, -?\d\.\d+, \d\.\d+ m"))
    company.close()
