"""Settings of `python -m producer calibrate …`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field
from pydantic_settings import CliPositionalArg

from posestream.service.settings import ConnectionSettings, Settings
from producer.calibration.board import Board, CharucoBoard, Checkerboard, check_squares
from producer.calibration.formats import Unit, Up, World


def as_many(value: object) -> object:
    """Let one file stand for a list of one."""
    return (value,) if isinstance(value, str | Path) else value


Files = Annotated[tuple[Path, ...], BeforeValidator(as_many)]


class BoardSettings(Settings):
    """Draw a board to print: a PNG for paper of the size given, at 300 dots per inch. Print it at 100 %."""

    output: CliPositionalArg[Path] = Path("board.png")
    """File to write."""
    charuco: bool = True
    """With markers, so that the board is recognised where it is partly out of the picture; or a plain checkerboard."""
    squares: str = Field("10x7", pattern=r"^[1-9]\d?x[1-9]\d?$")
    """Squares across and down."""
    square_mm: float = Field(25.0, gt=0, le=1000)
    """Side of a square, in millimetres."""


class LensSettings(ConnectionSettings):
    """Find a lens from a video of a board: show the board everywhere in the picture, near and far, tilted all ways."""

    source: CliPositionalArg[str]
    """Video, folder of pictures, webcam or URL that shows the board."""
    charuco: bool = True
    """The board has markers; or it is a plain checkerboard."""
    squares: str = Field("10x7", pattern=r"^[1-9]\d?x[1-9]\d?$")
    """Squares of the board across and down (squares, not the corners between them)."""
    square_mm: float = Field(25.0, gt=0, le=1000)
    """Side of a square, in millimetres. The lens does not depend on it."""
    fisheye: bool = False
    """OpenCV's fisheye model, for lenses of more than about 120 degrees."""
    pictures: int = Field(200, ge=10, le=5000)
    """How many pictures of the source to look at, at most: evenly of a file, the first ones of a camera."""
    output: Path = Path("lens.json")
    """Calibration file to write."""
    picture: Path | None = None
    """Picture to write that shows the errors; by default beside the calibration file."""
    camera: str | None = None
    """Camera to set the calibration for, on the server."""


class FloorSettings(ConnectionSettings):
    """Find where a camera is, from four or more known points on the floor, or from a board that lies on it."""

    source: CliPositionalArg[str]
    """Picture, video, webcam or URL; its first picture is taken."""
    calibration: Files = ()
    """File(s) that know the camera's lens, as `calibrate lens` writes them."""
    calibration_camera: str | None = None
    """Which camera of a calibration file with several."""
    points: Path | None = None
    """File with known points, a line `x y u v` for each: metres on the floor, pixels in the picture."""
    charuco: bool = True
    """The board on the floor has markers; or it is a plain checkerboard."""
    squares: str | None = Field(None, pattern=r"^[1-9]\d?x[1-9]\d?$")
    """Squares across and down of a board that lies on the floor, instead of points."""
    square_mm: float = Field(25.0, gt=0, le=1000)
    """Side of a square, in millimetres."""
    output: Path = Path("camera.json")
    """Calibration file to write, with lens and place."""
    picture: Path | None = None
    """Picture to write, with metres drawn on the floor; by default beside the calibration file."""
    camera: str | None = None
    """Camera to set the calibration for, on the server."""


class SetSettings(ConnectionSettings):
    """Set a camera's calibration on the server: a running producer takes it on within seconds."""

    camera: CliPositionalArg[str]
    """The camera's name."""
    calibration: Files = ()
    """Calibration files of any kind that `producer run --calibration` reads; none takes the calibration away."""
    calibration_camera: str | None = None
    """Which camera of a calibration file with several."""
    world_unit: Unit | None = None
    """Unit of the world in a calibration file; by default cm for Panoptic's and the demo's, m for others."""
    world_up: Up | None = None
    """Axis that points up in a calibration file's world; by default -y for Panoptic's and the demo's, z for others."""

    @property
    def world(self) -> World:
        """What the world of calibration files is said to be like."""
        return World(self.world_unit, self.world_up)


def board_of(squares: str, square_mm: float, *, charuco: bool) -> Board:
    """Return the board that the flags describe.

    Raises:
        ConfigurationError: there is no board of so many squares.
    """
    across, down = map(int, squares.split("x"))
    check_squares((across, down), charuco=charuco)
    if charuco:
        return CharucoBoard((across, down), square_mm / 1000)
    return Checkerboard((across, down), square_mm / 1000)
