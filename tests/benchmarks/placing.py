"""How far from where they are people are placed: the reference's way, ours, and ours with the floor.

`python -m tests.benchmarks.placing`. Synthetic people in front of cameras whose lens and place are known, in scenes
that no network was trained on and no held-out frame shows. *Ideal* joints are the true ones, on the image and about the
pelvis, with noise as stated; what the demo network finds goes through the worker's own stages. Errors are those of the
pelvis: along the camera's axis (depth) and across it (lateral), medians, in metres.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import cv2
import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from posestream.calibration import Distortion, Extrinsics, Intrinsics, LensModel
from posestream.cli.console import table_console
from posestream.skeleton import PELVIS
from producer.synthetic.truth import Truth, Visibility
from training.accuracy import MIN_VISIBLE_JOINTS, ROWS, match
from training.scenes import Setting, Situation, make_setting, photograph
from training.worker import Worker
from workers.networks import DEMO_NETWORK
from workers.pose.decoding import People
from workers.pose.decoding.lifting import translations
from workers.pose.placing import Placing, placed

SIZE_WH = (1280, 720)
SCENES = 200
STREAM = 77
METHODS = (Placing.REFERENCE, Placing.FIT, Placing.FLOOR)
BARREL = Distortion(LensModel.STANDARD, (-0.30, 0.10, 0.0, 0.0, -0.015))
SCALE = SIZE_WH[1] / ROWS


@dataclass(frozen=True)
class Case:
    """People as they were found, where they are, and the camera."""

    people: People
    pelvis_m: np.ndarray  # (P, 3)
    intrinsics: Intrinsics
    distortion: Distortion | None
    extrinsics: Extrinsics


@dataclass(frozen=True)
class Noise:
    """What is wrong with ideal joints: metres, pixels, and the share that is somewhere else."""

    joints_m: float
    pixels: float
    wrong: float = 0.0

    def __str__(self) -> str:
        parts = [f"{1000 * self.joints_m:.0f} mm, {self.pixels:g} px"] if self.joints_m else ["exact"]
        return ", ".join([*parts, *([f"{self.wrong:.0%} wrong"] if self.wrong else [])])


def settings(
    situation: Situation, label: str, focal_per_height: float | None
) -> Iterator[tuple[Setting, np.random.Generator]]:
    for number in track(range(SCENES), label, console=Console(stderr=True), transient=True):
        rng = np.random.default_rng((STREAM, number))
        yield make_setting(situation, 1 + number % 3, SIZE_WH, rng, focal_per_height), rng


def ideal(setting: Setting, rng: np.random.Generator, noise: Noise, distortion: Distortion | None) -> Case | None:
    """Return people as a perfect network would find them but for noise, through a lens of its own."""
    truth, lens = setting.truth, setting.camera.intrinsics
    true_m = truth.joints_m.astype(float)
    pixels = _project(true_m, lens, distortion)
    inside = ((pixels >= 0) & (pixels < SIZE_WH)).all(axis=2) & (true_m[..., 2] > 0.2)
    seen = inside & (truth.visibility >= Visibility.SELF_OCCLUDED) & (rng.random(inside.shape) < 0.95)
    seen[:, PELVIS] = False
    who = seen.sum(axis=1) >= MIN_VISIBLE_JOINTS
    if not who.any():
        return None
    pixels = pixels + rng.normal(0, noise.pixels, pixels.shape)
    elsewhere = rng.random(seen.shape) < noise.wrong
    pixels = np.where(elsewhere[..., None], pixels + rng.normal(0, 120, pixels.shape), pixels)
    joints_px = np.where(seen[..., None], pixels, np.nan)[who].astype(np.float32)
    off_m = rng.normal(0, noise.joints_m, true_m.shape)
    off_m[:, PELVIS] = 0  # joints are off about the pelvis
    body_m = (true_m - true_m[:, PELVIS, None] + off_m)[who].astype(np.float32)
    rays = ((joints_px - (lens.cx, lens.cy)) / (lens.fx, lens.fy)).astype(np.float32)
    people = People(
        joints_px,
        np.where(seen[who], 0.8, 0).astype(np.float32),
        body_m + translations(body_m, rays)[:, None],
        np.ones(int(who.sum()), np.float32),
    )
    place = Extrinsics.of(setting.camera.rotation, setting.camera.translation_m)
    return Case(people, true_m[who][:, PELVIS], lens, distortion, place)


def _project(points_m: np.ndarray, lens: Intrinsics, distortion: Distortion | None) -> np.ndarray:
    matrix = np.array([[lens.fx, 0, lens.cx], [0, lens.fy, lens.cy], [0, 0, 1]])
    coefficients = np.array(distortion.coefficients if distortion else [0.0] * 5)
    pixels, _ = cv2.projectPoints(points_m.reshape(-1, 1, 3), np.zeros(3), np.zeros(3), matrix, coefficients)
    return pixels.reshape(*points_m.shape[:2], 2)


def seen_by_network(
    worker: Worker, setting: Setting, rng: np.random.Generator, *, distortion: Distortion | None
) -> Case | None:
    """Return what the demo network finds of those who can be seen well enough."""
    image, truth, lens = photograph(setting, rng), setting.truth, setting.camera.intrinsics
    if distortion is not None:
        image, truth = _through_lens(image, truth, lens, distortion)
    found = worker.people(image, lens)
    counted = (truth.visibility == Visibility.VISIBLE).sum(axis=1) >= MIN_VISIBLE_JOINTS
    pairs = [(true, index) for true, index in match(truth, found, ROWS / SIZE_WH[1]) if counted[true]]
    if not pairs:
        return None
    chosen = [found[index] for _, index in pairs]
    people = People(
        *(np.stack([getattr(person, name) for person in chosen]) for name in ("joints_px", "confidence", "joints_m")),
        np.array([person.score for person in chosen], np.float32),
    )
    place = Extrinsics.of(setting.camera.rotation, setting.camera.translation_m)
    return Case(people, truth.joints_m[[true for true, _ in pairs], PELVIS], lens, distortion, place)


def _through_lens(
    image: np.ndarray, truth: Truth, lens: Intrinsics, distortion: Distortion
) -> tuple[np.ndarray, Truth]:
    """Return the picture that a lens with distortion would have taken, and where its joints are."""
    matrix = np.array([[lens.fx, 0, lens.cx - 0.5], [0, lens.fy, lens.cy - 0.5], [0, 0, 1]])
    pixels = np.stack(np.meshgrid(*map(np.arange, SIZE_WH)), axis=-1).reshape(-1, 1, 2).astype(np.float64)
    from_px = cv2.undistortPoints(pixels, matrix, np.array(distortion.coefficients), None, None, matrix)
    maps = from_px.reshape(SIZE_WH[1], SIZE_WH[0], 2).astype(np.float32)
    bent = cv2.remap(image, maps, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    joints_px = _project(truth.joints_m.astype(float), lens, distortion).astype(np.float32)
    inside = ((joints_px >= 0) & (joints_px < SIZE_WH)).all(axis=2)
    visibility = np.where(inside, truth.visibility, Visibility.OUT_OF_FRAME).astype(np.uint8)
    return np.asarray(bent, np.uint8), replace(truth, joints_px=joints_px, visibility=visibility)


def errors_m(cases: list[Case], method: Placing) -> tuple[np.ndarray, np.ndarray]:
    """Return everybody's errors in depth and across, (N,) each."""
    off = []
    for case in cases:
        given = placed(case.people, method, case.intrinsics, case.distortion, case.extrinsics, SCALE)
        off.append(given.joints_m[:, PELVIS] - case.pelvis_m)
    off_m = np.concatenate(off)
    return np.abs(off_m[:, 2]), np.linalg.norm(off_m[:, :2], axis=1)


