"""What happens to one frame between taking and finishing: the stages, in a straight line, without any broker."""

from __future__ import annotations

import numpy as np

from posestream.broker import Frame, Token
from posestream.errors import ImageError, MessageError, PosestreamError
from posestream.image import ImageLimits, check_image
from posestream.messages import CaptureClock, Extrinsics, FrameMeta, Intrinsics, Person, Policy, PoseFrame, decode_meta
from posestream.service.metrics import Stages
from workers.pose.decoding import People, View, decode
from workers.pose.fit import Fit, fit, natural_width
from workers.pose.network import Inferencer, PoseNetwork
from workers.pose.picture import decode_image, fill_input, shown_size
from workers.pose.placing import Placing, placed


class UnusableFrameError(PosestreamError):
    """The frame itself is at fault and will be next time, too: it is dead-lettered at once, for `reason`."""

    def __init__(self, message: str, *, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class FrameProcessor:
    """One slot's stages: decode the image, infer, decode the poses; `inferencer` is one of its own unless given."""

    def __init__(
        self,
        network: PoseNetwork,
        limits: ImageLimits,
        stages: Stages,
        placing: Placing = Placing.FIT,
        inferencer: Inferencer | None = None,
    ) -> None:
        self._network = network
        self._inferencer = inferencer or Inferencer(network)
        self._limits = limits
        self._stages = stages
        self._placing = placing

    def process(self, token: Token, frame: Frame) -> PoseFrame:
        """Return the people in a frame.

        Raises:
            UnusableFrameError: the image or its metadata can not be used.
        """
        meta = _read_meta(frame)
        with self._stages("decode_image"):
            try:
                header = check_image(frame.image, self._limits)
                image = decode_image(frame.image, header)
            except ImageError as error:
                raise UnusableFrameError(str(error), reason=error.reason) from error
            shown_wh = shown_size(header, image)
            place = fit(shown_wh, self._width(token, shown_wh))
            pixels = fill_input(image, place)
        size_wh = meta.source_wh or shown_wh
        camera = meta.intrinsics or Intrinsics.assumed(*size_wh)
        distortion = meta.distortion if meta.intrinsics else None  # of an assumed camera it would mean nothing
        with self._stages("infer"):
            maps = self._inferencer.infer(pixels)
        with self._stages("decode_poses"):
            view = view_of(size_wh, place, camera)
            people = decode(maps.features, maps.heatmaps, maps.pafs, view)
            people = placed(people, self._placing, camera, distortion, meta.extrinsics, view.scale_xy[0])
        return PoseFrame(
            camera=token.camera,
            id=token.frame_id,
            seq=token.seq,
            captured_ms=meta.captured_ms if meta.captured_ms is not None else token.frame_id.ms,
            clock=meta.clock if meta.captured_ms is not None else CaptureClock.RECEIVE,
            size_wh=size_wh,
            intrinsics=camera,
            people=persons(people, meta.extrinsics),
            distortion=distortion,
            extrinsics=meta.extrinsics,
        )

    def _width(self, token: Token, shown_wh: tuple[int, int]) -> int:
        # A file's poses must not depend on the moment; a camera's frames must not wait for a network.
        return self._network.width_for(natural_width(shown_wh), wait=token.policy is Policy.LOSSLESS)


def view_of(size_wh: tuple[int, int], place: Fit, camera: Intrinsics) -> View:
    """Return how the network's input lies on the frame as the source gave it."""
    return View(scale_xy=place.scale_xy(size_wh), offset_px=(0.0, 0.0), intrinsics=camera)


def persons(people: People, extrinsics: Extrinsics | None = None) -> tuple[Person, ...]:
    """Return decoded people as they go into the message, not yet tracked."""
    return tuple(
        Person(
            None,
            float(score),
            joints_px,
            confidence,
            joints_m,
            world_m=None if extrinsics is None else extrinsics.to_world(joints_m),
        )
        for score, joints_px, confidence, joints_m in zip(
            people.score, people.joints_px, people.confidence, people.joints_m, strict=True
        )
        if np.isfinite(joints_m).all()
    )


def _read_meta(frame: Frame) -> FrameMeta:
    try:
        meta = decode_meta(frame.meta or None)
    except MessageError as error:
        raise UnusableFrameError(str(error), reason="bad_meta") from error
    if meta.error is not None:
        raise UnusableFrameError(meta.error, reason="unreadable")
    return meta
