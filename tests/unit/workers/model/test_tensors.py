from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.model.tensors import Storage, describe_tensor


def floats(count: int) -> tuple[Storage, bytes]:
    return Storage("0", "torch.FloatStorage", count), np.arange(count, dtype=np.float32).tobytes()


def test_a_transposed_tensor_is_read_along_its_strides_into_an_array_of_its_own():
    storage, content = floats(6)

    array = describe_tensor(storage, 0, (3, 2), (1, 3)).to_array(content)

    np.testing.assert_array_equal(array, np.arange(6).reshape(2, 3).T)
    assert array.flags.c_contiguous
    assert array.flags.owndata


def test_a_scalar_has_an_empty_shape():
    storage, content = floats(3)

    assert describe_tensor(storage, 2, (), ()).to_array(content) == np.float32(2)


def test_the_stride_of_an_axis_of_one_element_does_not_matter():
    storage, content = floats(2)

    np.testing.assert_array_equal(describe_tensor(storage, 0, (1, 2), (10**30, 1)).to_array(content), [[0, 1]])


lengths = st.integers(1, 4)


@given(st.integers(0, 12), st.integers(0, 5), st.lists(st.tuples(lengths, lengths), max_size=3))
def test_a_tensor_is_accepted_exactly_where_all_its_elements_lie_in_its_storage(count, offset, axes):
    storage, content = floats(count)
    shape, strides = tuple(length for length, _ in axes), tuple(stride for _, stride in axes)
    indices = [
        offset + sum(index * stride for index, stride in zip(position, strides, strict=True))
        for position in itertools.product(*map(range, shape))
    ]

    if max(indices) < count:
        array = describe_tensor(storage, offset, shape, strides).to_array(content)
        np.testing.assert_array_equal(array.ravel(), indices)
    else:
        with pytest.raises(ValueError, match="reaches beyond its storage"):
            describe_tensor(storage, offset, shape, strides)


@pytest.mark.parametrize(
    ("offset", "shape", "strides"),
    [
        (-1, (1,), (1,)),
        (0, (-1,), (1,)),
        (5, (2,), (-1,)),  # backwards, as NumPy could and PyTorch cannot
        (0, (2, 2), (1,)),  # a stride too few
        (0, (1,) * 9, (1,) * 9),  # more axes than any network has
        (0, (0,), (1,)),  # empty
        (True, (1,), (1,)),
        (0, [1], [1]),
        (0, (1.0,), (1,)),
        ("0", (1,), (1,)),
    ],
)
def test_a_description_that_makes_no_sense_is_refused(offset, shape, strides):
    storage, _ = floats(6)

    with pytest.raises((ValueError, TypeError)):
        describe_tensor(storage, offset, shape, strides)


def test_a_tensor_needs_a_storage():
    with pytest.raises(TypeError):
        describe_tensor("0", 0, (1,), (1,))
