"""ONNX graphs without weights, exported from the torch networks and shipped with the package.

Every weight is an external initialiser that bears its checkpoint key, so that a session can take a
checkpoint's tensors as they are. `python -m rtmpose3d.export.graphs [MODEL ...]` writes the shipped
files of these models, by default of all.
"""

from __future__ import annotations

import json
import logging
import sys
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from rtmpose3d.errors import import_extra
from rtmpose3d.export.layouts import OPSET, Layout
from rtmpose3d.export.row_convolutions import rewrite_large_convolutions
from rtmpose3d.models import KeypointGraph, PoseNetwork, RTMDet, build_graph
from rtmpose3d.models.graph import DETECTOR_INPUT, POSE_INPUT, DetectorGraph, PoseGraph
from rtmpose3d.runtime.graph_files import GRAPH_FOLDER, WEIGHTS_LOCATION, is_counter
from rtmpose3d.zoo import MODELS, ModelSpec, PoseSpec, resolve

if TYPE_CHECKING:
    import onnx
    import torch

NETWORK_PREFIX = "network."
KEYPOINTS = "keypoints"  # the output that the layout of this name adds


def make_graph(
    spec: ModelSpec, *, layout: Layout = "rtmpose3d", opset: int = OPSET
) -> onnx.ModelProto:
    """Exports a model's graph, without the weights.

    Args:
        spec: row of the model table.
        layout: inputs and outputs, as `Layout` lists them; those other than "rtmpose3d" are for
            pose models.
        opset: ONNX operator set, at least 18.

    Raises:
        MissingDependencyError: torch, onnx or onnxscript is not installed.
    """
    for module in ("onnx", "onnxscript"):
        import_extra(module, "export", "the export of ONNX graphs")
    from onnxscript import optimizer

    graph = build_layout(spec, layout)
    proto = _trace(spec, graph, layout, opset)
    weights = _take_initialisers(proto, prefix="" if layout == "mmdeploy" else NETWORK_PREFIX)
    # Without values the optimiser can fold no weight away, and no norm into a convolution.
    proto = optimizer.optimize(proto)
    _return_initialisers(proto, weights)
    if layout != "mmdeploy":
        rewrite_large_convolutions(proto)
    _strip(proto)
    return proto


def build_layout(
    spec: ModelSpec, layout: Layout, network: PoseNetwork | RTMDet | None = None
) -> PoseGraph | DetectorGraph:
    """The torch graph with the outputs of a layout, in evaluation mode; mmdeploy's is inside it.

    Args:
        spec: row of the model table.
        layout: as `Layout` lists them.
        network: its network; None for one without trained weights.
    """
    graph = build_graph(spec, network)
    if layout == "keypoints" and isinstance(graph, PoseGraph) and isinstance(spec, PoseSpec):
        return KeypointGraph(graph.network, spec).eval()
    return graph


def write_shipped_graphs(
    folder: Path = GRAPH_FOLDER, models: Iterable[ModelSpec] | None = None
) -> list[Path]:
    """Writes the graph and the list of keys of each architecture.

    Args:
        folder: the folder to write into.
        models: rows of the model table; None for all.

    Returns:
        The written files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    wanted = MODELS.values() if models is None else models
    for spec in {spec.graph: spec for spec in wanted}.values():
        proto = make_graph(spec)
        path = folder / f"{spec.graph}.onnx"
        path.write_bytes(proto.SerializeToString(deterministic=True))
        shapes = {
            key: list(value.shape) for key, value in build_graph(spec).network.state_dict().items()
        }
        taken = {tensor.name for tensor in proto.graph.initializer if tensor.external_data}
        unused = [key for key in shapes if key not in taken and not is_counter(key)]
        content = {"unused": unused, "shapes": shapes}
        path.with_suffix(".json").write_text(
            json.dumps(content, separators=(",", ":")) + "\n", encoding="utf-8"
        )
        written += [path, path.with_suffix(".json")]
    return written


def _trace(spec: ModelSpec, graph: torch.nn.Module, layout: Layout, opset: int) -> onnx.ModelProto:
    import torch

    width, height = spec.input_size_wh
    example = torch.zeros(2, height, width, 3, dtype=torch.uint8)
    names = [DETECTOR_INPUT], list(spec.output_names)
    if isinstance(spec, PoseSpec):
        assert isinstance(graph, PoseGraph)
        names = [POSE_INPUT], list(spec.output_names)
        if layout == "keypoints":
            names = [POSE_INPUT], [KEYPOINTS, *spec.output_names]
        elif layout == "mmdeploy":
            simcc = list(spec.output_names[-len(spec.codec.bins) :])
            graph, names = graph.network, (["input"], simcc)
            example = torch.zeros(2, 3, height, width)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter warns of its own internals
        program = torch.onnx.export(
            graph,
            (example,),
            dynamo=True,
            opset_version=opset,
            input_names=names[0],
            output_names=names[1],
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            optimize=False,
            verbose=False,
        )
    assert program is not None
    return program.model_proto


def _take_initialisers(proto: onnx.ModelProto, *, prefix: str) -> dict[str, str]:
    """Replaces the network's initialisers by inputs; gives {name in the graph: checkpoint key}."""
    import onnx

    keys = {}
    kept = []
    for tensor in proto.graph.initializer:
        if not tensor.name.startswith(prefix) or len(tensor.name.split(".")) < 3:
            kept.append(tensor)
            continue
        keys[tensor.name] = tensor.name.removeprefix(prefix)
        proto.graph.input.append(
            onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims)
        )
    del proto.graph.initializer[:]
    proto.graph.initializer.extend(kept)
    return keys


def _return_initialisers(proto: onnx.ModelProto, keys: dict[str, str]) -> None:
    """Replaces those inputs by external initialisers that bear their checkpoint keys."""
    import onnx

    for value in [value for value in proto.graph.input if value.name in keys]:
        tensor_type = value.type.tensor_type
        tensor = onnx.TensorProto(
            name=keys[value.name],
            data_type=tensor_type.elem_type,
            dims=[dim.dim_value for dim in tensor_type.shape.dim],
            data_location=onnx.TensorProto.EXTERNAL,
        )
        tensor.external_data.add(key="location", value=WEIGHTS_LOCATION)
        proto.graph.initializer.append(tensor)
        proto.graph.input.remove(value)
    for node in proto.graph.node:
        for i, name in enumerate(node.input):
            node.input[i] = keys.get(name, name)


def _strip(proto: onnx.ModelProto) -> None:
    """Removes the exporter's notes on the source: paths, stack traces, intermediate shapes."""
    proto.producer_name, proto.producer_version = "rtmpose3d", ""
    del proto.metadata_props[:]
    graph = proto.graph
    graph.name = "rtmpose3d"
    del graph.metadata_props[:]
    del graph.value_info[:]
    for item in (*graph.node, *graph.input, *graph.output, *graph.initializer):
        item.doc_string = ""
        del item.metadata_props[:]


if __name__ == "__main__":
    named = [resolve(name) for name in sys.argv[1:]]
    for file in write_shipped_graphs(models=named or None):
        print(f"{file.name}: {file.stat().st_size / 1024:.0f} KB")
