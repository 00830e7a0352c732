"""The network, compiled once for every input width in use; with `device.py` the only module that talks to OpenVINO."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import numpy as np
import numpy.typing as npt
import openvino

from posestream.errors import ModelError
from workers.pose.device import Precision, check_precision, compile_properties, devices_for, runs_on
from workers.pose.fit import INPUT_HEIGHT, choose_width

logger = logging.getLogger(__name__)

FloatArray = npt.NDArray[np.float32]

OUTPUTS = {"features": 57, "heatmaps": 19, "pafs": 38}
"""The network's outputs and their channels."""


@dataclass(frozen=True, slots=True)
class NetworkOptions:
    """How the network runs.

    Attributes:
        device: OpenVINO device, e.g. CPU.
        threads: CPU threads for inference.
        precision: what to compute in: f32, bf16 or f16, pinned so that different hosts agree; or auto, what the device
            likes best. What is INT8 in a network stays it.
        cache: folder for compiled networks, or None.
        limit: how many widths may be compiled; frames of others are letterboxed.
    """

    device: str
    threads: int
    precision: Precision
    cache: Path | None
    limit: int


@dataclass(frozen=True, slots=True)
class Maps:
    """The network's output for one frame, float32: views that the slot's next inference overwrites.

    Attributes:
        features: (57, H, W) location maps, three channels per joint.
        heatmaps: (19, H, W), the last of them background.
        pafs: (38, H, W) part affinity fields, x and y per limb.
    """

    features: FloatArray
    heatmaps: FloatArray
    pafs: FloatArray


