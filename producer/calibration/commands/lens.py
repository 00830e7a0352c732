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
from producer.calibration.lens import MIN_VIEWS, LensReport, calibrate, choose_views
from producer.calibration.pictures import lens_picture, save
from producer.calibration.settings import LensSettings, board_of
from producer.calibration.values import Calibration
from producer.sources import make_source
from producer.sources.base import Bgr


def main(argv: list[str]) -> int:
    """Find a lens."""
    settings = load(LensSettings, argv, program=f"{PROGRAM} lens", table=TABLE)
    used = board_of(settings.squares, settings.square_mm, charuco=settings.charuco)
    views: list[Corners] = []
    best: tuple[int, Bgr] | None = None
    size_wh: tuple[int, int] | None = None
    source = make_source(settings.source, ImageLimits())
    for image in track(
        pictures(source, settings.pictures),
        "looking for the board",
        settings.pictures,
        console=console,
        transient=True,
    ):
        if size_wh is None:
            size_wh = (image.shape[1], image.shape[0])
        if (image.shape[1], image.shape[0]) != size_wh:
            raise ConfigurationError(f"{source.name}: pictures of different sizes; calibrate each kind for itself")
        corners = used.find(image)
        if corners is not None:
            views.append(corners)
            if best is None or len(corners.pixels) > best[0]:
                best = (len(corners.pixels), image)
    if best is None or size_wh is None or len(views) < MIN_VIEWS:
        raise ConfigurationError(
            f"{source.name}: the board was found in {len(views)} pictures, {MIN_VIEWS} are needed, 15 are good: has it "
            f"{settings.squares} squares (--squares), and {'markers' if settings.charuco else 'none'} (--no-charuco)?"
        )
    model = LensModel.FISHEYE if settings.fisheye else LensModel.STANDARD
    report = calibrate(choose_views(views, size_wh), size_wh, model)
    calibration = Calibration(size_wh, report.intrinsics, report.distortion)
    shown = settings.picture or settings.output.with_suffix(".png")
    save(shown, lens_picture(best[1], report))
    write_file(settings.output, calibration, _lens_facts(report))
    _say_lens(report, len(views), settings.output, shown)
    if settings.camera is not None:
        set_on_server(settings, settings.camera, calibration)
    return 0


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
        f"reprojection error {report.error_px:.2f} px over {len(report.views)} of {found} views; corners in "
        f"{report.coverage:.0%} of the picture"
    )
    for hint in report.advice:
        console.print(f"[yellow]{hint}[/]")
    console.print(f"written: {output}, and {shown} to look at")
