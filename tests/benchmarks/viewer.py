"""How a page keeps up with four cameras of 15 frames a second: `python -m tests.benchmarks viewer`.

In a real browser without a screen or a GPU it counts the frames that each camera's picture has shown, how old each was
then (since admission), and the CPU time of browser and viewer. Workers and tracker are played.
"""

from __future__ import annotations

import os
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from playwright.sync_api import Page
from rich.console import Console
from rich.table import Table

from tests.acting import Company, Script
from tests.browser import chromium
from tests.servers import EmbeddedValkey
from tests.viewing import Viewer

CAMERAS = 4
FPS = 15.0
SECONDS = 15.0
DRAWN = 30  # frames of each camera's script, which then begins anew
WATCH = """async (seconds) => {
  const frames = {}, ages = [];
  const observer = new MutationObserver((changes) => {
    for (const { target } of changes) {
      const shown = (frames[target.closest(".tile").dataset.camera] ??= new Set());
      if (!shown.has(target.dataset.frame)) ages.push(Date.now() - parseInt(target.dataset.frame));
      shown.add(target.dataset.frame);
    }
  });
  for (const canvas of document.querySelectorAll(".tile canvas"))
    observer.observe(canvas, { attributes: true, attributeFilter: ["data-frame"] });
  const began = performance.now();
  await new Promise((done) => setTimeout(done, seconds * 1000));
  const took = (performance.now() - began) / 1000;
  ages.sort((a, b) => a - b);
  const share = (part) => ages[Math.min(ages.length - 1, Math.floor(ages.length * part))];
  const rates = Object.entries(frames).map(([camera, shown]) => [camera, shown.size / took]);
  return { rates, ages: [share(0.5), share(0.99), share(1)] };
}"""


def main() -> None:
    names = [f"camera-{number + 1}" for number in range(CAMERAS)]
    scripts = {name: Script(f"synthetic:?seed=11&camera={n % 4}", DRAWN, in_world=True) for n, name in enumerate(names)}
    prefix = f"bench-{uuid.uuid4().hex[:8]}"
    with EmbeddedValkey() as server, tempfile.TemporaryDirectory() as folder:
        company = Company(server.url, prefix, scripts)
        with Viewer(server.url, prefix, Path(folder)) as viewer, chromium() as browser:
            page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
            page.goto(viewer.url)
            with company.acting(FPS):
                for name in names:
                    page.wait_for_selector(f".tile[data-camera={name}] canvas[data-frame]")
                page.wait_for_timeout(3000)
                measure(page, viewer, company)
        company.close()
    sizes = [len(shot.image) for script in scripts.values() for shot in script.shots]
    print(f"{CAMERAS} cameras, {FPS:g} frames/s, {sum(sizes) / len(sizes) / 1000:.0f} KB a frame")


def measure(page: Page, viewer: Viewer, company: Company) -> None:
    assert viewer.process is not None
    with cpu_of(viewer.process.pid) as (browser_s, viewer_s):
        began_s = time.monotonic()
        before = company.sent("camera-1")
        shown = page.evaluate(WATCH, SECONDS)
        sent = company.sent("camera-1") - before
        took_s = time.monotonic() - began_s
    table = Table(box=None, pad_edge=False)
    for heading in ("camera", "frames/s shown"):
        table.add_column(heading)
    for camera, rate in shown["rates"]:
        table.add_row(camera, f"{rate:.1f}")
    Console().print(table)
    print(f"published of each: {sent / took_s:.1f} frames/s")
    middle, high, worst = shown["ages"]
    print(f"age when shown, ms: p50 {middle}, p99 {high}, most {worst}; load {os.getloadavg()[0]:.1f}")
    print(f"cores: browser {browser_s[0] / took_s:.2f}, viewer {viewer_s[0] / took_s:.2f}")


@contextmanager
def cpu_of(viewer: int) -> Iterator[tuple[list[float], list[float]]]:
    """CPU seconds that the browser's processes and the viewer take while the context lasts."""

    def taken() -> tuple[float, float]:
        others = [each for each in psutil.Process().children(recursive=True) if each.pid != viewer]
        browser = [each for each in others if "chrom" in each.name() or "headless_shell" in each.name()]
        return sum(map(cpu_s, browser)), cpu_s(psutil.Process(viewer))

    before, results = taken(), ([0.0], [0.0])
    yield results
    for result, first, last in zip(results, before, taken(), strict=True):
        result[0] = last - first


def cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


if __name__ == "__main__":
    main()
