"""Draws round things fast: every part of a body is a tube, and a tube is a small shaded texture laid into the image.

A tube has an axis in space, a profile of elliptic sections along it, and a colour map wound around it. What the camera
sees of it is computed on a small grid, for all tubes of a frame at once, and warped to its place with soft edges; those
farther away are laid down first.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final, Self

import cv2
import numpy as np
import numpy.typing as npt

from producer.synthetic.camera import NEAREST_M, Camera
from producer.synthetic.rotations import FloatArray

Bgr = npt.NDArray[np.uint8]

PROFILE_STEPS: Final = 9
MAP_SHAPE: Final = (48, 64)
"""Rows along the axis and columns around it of a colour map; column 0 is ahead, a quarter further is to the right."""

_EDGE_PX: Final = 1.0


@dataclass(slots=True, eq=False)
class Tubes:
    """N tubes.

    Attributes:
        start_m, end_m: (N, 3), the axis, world.
        right, ahead: (N, 3), unit vectors, roughly square to the axis: directions of the sections' two half-axes.
        half_right_m, half_ahead_m: (N, 9), those half-axes at even steps from start to end.
        cap: (N, 2), how far a rounded end reaches beyond start and end, as a fraction of the width there.
        nearer_m: (N,), how much nearer than its middle the tube counts when it is decided what covers what.
        colours: (N, 48, 64, 3) float32, BGR 0..255, see `MAP_SHAPE`.
    """

    start_m: FloatArray
    end_m: FloatArray
    right: FloatArray
    ahead: FloatArray
    half_right_m: FloatArray
    half_ahead_m: FloatArray
    cap: FloatArray
    nearer_m: FloatArray
    colours: npt.NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.start_m)

    def chosen(self, which: npt.NDArray[np.bool_]) -> Self:
        """Return some of them."""
        return type(self)(*(getattr(self, field.name)[which] for field in fields(self)))


@dataclass(frozen=True, slots=True)
class Light:
    """A lamp far away and the light from everywhere.

    Attributes:
        direction: (3,), unit vector towards the lamp, world.
        lamp, ambient: brightness; surfaces that face the lamp get the sum.
        tint: (3,), BGR, of all light.
    """

    direction: FloatArray
    lamp: float
    ambient: float
    tint: FloatArray


def draw_tubes(image: Bgr, tubes: Tubes, camera: Camera, light: Light) -> None:
    """Lay tubes into an image `(H, W, 3)` uint8 BGR, in place."""
    start, end = camera.seen(tubes.start_m), camera.seen(tubes.end_m)
    in_front = np.minimum(start[:, 2], end[:, 2]) > max(NEAREST_M, 0.3)
    if not in_front.all():
        tubes, start, end = tubes.chosen(in_front), start[in_front], end[in_front]
    if not len(tubes):
        return
    sight = _Sight.of(tubes, camera, start, end)
    places = _places(sight, camera.size_wh)
    farthest_first = np.argsort(tubes.nearer_m - np.linalg.norm((start + end) / 2, axis=1))
    big = sight.half_px.max(axis=1) * 2 > _SMALL[1]
    textures: list[Bgr] = [np.empty(0, np.uint8)] * len(tubes)
    for which, shape in ((~big, _SMALL), (big, _LARGE)):
        numbers = np.flatnonzero(which & (places[:, 2] > 0))
        if len(numbers):
            for number, texture in zip(numbers, _textures(tubes, sight, light, numbers, shape), strict=True):
                textures[number] = texture
    for number in farthest_first:
        if places[number, 2] > 0:
            _lay(image, textures[number], sight, number, places[number])


_SMALL: Final = (32, 16)
_LARGE: Final = (64, 56)


@dataclass(slots=True, eq=False)
class _Sight:
    """How N tubes look: where on the image, how wide, from which side.

    `origin_px`, `along`, `across` (N, 2): the start on the image, and unit vectors on it along the axis and square to
    it. `length_px` (N,) from start to end, `cap_px` (N, 2) beyond, `half_px` (N, 9) half the width at the profile's
    steps. `rise` (N,): sine of the angle by which the end points at the camera. `axis`, `front`, `side` (N, 3), world:
    unit vectors along the axis, towards the camera square to it, and along `across`.
    """

    origin_px: FloatArray
    along: FloatArray
    across: FloatArray
    length_px: FloatArray
    cap_px: FloatArray
    half_px: FloatArray
    rise: FloatArray
    axis: FloatArray
    front: FloatArray
    side: FloatArray

    @classmethod
    def of(cls, tubes: Tubes, camera: Camera, start: FloatArray, end: FloatArray) -> Self:
        middle = (start + end) / 2
        to_camera = -middle / np.linalg.norm(middle, axis=1, keepdims=True)
        axis = end - start
        axis /= np.maximum(np.linalg.norm(axis, axis=1, keepdims=True), 1e-9)
        rise = (axis * to_camera).sum(axis=1)
        front = to_camera - rise[:, None] * axis
        front /= np.maximum(np.linalg.norm(front, axis=1, keepdims=True), 1e-6)
        start_px, end_px = camera.project(start), camera.project(end)
        along = end_px - start_px
        length_px = np.linalg.norm(along, axis=1)
        along = np.where(length_px[:, None] > 1e-3, along / np.maximum(length_px[:, None], 1e-3), (0.0, 1.0))
        across = np.stack((-along[:, 1], along[:, 0]), axis=1)
        side = np.cross(axis, front)
        side *= np.where((side[:, :2] * across).sum(axis=1, keepdims=True) < 0, -1, 1)
        world = camera.rotation  # rows are the camera's axes in the world: vectors go back by `v @ rotation`
        side_w, front_w, axis_w = side @ world, front @ world, axis @ world
        steps = np.linspace(0, 1, PROFILE_STEPS)
        px_per_m = camera.intrinsics.fx / (start[:, 2:] + steps * (end - start)[:, 2:])
        half_px = px_per_m * np.hypot(
            tubes.half_right_m * (side_w * tubes.right).sum(axis=1, keepdims=True),
            tubes.half_ahead_m * (side_w * tubes.ahead).sum(axis=1, keepdims=True),
        )
        cap_px = tubes.cap * half_px[:, [0, -1]]
        return cls(start_px, along, across, length_px, cap_px, half_px, rise, axis_w, front_w, side_w)


def _places(sight: _Sight, size_wh: tuple[int, int]) -> npt.NDArray[np.intp]:
    """Return the rectangles (left, top, width, height) of the image that tubes touch, `(N, 4)`; width 0 for none."""
    half = sight.half_px.max(axis=1, keepdims=True) + _EDGE_PX
    first = sight.origin_px - sight.along * (sight.cap_px[:, :1] + _EDGE_PX)
    last = sight.origin_px + sight.along * (sight.length_px[:, None] + sight.cap_px[:, 1:] + _EDGE_PX)
    corners = np.stack([end + sign * sight.across * half for end in (first, last) for sign in (-1, 1)])
    low = np.clip(np.floor(corners.min(axis=0)), 0, size_wh)
    high = np.clip(np.ceil(corners.max(axis=0)) + 1, 0, size_wh)
    size = np.where((high > low).all(axis=1, keepdims=True), high - low, 0)
    return np.concatenate((low, size), axis=1).astype(np.intp)


def _frame_of(sight: _Sight, number: int | npt.NDArray[np.intp]) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the range of a texture along the axis (from, to) and its half width, in pixels of the image."""
    first = -(sight.cap_px[number, 0] + _EDGE_PX)
    last = sight.length_px[number] + sight.cap_px[number, 1] + _EDGE_PX
    return first, last, sight.half_px[number].max(axis=-1) + _EDGE_PX


