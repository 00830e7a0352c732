"""The model tool against what PyTorch computed with the same architecture, recorded outside the repository."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import openvino
import pytest

from workers.model.convert import convert
from workers.model.info import describe

REFERENCE = Path(__file__).parents[3] / "shared" / "reference"
OUTPUTS = ("features", "heatmaps", "pafs")

pytestmark = pytest.mark.skipif(
    not (REFERENCE / "checkpoint_io.npz").is_file(),
    reason="needs the recorded checkpoints and outputs in ../shared/reference, which are not here",
)


@pytest.fixture(scope="module")
def recorded():
    with np.load(REFERENCE / "checkpoint_io.npz") as file:
        return dict(file)


@pytest.mark.parametrize("name", ["checkpoint_flat_zip.pth", "checkpoint_wrapped_legacy.pth"])
def test_a_converted_checkpoint_computes_what_pytorch_computed_at_both_widths(tmp_path, recorded, name):
    network = openvino.Core().read_model(convert(REFERENCE / name, tmp_path))

    for index in range(2):
        image = recorded[f"image_{index}"].transpose(2, 0, 1)[None].astype(np.float32)
        network.reshape(list(image.shape))
        compiled = openvino.Core().compile_model(network, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        results = compiled({"data": image})
        for output in OUTPUTS:
            expected = recorded[f"{output}_{index}"]
            np.testing.assert_allclose(results[output], expected, rtol=0, atol=1e-4 * np.abs(expected).max())


def test_the_network_has_the_published_size_and_cost():
    info = describe(REFERENCE / "checkpoint_flat_zip.pth")

    assert round(info.parameters / 1e6, 2) == 5.07
    # Published as 19.0, without saying what is counted; these are the convolutions alone.
    assert info.gflops == pytest.approx(18.584, abs=0.001)
    assert [port.shape for port in info.outputs] == ["[1,57,32,56]", "[1,19,32,56]", "[1,38,32,56]"]
