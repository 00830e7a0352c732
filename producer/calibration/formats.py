"""The kinds of calibrations that there are, from plain values to ours: OpenCV's, CMU Panoptic's, the reference demo's.

Others count pixels from the centre of the top left one, as OpenCV does: half a pixel is added to principal points.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeVar

import numpy as np
import numpy.typing as npt

from posestream.calibration import Distortion, Extrinsics, Intrinsics, LensModel
from posestream.errors import ConfigurationError
from producer.calibration.values import MARK, Calibration
from producer.opencv import cv2

T = TypeVar("T")
Array = npt.NDArray[np.float64]
Unit = Literal["m", "cm", "mm"]
Up = Literal["z", "-z", "y", "-y"]

METRES: Final[Mapping[Unit, float]] = {"m": 1.0, "cm": 0.01, "mm": 0.001}
# Columns: our axes (z up) in those of a world in which the key points up.
_AXES: Final[Mapping[Up, Array]] = {
    "z": np.eye(3),
    "-z": np.diag((1.0, -1.0, -1.0)),
    "y": np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]]),
    "-y": np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]),
}
_LARGEST_REPAIR: Final = 0.02

# Names under which programs write these, without case, `_`, `-` and blanks.
_MATRIX: Final = ("cameramatrix", "k", "mtx", "intrinsicmatrix", "intrinsics", "cameraintrinsics", "m")
_DISTORTION: Final = ("distortioncoefficients", "distcoeffs", "distcoeff", "distcoef", "distortion", "dist", "d")
_SIZE: Final = ("imagesize", "size", "resolution", "imgsize")
_MODEL: Final = ("distortionmodel", "cameramodel", "model")
_ROTATION: Final = ("r", "rotation", "rotationmatrix", "rmat", "rvec", "rotationvector")
_TRANSLATION: Final = ("t", "translation", "translationvector", "tvec")


@dataclass(frozen=True, slots=True)
class World:
    """What a file's world is like: None where the kind of file decides.

    Attributes:
        unit: of its lengths.
        up: which of its axes points up.
    """

    unit: Unit | None = None
    up: Up | None = None


def read_map(content: dict[str, Any], camera: str | None, world: World) -> Calibration:
    """Return what a calibration file's content says.

    `camera` names one of several.

    Raises:
        ConfigurationError: none of the kinds that are known, or wrong; says what is missing.
        MessageError: a file of our own is wrong; names the key.
    """
    if MARK in content:
        return Calibration.from_map(content)
    if isinstance(content.get("cameras"), list):
        return _panoptic(_chosen(content["cameras"], camera), world)
    if content.keys() == {"R", "t"}:
        return Calibration(extrinsics=_extrinsics(content["R"], content["t"], world, unit="cm", up="-y"))
    return _opencv(content, world)


def _chosen(cameras: list[Any], name: str | None) -> dict[str, Any]:
    named = {str(entry.get("name")): entry for entry in cameras if isinstance(entry, dict)}
    if name is None and len(named) == 1:
        return next(iter(named.values()))
    if name is None or name not in named:
        some = ", ".join(list(named)[:40])
        raise ConfigurationError(f"has {len(named)} cameras; say which with --calibration-camera: {some}")
    return named[name]


def _panoptic(entry: dict[str, Any], world: World) -> Calibration:
    """One camera of CMU Panoptic's JSON: centimetres, -y up."""
    return Calibration(
        size_wh=_size(entry.get("resolution")),
        intrinsics=_intrinsics(_array(entry, "K", 9)),
        distortion=_distortion(_array(entry, "distCoef"), fisheye=False),
        extrinsics=_extrinsics(entry.get("R"), entry.get("t"), world, unit="cm", up="-y"),
    )


