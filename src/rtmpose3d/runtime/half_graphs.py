"""Shipped graphs with their convolutions in fp16 and the last layers in fp32.

The same division as `models.mixed_precision`: everything from the first convolution to the keypoint
maps, or to RTMDet's last convolutions, is in fp16; norms are folded into the convolutions before
rounding. Works on the bytes of the file, so that inference needs no further package.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from rtmpose3d.runtime.network import Weights
from rtmpose3d.runtime.protobuf import Field, encode_field, encode_number, iterate_fields

NORM_EPSILON = 1e-5  # of every norm, as in `models.blocks.ConvNorm`
DETECTOR_HEAD = "bbox_head.rtm_"  # start of the keys of RTMDet's last convolutions
WEIGHTS_LOCATION = "weights"

# Numbers of the fields and values of onnx.proto that are used here.
_MODEL_GRAPH = 7
_GRAPH_NODE, _GRAPH_INITIALIZER = 1, 5
_NODE_INPUT, _NODE_OUTPUT, _NODE_NAME, _NODE_TYPE, _NODE_ATTRIBUTE = 1, 2, 3, 4, 5
_ATTRIBUTE_NAME, _ATTRIBUTE_INTEGER, _ATTRIBUTE_TYPE, _INTEGER = 1, 3, 20, 2
_TENSOR_DIMS, _TENSOR_TYPE, _TENSOR_NAME, _TENSOR_EXTERNAL, _TENSOR_LOCATION = 1, 2, 8, 13, 14
_ENTRY_KEY, _ENTRY_VALUE, _EXTERNAL = 1, 2, 1
_FLOAT, _FLOAT16 = 1, 10


@dataclass(frozen=True, kw_only=True)
class _Node:
    """An operator; `others` are its remaining fields, encoded."""

    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    others: bytes

    def encode(self) -> bytes:
        return b"".join(
            (
                *(encode_field(_NODE_INPUT, name.encode()) for name in self.inputs),
                *(encode_field(_NODE_OUTPUT, name.encode()) for name in self.outputs),
                encode_field(_NODE_TYPE, self.kind.encode()),
                self.others,
            )
        )


def half_graph(content: bytes, weights: Weights) -> tuple[bytes, dict[str, np.ndarray]]:
    """A shipped graph with its convolutions in fp16.

    Args:
        content: the ONNX file without weights.
        weights: float32 arrays of its external initialisers, by name.

    Returns:
        The ONNX file, and the arrays of all its external initialisers.
    """
    parts, arrays = [], dict(weights)
    for field in iterate_fields(content, 0, len(content)):
        if field.number == _MODEL_GRAPH:
            graph, arrays = _lower(content, field, weights)
            parts.append(encode_field(_MODEL_GRAPH, graph))
        else:
            parts.append(content[field.begin : field.end])
    return b"".join(parts), arrays


def _lower(content: bytes, graph: Field, weights: Weights) -> tuple[bytes, dict[str, np.ndarray]]:
    fields = list(iterate_fields(content, graph.start, graph.end))
    nodes = [_read_node(content, field) for field in fields if field.number == _GRAPH_NODE]
    cuts = _cuts(nodes)
    first = next(node for node in nodes if node.kind == "Conv").inputs[0]
    body = _ancestors(nodes, cuts, without=first)
    lowered, arrays = _fold_norms([node for node in nodes if node in body], weights)
    used = {name for node in lowered for name in node.inputs}
    halves = {
        name: array.astype(np.float16)
        for name, array in arrays.items()
        if name in used and array.dtype == np.float32
    }
    head = [node for node in nodes if node not in body]
    wanted = {name for node in head for name in node.inputs}
    kept = {name: array for name, array in arrays.items() if name in wanted}
    both = halves.keys() & kept.keys()
    assert not both, f"weights of both precisions: {sorted(both)}"
    before = _ancestors(nodes, [first], without="")
    ordered = [
        *(node for node in head if node in before),
        *_with_casts(lowered, first, cuts),
        *(_reading_floats(node, cuts) for node in head if node not in before),
    ]
    initialisers = [
        content[field.begin : field.end]
        for field in fields
        if field.number == _GRAPH_INITIALIZER and not _is_external(content, field)
    ]
    arrays = halves | kept
    initialisers += [_external_initialiser(name, array) for name, array in arrays.items()]
    others = [
        content[field.begin : field.end]
        for field in fields
        if field.number not in (_GRAPH_NODE, _GRAPH_INITIALIZER)
    ]
    encoded = [encode_field(_GRAPH_NODE, node.encode()) for node in ordered]
    return b"".join((*encoded, *initialisers, *others)), arrays


def _cuts(nodes: Sequence[_Node]) -> list[str]:
    """Names of the tensors at which the head begins: keypoint maps, or inputs of RTMDet's last."""
    normed = {node.inputs[0] for node in nodes if node.kind == "ReduceL2"}
    cuts = [
        node.inputs[0]
        for node in nodes
        if (node.kind == "Reshape" and node.outputs[0] in normed)
        or (node.kind == "Conv" and node.inputs[1].startswith(DETECTOR_HEAD))
    ]
    assert cuts, "every shipped graph has a head"
    return list(dict.fromkeys(cuts))


