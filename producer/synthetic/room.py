"""The room people walk in: drawn once for each camera, by following every pixel's line of sight to a wall."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

import cv2
import numpy as np
import numpy.typing as npt

from producer.synthetic.camera import Camera
from producer.synthetic.rotations import FloatArray
from producer.synthetic.tubes import Bgr

_WALLS: Final = ("left", "right", "near", "far")


@dataclass(frozen=True, slots=True, eq=False)
class Hanging:
    """A thing on a wall: a picture, a window, a cupboard or a door.

    Attributes:
        wall: its number, of `_WALLS`.
        middle_m: along the wall.
        width_m, bottom_m, top_m: its size.
        paint: BGR 0..255.
        window: whether it is one, which looks another way than paint.
    """

    wall: int
    middle_m: float
    width_m: float
    bottom_m: float
    top_m: float
    paint: FloatArray
    window: bool


@dataclass(frozen=True, slots=True, eq=False)
class Room:
    """A box with things on its walls.

    Attributes:
        half_m: (2,), half its width (x) and depth (y); the middle of the floor is the world's origin.
        height_m: of the ceiling.
        floor, wall, ceiling, trim: BGR 0..255.
        plank_m: width of the floor's planks; tiles if `tiled`.
        rug_m: half-axes of an oval rug in the middle; None for none.
        hangings: things on walls.
        seed: of the pattern in wood and plaster.
    """

    half_m: FloatArray
    height_m: float
    floor: FloatArray
    wall: FloatArray
    ceiling: FloatArray
    trim: FloatArray
    plank_m: float
    tiled: bool
    rug_m: tuple[float, float] | None
    rug: FloatArray
    hangings: tuple[Hanging, ...]
    seed: int

    @classmethod
    def random(cls, rng: np.random.Generator, *, plain: bool = False) -> Self:
        """Draw a room; a `plain` one is furnished in calm colours."""
        if plain:
            wall = np.array((196, 205, 210)) + rng.uniform(-14, 10, 3)
            floor = np.array((92, 128, 168)) + rng.uniform(-14, 14) + rng.uniform(-6, 6, 3)
        else:
            wall, floor = rng.uniform(40, 245, 3), rng.uniform(30, 225, 3)
            wall, floor = (0.45 * colour + 0.55 * colour.mean() for colour in (wall, floor))
        half = rng.uniform((3.6, 3.3), (4.6, 4.2))
        return cls(
            half_m=half,
            height_m=rng.uniform(2.7, 3.3),
            floor=floor,
            wall=wall,
            ceiling=np.array((236, 238, 240.0)) * (1 if plain else rng.uniform(0.5, 1)),
            trim=wall * rng.uniform(0.35, 1.1),
            plank_m=rng.uniform(0.12, 0.5),
            tiled=bool(rng.random() < (0.0 if plain else 0.5)),
            rug_m=(rng.uniform(0.8, 1.6), rng.uniform(0.7, 1.3)) if rng.random() < 0.7 else None,
            rug=np.array((120, 96, 84)) + rng.uniform(-40, 40, 3) if plain else rng.uniform(20, 230, 3),
            hangings=_hangings(half, rng, plain=plain),
            seed=int(rng.integers(2**31)),
        )


def _hangings(half_m: FloatArray, rng: np.random.Generator, *, plain: bool) -> tuple[Hanging, ...]:
    things = []
    for wall in range(len(_WALLS)):
        reach = half_m[1 if wall < 2 else 0]
        at = -reach + rng.uniform(0.4, 1.0)
        while at < reach - 0.9:
            width = rng.uniform(0.5, 1.5)
            window = bool(rng.random() < 0.35)
            bottom, top = (0.95, 2.2) if window else (rng.uniform(1.1, 1.4), rng.uniform(1.75, 2.1))
            if rng.random() < 0.15:
                width, bottom, top, window = 0.9, 0.0, 2.05, False  # a door
            elif rng.random() < (0.1 if plain else 0.3):
                bottom, top, window = 0.0, rng.uniform(0.7, 1.9), False  # a cupboard
            colour = rng.uniform(40, 220, 3)
            paint = 0.6 * colour + 0.4 * colour.mean()
            things.append(Hanging(wall, at + width / 2, width, bottom, top, paint, window))
            at += width + rng.uniform(0.3, 1.6)
    return tuple(things)


def draw_room(room: Room, camera: Camera, *, oversampling: float = 1.0) -> Bgr:
    """Return a camera's picture of the empty room, `(H, W, 3)` uint8 BGR.

    `oversampling` is how many lines of sight there are per pixel, along each side of the image.
    """
    width, height = camera.size_wh
    columns, rows = round(width * oversampling), round(height * oversampling)
    x = (np.arange(columns, dtype=np.float32) + 0.5) * (width / columns)
    y = (np.arange(rows, dtype=np.float32) + 0.5) * (height / rows)
    lens = camera.intrinsics
    sight = np.empty((rows, columns, 3), np.float32)
    sight[..., 0] = (x - lens.cx) / lens.fx
    sight[..., 1] = ((y - lens.cy) / lens.fy)[:, None]
    sight[..., 2] = 1
    sight = sight @ camera.rotation.astype(np.float32)
    canvas = _surfaces(room, camera.position_m.astype(np.float32), sight)
    image = np.clip(canvas, 0, 255).astype(np.uint8)
    if (columns, rows) != (width, height):
        smooth = cv2.INTER_AREA if oversampling > 1 else cv2.INTER_LINEAR
        image = np.asarray(cv2.resize(image, (width, height), interpolation=smooth))
    return image


def _surfaces(room: Room, eye: npt.NDArray[np.float32], sight: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the colour of what each line of sight `(H, W, 3)` meets first, `(H, W, 3)` float32."""
    low = np.array((-room.half_m[0], -room.half_m[1], 0), np.float32)
    high = np.array((room.half_m[0], room.half_m[1], room.height_m), np.float32)
    to_faces = np.where(sight > 0, high - eye, low - eye) / np.where(sight == 0, np.float32(-1e-6), sight)
    nearest = to_faces.argmin(axis=2)
    place = (eye + sight * np.take_along_axis(to_faces, nearest[..., None], axis=2)).astype(np.float32, copy=False)
    canvas = np.empty(place.shape, np.float32)
    random = np.random.default_rng(room.seed)
    floor = (nearest == 2) & (sight[..., 2] < 0)
    canvas[floor] = _floor(room, place[floor], random)
    canvas[(nearest == 2) & ~floor] = room.ceiling
    for wall in range(len(_WALLS)):
        axis, sign = wall // 2, 1 if wall % 2 else -1
        here = (nearest == axis) & (np.sign(sight[..., axis]) == sign)
        if here.any():
            canvas[here] = _wall(room, wall, place[here][:, 1 - axis], place[here][:, 2], random)
    canvas *= _corners(room, place)[..., None]
    return canvas


