"""Randomised frames of synthetic people, for training and for judging; `ACCURACY.md` describes their distribution.

A frame is a function of its number. Frames for training and held-out frames draw from streams of random numbers that
have nothing in common.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from posestream.messages import Intrinsics
from producer.synthetic.body import Bodies, Figures, Posture, stand
from producer.synthetic.camera import Camera
from producer.synthetic.figure import tubes_of
from producer.synthetic.gait import Manner, posture_of
from producer.synthetic.noise import SensorNoise
from producer.synthetic.outfit import random_outfit
from producer.synthetic.room import Room, draw_room
from producer.synthetic.rotations import FloatArray
from producer.synthetic.shadows import draw_shadows
from producer.synthetic.truth import Truth, Visibility
from producer.synthetic.tubes import Bgr, Light, draw_tubes
from producer.synthetic.visibility import truth_of

HELD_OUT_FRAMES: Final = 600
HELD_OUT_WH: Final = (1280, 720)
MAX_PEOPLE: Final = 5

_TRAINING, _HELD_OUT = 1, 2
# How often a training frame has 0, 1, 2 … people: more of them than held-out frames have, as each is a lesson.
_CROWDS: Final = (0.05, 0.12, 0.16, 0.17, 0.16, 0.14, 0.11, 0.09)
_ATTEMPTS: Final = 60


class Situation(StrEnum):
    """What a frame is about."""

    EMPTY = "empty"
    """Nobody."""
    OPEN = "open"
    """People where chance puts them."""
    OVERLAP = "overlap"
    """At least one person of whom another hides two joints or more."""
    BORDER = "border"
    """At least one person whom the image's border cuts: 1 to 14 joints are outside."""


@dataclass(frozen=True, slots=True, eq=False)
class Setting:
    """People in front of a camera, not drawn yet."""

    camera: Camera
    figures: Figures
    truth: Truth


def sample_frame(seed: int, size_wh: tuple[int, int]) -> tuple[Bgr, Truth]:
    """Return a training frame, `(H, W, 3)` uint8 BGR, and the truth about it, in its pixels."""
    rng = np.random.default_rng((_TRAINING, seed))
    people = int(rng.choice(len(_CROWDS), p=_CROWDS))
    situation = Situation(str(rng.choice(("open", "overlap", "border"), p=(0.6, 0.2, 0.2))))
    finer = float(rng.choice((1.0, 1.4)))
    drawn_wh = (round(size_wh[0] * finer), round(size_wh[1] * finer))
    setting = make_setting(possible(situation, people), people, drawn_wh, rng)
    image = photograph(setting, rng)
    if drawn_wh == size_wh:
        return image, setting.truth
    scale = np.array(size_wh, np.float32) / np.array(drawn_wh, np.float32)
    image = np.asarray(cv2.resize(image, size_wh, interpolation=cv2.INTER_LINEAR), np.uint8)
    return image, replace(setting.truth, joints_px=(setting.truth.joints_px * scale).astype(np.float32))


def held_out_frame(number: int) -> tuple[Bgr, Truth, Intrinsics]:
    """Return held-out frame `number` of `HELD_OUT_FRAMES`, 1280 x 720, its truth, and its camera."""
    rng = np.random.default_rng((_HELD_OUT, number))
    people, situation = held_out_plan(number)
    setting = make_setting(situation, people, HELD_OUT_WH, rng)
    return photograph(setting, rng), setting.truth, setting.camera.intrinsics


def held_out_plan(number: int) -> tuple[int, Situation]:
    """Return how many people a held-out frame has and what it is about."""
    people, turn = number % (MAX_PEOPLE + 1), number // (MAX_PEOPLE + 1) % 5
    return people, possible(_TURNS[turn], people)


_TURNS: Final = (Situation.OPEN, Situation.OVERLAP, Situation.OPEN, Situation.BORDER, Situation.OPEN)


