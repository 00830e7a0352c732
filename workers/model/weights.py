"""The tensors a network is built from: each is asked for by name and shape, and none may be left over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from posestream.errors import ModelError

BATCH_NORM_EPSILON = 1e-5

# Zero convolutions that one revision of the training code added to its outputs; they change nothing as long as they
# are zero. The batch norms' counters matter to training alone.
_NEUTRAL_IF_ZERO_PREFIX = "fake_conv_"
_IGNORED_SUFFIX = ".num_batches_tracked"
_REMEDY = "give a checkpoint of human-pose-estimation-3d-0001's architecture"


@dataclass(frozen=True, slots=True)
class Convolution:
    """A convolution ready for the graph: `kernel (O, I, size, size)` and, where there is one, `bias (O,)`, float32."""

    kernel: NDArray[np.float32]
    bias: NDArray[np.float32] | None


class Weights:
    """Hands out a checkpoint's tensors; raises ModelError naming the tensor that is missing, misshaped or left over."""

    def __init__(self, tensors: Mapping[str, np.ndarray]) -> None:
        self._tensors = tensors
        self._taken: set[str] = set()

    def convolution(
        self, name: str, *, norm: str | None, bias: bool, inputs: int, outputs: int | None, size: int
    ) -> Convolution:
        """Take a convolution's tensors, with the batch norm called `norm` folded in; `outputs` None is any number."""
        kernel = self._take(f"{name}.weight", (outputs, inputs, size, size))
        offset = self._take(f"{name}.bias", (len(kernel),)) if bias else None
        if norm is not None:
            gain, shift = self._batch_norm(norm, len(kernel))
            kernel = kernel * gain[:, None, None, None]
            offset = shift if offset is None else offset * gain + shift
        return Convolution(kernel.astype(np.float32), None if offset is None else offset.astype(np.float32))

    def refuse_leftovers(self) -> None:
        """Raise ModelError where a tensor was not asked for: the checkpoint is then of another network."""
        extra = [name for name in self._tensors if name not in self._taken and not name.endswith(_IGNORED_SUFFIX)]
        for name in [name for name in extra if name.startswith(_NEUTRAL_IF_ZERO_PREFIX)]:
            if np.any(self._tensors[name]):
                raise ModelError(f"tensor {name} should be zero and is not, so it cannot be left out; {_REMEDY}")
            extra.remove(name)
        if extra:
            others = f" and {len(extra) - 1} more" if len(extra) > 1 else ""
            raise ModelError(f"tensor {extra[0]}{others} has no place in the pose network; {_REMEDY}")

    def _batch_norm(self, name: str, channels: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the batch norm as a gain and a shift per channel, each `(channels,)`."""
        gamma, beta, mean, variance = (
            self._take(f"{name}.{part}", (channels,)) for part in ("weight", "bias", "running_mean", "running_var")
        )
        if np.any(variance < 0):
            raise ModelError(
                f"tensor {name}.running_var has a negative variance; the checkpoint is damaged, get it anew"
            )
        gain = gamma / np.sqrt(variance + BATCH_NORM_EPSILON)
        return gain, beta - mean * gain

    def _take(self, name: str, shape: tuple[int | None, ...]) -> NDArray[np.float64]:
        """Return a tensor as float64, in which folding loses nothing that float32 could show."""
        tensor = self._tensors.get(name)
        if tensor is None:
            raise ModelError(f"tensor {name} {_shape_text(shape)} is missing; {_REMEDY}")
        fits = len(tensor.shape) == len(shape) and all(
            want in (None, got) for want, got in zip(shape, tensor.shape, strict=True)
        )
        if not fits or tensor.size == 0:
            raise ModelError(f"tensor {name} is {_shape_text(tensor.shape)}, not {_shape_text(shape)}; {_REMEDY}")
        if not np.issubdtype(tensor.dtype, np.floating):
            raise ModelError(f"tensor {name} holds {tensor.dtype}, not floating point numbers; {_REMEDY}")
        if not np.all(np.isfinite(tensor)):
            raise ModelError(f"tensor {name} holds infinities or NaN; the checkpoint is damaged, get or train it anew")
        self._taken.add(name)
        return tensor.astype(np.float64)


def _shape_text(shape: tuple[int | None, ...]) -> str:
    return "(" + ", ".join("any" if length is None else str(length) for length in shape) + ")"
