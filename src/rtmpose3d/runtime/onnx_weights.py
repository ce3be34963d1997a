"""Weights in the memory of this process as the external initialisers of an ONNX graph.

OpenVINO and ONNX Runtime read an external initialiser at the location `*/_ORT_MEM_ADDR_/*` from
the address that its offset names, without a copy.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from rtmpose3d.runtime.protobuf import Field, encode_field, iterate_fields

MEMORY = "*/_ORT_MEM_ADDR_/*"

# Numbers of the fields of onnx.proto that are read here.
_MODEL_GRAPH, _MODEL_METADATA = 7, 14
_GRAPH_INITIALIZER = 5
_TENSOR_NAME, _TENSOR_EXTERNAL = 8, 13
_ENTRY_KEY, _ENTRY_VALUE = 1, 2


def graph_with_weights(content: bytes, weights: Mapping[str, np.ndarray]) -> bytes:
    """An ONNX file whose external initialisers are arrays of this process.

    Args:
        content: the ONNX file without weights.
        weights: a C-contiguous array of the declared type and shape for each external
            initialiser, by name; it must live as long as a model that was read from the result.

    Raises:
        KeyError: an external initialiser has no array.
    """
    parts = []
    for field in iterate_fields(content, 0, len(content)):
        if field.number == _MODEL_GRAPH:
            graph = b"".join(
                _initialiser(content, inner, weights)
                if inner.number == _GRAPH_INITIALIZER
                else content[inner.begin : inner.end]
                for inner in iterate_fields(content, field.start, field.end)
            )
            parts.append(encode_field(_MODEL_GRAPH, graph))
        else:
            parts.append(content[field.begin : field.end])
    return b"".join(parts)


def has_external_weights(content: bytes) -> bool:
    """Whether weights of an ONNX file are in another file.

    Raises:
        IndexError: it is no ONNX file.
    """
    return any(
        inner.number == _TENSOR_EXTERNAL
        for field in iterate_fields(content, 0, len(content))
        if field.number == _MODEL_GRAPH
        for tensor in iterate_fields(content, field.start, field.end)
        if tensor.number == _GRAPH_INITIALIZER
        for inner in iterate_fields(content, tensor.start, tensor.end)
    )


def read_metadata(content: bytes) -> dict[str, str]:
    """Custom metadata of an ONNX file.

    Raises:
        IndexError: it is no ONNX file.
        UnicodeDecodeError: an entry is no text.
    """
    entries = [
        {
            part.number: content[part.start : part.end].decode("utf-8")
            for part in iterate_fields(content, field.start, field.end)
        }
        for field in iterate_fields(content, 0, len(content))
        if field.number == _MODEL_METADATA
    ]
    return {entry.get(_ENTRY_KEY, ""): entry.get(_ENTRY_VALUE, "") for entry in entries}


def _initialiser(content: bytes, tensor: Field, weights: Mapping[str, np.ndarray]) -> bytes:
    fields = list(iterate_fields(content, tensor.start, tensor.end))
    if not any(field.number == _TENSOR_EXTERNAL for field in fields):
        return content[tensor.begin : tensor.end]
    (name,) = (content[f.start : f.end].decode() for f in fields if f.number == _TENSOR_NAME)
    array = weights[name]
    assert array.flags.c_contiguous, f"{name} must be contiguous"
    entries = {"location": MEMORY, "offset": str(array.ctypes.data), "length": str(array.nbytes)}
    kept = b"".join(content[f.begin : f.end] for f in fields if f.number != _TENSOR_EXTERNAL)
    external = b"".join(
        encode_field(
            _TENSOR_EXTERNAL,
            encode_field(_ENTRY_KEY, key.encode()) + encode_field(_ENTRY_VALUE, value.encode()),
        )
        for key, value in entries.items()
    )
    return encode_field(_GRAPH_INITIALIZER, kept + external)
