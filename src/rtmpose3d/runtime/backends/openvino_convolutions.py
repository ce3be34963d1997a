"""Convolutions in fewer products (`runtime.fast_convolution`) for OpenVINO.

OpenVINO reaches the peak of the processor in dense convolutions, so the only way to be faster is
less arithmetic. The rows of a map are transformed, and the products are those of a grouped
convolution over the columns, for which OpenVINO has fast kernels:

- 7x7, half of the arithmetic of `rtmw3d-n` and a quarter of that of `rtmw3d-l`, in the frequency
  domain: two to three times as fast, for three to five times the memory of these weights.
- 3x3 of large models by Winograd's algorithm: half as long again, for twice the memory. This pays
  only where the number of images is fixed: else OpenVINO copies each map into another layout.

In bf16 only 7x7 of large models, and only without AMX, which makes products cheaper but not the
transforms. The drift stays the same, since sums are in fp32 and Fourier transforms keep the size of
errors; 3x3 would gain nothing and lose digits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from rtmpose3d.runtime.backends.openvino_package import import_openvino
from rtmpose3d.runtime.fast_convolution import (
    FastConvolution,
    fourier_convolution,
    winograd_convolution,
)
from rtmpose3d.structures import FloatArray

if TYPE_CHECKING:
    import openvino

_LANES = 8  # OpenVINO's fast kernels have groups of a multiple of as many channels
_WORTH = 0.9  # of the direct products; transforms are matrix products and take some, too


def transform_convolutions(model: openvino.Model, kernels: Sequence[int] = (3, 7)) -> int:
    """Replaces the dense convolutions of 7x7 and 3x3 that take less time so, in place.

    Args:
        model: to be changed.
        kernels: sizes of the kernels of the convolutions that may be replaced.

    Returns:
        The number of replaced convolutions.
    """
    count = 0
    for node in model.get_ordered_ops():
        fast = _fast_convolution(node, kernels)
        if fast is not None:
            _replace(node, fast)
            count += 1
    return count


def _fast_convolution(node: openvino.Node, kernels: Sequence[int]) -> FastConvolution | None:
    """The matrices for a convolution; None if it stays as it is."""
    if node.get_type_name() != "Convolution":
        return None
    weight, shape = node.input_value(1).get_node(), node.get_input_partial_shape(0)
    if weight.get_type_name() != "Constant" or weight.get_element_type().get_type_name() != "f32":
        return None
    kernel = tuple(weight.get_output_shape(0))
    attributes = node.get_attributes()
    if (
        len(kernel) != 4
        or kernel[2:] not in [(size, size) for size in kernels]
        or list(attributes["strides"]) != [1, 1]
        or list(attributes["dilations"]) != [1, 1]
        or list(attributes["pads_begin"]) != [kernel[2] // 2] * 2
        or list(attributes["pads_end"]) != [kernel[2] // 2] * 2
        or any(axis.is_dynamic for axis in list(shape)[1:])
    ):
        return None
    targets, sources, taps, _ = kernel
    if taps == 3 and shape[0].is_dynamic:
        return None
    width = shape[3].get_length()
    fast = fourier_convolution(width, taps) if taps == 7 else winograd_convolution(width)
    back = fast.output.shape[0]
    products = len(fast.input) * (taps * sources * targets + width * sources + back * targets)
    return fast if products < _WORTH * width * taps * taps * sources * targets else None


def _replace(node: openvino.Node, fast: FastConvolution) -> None:
    """Puts the fast convolution, with the norm after it, in the position of a convolution.

    Comments give shapes: N images, H rows, W columns, C and K channels, T tiles of m products.
    """
    ops = import_openvino().opset13
    source, node, weights, bias = _fold_norm(node)
    sources, rows, width = (axis.get_length() for axis in list(source.get_partial_shape())[1:])
    targets, taps = len(weights), weights.shape[2]
    tiles, products = fast.tiles, len(fast.kernel)
    padded = -(-targets // _LANES) * _LANES

    def integers(*values: int) -> openvino.Node:
        return ops.constant(np.array(values, np.int64))

    def matrix(values: FloatArray) -> openvino.Node:
        return ops.constant(np.ascontiguousarray(values, np.float32))

    kernels = np.zeros((products, padded, sources, taps), np.float32)
    spectrum = np.tensordot(fast.kernel.astype(np.float32), weights, axes=(1, 3))  # of kernel rows
    kernels[:, :targets] = spectrum
    # One tile: its rows are the last axis, along which OpenVINO's kernels are fastest.
    axis, size = (3, (1, rows)) if tiles == 1 else (2, (rows, tiles))
    pads = [taps // 2 if i == axis else 0 for i in (2, 3)]

    result = ops.transpose(source, integers(0, 2, 3, 1))
    result = ops.matmul(matrix(fast.input), result, False, False)  # (N, H, T * m, C)
    result = ops.reshape(result, integers(0, *size, products * sources), True)
    result = ops.transpose(result, integers(0, 3, 1, 2))  # (N, m * C, H, T) or (N, m * C, 1, H)
    result = ops.group_convolution(
        result, matrix(np.expand_dims(kernels, 6 - axis)), [1, 1], pads, pads, [1, 1]
    )
    result = ops.transpose(result, integers(0, 2, 3, 1))
    groups = rows * fast.groups
    result = ops.reshape(result, integers(0, groups, tiles // fast.groups * products, padded), True)
    result = ops.matmul(matrix(fast.output), result, False, False)  # (N, H * groups, .., K)
    if padded != targets:
        result = ops.slice(result, integers(0), integers(targets), integers(1), integers(3))
    if bias is not None:
        result = ops.add(result, matrix(bias))
    activation = _silu(node)
    if activation is not None:  # OpenVINO computes it in the product only if it follows at once
        node, result = activation, ops.swish(result)
    result = ops.reshape(result, integers(0, rows, width, targets), True)
    result = ops.transpose(result, integers(0, 3, 1, 2))
    for target in _readers(node):
        target.replace_source_output(result.output(0))


def _fold_norm(
    node: openvino.Node,
) -> tuple[openvino.Output, openvino.Node, FloatArray, FloatArray | None]:
    """Input of a convolution, its last node, and its weights and bias with the norm in them."""
    source = node.input_value(0)
    weights = np.asarray(node.input_value(1).get_node().data)
    followers = [target.get_node() for target in _readers(node)]
    if len(followers) != 1 or followers[0].get_type_name() != "BatchNormInference":
        return source, node, weights, None
    norm = followers[0]
    inputs = {i: norm.input_value(i).get_node() for i in range(norm.get_input_size())}
    constants = [i for i, each in inputs.items() if each.get_type_name() == "Constant"]
    if len(constants) != 4:
        return source, node, weights, None
    gamma, beta, mean, variance = (np.asarray(inputs[i].data, np.float64) for i in constants)
    scale = gamma / np.sqrt(variance + norm.get_attributes()["epsilon"])
    folded = (weights * scale[:, None, None, None]).astype(np.float32)
    return source, norm, folded, (beta - mean * scale).astype(np.float32)


def _silu(node: openvino.Node) -> openvino.Node | None:
    """The product of a node's output and its sigmoid, if nothing else reads it."""
    followers = {t.get_node().get_type_name(): t.get_node() for t in _readers(node)}
    if len(_readers(node)) != 2 or set(followers) != {"Sigmoid", "Multiply"}:
        return None
    reads = _readers(followers["Sigmoid"])
    same = [t.get_node().get_friendly_name() for t in reads]
    product = followers["Multiply"]
    return product if same == [product.get_friendly_name()] else None


def _readers(node: openvino.Node) -> list[openvino.Input]:
    return list(node.output(0).get_target_inputs())