def _corners(room: Room, place: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return how bright places `(H, W, 3)` are: darker where walls, floor and ceiling meet, and far from the middle."""
    x, y, up = (np.abs(place[..., axis]) for axis in range(3))
    sides = room.half_m[0] - x, room.half_m[1] - y
    ends = np.minimum(up, room.height_m - up)
    # The smallest gap is that to the surface that is looked at, the second smallest is that to the corner it makes.
    low, high = np.minimum(*sides), np.maximum(*sides)
    gap = np.maximum(low, np.minimum(high, ends))
    corner = 0.70 + 0.30 * (1 - np.exp(gap * (-1 / 0.35)))
    falloff = 1.06 - 0.1 * ((x / room.half_m[0]) ** 2 + (y / room.half_m[1]) ** 2)
    bright: npt.NDArray[np.float32] = (corner * falloff).astype(np.float32)
    return bright


def _floor(room: Room, place: npt.NDArray[np.float32], random: np.random.Generator) -> npt.NDArray[np.float32]:
    across, along = place[:, 0] / room.plank_m, place[:, 1] / (room.plank_m if room.tiled else 1.6)
    row = np.floor(across).astype(int)
    shifted = along + (0 if room.tiled else 0.37 * row)
    piece = np.floor(shifted).astype(int)
    tones = random.uniform(0.86, 1.06, (97, 89)).astype(np.float32)
    if room.tiled:
        tones = 0.5 + 0.5 * tones
    tone = tones[row % 97, piece % 89]
    if not room.tiled:
        tone = tone + 0.035 * np.sin(across * 23 + 3 * np.sin(along * 5 + row)).astype(np.float32)
    joint = ((across - row) * room.plank_m < 0.008) | (
        (shifted - piece) * (room.plank_m if room.tiled else 1.6) < 0.008
    )
    colour = room.floor * np.where(joint, 0.72, tone)[:, None]
    if room.rug_m is not None:
        out = np.hypot(place[:, 0] / room.rug_m[0], place[:, 1] / room.rug_m[1])
        weave = 0.97 + 0.03 * np.sin(90 * out)
        rug = room.rug * np.where((out > 0.82) & (out < 0.9), 1.35, weave)[:, None]
        colour = np.where((out < 1)[:, None], rug, colour)
    return colour.astype(np.float32)


def _wall(
    room: Room,
    wall: int,
    along: npt.NDArray[np.float32],
    up: npt.NDArray[np.float32],
    random: np.random.Generator,
) -> npt.NDArray[np.float32]:
    plaster = 1 + 0.006 * np.sin(along * 31 + np.sin(up * 23) * 2) + random.uniform(-0.04, 0.04)
    colour: npt.NDArray[np.float64] = room.wall * plaster[:, None]
    colour[up < 0.11] = room.trim
    for thing in room.hangings:
        if thing.wall != wall:
            continue
        width, height = thing.width_m, thing.top_m - thing.bottom_m
        inside = (np.abs(along - thing.middle_m) < width / 2) & (up > thing.bottom_m) & (up < thing.top_m)
        if not inside.any():
            continue
        a, u = (along[inside] - thing.middle_m) / width, (up[inside] - thing.bottom_m) / height
        rim = np.minimum((0.5 - np.abs(a)) * width, np.minimum(u, 1 - u) * height)
        if thing.window:
            filling = np.array((246, 238, 226)) - np.outer(1 - u, (60, 25, 10))
            rim = np.minimum(rim, np.abs(a) * width)
        else:
            filling = thing.paint * (0.75 + 0.3 * u + 0.12 * np.sin(9 * a + 5 * u * np.sin(4 * a)))[:, None]
        colour[inside] = np.where((rim < 0.045)[:, None], room.trim * 0.9 + 15, filling)
    return colour.astype(np.float32)
