"""A real browser without a screen, and what is on a page's canvases."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = next(filter(None, map(shutil.which, ("chromium-headless-shell", "chromium", "google-chrome"))), None)

# Nothing but the page is to be asked for, of nobody else.
_QUIET = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")
_QUIETER = ("--disable-sync", "--no-first-run", "--disable-quic", "--disable-dev-shm-usage")


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*_QUIET, *_QUIETER])
        yield browser
        browser.close()


@contextmanager
def opened(browser: Browser, url: str, **context: Any) -> Iterator[Page]:
    """A page, which must not complain, nor ask anybody but the viewer."""
    with browser.new_context(**({"viewport": {"width": 1280, "height": 800}} | context)) as own:
        page = own.new_page()
        page.set_default_timeout(30_000)
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(url)
        yield page
        assert all(address.startswith((url, "blob:", "data:")) for address in asked), asked
        # That the connection was refused while the viewer was away is what the browser itself says.
        assert not [text for text in complaints if "ERR_CONNECTION_REFUSED" not in text], complaints


def canvas_of(page: Page, selector: str) -> npt.NDArray[np.uint8]:
    """What is on a canvas, (H, W, 3) blue, green, red; where nothing is drawn it is black."""
    url = page.eval_on_selector(selector, "canvas => canvas.toDataURL('image/png')")
    image = cv2.imdecode(np.frombuffer(base64.b64decode(url.partition(",")[2]), np.uint8), cv2.IMREAD_UNCHANGED)
    assert image is not None
    alpha = image[..., 3:].astype(float) / 255
    return (image[..., :3] * alpha).astype(np.uint8)


def coloured(image: npt.NDArray[np.uint8], colour: str, tolerance: int = 18) -> npt.NDArray[np.bool_]:
    """Where an image has a colour, given as #rrggbb: (H, W)."""
    wanted = np.array([int(colour[i : i + 2], 16) for i in (5, 3, 1)])
    return np.asarray(np.abs(image.astype(int) - wanted).max(axis=-1) <= tolerance)