def possible(situation: Situation, people: int) -> Situation:
    """Return the situation, or what comes nearest to it with so few people."""
    if people == 0:
        return Situation.EMPTY
    return Situation.OPEN if people == 1 and situation is Situation.OVERLAP else situation


# Who stands where -----------------------------------------------------------------------------------------------------


def make_setting(
    situation: Situation,
    people: int,
    size_wh: tuple[int, int],
    rng: np.random.Generator,
    focal_per_height: float | None = None,
) -> Setting:
    """Draw cameras and people until the situation is what it is to be; the focal length is drawn, too, or given."""
    for _ in range(_ATTEMPTS):
        focal_px = size_wh[1] * (rng.uniform(0.95, 1.9) if focal_per_height is None else focal_per_height)
        bodies = Bodies.random(people, rng)
        posture = Posture.stacked([random_posture(rng) for _ in range(people)])
        posture.x_m, posture.y_m = _places(situation, size_wh, focal_px, people, rng)
        camera = _camera(size_wh, focal_px, posture.y_m, rng)
        figures = stand(bodies, posture)
        truth = truth_of(figures, np.arange(people), camera)
        if fulfils(truth, situation):
            break
    return Setting(camera, figures, truth)


def fulfils(truth: Truth, situation: Situation) -> bool:
    """Tell whether the truth is of the situation."""
    if situation is Situation.OVERLAP:
        return bool(((truth.visibility == Visibility.OCCLUDED).sum(axis=1) >= 2).any())
    if situation is Situation.BORDER:
        outside = (truth.visibility == Visibility.OUT_OF_FRAME).sum(axis=1)
        return bool(((outside >= 1) & (outside <= 14)).any())
    return True


def _camera(size_wh: tuple[int, int], focal_px: float, away_m: FloatArray, rng: np.random.Generator) -> Camera:
    """Draw a camera 0.8 to 3 m above the floor that looks along y, about as far down as people `away_m` `(P,)` are."""
    height_m = rng.uniform(0.8, 3.0)
    down = (height_m - 0.9) / (away_m.mean() if len(away_m) else 4.0) + rng.normal(0.0, 0.08)
    position = np.array((0.0, 0.0, height_m))
    target = position + np.array((0.0, 1.0, -np.clip(down, -0.25, 0.65)))
    return Camera.looking_at(size_wh, focal_px, position, target, roll=rng.normal(0, 0.025))


