"""What a `synthetic:` source is asked for."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, Final
from urllib.parse import parse_qsl

from posestream.errors import ConfigurationError

SCHEME: Final = "synthetic:"
CAMERAS: Final = 4
_MAX_SIDE_PX: Final = 4096


@dataclass(frozen=True, slots=True)
class SceneOptions:
    """A camera's view of a scene with people.

    Attributes:
        people: how many, 0 to 12.
        seed: which people, room and movements.
        fps: frames a second.
        size: width and height of the image, pixels.
        camera: which of the scene's four cameras, 0 to 3.
        frames: how many frames there are; None for a camera that never ends.
        start_ms: when frame 0 is captured, Unix milliseconds; None: a camera's when it is opened, a recording's at 0.
    """

    people: int = 3
    seed: int = 7
    fps: float = 15.0
    size: tuple[int, int] = (1280, 720)
    camera: int = 0
    frames: int | None = None
    start_ms: int | None = None

    def captured_ms(self, index: int, start_ms: int) -> int:
        """Return when a frame is captured, Unix milliseconds."""
        return start_ms + round(index * 1000 / self.fps)

    def index_at(self, captured_ms: int, start_ms: int) -> int:
        """Return which frame was captured at a time that `captured_ms` returned."""
        return round((captured_ms - start_ms) * self.fps / 1000)


_INTEGERS: Final = {
    "people": (0, 12),
    "seed": (0, 2**63 - 1),
    "camera": (0, CAMERAS - 1),
    "frames": (1, 10**9),
    "start": (0, 253_402_300_799_999),
}


def parse_options(text: str) -> SceneOptions:
    """Read `synthetic:?people=3&seed=7&fps=15&size=1280x720&camera=0&frames=300&start=<Unix ms>`; all may be left out.

    Raises:
        ConfigurationError: naming the option and what it may be.
    """
    rest = text.removeprefix(SCHEME)
    if not text.startswith(SCHEME) or (rest and not rest.startswith("?")):
        raise ConfigurationError(f"source {text!r}: write {SCHEME}?people=3&seed=7, with any of {_known()}")
    given: dict[str, Any] = {}
    for key, value in parse_qsl(rest[1:], keep_blank_values=True):
        if key in given:
            raise ConfigurationError(f"source {text!r}: {key} is given twice")
        given[key] = _value(text, key, value)
    if "start" in given:
        given["start_ms"] = given.pop("start")
    return replace(SceneOptions(), **given)


def _known() -> str:
    return ", ".join(field.name.removesuffix("_ms") for field in fields(SceneOptions))


def _value(text: str, key: str, value: str) -> Any:
    if key in _INTEGERS:
        low, high = _INTEGERS[key]
        if value.isascii() and value.isdigit() and low <= int(value) <= high:
            return int(value)
        raise ConfigurationError(f"source {text!r}: {key} must be a whole number from {low} to {high}, not {value!r}")
    if key == "fps":
        try:
            fps = float(value)
        except ValueError:
            fps = 0.0
        if 0.1 <= fps <= 1000:
            return fps
        raise ConfigurationError(f"source {text!r}: fps must be a number from 0.1 to 1000, not {value!r}")
    if key == "size":
        width, _, height = value.partition("x")
        if all(side.isascii() and side.isdigit() and 64 <= int(side) <= _MAX_SIDE_PX for side in (width, height)):
            return int(width), int(height)
        raise ConfigurationError(
            f"source {text!r}: size must be <width>x<height> in pixels, 64 to {_MAX_SIDE_PX} each, not {value!r}"
        )
    raise ConfigurationError(f"source {text!r}: unknown option {key!r}; there are {_known()}")
