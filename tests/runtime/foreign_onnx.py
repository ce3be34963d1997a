"""Tiny ONNX files in the layouts of other tools; constants, moved by the mean of each image.

The files need the package onnx; every output depends on the input, so that images differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

Axis = int | str | None


def save_foreign(
    path: Path,
    outputs: dict[str, np.ndarray],
    input_shape: Sequence[Axis],
    *,
    shapes: dict[str, Sequence[Axis]] | None = None,
    input_type: type = np.float32,
    nodes: Sequence[object] = (),
) -> Path:
    """Write a file whose outputs are arrays (1, ...) repeated for each image.

    Args:
        path: of the file.
        outputs: by name, in the file's order; floats get the mean of the image's 0.001 added.
        input_shape: as declared.
        shapes: declared shapes of outputs, if not ("batch", ...).
        input_type: element type of the input.
        nodes: further nodes, before the others.
    """
    onnx = pytest.importorskip("onnx")
    helper, numpy_helper = onnx.helper, onnx.numpy_helper
    types = helper.np_dtype_to_tensor_dtype
    made = list(nodes)
    made.append(helper.make_node("Cast", ["input"], ["as_float"], to=onnx.TensorProto.FLOAT))
    made.append(helper.make_node("ReduceMean", ["as_float"], ["mean"], axes=[1, 2, 3], keepdims=0))
    made.append(helper.make_node("Mul", ["mean", "little"], ["offset"]))
    constants = [numpy_helper.from_array(np.float32(0.001), "little")]
    declared = []
    for name, array in outputs.items():
        constants.append(numpy_helper.from_array(array.astype(np.float32), f"{name}_constant"))
        shape = np.array([-1] + [1] * (array.ndim - 1), np.int64)
        constants.append(numpy_helper.from_array(shape, f"{name}_shape"))
        made.append(helper.make_node("Reshape", ["offset", f"{name}_shape"], [f"{name}_offset"]))
        kind = types(array.dtype)
        if array.dtype.kind == "i":  # labels: not moved
            made.append(helper.make_node("Mul", [f"{name}_offset", "zero"], [f"{name}_zero"]))
            made.append(
                helper.make_node("Add", [f"{name}_zero", f"{name}_constant"], [f"{name}_float"])
            )
        else:
            made.append(
                helper.make_node("Add", [f"{name}_offset", f"{name}_constant"], [f"{name}_float"])
            )
        made.append(helper.make_node("Cast", [f"{name}_float"], [name], to=kind))
        shape = (shapes or {}).get(name, ("batch", *array.shape[1:]))
        declared.append(helper.make_tensor_value_info(name, kind, shape))
    constants.append(numpy_helper.from_array(np.float32(0), "zero"))
    graph = helper.make_graph(
        made,
        "foreign",
        [helper.make_tensor_value_info("input", types(np.dtype(input_type)), input_shape)],
        declared,
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, path)
    return path
