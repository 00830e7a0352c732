from __future__ import annotations

import numpy as np
import pytest

from posestream.errors import ModelError
from workers.model.weights import Weights


def norm(channels: int, **parts: object) -> dict[str, np.ndarray]:
    values = {"weight": 1.0, "bias": 0.0, "running_mean": 0.0, "running_var": 1.0} | parts
    return {f"norm.{name}": np.full(channels, value, np.float32) for name, value in values.items()}


def test_a_batch_norm_becomes_a_gain_of_the_kernel_and_a_bias():
    tensors = {"conv.weight": np.ones((2, 1, 1, 1), np.float32), "conv.bias": np.array([10, 20], np.float32)}
    weights = Weights(tensors | norm(2, weight=3.0, bias=0.5, running_mean=4.0, running_var=4.0 - 1e-5))

    taken = weights.convolution("conv", norm="norm", bias=True, inputs=1, outputs=2, size=1)

    # (x + bias - 4) / 2 * 3 + 0.5
    np.testing.assert_allclose(taken.kernel.ravel(), [1.5, 1.5], rtol=1e-6)
    np.testing.assert_allclose(taken.bias, [9.5, 24.5], rtol=1e-6)


def test_a_variance_of_zero_is_kept_finite_by_epsilon():
    weights = Weights({"conv.weight": np.ones((1, 1, 1, 1), np.float32)} | norm(1, running_var=0.0))

    taken = weights.convolution("conv", norm="norm", bias=False, inputs=1, outputs=1, size=1)

    np.testing.assert_allclose(taken.kernel.ravel(), [1e-5**-0.5], rtol=1e-6)


def test_a_convolution_without_bias_and_batch_norm_has_none():
    weights = Weights({"conv.weight": np.ones((1, 1, 3, 3), np.float32)})

    assert weights.convolution("conv", norm=None, bias=False, inputs=1, outputs=None, size=3).bias is None


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        (norm(1, running_var=-0.1), "norm.running_var has a negative variance"),
        (norm(1, weight=np.nan), "norm.weight holds infinities or NaN"),
        ({"conv.weight": np.ones((1, 1, 1, 1), np.int64)}, "conv.weight holds int64"),
    ],
)
def test_values_that_cannot_be_weights_are_refused_by_name(tensors, message):
    weights = Weights({"conv.weight": np.ones((1, 1, 1, 1), np.float32)} | norm(1) | tensors)

    with pytest.raises(ModelError, match=message):
        weights.convolution("conv", norm="norm", bias=False, inputs=1, outputs=1, size=1)


def test_tensors_left_over_are_named_with_their_number():
    weights = Weights({"other.weight": np.zeros(1, np.float32), "third.weight": np.zeros(1, np.float32)})

    with pytest.raises(ModelError, match=r"other\.weight and 1 more has no place"):
        weights.refuse_leftovers()


def test_zero_convolutions_and_counters_may_be_left_over():
    Weights(
        {"fake_conv_pafs.weight": np.zeros(4, np.float32), "norm.num_batches_tracked": np.array(3)}
    ).refuse_leftovers()


def test_a_fake_convolution_that_is_not_zero_is_refused():
    with pytest.raises(ModelError, match=r"fake_conv_pafs\.weight should be zero"):
        Weights({"fake_conv_pafs.weight": np.array([0, 0.1], np.float32)}).refuse_leftovers()
