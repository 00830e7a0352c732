"""One camera's row of the picture: the frame with its people over it, and beside it the same people in space."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import cv2
import numpy as np

from deploy.local.canvas import GREY, WHITE, Image, text
from deploy.local.colours import Colour, Identities, colour_of
from deploy.local.recording import Shot
from deploy.local.skeletons import draw_skeleton
from deploy.local.space import Extent, SpaceView
from posestream.messages import CaptureClock
from posestream.skeleton import BONES_2D, JOINT_COUNT, NECK
from posestream.view.floor import FloatArray, floor_under
from training.accuracy import match

PANEL_WH: Final = (800, 450)
CAPTION_PX: Final = 38
GAP_PX: Final = 8
ROW_WH: Final = (2 * PANEL_WH[0] + GAP_PX, CAPTION_PX + PANEL_WH[1])
BACKGROUND: Final[Colour] = (26, 22, 21)
_LETTERS_PX: Final = 13
_LIMB_PX: Final = 4.0


class Panels:
    """Draws any shot of one camera; floor, extent and colours are the same for all of them."""

    def __init__(self, camera: str, shots: Sequence[Shot]) -> None:
        self._camera = camera
        self.shots = shots
        self._colours = _colours(shots)
        people_m = _everybody_m(shots)
        floor = floor_under(people_m)
        self._space = SpaceView(PANEL_WH, floor, Extent.around(floor.level(people_m)))

    def index_at(self, moment_ms: float) -> int:
        """Return which shot is the newest at a moment, or the first before any."""
        return max(0, sum(shot.moment_ms <= moment_ms for shot in self.shots) - 1)

    def row(self, index: int, turn: float = 0.0) -> Image:
        """Draw a shot; `turn` in radians moves the viewpoint in space."""
        shot, colours = self.shots[index], self._colours[index]
        row: Image = np.full((ROW_WH[1], ROW_WH[0], 3), BACKGROUND, np.uint8)
        right = PANEL_WH[0] + GAP_PX
        row[CAPTION_PX:, : PANEL_WH[0]] = _overlaid(shot, colours)
        people_m = [person.joints_m for person in shot.pose.people]
        truth_m = np.zeros((0, JOINT_COUNT, 3)) if shot.truth is None else shot.truth.joints_m
        row[CAPTION_PX:, right:] = self._space.draw(people_m, colours, truth_m, turn)
        baseline = CAPTION_PX - 12
        name_px = text(row, ascii_only(self._camera), (6, baseline), _LETTERS_PX, WHITE)
        text(row, _what_happened(shot), (name_px + 28, baseline), _LETTERS_PX, GREY)
        truth = "" if shot.truth is None else "; thin grey: where people really were"
        text(row, f"the same people in 3D, metres{truth}", (right + 6, baseline), _LETTERS_PX, GREY)
        return row


def ascii_only(words: str) -> str:
    """Return text fit for OpenCV's letters, with a ? for every other one."""
    return words.encode("ascii", "replace").decode()


def _what_happened(shot: Shot) -> str:
    count = len(shot.pose.people)
    since = "admission" if shot.pose.clock is CaptureClock.FILE else "capture"
    people = "1 person" if count == 1 else f"{count} people"
    return f"{people}, {shot.latency_ms:.0f} ms from {since} to pose"


def _everybody_m(shots: Sequence[Shot]) -> FloatArray:
    """Return the people of all shots, (N, 19, 3) m: those who were really there where that is known."""
    true_m = [shot.truth.joints_m for shot in shots if shot.truth is not None]
    found_m = [person.joints_m[None] for shot in shots for person in shot.pose.people]
    nobody_m = np.zeros((0, JOINT_COUNT, 3), np.float32)
    return np.concatenate([nobody_m, *(true_m or found_m)])


def _colours(shots: Sequence[Shot]) -> list[list[Colour]]:
    identities = Identities()
    return [[colour_of(number) for number in identities.of(shot.pose.people, _known(shot))] for shot in shots]


def _known(shot: Shot) -> list[int | None]:
    """Return who is known to be who: by the truth, the same for all cameras of a scene, or by a track id."""
    if shot.truth is None:
        return [person.id for person in shot.pose.people]
    who = {found: int(shot.truth.ids[true]) for true, found in match(shot.truth, shot.pose.people, shot.px_scale)}
    return [who.get(index) for index in range(len(shot.pose.people))]


def _overlaid(shot: Shot, colours: Sequence[Colour]) -> Image:
    """Return the frame with its people, fitted into a panel."""
    panel: Image = np.full((PANEL_WH[1], PANEL_WH[0], 3), BACKGROUND, np.uint8)
    decoded = cv2.imdecode(np.frombuffer(shot.image, np.uint8), cv2.IMREAD_COLOR)
    if decoded is None:
        return panel
    source_wh = np.array(shot.pose.size_wh, float)
    scale = float((np.array(PANEL_WH) / source_wh).min())
    width, height = (int(side) for side in np.maximum(1, np.round(source_wh * scale)))
    left, top = (PANEL_WH[0] - width) // 2, (PANEL_WH[1] - height) // 2
    fitted: Any = cv2.resize(decoded, (width, height), interpolation=cv2.INTER_AREA)
    for person, colour in zip(shot.pose.people, colours, strict=True):
        joints_px = person.joints_px.astype(float) * scale
        draw_skeleton(fitted, joints_px, colour, _LIMB_PX, BONES_2D)
    for person, colour in zip(shot.pose.people, colours, strict=True):
        _label(fitted, person.joints_px * scale, f"{person.joints_m[NECK, 2]:.1f} m", colour)
    panel[top : top + height, left : left + width] = fitted
    return panel


def _label(image: Image, joints_px: FloatArray, words: str, colour: Colour) -> None:
    """Write how far away a person is above its head."""
    seen_px = joints_px[np.isfinite(joints_px).all(axis=1)]
    if len(seen_px):
        top_px = seen_px[np.argmin(seen_px[:, 1])]
        place = (float(top_px[0]), max(float(top_px[1]) - 16, 1.3 * _LETTERS_PX))
        text(image, words, place, _LETTERS_PX, colour, align=0.5, boxed=True)
