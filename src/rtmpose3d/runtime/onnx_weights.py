"""Weights in the memory of this process as the external initialisers of an ONNX graph.

OpenVINO and ONNX Runtime read an external initialiser at the location `*/_ORT_MEM_ADDR_/*` from
the address that its offset names, without a copy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from rtmpose3d.runtime.protobuf import Field, encode_field, encode_number, iterate_fields

MEMORY = "*/_ORT_MEM_ADDR_/*"

# Numbers of the fields of onnx.proto that are read here.
_MODEL_GRAPH, _MODEL_METADATA = 7, 14
_GRAPH_INITIALIZER = 5
_TENSOR_NAME, _TENSOR_RAW_DATA, _TENSOR_EXTERNAL, _TENSOR_LOCATION = 8, 9, 13, 14
_ENTRY_KEY, _ENTRY_VALUE, _EXTERNAL = 1, 2, 1


def graph_with_weights(content: bytes, weights: Mapping[str, np.ndarray]) -> bytes:
    """An ONNX file whose external initialisers are arrays of this process.

    Args:
        content: the ONNX file without weights.
        weights: a C-contiguous array of the declared type and shape for each external
            initialiser, by name; it must live as long as a model that was read from the result.

    Raises:
        KeyError: an external initialiser has no array.
    """
    return _fill(content, weights, _memory_entries)


def embed_weights(content: bytes, weights: Mapping[str, np.ndarray]) -> bytes:
    """An ONNX file that holds copies of its external initialisers, below 2 GiB.

    Args:
        content: the ONNX file without weights.
        weights: an array of the declared type and shape for each external initialiser, by name.

    Raises:
        KeyError: an external initialiser has no array.
    """
    return _fill(content, weights, _raw_data)


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


def _fill(
    content: bytes, weights: Mapping[str, np.ndarray], encode: Callable[[str, np.ndarray], bytes]
) -> bytes:
    """The file with the fields that `encode` gives in place of each external location."""
    parts = []
    for field in iterate_fields(content, 0, len(content)):
        if field.number == _MODEL_GRAPH:
            graph = b"".join(
                _initialiser(content, inner, weights, encode)
                if inner.number == _GRAPH_INITIALIZER
                else content[inner.begin : inner.end]
                for inner in iterate_fields(content, field.start, field.end)
            )
            parts.append(encode_field(_MODEL_GRAPH, graph))
        else:
            parts.append(content[field.begin : field.end])
    return b"".join(parts)


def _initialiser(
    content: bytes,
    tensor: Field,
    weights: Mapping[str, np.ndarray],
    encode: Callable[[str, np.ndarray], bytes],
) -> bytes:
    fields = list(iterate_fields(content, tensor.start, tensor.end))
    if not any(field.number == _TENSOR_EXTERNAL for field in fields):
        return content[tensor.begin : tensor.end]
    (name,) = (content[f.start : f.end].decode() for f in fields if f.number == _TENSOR_NAME)
    replaced = (_TENSOR_EXTERNAL, _TENSOR_LOCATION)
    kept = b"".join(content[f.begin : f.end] for f in fields if f.number not in replaced)
    return encode_field(_GRAPH_INITIALIZER, kept + encode(name, weights[name]))


def _memory_entries(name: str, array: np.ndarray) -> bytes:
    assert array.flags.c_contiguous, f"{name} must be contiguous"
    entries = {"location": MEMORY, "offset": str(array.ctypes.data), "length": str(array.nbytes)}
    external = b"".join(
        encode_field(
            _TENSOR_EXTERNAL,
            encode_field(_ENTRY_KEY, key.encode()) + encode_field(_ENTRY_VALUE, value.encode()),
        )
        for key, value in entries.items()
    )
    return external + encode_number(_TENSOR_LOCATION, _EXTERNAL)


def _raw_data(name: str, array: np.ndarray) -> bytes:
    little_endian = array.astype(array.dtype.newbyteorder("<"), copy=False)
    return encode_field(_TENSOR_RAW_DATA, little_endian.tobytes())
