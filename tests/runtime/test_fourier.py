"""Convolutions in the frequency domain: the matrices, and their graph in OpenVINO."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view

from rtmpose3d.runtime.fourier import fourier_convolution
from rtmpose3d.structures import FloatArray

if TYPE_CHECKING:
    import openvino


@given(
    st.integers(min_value=1, max_value=64),
    st.sampled_from([1, 3, 5, 7, 9]),
    st.integers(min_value=0, max_value=2**32 - 1),
)
def test_products_of_transforms_are_the_convolution(length: int, taps: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    row, kernel = rng.normal(size=length), rng.normal(size=taps)
    half = taps // 2
    expected = np.convolve(np.pad(row, half), kernel[::-1], mode="valid")
    transform = fourier_convolution(length, taps)
    computed = transform.output @ ((transform.input @ row) * (transform.kernel @ kernel))
    np.testing.assert_allclose(computed, expected, atol=1e-12 * (length + taps))


def test_it_takes_a_third_of_the_products() -> None:
    assert len(fourier_convolution(12, 7).input) == 26  # in place of 84
    assert len(fourier_convolution(18, 7).input) == 35  # in place of 126


def convolution(
    weights: FloatArray, size_hw: tuple[int, int], strides: tuple[int, int] = (1, 1)
) -> openvino.Model:
    openvino = pytest.importorskip("openvino", reason="openvino is not installed")
    ops = openvino.opset13
    image = ops.parameter([-1, weights.shape[1], *size_hw], np.float32)
    half = weights.shape[2] // 2
    node = ops.convolution(
        image, ops.constant(weights), list(strides), [half] * 2, [half] * 2, [1, 1]
    )
    return openvino.Model([ops.relu(node)], [image])


def convolve(images: FloatArray, weights: FloatArray) -> FloatArray:
    """The convolution in float64, (N, C, H, W) and (K, C, 7, 7)."""
    padded = np.pad(images.astype(np.float64), ((0, 0), (0, 0), (3, 3), (3, 3)))
    windows = sliding_window_view(padded, (7, 7), axis=(2, 3))
    return np.maximum(np.einsum("nchwij,kcij->nkhw", windows, weights, optimize=True), 0)


@pytest.mark.parametrize("channels", [(16, 24), (24, 13)])  # 13: filled up, and cut off again
@pytest.mark.parametrize("size_hw", [(8, 6), (16, 12), (5, 9)])
def test_openvino_convolves_more_exactly_than_directly(
    channels: tuple[int, int], size_hw: tuple[int, int]
) -> None:
    from rtmpose3d.runtime.backends.openvino_convolutions import transform_convolutions
    from rtmpose3d.runtime.backends.openvino_package import openvino_core

    rng = np.random.default_rng(0)
    sources, targets = channels
    weights = rng.normal(size=(targets, sources, 7, 7)).astype(np.float32)
    images = rng.normal(size=(3, sources, *size_hw)).astype(np.float32)
    expected = convolve(images, weights)
    errors = []
    for count in (0, 1):
        model = convolution(weights, size_hw)
        if count:
            assert transform_convolutions(model) == 1
        settings = {"INFERENCE_PRECISION_HINT": "f32"}
        request = openvino_core().compile_model(model, "CPU", settings).create_infer_request()
        request.infer([images])
        errors.append(np.abs(request.get_output_tensor(0).data - expected).mean())
    direct, transformed = errors
    assert transformed < 1.5 * direct + 1e-7
    assert transformed < 1e-6 * expected.std()


@pytest.mark.parametrize(
    ("kernel", "size_hw", "strides"),
    [(3, (8, 6), (1, 1)), (7, (8, 6), (2, 2)), (7, (4, 90), (1, 1))],
)
def test_other_convolutions_stay(
    kernel: int, size_hw: tuple[int, int], strides: tuple[int, int]
) -> None:
    model = convolution(np.ones((8, 8, kernel, kernel), np.float32), size_hw, strides)
    from rtmpose3d.runtime.backends.openvino_convolutions import transform_convolutions

    assert transform_convolutions(model) == 0
