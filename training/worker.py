"""What becomes of one frame between producer and tracker, in one process and without a server."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from posestream.broker import Frame, Token
from posestream.image import ImageLimits
from posestream.keys import FrameId
from posestream.messages import Distortion, Extrinsics, FrameMeta, Intrinsics, Person, Policy, encode_meta
from posestream.service.metrics import WorkerMetrics
from producer.encode import Encoder
from workers.pose.cpus import usable_cpus
from workers.pose.device import Precision
from workers.pose.frame import FrameProcessor
from workers.pose.network import Inferencer, Maps, NetworkOptions, PoseNetwork
from workers.pose.picture import Pixels
from workers.pose.placing import Placing

JPEG_QUALITY: Final = 90


class Worker:
    """The worker's own stages with a network: encodes an image, decodes it, infers, decodes the poses, places them."""

    def __init__(self, model: Path, precision: Precision = "f32", placing: Placing = Placing.FIT) -> None:
        options = NetworkOptions(device="CPU", threads=usable_cpus(), precision=precision, cache=None, limit=4)
        self._limits = ImageLimits()
        self._encoder = Encoder(self._limits, max_side=None, quality=JPEG_QUALITY)
        self._network = PoseNetwork(model, options)
        stages = WorkerMetrics().stages
        inferencer = _OnceForEach(self._network)
        self._processor, self._reference = (
            FrameProcessor(self._network, self._limits, stages, method, inferencer)
            for method in (placing, Placing.REFERENCE)
        )

    def people(
        self,
        image: npt.NDArray[np.uint8],
        intrinsics: Intrinsics,
        distortion: Distortion | None = None,
        extrinsics: Extrinsics | None = None,
    ) -> tuple[Person, ...]:
        """Return the people that the worker finds on a BGR image `(H, W, 3)` of a calibrated camera."""
        meta = FrameMeta(intrinsics=intrinsics, distortion=distortion, extrinsics=extrinsics)
        return self._processed(self._processor, image, meta)

    def people_as_open_model_zoo(self, image: npt.NDArray[np.uint8], fx: float) -> tuple[Person, ...]:
        """Return them as that tool places them: the reference's way, with one focal length about the image's centre."""
        height, width = image.shape[:2]
        meta = FrameMeta(intrinsics=Intrinsics(fx, fx, width / 2, height / 2, calibrated=True))
        return self._processed(self._reference, image, meta)

    def _processed(
        self, processor: FrameProcessor, image: npt.NDArray[np.uint8], meta: FrameMeta
    ) -> tuple[Person, ...]:
        encoded = self._encoder.encode(image)
        frame = Frame(encoded.image, encode_meta(replace(meta, source_wh=encoded.source_wh)))
        token = Token("0-1", "held-out", FrameId(1), seq=1, policy=Policy.LOSSLESS, expires_ms=0)
        return processor.process(token, frame).people

    def close(self) -> None:
        """Stop what the network has running."""
        self._network.close()


class _OnceForEach(Inferencer):
    """Infers once for the same pixels, however often in a row it is asked: a frame's people are placed in two ways."""

    _last: tuple[Pixels, Maps] | None = None

    def infer(self, pixels: Pixels) -> Maps:
        if self._last is None or not np.array_equal(self._last[0], pixels):
            self._last = (pixels, super().infer(pixels))
        return self._last[1]
