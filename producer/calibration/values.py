"""A calibration as a whole, and what of it holds for frames of a certain size."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any, Final, Self

from posestream import calibration_maps, fields
from posestream.calibration import Distortion, Extrinsics, Intrinsics
from posestream.errors import ConfigurationError, MessageError

MARK: Final = "posestream_calibration"
"""The key by which a file of our own is known; its value is the version of the format."""
VERSION: Final = 1

_SAME_SHAPE: Final = 0.01


@dataclass(frozen=True, slots=True)
class Calibration:
    """What is known of a camera; any of it may be missing.

    Attributes:
        size_wh: of the images that the intrinsics belong to, in pixels; None when the source of them did not say.
        intrinsics, distortion: the lens.
        extrinsics: the place.
    """

    size_wh: tuple[int, int] | None = None
    intrinsics: Intrinsics | None = None
    distortion: Distortion | None = None
    extrinsics: Extrinsics | None = None

    def __bool__(self) -> bool:
        """Tell whether anything is known."""
        return self.intrinsics is not None or self.extrinsics is not None

    def over(self, other: Self) -> Self:
        """Return this calibration, with what it lacks from another; a lens is taken as a whole."""
        lens = self if self.intrinsics is not None else other
        return replace(
            self,
            size_wh=lens.size_wh,
            intrinsics=lens.intrinsics,
            distortion=lens.distortion,
            extrinsics=self.extrinsics or other.extrinsics,
        )

    def for_size(self, frame_wh: tuple[int, int]) -> Self:
        """Return the calibration for frames of another size: intrinsics are scaled with the image.

        Raises:
            ConfigurationError: the frames have another shape, so that they do not show the same part of the scene.
        """
        if self.size_wh is None or self.intrinsics is None or self.size_wh == frame_wh:
            return self
        x, y = frame_wh[0] / self.size_wh[0], frame_wh[1] / self.size_wh[1]
        if abs(x / y - 1) > _SAME_SHAPE:
            raise ConfigurationError(
                f"calibrated for {_shown(self.size_wh)}, but the frames are {_shown(frame_wh)}, of another shape: "
                "calibrate the camera in the mode in which it is used"
            )
        return replace(self, size_wh=frame_wh, intrinsics=self.intrinsics.scaled(x, y))

    def as_map(self) -> dict[str, Any]:
        """Return plain values, ready for JSON; `from_map` reads them."""
        size = {} if self.size_wh is None else {"size": list(self.size_wh)}
        return {MARK: VERSION} | size | calibration_maps.packed(self.intrinsics, self.distortion, self.extrinsics)

    def as_json(self) -> str:
        """Return `as_map` as JSON on one line."""
        return json.dumps(self.as_map(), allow_nan=False)

    @classmethod
    def from_map(cls, message: dict[str, Any]) -> Self:
        """Read what `as_map` returned.

        Raises:
            MessageError: it is something else; names the key.
        """
        if fields.integer(message, MARK, low=1) > VERSION:
            raise MessageError("written by a later version: upgrade posestream", field=MARK)
        intrinsics = calibration_maps.read_intrinsics(message) if "intrinsics" in message else None
        return cls(
            size_wh=fields_size(message),
            intrinsics=intrinsics,
            distortion=calibration_maps.read_distortion(message),
            extrinsics=calibration_maps.read_extrinsics(message),
        )

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `as_json` returned.

        Raises:
            MessageError: it is something else.
        """
        try:
            message = json.loads(text)
        except (ValueError, RecursionError) as error:  # the latter for what is nested without end
            raise MessageError(f"not JSON that can be read ({error})", field=MARK) from error
        if not isinstance(message, dict):
            raise MessageError(f"expected a map, not {type(message).__name__}", field=MARK)
        return cls.from_map(message)


def fields_size(message: dict[str, Any]) -> tuple[int, int] | None:
    """Return the `size` of a map, None when it has none.

    Raises:
        MessageError: it is not a size.
    """
    if "size" not in message:
        return None
    size = fields.sequence(message, "size", max_length=2)
    if len(size) != 2 or not all(type(side) is int and side > 0 for side in size):
        raise MessageError(f"expected [width, height] in pixels, not {fields.shown(size)}", field="size")
    return size[0], size[1]


def _shown(size_wh: tuple[int, int]) -> str:
    return f"{size_wh[0]} x {size_wh[1]}"
