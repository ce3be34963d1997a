"""Graphs for OpenVINO: shipped graphs with weights, and their division by precision.

OpenVINO runs a model in one precision. In bf16 throughout, flat peaks of logits round to equal
values and the first of them wins: keypoints move by a pixel, to one side. So a model is divided
into a body, which takes nearly all of the arithmetic, and a head in fp32: from the token MLPs on in
a pose network, the last 1x1 convolutions and what follows in RTMDet.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from rtmpose3d.errors import BackendError
from rtmpose3d.runtime.backends.openvino_package import import_openvino, openvino_core
from rtmpose3d.runtime.graph_files import graph_file
from rtmpose3d.runtime.network import Weights
from rtmpose3d.runtime.onnx_weights import graph_with_weights
from rtmpose3d.skeletons import WHOLEBODY
from rtmpose3d.zoo import ModelSpec

if TYPE_CHECKING:
    import openvino

GRAPH_VERSION = 2  # changes whenever this package makes another model of the same graph
_DETECTOR_HEAD = "bbox_head.rtm_"  # start of the keys of RTMDet's last convolutions
_ROWS = "/rows"  # of export.row_convolutions


def read_graph(spec: ModelSpec, weights: Weights, outputs: Sequence[str]) -> openvino.Model:
    """The shipped graph of a model with some of its outputs.

    Args:
        spec: row of the model table.
        weights: contiguous; they must live as long as the model.
        outputs: names of the outputs that are kept.
    """
    content = graph_with_weights(graph_file(spec).path.read_bytes(), weights)
    model = openvino_core().read_model(model=content)
    _join_rows(model)
    return select_outputs(model, outputs)


def simplify_file(model: openvino.Model) -> None:
    """Undoes in an .onnx file of this package what makes OpenVINO slow, in place."""
    _join_rows(model)
    _multiply_smoothing(model)


def select_outputs(model: openvino.Model, outputs: Sequence[str]) -> openvino.Model:
    """A model with some of the outputs of another, which must not be used any more."""
    kept = [model.output(name).get_node().input_value(0) for name in outputs]
    return _make_model(kept, model.get_parameters())


def divide(model: openvino.Model, name: str) -> tuple[openvino.Model, openvino.Model] | None:
    """The body and the head of a model, which must not be used any more; None if it has no head.

    Args:
        model: a pose network, or RTMDet with the keys of its checkpoint as names of weights.
        name: of the model, in messages.

    Returns:
        The body, and the head, whose inputs are the outputs of the body in their order.
    """
    opset13 = import_openvino().opset13
    cuts = _cuts(model)
    if not cuts:
        return None
    inputs = []
    for output, targets in cuts:
        parameter = opset13.parameter(output.get_partial_shape(), output.get_element_type())
        for target in targets:
            target.replace_source_output(parameter.output(0))
        inputs.append(parameter)
    results = model.get_results()
    parameters = model.get_parameters()
    try:
        head = _make_model([result.input_value(0) for result in results], inputs)
        body = _make_model([output for output, _ in cuts], parameters)
    except RuntimeError as error:  # an input of the head that does not pass through the cuts
        raise BackendError(f"{name} cannot be divided into body and head: {error}") from error
    return body, head


def _make_model(
    outputs: Sequence[openvino.Output], inputs: Sequence[openvino.op.Parameter]
) -> openvino.Model:
    return import_openvino().Model(list(outputs), list(inputs))


def has_head(model: openvino.Model) -> bool:
    """Whether a model can be divided into body and head."""
    return bool(_cuts(model))


def is_separable(model: openvino.Model) -> bool:
    """Whether the 3x3 convolutions are separable, as RTMDet-nano's are: depthwise, then 1x1."""
    return any(
        node.get_type_name() == "GroupConvolution"
        and list(node.get_input_partial_shape(1))[2:] == [1, 3, 3]
        for node in model.get_ops()
    )


def _cuts(model: openvino.Model) -> list[tuple[openvino.Output, list[openvino.Input]]]:
    """Outputs of the body, each with the inputs of the head that read it."""
    targets = [node.input(0) for node in model.get_ordered_ops() if _begins_head(node)]
    by_source: dict[tuple[str, int], tuple[openvino.Output, list[openvino.Input]]] = {}
    for target in targets:
        source = target.get_source_output()
        key = source.get_node().get_friendly_name(), source.get_index()
        by_source.setdefault(key, (source, []))[1].append(target)
    return list(by_source.values())


def _begins_head(node: openvino.Node) -> bool:
    """Whether a node makes tokens of maps of keypoints, or is one of RTMDet's last layers."""
    kind = node.get_type_name()
    if kind == "Reshape":
        maps, tokens = node.get_input_partial_shape(0), node.get_output_partial_shape(0)
        if maps.rank.is_dynamic or tokens.rank.is_dynamic:
            return False
        return len(maps) == 4 and len(tokens) == 3 and tokens[1] == maps[1] == len(WHOLEBODY)
    return kind == "Convolution" and _weight_name(node).startswith(_DETECTOR_HEAD)


def _weight_name(convolution: openvino.Node) -> str:
    """Name of the constant that a convolution's weights are made of."""
    node = convolution.input_value(1).get_node()
    while node.get_input_size():
        node = node.input_value(0).get_node()
    return str(node.get_friendly_name())


def _join_rows(model: openvino.Model) -> None:
    """Undoes `export.row_convolutions`, which makes ONNX Runtime faster and OpenVINO slower."""
    opset13 = import_openvino().opset13
    for node in model.get_ordered_ops():
        rows = node.input_value(0).get_node() if node.get_type_name() == "Convolution" else None
        if rows is None or not rows.get_friendly_name().endswith(_ROWS):
            continue
        padded = rows.input_value(0).get_node()
        while padded.get_type_name() != "Pad":
            padded = padded.input_value(0).get_node()
        weight = node.input_value(1).get_node()
        while weight.get_input_size():
            weight = weight.input_value(0).get_node()
        half = weight.get_output_shape(0)[2] // 2
        joined = opset13.convolution(
            padded.input_value(0), weight, [1, 1], [half, half], [half, half], [1, 1]
        )
        for target in node.output(0).get_target_inputs():
            target.replace_source_output(joined.output(0))


def _multiply_smoothing(model: openvino.Model) -> None:
    """Makes matrix products of the convolutions that smooth logits: OpenVINO has no fast kernel."""
    opset13 = import_openvino().opset13
    for node in model.get_ordered_ops():
        if node.get_type_name() != "Convolution":
            continue
        kernel = node.input_value(1).get_node()
        if kernel.get_type_name() != "Constant" or not _is_smoothing(node):
            continue
        weights = np.asarray(kernel.data).reshape(-1)
        bins = node.get_output_partial_shape(0)[2].get_length()
        index = np.arange(bins)[:, None] - np.arange(bins) + len(weights) // 2  # (from, to)
        inside = (index >= 0) & (index < len(weights))
        band = np.where(inside, weights[index.clip(0, len(weights) - 1)], weights.dtype.type(0))
        product = opset13.matmul(node.input_value(0), opset13.constant(band), False, False)
        for target in node.output(0).get_target_inputs():
            target.replace_source_output(product.output(0))


def _is_smoothing(node: openvino.Node) -> bool:
    """Whether a convolution keeps the length of rows of one channel."""
    source, kernel, result = (
        node.get_input_partial_shape(0),
        node.get_input_partial_shape(1),
        node.get_output_partial_shape(0),
    )
    return (
        kernel.rank.is_static
        and len(kernel) == 3
        and kernel[0] == kernel[1] == 1
        and result[2].is_static
        and source[2] == result[2]
    )