class PoseNetwork:
    """A pose network, ready for any input width; shared by the slots of a process.

    Raises:
        ModelError: there is no network in that file, or none that fits.
        ConfigurationError: this machine does not have the device, or the device not the precision.
    """

    def __init__(
        self,
        path: Path,
        options: NetworkOptions,
        on_compiled: Callable[[float, int], None] = lambda seconds, count: None,
    ) -> None:
        self._options = options
        self._on_compiled = on_compiled
        self._core = openvino.Core()
        check_precision(self._core, devices_for(self._core, options.device), options.precision)
        if options.cache is not None:
            self._core.set_property({"CACHE_DIR": str(options.cache)})
        self._model = _read(self._core, path)
        self._lock = Lock()
        self._compiled: dict[int, Future[openvino.CompiledModel]] = {}
        self._compiler = ThreadPoolExecutor(1, thread_name_prefix="compile")

    def width_for(self, natural: int, *, wait: bool) -> int:
        """Return the input width to use for a frame of this natural width; a new one begins to be compiled.

        Compilation has a thread of its own. Meanwhile a frame that does not `wait` gets the best width there is, and is
        letterboxed; one that does will find its poses independent of when it came.
        """
        with self._lock:
            width = choose_width(natural, self._compiled.keys(), self._options.limit)
            future = self._begin(width)  # at once, so that different new widths can not exceed the limit together
            if not wait and not future.done():
                ready = [other for other, compiled in self._compiled.items() if _succeeded(compiled)]
                width = choose_width(natural, ready, limit=0) if ready else width
        return width

    def compiled(self, width: int) -> openvino.CompiledModel:
        """Return the network for an input width, compiling it the first time."""
        with self._lock:
            future = self._begin(width)
        return future.result()

    def _begin(self, width: int) -> Future[openvino.CompiledModel]:
        known = self._compiled.get(width)
        if known is None or (known.done() and not _succeeded(known)):  # what failed is tried again
            known = self._compiled[width] = self._compiler.submit(self._compile, width)
        return known

    def slots(self, width: int) -> int:
        """Return how many slots keep the device busy: its optimal number of requests, and one to hide I/O behind."""
        return int(self.compiled(width).get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")) + 1

    def close(self) -> None:
        """Stop the compiling thread."""
        self._compiler.shutdown(wait=False, cancel_futures=True)

    def _compile(self, width: int) -> openvino.CompiledModel:
        began = time.perf_counter()
        options = self._options
        model = self._model.clone()
        try:
            model.reshape({0: [1, 3, INPUT_HEIGHT, width]})
            properties = compile_properties(options.device, options.precision, options.threads)
            compiled = self._core.compile_model(_from_pixels(model), options.device, properties)
        except RuntimeError as error:
            raise ModelError(f"the network can not be compiled for {options.device}: {_last_line(error)}") from error
        seconds = time.perf_counter() - began
        told = {"input": f"{width}x{INPUT_HEIGHT}", "seconds": round(seconds, 2), "int8": is_int8(model)}
        logger.info("network compiled", extra=told | runs_on(compiled))
        self._on_compiled(seconds, len(self._compiled))
        return compiled

    def warm_up(self, width: int) -> None:
        """Infer once, before there are threads.

        The Python binding initialises statics on the first inference under locks of its own; two threads that meet
        there deadlock with the interpreter's lock (seen with OpenVINO 2026.4), and the process hangs for good.
        """
        Inferencer(self).infer(np.zeros((1, INPUT_HEIGHT, width, 3), np.uint8))


class Inferencer:
    """One slot's inference requests, one per width it has met; not to be shared between threads."""

    def __init__(self, network: PoseNetwork) -> None:
        self._network = network
        self._requests: dict[int, openvino.InferRequest] = {}

    def infer(self, pixels: npt.NDArray[np.uint8]) -> Maps:
        """Run the network on (1, 256, W, 3) uint8 BGR pixels; the maps are valid until the next call."""
        width = pixels.shape[2]
        request = self._requests.get(width)
        if request is None:
            request = self._requests[width] = self._network.compiled(width).create_infer_request()
        # Not `infer`, which copies the outputs into a dictionary besides.
        request.set_input_tensor(openvino.Tensor(pixels))
        request.start_async()
        request.wait()
        features, heatmaps, pafs = (request.get_tensor(name).data[0] for name in OUTPUTS)
        return Maps(features, heatmaps, pafs)


def is_int8(model: openvino.Model) -> bool:
    """Tell whether a network was quantised, as `python -m training quantize` does it."""
    return any(node.get_type_name() == "FakeQuantize" for node in model.get_ops())


def _succeeded(future: Future[openvino.CompiledModel]) -> bool:
    return future.done() and not future.cancelled() and future.exception() is None


def _read(core: openvino.Core, path: Path) -> openvino.Model:
    """Read an IR or ONNX file and check that it is a pose network with the outputs we know by name."""
    if not path.is_file():
        raise ModelError(
            f"model {path}: no such file; `python -m workers model fetch` gets the official network, "
            "`python -m workers model convert FILE` converts one you have, and `--model demo` takes the small one that "
            "comes with the project, which knows drawn people only"
        )
    try:
        model = core.read_model(path)
    except RuntimeError as error:
        raise ModelError(f"model {path}: OpenVINO can not read it ({_last_line(error)})") from error
    channels = {
        name: int(output.partial_shape[1].get_length()) for output in model.outputs for name in output.names
        if name in OUTPUTS and output.partial_shape.rank.get_length() == 4 and output.partial_shape[1].is_static
    }  # fmt: skip
    if channels != OUTPUTS or len(model.inputs) != 1:
        raise ModelError(
            f"model {path}: not a pose network: it needs one input and the outputs "
            + ", ".join(f"{name} ({count} channels)" for name, count in OUTPUTS.items())
            + "; `python -m workers model convert` names those of networks converted elsewhere"
        )
    return model


def _last_line(error: RuntimeError) -> str:
    """What OpenVINO's many-line messages say at their end, where the reason stands."""
    return str(error).strip().rsplit("\n", 1)[-1]


def _from_pixels(model: openvino.Model) -> openvino.Model:
    """Let the network take what OpenCV decodes, (1, H, W, 3) uint8, converting inside."""
    steps = openvino.preprocess.PrePostProcessor(model)
    steps.input().tensor().set_element_type(openvino.Type.u8).set_layout(openvino.Layout("NHWC"))
    steps.input().model().set_layout(openvino.Layout("NCHW"))
    for index in range(len(model.outputs)):
        steps.output(index).tensor().set_element_type(openvino.Type.f32)
    return steps.build()