def _ancestors(nodes: Sequence[_Node], names: Sequence[str], *, without: str) -> set[_Node]:
    """The nodes that tensors are computed from, up to one that is given."""
    producers = {name: node for node in nodes for name in node.outputs}
    found: set[_Node] = set()
    open_names = list(names)
    while open_names:
        name = open_names.pop()
        node = producers.get(name)
        if name != without and node is not None and node not in found:
            found.add(node)
            open_names += node.inputs
    return found


def _fold_norms(
    nodes: Sequence[_Node], weights: Weights
) -> tuple[list[_Node], dict[str, np.ndarray]]:
    """The nodes without norms, and all weights, those of the convolutions scaled."""
    arrays = dict(weights)
    norms = {node.inputs[0]: node for node in nodes if node.kind == "BatchNormalization"}
    producers = {name: node for node in nodes for name in node.outputs}
    folded: list[_Node] = []
    renamed: dict[str, str] = {}
    for node in nodes:
        if node.kind == "BatchNormalization":
            continue
        norm = norms.get(node.outputs[0]) if node.kind == "Conv" else None
        if norm is None:
            folded.append(node)
            continue
        scale, shift, mean, variance = (
            weights[name].astype(np.float64) for name in norm.inputs[1:5]
        )
        factor = scale / np.sqrt(variance + NORM_EPSILON)
        root = node.inputs[1]
        while root in producers:  # a weight that the graph rearranges
            root = producers[root].inputs[0]
        scaled = f"{root}/{node.outputs[0]}"  # convolutions with different norms may share it
        bias = f"{scaled}/bias"
        column = factor.reshape(-1, *[1] * (weights[root].ndim - 1))
        arrays[scaled] = (weights[root] * column).astype(np.float32)
        arrays[bias] = (shift - mean * factor).astype(np.float32)
        weight = node.inputs[1]
        if weight == root:
            weight = scaled
        else:
            renamed[root] = scaled
        folded.append(
            replace(node, inputs=(node.inputs[0], weight, bias), outputs=(norm.outputs[0],))
        )
    return [
        replace(node, inputs=tuple(renamed.get(name, name) for name in node.inputs))
        for node in folded
    ], arrays


def _with_casts(nodes: Sequence[_Node], first: str, cuts: Sequence[str]) -> Iterator[_Node]:
    """The nodes in fp16, between a conversion of their input and one of each of their outputs."""
    yield _cast(first, _half(first), _FLOAT16)
    for node in nodes:
        yield replace(
            node, inputs=tuple(_half(name) if name == first else name for name in node.inputs)
        )
    for name in cuts:
        yield _cast(name, _float(name), _FLOAT)


def _reading_floats(node: _Node, cuts: Sequence[str]) -> _Node:
    return replace(
        node, inputs=tuple(_float(name) if name in cuts else name for name in node.inputs)
    )


def _half(name: str) -> str:
    return f"{name}/fp16"


def _float(name: str) -> str:
    return f"{name}/fp32"


def _cast(source: str, target: str, kind: int) -> _Node:
    attribute = b"".join(
        (
            encode_field(_ATTRIBUTE_NAME, b"to"),
            encode_number(_ATTRIBUTE_INTEGER, kind),
            encode_number(_ATTRIBUTE_TYPE, _INTEGER),
        )
    )
    return _Node(
        kind="Cast",
        inputs=(source,),
        outputs=(target,),
        others=encode_field(_NODE_ATTRIBUTE, attribute),
    )


def _read_node(content: bytes, node: Field) -> _Node:
    texts: Mapping[int, list[str]] = {_NODE_INPUT: [], _NODE_OUTPUT: [], _NODE_TYPE: []}
    others = []
    for field in iterate_fields(content, node.start, node.end):
        if field.number in texts:
            texts[field.number].append(content[field.start : field.end].decode())
        else:
            others.append(content[field.begin : field.end])
    return _Node(
        kind="".join(texts[_NODE_TYPE]),
        inputs=tuple(texts[_NODE_INPUT]),
        outputs=tuple(texts[_NODE_OUTPUT]),
        others=b"".join(others),
    )


def _is_external(content: bytes, tensor: Field) -> bool:
    return any(
        field.number == _TENSOR_EXTERNAL
        for field in iterate_fields(content, tensor.start, tensor.end)
    )


def _external_initialiser(name: str, array: np.ndarray) -> bytes:
    kinds = {np.dtype(np.float16): _FLOAT16, np.dtype(np.float32): _FLOAT}
    entry = encode_field(_ENTRY_KEY, b"location") + encode_field(
        _ENTRY_VALUE, WEIGHTS_LOCATION.encode()
    )
    tensor = b"".join(
        (
            *(encode_number(_TENSOR_DIMS, size) for size in array.shape),
            encode_number(_TENSOR_TYPE, kinds[array.dtype]),
            encode_field(_TENSOR_NAME, name.encode()),
            encode_field(_TENSOR_EXTERNAL, entry),
            encode_number(_TENSOR_LOCATION, _EXTERNAL),
        )
    )
    return encode_field(_GRAPH_INITIALIZER, tensor)