def _textures(
    tubes: Tubes, sight: _Sight, light: Light, numbers: npt.NDArray[np.intp], shape: tuple[int, int]
) -> npt.NDArray[np.uint8]:
    """Return what is seen of some tubes, `(n, rows, columns, 4)` uint8 BGR premultiplied by alpha, and alpha."""
    rows, columns = shape
    first, last, reach = (part[:, None] for part in _frame_of(sight, numbers))  # (n, 1)
    place = first + (last - first) * (np.arange(rows) + 0.5) / rows  # (n, rows), px along the axis from the start
    length = np.maximum(sight.length_px[numbers, None], 1e-3)
    half = _half_at(place, length, sight.half_px[numbers], sight.cap_px[numbers])  # (n, rows) px
    slope = -np.gradient(half, axis=1) / ((last - first) / rows)  # of the skin towards the end

    across = reach[..., None] * (2 * (np.arange(columns) + 0.5) / columns - 1)  # (n, 1, columns)
    to_side = np.clip(across / np.maximum(half, 0.05)[..., None], -1, 1).astype(np.float32)  # (n, rows, columns)
    to_front = np.sqrt(1 - to_side * to_side)
    texel_px = np.maximum(1.0, 2 * reach / columns)[..., None]
    alpha = np.clip((half[..., None] - np.abs(across)) / texel_px + 0.5, 0, 1) * (half > 0)[..., None]

    shade = _shade(sight, light, numbers, slope, to_side, to_front)
    row, column = _wound(tubes, sight, numbers, (place, length, half), to_side, to_front)
    colour = tubes.colours[numbers[:, None, None], row, column] * light.tint.astype(np.float32)
    result = np.empty((*shade.shape, 4), np.uint8)
    alpha = alpha.astype(np.float32)
    result[..., :3] = np.minimum(colour * shade[..., None], 255) * alpha[..., None]
    result[..., 3] = 255 * alpha
    return result


