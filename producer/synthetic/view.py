"""A camera in a scene: pictures of its frames, and the truth about them, each by number."""

from __future__ import annotations

from functools import cached_property
from typing import Final

import numpy as np

from posestream.calibration import Extrinsics, Intrinsics
from producer.synthetic.body import Bodies, Figures, Posture, stand
from producer.synthetic.camera import Camera
from producer.synthetic.figure import tubes_of
from producer.synthetic.motion import plan
from producer.synthetic.noise import SensorNoise
from producer.synthetic.options import CAMERAS, SceneOptions
from producer.synthetic.outfit import random_outfit
from producer.synthetic.room import Room, draw_room
from producer.synthetic.shadows import draw_shadows
from producer.synthetic.truth import Truth
from producer.synthetic.tubes import Bgr, Light, draw_tubes
from producer.synthetic.visibility import truth_of

_WALKED: Final = (0.52, 0.50)  # of the room's half width and depth
_FOCAL_PER_WIDTH: Final = 0.74
_NOISE_LEVELS: Final = 2.5


class Scene:
    """People who go about a room: the same for the same seed and number of people, whoever looks."""

    def __init__(self, people: int, seed: int) -> None:
        # Each aspect draws from a stream of its own, so that a change to one leaves the others as they were.
        sizes, ways, looks, furniture, lamp = (np.random.default_rng((seed, aspect)) for aspect in range(5))
        self.room = Room.random(furniture, plain=True)
        self.light = _light(lamp)
        self._bodies = Bodies.random(people, sizes)
        half = (float(self.room.half_m[0] * _WALKED[0]), float(self.room.half_m[1] * _WALKED[1]))
        self._ways = plan(self._bodies.height_m, half, ways)
        self._looks = looks
        self.ids = np.arange(people)

    @cached_property
    def outfits(self) -> np.ndarray:
        """Everybody's colour maps, `(P, 19, 48, 64, 3)`."""
        return np.array([random_outfit(self._looks) for _ in self.ids], np.float32)

    @cached_property
    def long_hair(self) -> np.ndarray:
        """Who has long hair, `(P,)` bool."""
        return np.array([index % 5 in (1, 4) for index in self.ids], dtype=bool)

    def figures(self, time_s: float) -> Figures:
        """Return where everybody is at a moment."""
        return stand(self._bodies, Posture.stacked([way.posture(time_s) for way in self._ways]))


class SyntheticView:
    """What one camera sees of a scene; everything but `image` is cheap."""

    def __init__(self, options: SceneOptions) -> None:
        self.options = options
        self._scene = Scene(options.people, options.seed)
        self._camera = _camera(self._scene.room, options)

    @property
    def intrinsics(self) -> Intrinsics:
        """The camera's, in pixels of its images; calibrated."""
        return self._camera.intrinsics

    @property
    def extrinsics(self) -> Extrinsics:
        """Where the camera is; the world's origin is in the middle of the floor."""
        return Extrinsics.of(self._camera.rotation, self._camera.translation_m)

    def truth(self, index: int) -> Truth:
        """Return the people in frame `index`, without drawing them."""
        return truth_of(self._figures(index), self._scene.ids, self._camera)

    def image(self, index: int) -> Bgr:
        """Return frame `index`, `(H, W, 3)` uint8 BGR."""
        image = self._empty.copy()
        if self.options.people:
            figures = self._figures(index)
            draw_shadows(image, figures, self._camera, self._scene.light, depth=0.55)
            tubes = tubes_of(figures, self._scene.outfits, self._scene.long_hair)
            draw_tubes(image, tubes, self._camera, self._scene.light)
        self._noise.add(image, index)
        return image

    def _figures(self, index: int) -> Figures:
        return self._scene.figures(index / self.options.fps)

    @cached_property
    def _empty(self) -> Bgr:
        return draw_room(self._scene.room, self._camera, oversampling=1.5)

    @cached_property
    def _noise(self) -> SensorNoise:
        rng = np.random.default_rng((self.options.seed, CAMERAS, self.options.camera))
        return SensorNoise(self.options.size, _NOISE_LEVELS, rng)


def _light(rng: np.random.Generator) -> Light:
    """Return a lamp high up at one side."""
    direction = np.array((*rng.uniform(-0.45, 0.45, 2), 1.0))
    return Light(direction / np.linalg.norm(direction), lamp=0.62, ambient=0.62, tint=np.array((0.99, 1.0, 1.02)))


def _camera(room: Room, options: SceneOptions) -> Camera:
    """Return one of the cameras: each hangs in another corner of the room and looks at its middle."""
    corner = np.array(((-1, -1), (1, -1), (1, 1), (-1, 1))[options.camera])
    position = np.array((*(0.9 * corner * room.half_m), 2.35))
    return Camera.looking_at(options.size, _FOCAL_PER_WIDTH * options.size[0], position, np.array((0.0, 0.0, 0.82)))
