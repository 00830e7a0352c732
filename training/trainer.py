"""The training itself: a network, its optimiser and its averaged weights, one batch after the other."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch.optim.swa_utils import AveragedModel

from training.batches import Batch
from training.losses import location_error_mm, losses, total
from training.muon import Muon
from training.network import DemoNetwork, Maps
from workers.pose.decoding.lifting import BODY_HEIGHT_M

MAX_GRADIENT: Final = 5.0


@dataclass(frozen=True, slots=True)
class Options:
    """How to train.

    Attributes:
        seed: of the network's first weights.
        rate: the highest learning rate.
        weight_decay: of the inner kernels.
        warm_up: batches over which the rate rises from 0.
        decay: share of the run, at its end, in which the rate falls to 0.
        average: how much of the averaged weights each batch keeps, once there have been many.
        bf16: compute the convolutions in bfloat16.
    """

    seed: int = 0
    rate: float = 3e-3
    weight_decay: float = 1e-2
    warm_up: int = 500
    decay: float = 0.25
    average: float = 0.999
    bf16: bool = True


class Trainer:
    """Trains one network on one device."""

    def __init__(self, options: Options, device: torch.device) -> None:
        self.device = device
        self.batches = 0
        self._options = options
        torch.manual_seed(options.seed)
        self._network = DemoNetwork().to(device)
        self._averaged = AveragedModel(self._network, multi_avg_fn=_average(options.average), use_buffers=True)
        inner, outer = _inner_and_outer(self._network)
        self._optimisers: tuple[torch.optim.Optimizer, ...] = (
            Muon(inner, lr=options.rate, weight_decay=options.weight_decay),
            torch.optim.AdamW(outer, lr=options.rate, weight_decay=0.0, fused=True),
        )

    @property
    def averaged(self) -> DemoNetwork:
        """The network with the averaged weights, which are better than the last ones."""
        network = self._averaged.module
        assert isinstance(network, DemoNetwork)
        return network

    def step(self, batch: Batch, progress: float) -> dict[str, torch.Tensor]:
        """Learn from one batch at some progress of the run, 0 to 1; returns the losses by name, and `location_mm`."""
        rate = self.rate(progress)
        for optimiser in self._optimisers:
            for group in optimiser.param_groups:
                group["lr"] = rate
            optimiser.zero_grad()
        targets = {name: values.to(self.device, non_blocking=True) for name, values in batch.items()}
        pixels = targets.pop("pixels").float()
        self._network.train()
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self._options.bf16):
            maps: Maps = self._network(pixels)
        maps = {name: values.float() for name, values in maps.items()}
        parts = losses(maps, targets)
        total(parts).backward()
        with _one_thread():
            torch.nn.utils.clip_grad_norm_(self._network.parameters(), MAX_GRADIENT)
            for optimiser in self._optimisers:
                optimiser.step()
            self._averaged.update_parameters(self._network)
        self.batches += 1
        with torch.no_grad():
            return {name: part.detach() for name, part in parts.items()} | {
                "location_mm": location_error_mm(maps, targets, BODY_HEIGHT_M)
            }

    def rate(self, progress: float) -> float:
        """Return the learning rate: rising over the first batches, then the same until it falls to 0 in the last part.

        Only that last part knows how long the run is, so that a longer run can go on from a shorter one's middle.
        """
        warm = min(1.0, (self.batches + 1) / self._options.warm_up)
        return self._options.rate * warm * min(1.0, (1 - min(progress, 1.0)) / self._options.decay)

    def state(self) -> dict[str, Any]:
        """Return all that training goes on from."""
        return {
            "batches": self.batches,
            "network": self._network.state_dict(),
            "averaged": self._averaged.state_dict(),
            "optimisers": [optimiser.state_dict() for optimiser in self._optimisers],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self.batches = state["batches"]
        self._network.load_state_dict(state["network"])
        self._averaged.load_state_dict(state["averaged"])
        for optimiser, kept in zip(self._optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(kept)


def averaged_network(state: dict[str, Any]) -> DemoNetwork:
    """Return the network with a state's averaged weights, ready for inference."""
    network = DemoNetwork()
    prefix = "module."
    weights = {name: value for name, value in state["averaged"].items() if name.startswith(prefix)}
    network.load_state_dict({name.removeprefix(prefix): value for name, value in weights.items()})
    network.eval()
    return network


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Compute on one thread: for many small tensors, threads would wait for each other more than they compute."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _average(keep: float) -> Callable[[list[torch.Tensor], list[torch.Tensor], torch.Tensor], None]:
    """Return what moves averages towards current values: quickly at first, so that they soon forget the beginning."""

    def move(averages: list[torch.Tensor], values: list[torch.Tensor], count: torch.Tensor) -> None:
        kept = min(keep, (1 + int(count)) / (10 + int(count)))
        with torch.no_grad():
            if averages[0].is_floating_point():
                torch._foreach_lerp_(averages, values, 1 - kept)
            else:  # batch norms' counters
                torch._foreach_copy_(averages, values)

    return move


def _inner_and_outer(network: DemoNetwork) -> tuple[list[torch.nn.Parameter], list[torch.nn.Parameter]]:
    """Return the kernels inside the network, which Muon moves, and the first, the last and all that are no kernels."""
    ends = {network.stem[0].weight, network.place.weight}
    ends |= {head[-1].weight for head in (network.first_head, network.maps_head, network.features_head)}
    inner = [parameter for parameter in network.parameters() if parameter.ndim == 4 and parameter not in ends]
    known = set(inner)
    return inner, [parameter for parameter in network.parameters() if parameter not in known]