def _places(
    situation: Situation, size_wh: tuple[int, int], focal_px: float, people: int, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Draw places on the floor in front of the camera, at least half a metre apart: x and y, `(P,)` metres."""
    width, height = size_wh
    chosen = np.empty((0, 2))
    for number in range(people):
        for _ in range(_ATTEMPTS):
            share = np.exp(rng.uniform(np.log(0.24), np.log(0.95)))  # of the image's height that a body takes
            distance = 1.72 * focal_px / (share * height)
            edge = 0.5 if situation is Situation.BORDER and number == 0 else 0.42
            aside = rng.uniform(-edge, edge)
            if edge == 0.5 and rng.random() < 0.6:
                aside = np.sign(aside) * rng.uniform(0.44, 0.52)
            aside *= width / focal_px * distance
            place = np.array((aside, distance))
            if situation is Situation.OVERLAP and number == 1:
                farther = 1 + rng.uniform(0.55, 1.8) / chosen[0, 1]
                place = chosen[0] * farther + (rng.normal(0, 0.28), 0.0)
            if not len(chosen) or np.linalg.norm(chosen - place, axis=1).min() > 0.5:
                break
        chosen = np.vstack((chosen, place))
    return chosen[:, 0], chosen[:, 1]


# How they hold themselves ---------------------------------------------------------------------------------------------

_JITTER: Final = {"heading": 0.0, "x_m": 0.0, "y_m": 0.0, "look": 0.25, "nod": 0.12, "twist": 0.10, "tilt": 0.05}


def random_posture(rng: np.random.Generator) -> Posture:
    """Draw one person's posture: somewhere in a walk or a gesture, then every angle a little off, some of them far."""
    moment = {
        "x_m": 0.0,
        "y_m": 0.0,
        "heading": rng.uniform(-np.pi, np.pi),
        "phase": rng.uniform(0, 2 * np.pi),
        "walking": rng.choice((0.0, 1.0, rng.uniform()), p=(0.35, 0.5, 0.15)),
        "gesturing": rng.choice((0.0, 1.0, rng.uniform()), p=(0.4, 0.45, 0.15)),
        "look": rng.normal(0, 0.3),
        "time_s": rng.uniform(0, 60),
    }
    posture = posture_of(Manner.random(rng), **{name: np.array([value]) for name, value in moment.items()})
    for field in fields(posture):
        angle = getattr(posture, field.name)
        setattr(posture, field.name, angle + rng.normal(0, _JITTER.get(field.name, 0.07), angle.shape))
    if rng.random() < 0.25:
        _fling_arms(posture, rng)
    if rng.random() < 0.12:
        _bend(posture, rng)
    return posture


def _fling_arms(posture: Posture, rng: np.random.Generator) -> None:
    for side in (0, 1):
        if rng.random() < 0.7:
            posture.arm_swing[0, side] = rng.uniform(-0.6, 2.8)
            posture.arm_spread[0, side] = rng.uniform(0.0, 1.7)
            posture.arm_turn[0, side] = rng.uniform(-0.3, 1.0)
            posture.elbow[0, side] = rng.uniform(0.0, 2.4)


def _bend(posture: Posture, rng: np.random.Generator) -> None:
    """Crouch or stoop."""
    depth = rng.uniform(0.2, 1.0)
    posture.leg_swing[0] += depth * rng.uniform(0.6, 1.5) + rng.normal(0, 0.1, 2)
    posture.knee[0] += depth * rng.uniform(0.8, 1.9) + rng.normal(0, 0.1, 2)
    posture.foot[0] = posture.knee[0] - posture.leg_swing[0]
    posture.lean += depth * rng.uniform(0.1, 0.9)


# What it looks like ---------------------------------------------------------------------------------------------------


def photograph(setting: Setting, rng: np.random.Generator) -> Bgr:
    """Draw a setting, in a room or before meaningless shapes, and develop the picture."""
    camera, figures = setting.camera, setting.figures
    light = _light(rng)
    if rng.random() < 0.7:
        image = draw_room(_room_around(setting, rng), camera, oversampling=float(rng.choice((0.5, 0.7, 1.0))))
    else:
        image = _collage(camera.size_wh, rng)
    if len(figures):
        if rng.random() < 0.75:
            draw_shadows(image, figures, camera, light, depth=rng.uniform(0.2, 0.8))
        outfits = np.array([random_outfit(rng) for _ in range(len(figures))], np.float32)
        draw_tubes(image, tubes_of(figures, outfits, rng.random(len(figures)) < 0.4), camera, light)
    return _developed(image, rng)


def _light(rng: np.random.Generator) -> Light:
    direction = np.array((*rng.uniform(-0.9, 0.9, 2), rng.uniform(0.5, 1.2)))
    direction /= np.linalg.norm(direction)
    return Light(direction, rng.uniform(0.2, 0.8), rng.uniform(0.4, 0.8), rng.uniform(0.88, 1.1, 3))


def _room_around(setting: Setting, rng: np.random.Generator) -> Room:
    """Draw a room with the camera and everybody in it."""
    room = Room.random(rng, plain=bool(rng.random() < 0.5))
    points = np.vstack((setting.figures.points_m[..., :2].reshape(-1, 2), setting.camera.position_m[None, :2]))
    half = np.abs(points).max(axis=0) + rng.uniform(0.4, 3.0, 2)
    return replace(room, half_m=np.maximum(half, 2.0), height_m=max(room.height_m, setting.camera.position_m[2] + 0.2))


def _collage(size_wh: tuple[int, int], rng: np.random.Generator) -> Bgr:
    """Return a background of blotches, stripes and shapes that are nothing in particular."""
    height = size_wh[1]
    cells = rng.integers(2, 24, 2)
    field = rng.uniform(0, 255, (int(cells[1]), int(cells[0]), 3)).astype(np.float32)
    field = rng.uniform(0.1, 0.9) * field + rng.uniform(0, 255, 3).astype(np.float32) * 0.5
    smooth = int(rng.choice((cv2.INTER_NEAREST, cv2.INTER_LINEAR, cv2.INTER_CUBIC)))
    canvas: Any = np.clip(cv2.resize(field, size_wh, interpolation=smooth), 0, 255).astype(np.uint8)
    for _ in range(int(rng.integers(0, 18))):
        colour = tuple(float(level) for level in rng.uniform(0, 255, 3))
        x, y = (int(place) for place in rng.uniform((0, 0), size_wh))
        reach = int(rng.uniform(0.02, 0.35) * height)
        kind = rng.integers(4)
        if kind == 0:
            cv2.rectangle(canvas, (x, y), (x + reach, y + int(reach * rng.uniform(0.3, 3))), colour, -1)
        elif kind == 1:
            cv2.circle(canvas, (x, y), max(2, reach // 3), colour, -1, cv2.LINE_AA)
        elif kind == 2:
            x2, y2 = (int(place) for place in rng.uniform((0, 0), size_wh))
            cv2.line(canvas, (x, y), (x2, y2), colour, max(1, reach // 6), cv2.LINE_AA)
        else:
            axes = (max(1, reach // 4), max(1, int(reach // 4 * rng.uniform(0.3, 3))))
            cv2.ellipse(canvas, (x, y), axes, rng.uniform(0, 180), 0, 360, colour, -1, cv2.LINE_AA)
    return np.asarray(canvas)


def _developed(image: Bgr, rng: np.random.Generator) -> Bgr:
    """Blur, expose, add noise and compress, each as often and as much as chance has it."""
    height, width = image.shape[:2]
    if rng.random() < 0.35:
        deviation = rng.uniform(0.3, 1.1) * height / 256
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), deviation))
    if rng.random() < 0.12:
        image = _shaken(image, rng)
    levels = np.arange(256) / 255.0
    exposed = np.clip(rng.uniform(0.75, 1.2) * levels ** rng.uniform(0.75, 1.35) + rng.uniform(-0.06, 0.06), 0, 1)
    tint = rng.uniform(0.93, 1.07, 3)
    table = np.clip(255 * exposed[:, None] * tint, 0, 255).astype(np.uint8)
    image = np.asarray(cv2.LUT(image, table[None]))
    _noise((width, height), int(rng.integers(8))).add(image, int(rng.integers(2**31)))
    if rng.random() < 0.5:
        quality = int(rng.integers(55, 96))
        _, packed = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
        image = np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR))
    return image


@lru_cache(maxsize=64)
def _noise(size_wh: tuple[int, int], deviation: int) -> SensorNoise:
    return SensorNoise(size_wh, deviation, np.random.default_rng(deviation))


def _shaken(image: Bgr, rng: np.random.Generator) -> Bgr:
    """Smear along a line, as when camera or people move."""
    length = int(rng.integers(3, 3 + max(2, image.shape[0] // 40)))
    kernel: npt.NDArray[np.float32] = np.zeros((length, length), np.float32)
    angle = rng.uniform(0, np.pi)
    middle, reach = (length - 1) / 2, (length - 1) / 2
    ends = [
        (round(middle + sign * reach * np.cos(angle)), round(middle + sign * reach * np.sin(angle))) for sign in (-1, 1)
    ]
    cv2.line(kernel, ends[0], ends[1], 1.0, 1)
    return np.asarray(cv2.filter2D(image, -1, kernel / kernel.sum()))
