"""Large convolutions rewritten as rows give the same output; others stay as they are."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("onnx", reason="export needs the extra export")

import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from rtmpose3d.export.row_convolutions import rewrite_large_convolutions

LARGE: dict[str, int | list[int]] = {
    "group": 1,
    "strides": [1, 1],
    "dilations": [1, 1],
    "pads": [3, 3, 3, 3],
}


def model(weight: np.ndarray, bias: np.ndarray | None, **attributes: int | list[int]):
    """One convolution of an image (2, C, 11, 17), with an activation after it."""
    initialisers = [numpy_helper.from_array(weight, "weight")]
    if bias is not None:
        initialisers.append(numpy_helper.from_array(bias, "bias"))
    names = ["image", *(tensor.name for tensor in initialisers)]
    conv = helper.make_node("Conv", names, ["mid"], name="conv", **attributes)
    graph = helper.make_graph(
        [conv, helper.make_node("Relu", ["mid"], ["out"])],
        "test",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", None, None, None])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, ["n", None, None, None])],
        initialisers,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def run(proto, image: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(
        proto.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return session.run(None, {"image": image})[0]


def random(*shape: int) -> np.ndarray:
    return np.random.default_rng(len(shape)).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("size", [7, 9, 11])
@pytest.mark.parametrize("biased", [True, False], ids=["bias", "no bias"])
def test_a_rewritten_convolution_gives_the_same_output(size, biased):
    pads = [size // 2] * 4
    proto = model(
        random(5, 3, size, size), random(5) if biased else None, **{**LARGE, "pads": pads}
    )
    image = random(2, 3, 11, 17)
    before = run(proto, image)
    assert rewrite_large_convolutions(proto) == 1
    onnx.checker.check_model(proto)
    convolutions = [node for node in proto.graph.node if node.op_type == "Conv"]
    kernels = [list(a.ints) for node in convolutions for a in node.attribute if "kernel" in a.name]
    assert kernels == [[1, size]]
    np.testing.assert_allclose(run(proto, image), before, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("shape", "changes"),
    [
        ((5, 3, 5, 5), {"pads": [2, 2, 2, 2]}),
        ((5, 3, 7, 9), {"pads": [3, 4, 3, 4]}),
        ((3, 1, 7, 7), {"group": 3}),
        ((5, 3, 7, 7), {"strides": [2, 2]}),
        ((5, 3, 7, 7), {"dilations": [2, 2], "pads": [6, 6, 6, 6]}),
        ((5, 3, 7, 7), {"pads": [0, 0, 0, 0]}),
        ((5, 3, 7, 7), {"pads": [3, 3, 2, 3]}),
    ],
    ids=["5x5", "7x9", "grouped", "strided", "dilated", "unpadded", "uneven"],
)
def test_other_convolutions_stay_as_they_are(shape, changes):
    proto = model(random(*shape), None, **{**LARGE, **changes})
    before = proto.SerializeToString(deterministic=True)
    assert rewrite_large_convolutions(proto) == 0
    assert proto.SerializeToString(deterministic=True) == before
