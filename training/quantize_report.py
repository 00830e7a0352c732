"""What a quantisation comes to, for people, for programs and for the model card."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from rich.console import Console

from training.accuracy import Accuracy
from training.cards import markdown, table
from training.quantize_network import INT8
from training.quantize_verdict import can_be_judged, objections

FLOAT: Final = "f32"
"""The network that the INT8 one is made from, computed in single precision: what everything is held against."""


@dataclass(frozen=True, slots=True)
class Report:
    """Networks beside each other, by name: f32 and others are the one given, computed in that; int8 is the new one.

    Attributes:
        model: file of the network that was given.
        sha256: of the new network's weights.
        source: where calibration frames came from, and how many there were.
        kept: convolutions that stayed in floating point.
        accuracy: of each, on the same held-out frames.
        agreement: of int8 with f32, on frames of the source that were not calibrated with.
        frames_per_s: of each, on this machine.
        outputs_error: how far each output of the new network is off, as a part of its own size.
    """

    model: str
    sha256: str
    source: tuple[str, int]
    kept: list[str]
    accuracy: Mapping[str, Accuracy]
    agreement: Accuracy
    frames_per_s: Mapping[str, float]
    outputs_error: Mapping[str, float]

    @property
    def against(self) -> list[str]:
        """What speaks against the INT8 network; nothing does when it is empty."""
        return objections(self.accuracy[FLOAT], self.accuracy[INT8])

    @property
    def winner(self) -> str | None:
        """The fastest of those whose accuracy is within the bounds; None where nothing can be told of accuracy."""
        if not can_be_judged(self.accuracy[FLOAT]):
            return None
        fit = [name for name, each in self.accuracy.items() if not objections(self.accuracy[FLOAT], each)]
        return max(fit, key=self.frames_per_s.__getitem__)

    def tell(self, console: Console) -> None:
        """Print it all."""
        before = self.accuracy[FLOAT]
        if before.matched:
            console.print(table(self.accuracy, f"{self.model} on {before.frames} held-out frames"))
        else:
            console.print(
                f"{self.model} finds nobody on {before.frames} held-out frames, which show {before.counted} to be "
                "found: there is no accuracy to compare. Outputs and speed can be:"
            )
        for sentence in self._sentences():
            console.print(sentence, highlight=False)

    def markdown(self) -> str:
        """Return the precision section of a model card, without its markers."""
        frames = self.accuracy[FLOAT].frames
        remarks = [
            f"Measured on the same {frames} held-out frames: the network as it was trained, computed in single",
            "precision and in what else this CPU has, and the INT8 network, whose weights' SHA-256 is",
            f"`{self.sha256}`.",
            *self._sentences(),
        ]
        return markdown(self.accuracy, remarks)

    def as_dict(self) -> dict[str, Any]:
        """Return everything, ready for JSON."""
        return {
            "model": self.model,
            "int8_sha256": self.sha256,
            "source": self.source[0],
            "calibration_frames": self.source[1],
            "kept": self.kept,
            "accuracy": {name: accuracy.as_dict() for name, accuracy in self.accuracy.items()},
            "agreement": self.agreement.as_dict(),
            "frames_per_s": {name: round(rate, 1) for name, rate in self.frames_per_s.items()},
            "outputs_error": {name: round(error, 5) for name, error in self.outputs_error.items()},
            "against": self.against,
            "winner": self.winner,
        }

    def _sentences(self) -> Iterator[str]:
        rates = self.frames_per_s
        speeds = (f"{name} {rate:.0f} ({rate / rates[FLOAT]:.2f} x)" for name, rate in rates.items())
        yield f"Frames a second on this machine, the network alone: {', '.join(speeds)}."
        errors = (f"{name} {100 * error:.1f} %" for name, error in self.outputs_error.items())
        yield f"Calibrated on {self.source[1]} frames of {self.source[0]}; outputs are off by {', '.join(errors)}."
        if self.agreement.counted:
            yield _agreed(self.agreement)
        if self.kept:
            yield f"In floating point stayed what hurt most: {', '.join(self.kept)}."
        if self.winner is not None:
            yield f"The fastest within the bounds: {self.winner}."
        if self.against:
            yield f"Against INT8: {'; '.join(self.against)}."


def _agreed(agreement: Accuracy) -> str:
    found = f"{FLOAT} finds {agreement.counted} people, and {INT8} {100 * agreement.found_share:.1f} % of them"
    if agreement.matched:
        found += f", {agreement.mean_error_px:.2f} px and {agreement.mpjpe_mm:.1f} mm away"
    return (
        f"On {agreement.frames} other frames of it {found}; {agreement.extra} that {INT8} finds are nobody to {FLOAT}."
    )
