"""`python -m producer calibrate lens`: intrinsics and distortion from a video of a board."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.progress import track

from posestream.calibration import LensModel
from posestream.errors import ConfigurationError
from posestream.image import ImageLimits
from posestream.service.settings import load
from producer.calibration.board import Corners
from producer.calibration.commands.common import PROGRAM, TABLE, console, pictures, set_on_server
from producer.calibration.files import write_file
from producer.calibration.lens import MIN_VIEWS, LensReport, calibrate, choose_views, different
from producer.calibration.pictures import lens_picture, save
from producer.calibration.settings import LensSettings, board_of
from producer.calibration.values import Calibration
from producer.sources import make_source, public_name
from producer.sources.base import Bgr


def main(argv: list[str]) -> int:
    """Find a lens."""
    settings = load(LensSettings, argv, program=f"{PROGRAM} lens", table=TABLE)
    found, clearest = _search(settings)
    size_wh = (clearest.shape[1], clearest.shape[0])
    views = different(found)
    if len(views) < MIN_VIEWS:
        raise ConfigurationError(
            f"{public_name(settings.source)}: of {len(found)} pictures that show the board {len(views)} differ, "
            f"{MIN_VIEWS} are needed, 15 are good: move the board about, and tilt it by 30° and more, all ways"
        )
    model = LensModel.FISHEYE if settings.fisheye else LensModel.STANDARD
    report = calibrate(choose_views(views, size_wh), size_wh, model)
    calibration = Calibration(size_wh, report.intrinsics, report.distortion)
    shown = settings.picture or settings.output.with_suffix(".png")
    save(shown, lens_picture(clearest, report))
    write_file(settings.output, calibration, _lens_facts(report))
    _say_lens(report, len(views), settings.output, shown)
    if settings.camera is not None:
        set_on_server(settings, settings.camera, calibration)
    return 0


def _search(settings: LensSettings) -> tuple[list[Corners], Bgr]:
    """Return the corners of all pictures that show the board, and the picture that shows most of them."""
    used = board_of(settings.squares, settings.square_mm, charuco=settings.charuco)
    source = make_source(settings.source, ImageLimits())
    found: list[Corners] = []
    clearest: tuple[int, Bgr] | None = None
    shape: tuple[int, ...] | None = None
    looked_at = pictures(source, settings.pictures)
    for image in track(looked_at, "looking for the board", settings.pictures, console=console, transient=True):
        if image.shape != (shape := shape or image.shape):
            raise ConfigurationError(f"{source.name}: pictures of different sizes; calibrate each kind for itself")
        corners = used.find(image)
        if corners is not None:
            found.append(corners)
            if clearest is None or len(corners.pixels) > clearest[0]:
                clearest = (len(corners.pixels), image)
    if clearest is None or len(found) < MIN_VIEWS:
        raise ConfigurationError(
            f"{source.name}: the board was found in {len(found)} pictures, {MIN_VIEWS} are needed, 15 are good: has it "
            f"{settings.squares} squares (--squares), and {'markers' if settings.charuco else 'none'} (--no-charuco)?"
        )
    return found, clearest[1]


def _lens_facts(report: LensReport) -> dict[str, Any]:
    return {
        "views": len(report.views),
        "corners": sum(len(view.pixels) for view in report.views),
        "error_px": round(report.error_px, 3),
        "focal_deviation_px": report.focal_deviation_px and round(report.focal_deviation_px, 2),
        "coverage": round(report.coverage, 2),
    }


def _say_lens(report: LensReport, found: int, output: Path, shown: Path) -> None:
    lens = report.intrinsics
    deviation = "" if report.focal_deviation_px is None else f" ± {report.focal_deviation_px:.1f}"
    console.print(
        f"fx {lens.fx:.1f}{deviation}, fy {lens.fy:.1f}, cx {lens.cx:.1f}, cy {lens.cy:.1f} px; "
        f"{report.distortion.model} lens {', '.join(f'{value:.4f}' for value in report.distortion.coefficients)}"
    )
    console.print(
        f"reprojection error {report.error_px:.2f} px over {len(report.views)} of {found} different views; corners in "
        f"{report.coverage:.0%} of the picture"
    )
    for hint in report.advice:
        console.print(f"[yellow]{hint}[/]")
    console.print(f"written: {output}, and {shown} to look at")
