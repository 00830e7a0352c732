"""The trained network in INT8, as workers run it, against the truth."""

from __future__ import annotations

from training.measuring import ALL_FRAMES, held_out, measure_side_by_side
from training.quantize import quantize
from training.quantize_frames import calibration_frames
from workers.model.info import describe
from workers.networks import TRAINED_NETWORK


def test_the_trained_network_hardly_loses_any_accuracy_in_int8(tmp_path):
    frames = calibration_frames("synthetic:?people=3&frames=60", 20)
    quantized = quantize(TRAINED_NETWORK, frames, tmp_path / "int8.xml")

    networks = [(TRAINED_NETWORK, "f32"), (quantized, "f32")]
    before, after = (
        measured[ALL_FRAMES] for measured in measure_side_by_side((held_out(number) for number in range(48)), networks)
    )

    # The bounds themselves are for all 600 frames: here a person is 1 %.
    assert before.found_share > 0.9
    assert after.found_share > before.found_share - 0.03
    assert after.extra_share < before.extra_share + 0.03
    assert after.mpjpe_mm < 1.05 * before.mpjpe_mm
    assert describe(quantized).precision in ("INT8", "FP16, INT8")  # a kernel that is a table of positions stays
    size_bytes = sum(quantized.with_suffix(suffix).stat().st_size for suffix in (".xml", ".bin"))
    assert size_bytes < 2_500_000