def _opencv(content: dict[str, Any], world: World) -> Calibration:
    """What OpenCV's samples, ROS and people's own scripts write, whatever they call it: metres, z up."""
    named = {_plain(name): value for name, value in content.items()}
    matrix, rotation, translation = (_first(named, names) for names in (_MATRIX, _ROTATION, _TRANSLATION))
    if matrix is None and (rotation is None or translation is None):
        raise ConfigurationError(
            "has neither a camera_matrix nor a rotation (R or rvec) with a translation (t or tvec): "
            f"there is {', '.join(map(str, list(content)[:12])) or 'nothing'}"
        )
    size = _first(named, _SIZE)
    for width, height in (("imagewidth", "imageheight"), ("width", "height")):
        if width in named and height in named:
            size = [named[width], named[height]]
    coefficients = _first(named, _DISTORTION)
    fisheye = _plain(str(_first(named, _MODEL) or "")) in ("fisheye", "equidistant") or named.get("fisheye") in (
        1,
        True,
    )
    placed = rotation is not None and translation is not None
    return Calibration(
        size_wh=None if size is None else _size(_numbers(size, "image_size")),
        intrinsics=None if matrix is None else _intrinsics(_numbers(matrix, "camera_matrix", 9)),
        distortion=None
        if coefficients is None or matrix is None
        else _distortion(_numbers(coefficients, "distortion_coefficients"), fisheye=fisheye),
        extrinsics=_extrinsics(rotation, translation, world, unit="m", up="z") if placed else None,
    )


def _plain(name: str) -> str:
    return "".join(letter for letter in str(name).lower() if letter not in "_- ")


def _first(named: dict[str, Any], names: tuple[str, ...]) -> Any:
    return next((named[name] for name in names if named.get(name) is not None), None)


def _array(entry: dict[str, Any], name: str, count: int | None = None) -> Array:
    if name not in entry:
        raise ConfigurationError(f"{name} is missing")
    return _numbers(entry[name], name, count)


def _numbers(value: Any, name: str, count: int | None = None) -> Array:
    """Return a flat array of finite numbers, of a nested list, a matrix, or OpenCV's map of one."""
    if isinstance(value, dict) and "data" in value:
        value = value["data"]
    try:
        numbers = np.array(value, np.float64).ravel()
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"{name} is not made of numbers") from error
    if not np.isfinite(numbers).all() or (count is not None and len(numbers) != count):
        raise ConfigurationError(f"{name} must be {count or 'some'} finite numbers, not {len(numbers)}")
    return numbers


def _size(value: Any) -> tuple[int, int] | None:
    if value is None:
        return None
    numbers = _numbers(value, "image size")
    if len(numbers) != 2 or (numbers < 1).any():
        raise ConfigurationError("the image size must be width and height in pixels")
    return int(numbers[0]), int(numbers[1])


def _intrinsics(matrix: Array) -> Intrinsics:
    fx, _, cx, _, fy, cy = matrix[:6].tolist()
    return _checked("camera_matrix", lambda: Intrinsics(fx, fy, cx + 0.5, cy + 0.5, calibrated=True))


def _distortion(coefficients: Array, *, fisheye: bool) -> Distortion | None:
    if not coefficients.any():
        return None
    model = LensModel.FISHEYE if fisheye else LensModel.STANDARD
    return _checked("distortion_coefficients", lambda: Distortion(model, tuple(coefficients.tolist())))


def _extrinsics(rotation: Any, translation: Any, world: World, unit: Unit, up: Up) -> Extrinsics:
    turn = _numbers(rotation, "R")
    if len(turn) == 3:
        turn = np.asarray(cv2.Rodrigues(turn)[0], np.float64).ravel()
    if len(turn) != 9:
        raise ConfigurationError(f"R must be a 3 x 3 matrix or a rotation vector of 3, not {len(turn)} numbers")
    place = _numbers(translation, "t", 3) * METRES[world.unit or unit]
    matrix = _nearest_rotation(turn.reshape(3, 3)) @ _AXES[world.up or up]
    return _checked("R", lambda: Extrinsics.of(matrix, place))


def _nearest_rotation(matrix: Array) -> Array:
    """Return the rotation that a matrix written with few digits was."""
    left, _, right = np.linalg.svd(matrix)
    nearest: Array = left @ right
    if np.abs(nearest - matrix).max() > _LARGEST_REPAIR or np.linalg.det(nearest) < 0:
        raise ConfigurationError("R is not a rotation: its rows must be unit vectors, orthogonal and right-handed")
    return nearest


def _checked(name: str, make: Callable[[], T]) -> T:
    try:
        return make()
    except ValueError as error:
        raise ConfigurationError(f"{name}: {error}") from error
