"""The graphs that the package ships: one ONNX file per architecture, without weights.

Next to each is a JSON file: under "shapes" the checkpoint's keys and shapes, under "unused" the
keys that the graph does not take, since another key holds the same tensor (RTMDet's shared head).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from rtmpose3d.errors import WeightsError
from rtmpose3d.runtime.network import Weights
from rtmpose3d.weights import match_weights, read_checkpoint
from rtmpose3d.zoo import ModelSpec

GRAPH_FOLDER = Path(__file__).parent / "graphs"
WEIGHTS_LOCATION = "weights"  # file name in the graphs' external initialisers


@dataclass(frozen=True, kw_only=True)
class GraphFile:
    """A shipped graph.

    Attributes:
        path: the ONNX file.
        shapes: {checkpoint key: shape} of every weight that the network has.
        initialisers: the keys that the graph takes, a subset: no counters, shared tensors once.
    """

    path: Path
    shapes: dict[str, tuple[int, ...]]
    initialisers: tuple[str, ...]


@cache
def graph_file(spec: ModelSpec) -> GraphFile:
    """The shipped graph of a model.

    Raises:
        WeightsError: the package ships none for it (a custom model): use the torch backend,
            or an exported ONNX file.
    """
    path = GRAPH_FOLDER / f"{spec.graph}.onnx"
    if not path.is_file():
        raise WeightsError(
            f"the package ships no graph for {spec.name!r} ({path.name} is missing); "
            "use backend='torch', or export the model to ONNX and give that file"
        )
    content = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    unused = set(content["unused"])
    return GraphFile(
        path=path,
        shapes={key: tuple(shape) for key, shape in content["shapes"].items()},
        initialisers=tuple(
            key for key in content["shapes"] if key not in unused and not is_counter(key)
        ),
    )


def load_weights(spec: ModelSpec, checkpoint: Path | Weights) -> dict[str, np.ndarray]:
    """A checkpoint's tensors, exactly those that the model has.

    Args:
        spec: row of the model table.
        checkpoint: .pth, .pt, .bin or .safetensors file, or tensors by their keys.

    Raises:
        WeightsError: the file cannot be read, or does not fit the model.
    """
    shapes = graph_file(spec).shapes
    if isinstance(checkpoint, Path):
        return match_weights(read_checkpoint(checkpoint), shapes, model=spec.name, path=checkpoint)
    return match_weights(checkpoint, shapes, model=spec.name, path="the given weights")


def is_counter(key: str) -> bool:
    """Whether a checkpoint's key is a norm's counter of batches, which only training needs."""
    return key.endswith("num_batches_tracked")