def add_row(
    table: Table,
    name: str,
    situation: Situation,
    make: Callable[[Setting, np.random.Generator], Case | None],
    focal_per_height: float | None = None,
) -> None:
    made = (make(setting, rng) for setting, rng in settings(situation, name, focal_per_height))
    cases = [case for case in made if case is not None]
    errors = [f"{np.median(error):.3f}" for method in METHODS for error in errors_m(cases, method)]
    table.add_row(name, str(sum(len(case.people) for case in cases)), *errors)


def main() -> None:
    table = Table(
        title=f"where people are placed: median errors in metres, {SCENES} scenes a row", title_justify="left"
    )
    table.add_column("")
    for heading in (
        "people",
        "reference\ndepth",
        "\nlateral",
        "fit\ndepth",
        "\nlateral",
        "fit + floor\ndepth",
        "\nlateral",
    ):
        table.add_column(heading, justify="right")
    typical = Noise(0.05, 4)
    for situation in (Situation.OPEN, Situation.BORDER):
        for noise in (Noise(0, 0), typical, Noise(0.08, 6), Noise(0.05, 4, wrong=0.1)):
            make = partial(ideal, noise=noise, distortion=None)
            add_row(table, f"ideal, {situation}, {noise}", situation, make)
    for distortion in (None, BARREL):
        make = partial(ideal, noise=typical, distortion=distortion)
        for focal in (0.6, 0.95, 1.4, 2.5):
            name = f"ideal, focal length {focal:g} x height{', distorted' if distortion else ''}"
            add_row(table, name, Situation.OPEN, make, focal)
    worker = Worker(DEMO_NETWORK, placing=Placing.REFERENCE)
    for distortion in (None, BARREL):
        make = partial(seen_by_network, worker, distortion=distortion)
        for situation in (Situation.OPEN, Situation.BORDER):
            add_row(table, f"demo network, {situation}{', distorted' if distortion else ''}", situation, make)
    worker.close()
    table_console().print(table)


if __name__ == "__main__":
    main()
