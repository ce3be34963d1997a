"""Large convolutions rewritten so that ONNX Runtime's CPU kernels run them up to twice as fast.

A k x k convolution equals a 1 x k convolution over k copies of the image, each shifted by a row,
stacked as channels. The 7x7 convolutions of the heads take up to a third of a model's time;
docs/results.md has the gain.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import onnx

MIN_KERNEL = 7  # 3x3 gain nothing, 5x5 are depthwise in these networks


def rewrite_large_convolutions(proto: onnx.ModelProto) -> int:
    """Rewrites every dense, size-keeping convolution of 7x7 or more, in place.

    The weights stay as they are in the file: the graph rearranges them, once, when a session opens.

    Returns:
        The number of rewritten convolutions.
    """
    nodes = list(proto.graph.node)
    weights = {tensor.name: list(tensor.dims) for tensor in proto.graph.initializer}
    del proto.graph.node[:]
    count = 0
    for node in nodes:
        if _is_large(node, weights):
            proto.graph.node.extend(_as_rows(proto, node, weights[node.input[1]]))
            count += 1
        else:
            proto.graph.node.append(node)
    return count


def _is_large(node: onnx.NodeProto, weights: dict[str, list[int]]) -> bool:
    if node.op_type != "Conv" or node.input[1] not in weights:
        return False
    kernel = weights[node.input[1]][2:]
    attributes = {attribute.name: attribute for attribute in node.attribute}
    half = kernel[0] // 2
    return (
        len(kernel) == 2
        and kernel[0] == kernel[1] >= MIN_KERNEL
        and attributes["group"].i == 1
        and list(attributes["strides"].ints) == [1, 1]
        and list(attributes["dilations"].ints) == [1, 1]
        and list(attributes["pads"].ints) == [half] * 4
    )


def _as_rows(
    proto: onnx.ModelProto, node: onnx.NodeProto, shape: list[int]
) -> list[onnx.NodeProto]:
    """The nodes that replace one convolution; their names start with the name of its output."""
    from onnx import helper, numpy_helper

    to_channels, from_channels, side, _ = shape
    half = side // 2
    source, weight, *bias = node.input
    (result,) = node.output

    def constant(name: str, values: list[int]) -> str:
        full = f"{result}/{name}"
        proto.graph.initializer.append(
            numpy_helper.from_array(np.array(values, dtype=np.int64), full)
        )
        return full

    def new_node(
        operator: str, inputs: list[str], name: str, **attributes: int | list[int]
    ) -> onnx.NodeProto:
        full = f"{result}/{name}"
        node = helper.make_node(operator, inputs, [full], name=full)
        node.attribute.extend(helper.make_attribute(*item) for item in attributes.items())
        return node

    rows_axis = constant("rows_axis", [2])
    padding = constant("padding", [0, 0, half, 0, 0, 0, half, 0])
    nodes = [new_node("Pad", [source, padding], "padded")]
    for row in range(side):
        begin = constant(f"begin_{row}", [row])
        # Ends count from below, so that the image's height need not be known.
        end = constant(f"end_{row}", [row - side + 1 if row < side - 1 else 2**31 - 1])
        nodes.append(new_node("Slice", [f"{result}/padded", begin, end, rows_axis], f"row_{row}"))
    rows = [f"{result}/row_{row}" for row in range(side)]
    rows_shape = constant("weight_shape", [to_channels, side * from_channels, 1, side])
    nodes += [
        new_node("Concat", rows, "rows", axis=1),
        new_node("Transpose", [weight], "turned", perm=[0, 2, 1, 3]),
        new_node("Reshape", [f"{result}/turned", rows_shape], "weight"),
        helper.make_node(
            "Conv",
            [f"{result}/rows", f"{result}/weight", *bias],
            [result],
            name=node.name,
            kernel_shape=[1, side],
            pads=[0, half, 0, half],
        ),
    ]
    return nodes
