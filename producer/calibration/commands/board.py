"""`python -m producer calibrate board`: a board to print."""

from __future__ import annotations

from typing import Final

from posestream.service.settings import load
from producer.calibration.board import draw_board
from producer.calibration.commands.common import PROGRAM, TABLE, console
from producer.calibration.pictures import save
from producer.calibration.settings import BoardSettings

_DOTS_PER_MM: Final = 300 / 25.4


def main(argv: list[str]) -> int:
    """Draw a board."""
    settings = load(BoardSettings, argv, program=f"{PROGRAM} board", table=TABLE)
    across, down = map(int, settings.squares.split("x"))
    per_square = round(settings.square_mm * _DOTS_PER_MM)
    margin = round(10 * _DOTS_PER_MM)
    save(
        settings.output,
        draw_board((across, down), charuco=settings.charuco, px_per_square=per_square, margin_px=margin),
    )
    width, height = across * settings.square_mm + 20, down * settings.square_mm + 20
    console.print(
        f"{settings.output}: {across} x {down} squares of {settings.square_mm:g} mm. Print it at 100 % "
        f"({width:.0f} x {height:.0f} mm), measure a square, and glue the sheet to something flat."
    )
    return 0
