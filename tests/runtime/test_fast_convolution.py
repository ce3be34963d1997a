"""Convolutions in fewer products: the matrices, and their graph in OpenVINO."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view

from rtmpose3d.runtime.fast_convolution import (
    FastConvolution,
    fourier_convolution,
    winograd_convolution,
)
from rtmpose3d.structures import FloatArray

if TYPE_CHECKING:
    import openvino


def convolve_row(fast: FastConvolution, row: FloatArray, taps: FloatArray) -> FloatArray:
    products = (fast.input @ row) * np.tile(fast.kernel @ taps, fast.tiles)
    return np.kron(np.eye(fast.groups), fast.output) @ products


@given(
    st.integers(min_value=1, max_value=64),
    st.sampled_from([1, 3, 5, 7, 9]),
    st.integers(min_value=0, max_value=2**32 - 1),
)
def test_fourier_transforms_convolve(length: int, taps: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    row, kernel = rng.normal(size=length), rng.normal(size=taps)
    expected = np.convolve(np.pad(row, taps // 2), kernel[::-1], mode="valid")
    computed = convolve_row(fourier_convolution(length, taps), row, kernel)
    np.testing.assert_allclose(computed, expected, atol=1e-12 * (length + taps))


@given(
    st.integers(min_value=1, max_value=96),
    st.integers(min_value=0, max_value=2**32 - 1),
)
def test_winograd_filters_convolve(length: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    row, kernel = rng.normal(size=length), rng.normal(size=3)
    expected = np.convolve(np.pad(row, 1), kernel[::-1], mode="valid")
    computed = convolve_row(winograd_convolution(length), row, kernel)
    np.testing.assert_allclose(computed, expected, atol=1e-12 * length)


def test_they_take_fewer_products() -> None:
    assert len(fourier_convolution(12, 7).input) == 26  # in place of 84
    assert len(fourier_convolution(18, 7).input) == 35  # in place of 126
    assert len(winograd_convolution(40).input) == 60  # in place of 120


def network(
    weights: FloatArray,
    norm: FloatArray,
    size_hw: tuple[int, int],
    batch: int = -1,
    strides: tuple[int, int] = (1, 1),
) -> openvino.Model:
    """Convolution, norm (gamma, beta, mean, variance) and SiLU, as our graphs have them."""
    openvino = pytest.importorskip("openvino", reason="openvino is not installed")
    ops = openvino.opset13
    image = ops.parameter([batch, weights.shape[1], *size_hw], np.float32)
    half = weights.shape[2] // 2
    node = ops.convolution(
        image, ops.constant(weights), list(strides), [half] * 2, [half] * 2, [1, 1]
    )
    gamma, beta, mean, variance = (ops.constant(values) for values in norm)
    node = ops.batch_norm_inference(node, gamma, beta, mean, variance, 1e-5)
    node = ops.multiply(node, ops.sigmoid(node))
    return openvino.Model([node], [image])


def expect(images: FloatArray, weights: FloatArray, norm: FloatArray) -> FloatArray:
    """The same in float64; (N, C, H, W) and (K, C, k, k)."""
    taps = weights.shape[2]
    half = taps // 2
    padded = np.pad(images.astype(np.float64), ((0, 0), (0, 0), (half, half), (half, half)))
    windows = sliding_window_view(padded, (taps, taps), axis=(2, 3))
    maps = np.einsum("nchwij,kcij->nkhw", windows, weights, optimize=True)
    gamma, beta, mean, variance = norm.astype(np.float64)[..., None, None]
    maps = (maps - mean) / np.sqrt(variance + 1e-5) * gamma + beta
    return maps / (1 + np.exp(-maps))


def made_norm(channels: int) -> FloatArray:
    norm = np.random.default_rng(1).normal(size=(4, channels)).astype(np.float32)
    norm[3] = np.abs(norm[3]) + 1
    return norm


@pytest.mark.parametrize("taps", [3, 7])
@pytest.mark.parametrize("channels", [(64, 72), (72, 61)])  # 61: filled up, and cut off again
@pytest.mark.parametrize("size_hw", [(8, 6), (16, 12), (5, 9), (6, 32)])
def test_openvino_convolves_as_directly(
    taps: int, channels: tuple[int, int], size_hw: tuple[int, int]
) -> None:
    from rtmpose3d.runtime.backends.openvino_convolutions import transform_convolutions
    from rtmpose3d.runtime.backends.openvino_package import openvino_core

    rng = np.random.default_rng(0)
    sources, targets = channels
    weights = rng.normal(size=(targets, sources, taps, taps)).astype(np.float32)
    weights /= taps * np.float32(np.sqrt(sources))
    images = rng.normal(size=(3, sources, *size_hw)).astype(np.float32)
    norm = made_norm(targets)
    expected = expect(images, weights, norm)
    errors = []
    for is_fast in (False, True):
        model = network(weights, norm, size_hw, batch=3)
        if is_fast:
            assert transform_convolutions(model) == 1
            kinds = [node.get_type_name() for node in model.get_ops()]
            assert "Convolution" not in kinds
            assert "BatchNormInference" not in kinds
        settings = {"INFERENCE_PRECISION_HINT": "f32"}
        request = openvino_core().compile_model(model, "CPU", settings).create_infer_request()
        request.infer([images])
        errors.append(np.sqrt(np.square(request.get_output_tensor(0).data - expected).mean()))
    direct, fast = errors
    assert fast < 3 * direct + 1e-7
    assert fast < 2e-6


@pytest.mark.parametrize(
    ("channels", "taps", "size_hw", "batch", "strides"),
    [
        (64, 7, (8, 6), 1, (2, 2)),
        (64, 5, (8, 6), 1, (1, 1)),
        (64, 3, (8, 6), -1, (1, 1)),  # of any number of images
        (8, 3, (8, 40), 1, (1, 1)),  # transforms would take longer
    ],
)
def test_other_convolutions_stay(
    channels: int, taps: int, size_hw: tuple[int, int], batch: int, strides: tuple[int, int]
) -> None:
    weights = np.ones((channels, channels, taps, taps), np.float32)
    model = network(weights, made_norm(channels), size_hw, batch, strides)
    from rtmpose3d.runtime.backends.openvino_convolutions import transform_convolutions

    assert transform_convolutions(model) == 0


def test_a_norm_that_others_read_stays_outside() -> None:
    from rtmpose3d.runtime.backends.openvino_convolutions import transform_convolutions

    weights = np.ones((64, 64, 7, 7), np.float32)
    model = network(weights, made_norm(64), (8, 6))
    (convolution,) = (node for node in model.get_ops() if node.get_type_name() == "Convolution")
    import openvino

    more = openvino.opset13.relu(convolution)
    outputs = [model.output(0).get_node().input_value(0), more.output(0)]
    both = openvino.Model(outputs, model.get_parameters())
    assert transform_convolutions(both) == 1
    assert "BatchNormInference" in [node.get_type_name() for node in both.get_ops()]