def _half_at(place: FloatArray, length: FloatArray, half_px: FloatArray, cap_px: FloatArray) -> FloatArray:
    """Return half the width at places `(n, rows)` along the axis, the rounded ends included; 0 beyond them."""
    step = np.clip(place / length, 0, 1) * (PROFILE_STEPS - 1)
    lower = np.minimum(step.astype(np.intp), PROFILE_STEPS - 2)
    below = np.take_along_axis(half_px, lower, axis=1)
    above = np.take_along_axis(half_px, lower + 1, axis=1)
    half = below + (step - lower) * (above - below)
    beyond = np.where(place < 0, -place, np.maximum(place - length, 0))
    cap = np.maximum(np.where(place < 0, cap_px[:, :1], cap_px[:, 1:]), 1e-3)
    return half * np.sqrt(np.maximum(0, 1 - (beyond / cap) ** 2))


def _shade(
    sight: _Sight,
    light: Light,
    numbers: npt.NDArray[np.intp],
    slope: FloatArray,
    to_side: npt.NDArray[np.float32],
    to_front: npt.NDArray[np.float32],
) -> npt.NDArray[np.float32]:
    """Return the brightness of the skin `(n, rows, columns)`: Lambert's lamp, more light from above, dim rims."""
    steep = np.clip(slope, -2, 2).astype(np.float32)[..., None]
    upright = 1 / np.sqrt(1 + steep * steep)

    def facing(direction: FloatArray) -> npt.NDArray[np.float32]:
        side, front, axis = (
            (vectors[numbers] @ direction).astype(np.float32)[:, None, None]
            for vectors in (sight.side, sight.front, sight.axis)
        )
        towards: npt.NDArray[np.float32] = (to_side * side + to_front * front + steep * axis) * upright
        return towards

    lamp = np.maximum(0, facing(light.direction))
    above = facing(np.array([0.0, 0.0, 1.0]))
    shade = (light.lamp * lamp + light.ambient * (0.85 + 0.15 * above)) * (0.66 + 0.34 * to_front)
    result: npt.NDArray[np.float32] = shade.astype(np.float32)
    return result


def _wound(
    tubes: Tubes,
    sight: _Sight,
    numbers: npt.NDArray[np.intp],
    rows: tuple[FloatArray, FloatArray, FloatArray],
    to_side: npt.NDArray[np.float32],
    to_front: npt.NDArray[np.float32],
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Return the colour map's row and column `(n, rows, columns)` of each point of the skin."""
    place, length, half = rows
    # A ring around a tube that points at the camera looks bent: its near side lies lower.
    bent = (half * sight.rise[numbers, None])[..., None].astype(np.float32) * to_front
    along = (place[..., None].astype(np.float32) + bent) / length[..., None].astype(np.float32)
    row = np.clip(along * MAP_SHAPE[0], 0, MAP_SHAPE[0] - 1).astype(np.intp)

    right, ahead = tubes.right[numbers], tubes.ahead[numbers]
    front, side = sight.front[numbers], sight.side[numbers]
    facing = np.arctan2((front * right).sum(axis=1), (front * ahead).sum(axis=1))  # where on the map the middle is
    sideways = np.arctan2((side * right).sum(axis=1), (side * ahead).sum(axis=1))
    sense = np.where(np.sin(sideways - facing) > 0, 1.0, -1.0)
    around = facing[:, None, None] + sense[:, None, None] * np.arcsin(to_side)
    column = (around * (MAP_SHAPE[1] / (2 * np.pi)) + 0.5).astype(np.intp) % MAP_SHAPE[1]
    return row, column


def _lay(image: Bgr, texture: Bgr, sight: _Sight, number: int, place: npt.NDArray[np.intp]) -> None:
    """Warp one texture to its place and blend it over the image."""
    left, top, width, height = (int(side) for side in place)
    first, last, reach = _frame_of(sight, number)
    rows, columns = texture.shape[:2]
    along, across = sight.along[number], sight.across[number]
    origin = sight.origin_px[number] - (left, top)
    per_row, per_column = along * (last - first) / rows, across * 2 * reach / columns
    corner = origin + along * first - across * reach
    # OpenCV counts from the middles of pixels, the image's coordinates from its outer corner.
    corner = corner + 0.5 * (per_row + per_column) - 0.5
    matrix = np.array([[per_column[0], per_row[0], corner[0]], [per_column[1], per_row[1], corner[1]]])
    warped = cv2.warpAffine(texture, matrix, (width, height), flags=cv2.INTER_LINEAR)
    region = image[top : top + height, left : left + width]
    colour, alpha = warped[..., :3], warped[..., 3]
    clear = cv2.cvtColor(cv2.bitwise_not(alpha), cv2.COLOR_GRAY2BGR)
    cv2.add(cv2.multiply(region, clear, scale=1 / 255), colour, dst=region)
