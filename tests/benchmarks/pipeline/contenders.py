"""Three ways through a network without a server, each in a process of its own that the benchmark starts.

    python -m tests.benchmarks.pipeline.contenders ceiling|stages|loop MODEL FRAMES_FOLDER

A line with a number of seconds lets it run that long; it answers with a line of JSON, `too_few` where no rate can
be told.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
import openvino

from posestream.broker import Frame, Token
from posestream.image import ImageLimits
from posestream.keys import FrameId
from posestream.messages import FrameMeta, Intrinsics, Policy, encode_meta, encode_pose
from posestream.service.metrics import WorkerMetrics
from tests.benchmarks.pipeline.frames import SIZE_WH, read_frames
from tests.benchmarks.pipeline.pace import TooFewFramesError, frames_per_s
from tests.benchmarks.pipeline.upsampling import decode_upsampled
from workers.pose.cpus import usable_cpus
from workers.pose.device import Precision
from workers.pose.fit import INPUT_HEIGHT, fit, natural_width
from workers.pose.frame import FrameProcessor, persons, view_of
from workers.pose.memory import keep_freed_memory
from workers.pose.network import NetworkOptions, PoseNetwork
from workers.pose.settings import PoseSettings

WIDTH = natural_width(SIZE_WH)
PRECISION: Precision = PoseSettings.model_fields["precision"].default


class Contender(Protocol):
    """Works through frames for a while."""

    def run(self, until_s: float) -> list[float]:
        """Return when each frame was done (`time.monotonic`)."""


class Ceiling:
    """The network alone, as OpenVINO's benchmark_app runs it: throughput hint, all requests busy, pixels at hand."""

    def __init__(self, model: Path, frames: list[bytes]) -> None:
        self._queue = openvino.AsyncInferQueue(_compiled(model, "THROUGHPUT"))
        self._done: list[float] = []
        self._queue.set_callback(lambda request, _: self._done.append(time.monotonic()))
        pixels = np.random.default_rng(0).integers(0, 256, (1, INPUT_HEIGHT, WIDTH, 3)).astype(np.uint8)
        for request in self._queue:
            request.set_input_tensor(openvino.Tensor(pixels))

    def run(self, until_s: float) -> list[float]:
        self._done.clear()
        while time.monotonic() < until_s:
            self._queue.start_async()
        self._queue.wait_all()
        return list(self._done)


class Stages:
    """The worker's own stages in its own number of threads, from encoded image to packed pose; no server."""

    def __init__(self, model: Path, frames: list[bytes]) -> None:
        cv2.setNumThreads(1)  # this and the next line as the worker does
        keep_freed_memory()
        options = NetworkOptions("CPU", usable_cpus(), PRECISION, cache=None, limit=1)
        network = PoseNetwork(model, options)
        network.warm_up(WIDTH)
        metrics = WorkerMetrics()
        self._processors = [FrameProcessor(network, ImageLimits(), metrics.stages) for _ in range(network.slots(WIDTH))]
        self._frames = [Frame(image, encode_meta(FrameMeta())) for image in frames]

    def run(self, until_s: float) -> list[float]:
        done: list[list[float]] = [[] for _ in self._processors]
        slots = [
            threading.Thread(target=self._slot, args=(number, processor, until_s, done[number]))
            for number, processor in enumerate(self._processors)
        ]
        for slot in slots:
            slot.start()
        for slot in slots:
            slot.join()
        return [moment for each in done for moment in each]

    def _slot(self, number: int, processor: FrameProcessor, until_s: float, done: list[float]) -> None:
        seq = number + 1
        while time.monotonic() < until_s:
            token = Token(f"{seq}-0", "camera", FrameId(seq), seq, Policy.LOSSLESS, expires_ms=0)
            encode_pose(processor.process(token, self._frames[seq % len(self._frames)]))
            done.append(time.monotonic())
            seq += len(self._processors)


class Loop:
    """One frame after the other, as the Open Model Zoo demo does: decode, resize, infer, upsample everything, decode.

    With the latency hint, so that inference has all cores; OpenCV's threads are on, as nobody turns them off.
    """

    def __init__(self, model: Path, frames: list[bytes]) -> None:
        self._request = _compiled(model, "LATENCY").create_infer_request()
        self._frames = frames

    def run(self, until_s: float) -> list[float]:
        done = []
        place = fit(SIZE_WH, WIDTH)
        scale = INPUT_HEIGHT / SIZE_WH[1]
        view = view_of(SIZE_WH, place, Intrinsics.assumed(*SIZE_WH))
        while time.monotonic() < until_s:
            image: Any = cv2.imdecode(np.frombuffer(self._frames[len(done) % len(self._frames)], np.uint8), 1)
            scaled = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)
            pixels = np.ascontiguousarray(scaled[np.newaxis, :INPUT_HEIGHT, :WIDTH])
            self._request.infer({0: pixels}, share_inputs=True)
            maps = [self._request.get_tensor(name).data[0] for name in ("features", "heatmaps", "pafs")]
            persons(decode_upsampled(*maps, view))
            done.append(time.monotonic())
        return done


def _compiled(model: Path, hint: str) -> openvino.CompiledModel:
    core = openvino.Core()
    network = core.read_model(model)
    network.reshape({0: [1, 3, INPUT_HEIGHT, WIDTH]})
    steps = openvino.preprocess.PrePostProcessor(network)
    steps.input().tensor().set_element_type(openvino.Type.u8).set_layout(openvino.Layout("NHWC"))
    steps.input().model().set_layout(openvino.Layout("NCHW"))
    properties = {"PERFORMANCE_HINT": hint, "INFERENCE_PRECISION_HINT": PRECISION}
    return core.compile_model(steps.build(), "CPU", properties)


KINDS: dict[str, Any] = {"ceiling": Ceiling, "stages": Stages, "loop": Loop}


def serve(contender: Contender) -> None:
    """Run as long as each line of standard input says, and answer what came of it."""
    contender.run(time.monotonic() + 0.5)
    print("ready", flush=True)
    for line in sys.stdin:
        cpu_s, began_s = time.process_time(), time.monotonic()
        until_s = began_s + float(line)
        done = contender.run(until_s)
        try:
            answer: dict[str, Any] = {
                "frames_per_s": frames_per_s(done, began_s, until_s),
                "cpu_ms": {"process": (time.process_time() - cpu_s) * 1000 / len(done)},
            }
        except TooFewFramesError as error:
            answer = {"too_few": str(error)}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    kind, model, folder = sys.argv[1:]
    serve(KINDS[kind](Path(model), read_frames(Path(folder))))
    sys.stdout.flush()
    os._exit(0)  # a thread may still be inside OpenVINO
