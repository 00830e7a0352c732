"""`python -m producer calibrate floor`: a camera's place from known points on the floor, or a board that lies there."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from posestream.errors import ConfigurationError
from posestream.image import ImageLimits
from posestream.service.settings import load
from producer.calibration.commands.common import PROGRAM, TABLE, console, pictures, set_on_server
from producer.calibration.files import read_files, write_file
from producer.calibration.floor import Array, PlaceReport, locate, read_points
from producer.calibration.pictures import floor_picture, save
from producer.calibration.settings import FloorSettings, board_of
from producer.calibration.values import Calibration
from producer.sources import make_source
from producer.sources.base import Bgr

_WORST_PX: Final = 5.0


def main(argv: list[str]) -> int:
    """Find a place."""
    settings = load(FloorSettings, argv, program=f"{PROGRAM} floor", table=TABLE)
    known = read_files(settings.calibration, settings.calibration_camera)
    source = make_source(settings.source, ImageLimits())
    image = next(pictures(source, 1), None)
    if image is None:
        raise ConfigurationError(f"{source.name}: no picture in it")
    size_wh = (image.shape[1], image.shape[0])
    known = known.for_size(size_wh)
    if known.intrinsics is None:
        raise ConfigurationError("the lens is not known: give --calibration FILE, as `calibrate lens` writes it")
    report = _located(settings, known, image)
    calibration = Calibration(size_wh, known.intrinsics, known.distortion, report.extrinsics)
    shown = settings.picture or settings.output.with_suffix(".png")
    save(shown, floor_picture(image, report, known.intrinsics, known.distortion))
    write_file(settings.output, calibration, {"points": len(report.pixels), "error_px": round(report.error_px, 3)})
    _say_place(report, settings.output, shown)
    if settings.camera is not None:
        set_on_server(settings, settings.camera, calibration)
    return 0


def _located(settings: FloorSettings, known: Calibration, image: Bgr) -> PlaceReport:
    assert known.intrinsics is not None
    if settings.points is not None:
        world_m, pixels = read_points(settings.points)
        _check_inside(settings.points, world_m, pixels, (image.shape[1], image.shape[0]))
        return locate(world_m, pixels, known.intrinsics, known.distortion)
    if settings.squares is None:
        raise ConfigurationError("give --points FILE, or --squares of a board that lies on the floor")
    corners = board_of(settings.squares, settings.square_mm, charuco=settings.charuco).find(image)
    if corners is None:
        raise ConfigurationError(f"no board of {settings.squares} squares was found in the picture")
    # A board's y axis goes down its print and its z axis into it; on the floor z goes up.
    world_m = corners.board_m * (1, -1, 1)
    across, down = map(int, settings.squares.split("x"))
    if not settings.charuco and (across + down) % 2 == 0:
        console.print(
            f"[yellow]a plain board of {settings.squares} squares looks the same upside down: see in the picture which "
            "corner is the origin, or take one with an even and an odd number of squares, such as 10x7[/]"
        )
    return locate(world_m, corners.pixels + 0.5, known.intrinsics, known.distortion)


def _check_inside(path: Path, world_m: Array, pixels: Array, size_wh: tuple[int, int]) -> None:
    for point, pixel in zip(world_m, pixels, strict=True):
        if not ((pixel >= 0) & (pixel <= size_wh)).all():
            where = ", ".join(f"{value:g}" for value in point)
            u, v = pixel
            raise ConfigurationError(
                f"points file {path}: the point ({where}) m is said to be at pixel ({u:g}, {v:g}), outside the picture "
                f"of {size_wh[0]} x {size_wh[1]}"
            )


def _say_place(report: PlaceReport, output: Path, shown: Path) -> None:
    x, y, z = report.extrinsics.position_m
    console.print(
        f"camera at ({x:.2f}, {y:.2f}, {z:.2f}) m; reprojection error {report.error_px:.2f} px over "
        f"{len(report.pixels)} points"
    )
    if report.error_px > _WORST_PX:
        point = ", ".join(f"{value:g}" for value in report.world_m[report.worst])
        console.print(f"[yellow]that is much: look at the picture. The point that fits worst is ({point}) m[/]")
    console.print(f"written: {output}, and {shown} to look at")
