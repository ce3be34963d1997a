"""The 7x7 convolutions of the heads for OpenVINO, in the frequency domain along the rows.

They take half of the arithmetic of `rtmw3d-n` and a quarter of that of `rtmw3d-l`, in fp32 at the
peak of the processor; so the only way to be faster is fewer products. A row of the map is
transformed (`rtmpose3d.runtime.fourier`), and each coefficient is a group of a grouped convolution
over the other axis, for which OpenVINO has fast kernels: two to three times as fast in all, for
three to five times the memory of these weights. In half precision the direct convolution stays:
it is fast there, and transforms would lose digits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rtmpose3d.runtime.backends.openvino_package import import_openvino
from rtmpose3d.runtime.fourier import fourier_convolution
from rtmpose3d.structures import FloatArray

if TYPE_CHECKING:
    import openvino

TAPS = 7  # 3x3 gain up to a quarter for ten times the memory
_MAX_WIDTH = 64  # of a map; transforms are matrix products, too much for wider ones
_LANES = 8  # OpenVINO's fast kernels have groups of a multiple of as many channels


def transform_convolutions(model: openvino.Model) -> int:
    """Replaces every dense 7x7 convolution that keeps the size of its map, in place.

    Returns:
        The number of replaced convolutions.
    """
    found = [node for node in model.get_ordered_ops() if _is_large(node)]
    for node in found:
        weights = np.asarray(node.input_value(1).get_node().data)
        result = _convolve(node.input_value(0), weights)
        for target in node.output(0).get_target_inputs():
            target.replace_source_output(result)
    return len(found)


def _is_large(node: openvino.Node) -> bool:
    if node.get_type_name() != "Convolution":
        return False
    weight, shape = node.input_value(1).get_node(), node.get_input_partial_shape(0)
    if weight.get_type_name() != "Constant" or len(weight.output(0).get_shape()) != 4:
        return False
    half = TAPS // 2
    attributes = node.get_attributes()
    return (
        list(weight.output(0).get_shape()[2:]) == [TAPS, TAPS]
        and weight.get_element_type().get_type_name() == "f32"
        and list(attributes["strides"]) == [1, 1]
        and list(attributes["dilations"]) == [1, 1]
        and list(attributes["pads_begin"]) == list(attributes["pads_end"]) == [half, half]
        and all(axis.is_static for axis in list(shape)[1:])
        and shape[3].get_length() <= _MAX_WIDTH
    )


def _convolve(source: openvino.Output, weights: FloatArray) -> openvino.Output:
    """The nodes of one convolution; comments give the shapes of their outputs."""
    ops = import_openvino().opset13
    _, channels, height, width = source.get_partial_shape()
    rows, sources = height.get_length(), channels.get_length()
    transform = fourier_convolution(width.get_length(), TAPS)
    products, targets = len(transform.input), len(weights)
    padded = -(-targets // _LANES) * _LANES

    def integers(*values: int) -> openvino.Node:
        return ops.constant(np.array(values, np.int64))

    def matrix(values: FloatArray) -> openvino.Node:
        return ops.constant(np.ascontiguousarray(values.T, np.float32))

    kernels = np.zeros((products, padded, sources, 1, TAPS), np.float32)
    spectrum = np.tensordot(transform.kernel.astype(np.float32), weights, axes=(1, 3))
    kernels[:, :targets, :, 0] = spectrum  # of each row of the kernel
    node = ops.matmul(source, matrix(transform.input), False, False)  # (N, C, H, m)
    node = ops.transpose(node, integers(0, 3, 1, 2))  # (N, m, C, H)
    node = ops.reshape(node, integers(0, products * sources, 1, rows), True)
    half = TAPS // 2
    node = ops.group_convolution(node, ops.constant(kernels), [1, 1], [0, half], [0, half], [1, 1])
    node = ops.reshape(node, integers(0, products, padded, rows), True)  # (N, m, K, H)
    node = ops.transpose(node, integers(0, 2, 3, 1))
    node = ops.matmul(node, matrix(transform.output), False, False)  # (N, K, H, W)
    if padded != targets:
        node = ops.slice(node, integers(0), integers(targets), integers(1), integers(1))
    return node.output(0)
