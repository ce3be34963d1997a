"""One self-contained ONNX file of a model, proven equal to torch before it is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import numpy as np

from rtmpose3d.api.checkpoints import checkpoint_path
from rtmpose3d.codec import keypoints_from_bins
from rtmpose3d.errors import InputError, WeightsError, import_extra
from rtmpose3d.export.graphs import KEYPOINTS, build_layout, make_graph
from rtmpose3d.export.layouts import OPSET, Layout
from rtmpose3d.runtime import Device, load_weights
from rtmpose3d.runtime.layouts import MODEL_KEY
from rtmpose3d.structures.atomic import atomic_write
from rtmpose3d.zoo import DetectorSpec, ModelSpec, PoseSpec, resolve

if TYPE_CHECKING:
    import onnx

PROOF_INPUTS = 3  # images that both run; an odd number, so that the batch is really dynamic
LOGIT_TOLERANCE = 1e-3  # ONNX Runtime and torch sum in different orders
BOX_TOLERANCE_PX = 0.1
SCORE_TOLERANCE = 1e-3


@dataclass(frozen=True, kw_only=True)
class ExportReport:
    """The written file, and its differences from torch on the same images.

    Attributes:
        path: the file.
        model: name of the model.
        layout: inputs and outputs, as `rtmpose3d.export.Layout` lists them.
        size_bytes: of the file.
        max_difference: {output: largest absolute difference}.
        different_bins: decoded bins that differ although torch's peak is higher than its runner-up
            by more than the tolerance; always 0 in a report, since anything else is an error.
    """

    path: Path
    model: str
    layout: Layout
    size_bytes: int
    max_difference: Mapping[str, float]
    different_bins: int


def export_onnx(
    model: str,
    out: str | Path,
    *,
    checkpoint: str | Path | None = None,
    layout: Layout = "rtmpose3d",
    opset: int = OPSET,
    cache_dir: str | Path | None = None,
) -> ExportReport:
    """Writes one ONNX file that needs nothing else, once it is proven equal to torch.

    Args:
        model: name of a model.
        out: the file to write, ending in .onnx.
        checkpoint: weights to use instead of the published.
        layout: "rtmpose3d" (uint8 crops in, decoded bins and raw SimCC out), "keypoints" (the
            same, and first keypoints in crop pixels and metres) or "mmdeploy" (normalised float
            NCHW in, SimCC out, as rtmlib and mmdeploy programs read it).
        opset: ONNX operator set, at least 18.
        cache_dir: folder for downloads.

    Returns:
        The file and the measured differences.

    Raises:
        InputError: an unsupported file name, layout or opset.
        UnknownNameError: no such model.
        WeightsError: the checkpoint is missing or does not fit; or the file differs from torch, in
            which case nothing is written.
        MissingDependencyError: torch, onnx or onnxscript is not installed.
        OutputError: the file cannot be written.
    """
    spec = resolve(model)
    path = Path(out)
    _check_arguments(spec, path, layout, opset)
    for module in ("torch", "onnx", "onnxscript"):
        import_extra(module, "export", "export")
    file = Path(checkpoint) if checkpoint is not None else _published(spec, cache_dir)
    weights = load_weights(spec, file)
    proto = _with_weights(make_graph(spec, layout=layout, opset=opset), weights)
    _describe(proto, spec, layout)
    content = proto.SerializeToString()
    difference, different_bins = _prove_equal(spec, weights, content, layout)
    with atomic_write(path, "wb") as sink:
        sink.write(content)
    return ExportReport(
        path=path,
        model=spec.name,
        layout=layout,
        size_bytes=len(content),
        max_difference=difference,
        different_bins=different_bins,
    )


def _check_arguments(spec: ModelSpec, path: Path, layout: str, opset: int) -> None:
    if path.suffix != ".onnx":
        raise InputError(f"the exported file must end in .onnx, got {path}")
    if layout not in get_args(Layout):
        raise InputError(f"layout must be one of {', '.join(get_args(Layout))}, got {layout!r}")
    if layout != "rtmpose3d" and isinstance(spec, DetectorSpec):
        raise InputError(f"layout {layout!r} is for pose models; export detectors as 'rtmpose3d'")
    if opset < OPSET:
        raise InputError(f"opset must be at least {OPSET}, got {opset}")


def _published(spec: ModelSpec, cache_dir: str | Path | None) -> Path:
    if not spec.file.name:
        raise WeightsError(
            f"the weights of {spec.name} have no known address; pass checkpoint=FILE"
        )
    return checkpoint_path(spec, None, None if cache_dir is None else str(cache_dir))


def _with_weights(proto: onnx.ModelProto, weights: Mapping[str, np.ndarray]) -> onnx.ModelProto:
    """Puts the tensors into the graph's external initialisers."""
    import onnx

    for tensor in proto.graph.initializer:
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            value = onnx.numpy_helper.from_array(weights[tensor.name], tensor.name)
            tensor.CopyFrom(value)
    return proto


def _describe(proto: onnx.ModelProto, spec: ModelSpec, layout: str) -> None:
    entries = {MODEL_KEY: spec.name, "rtmpose3d.layout": layout, "rtmpose3d.task": spec.task}
    if isinstance(spec, PoseSpec):
        codec = spec.codec
        entries["rtmpose3d.split_ratio"] = str(codec.split_ratio)
        if codec.depth_size is not None:
            entries["rtmpose3d.depth_size"] = str(codec.depth_size)
            entries["rtmpose3d.depth_range_m"] = str(codec.depth_range_m)
    for key, value in entries.items():
        proto.metadata_props.add(key=key, value=value)


def _prove_equal(
    spec: ModelSpec, weights: Mapping[str, np.ndarray], content: bytes, layout: Layout
) -> tuple[dict[str, float], int]:
    """Compares the file with torch on the same images; returns the differences and unequal bins.

    Raises:
        WeightsError: they differ by more than the tolerances.
    """
    names, ours, theirs = _run_both(spec, weights, content, layout)
    difference = {}
    different_bins = 0
    for name, a, b in zip(names, ours, theirs, strict=True):
        if name == KEYPOINTS:  # they follow from the bins, which are compared
            difference[name] = _keypoint_difference(spec, a, ours[names.index("bins")])
            continue
        if name == "bins":
            different_bins = _different_bins(a, b, theirs[names.index("simcc_x") :])
            continue
        difference[name] = float(np.abs(a - b).max(initial=0.0))
    tolerance = {"boxes": BOX_TOLERANCE_PX, "scores": SCORE_TOLERANCE, "confidence": 0.01}
    excessive = {
        name: value
        for name, value in difference.items()
        if not value <= tolerance.get(name, LOGIT_TOLERANCE)
    }
    if excessive or different_bins:
        listed = ", ".join(f"{name} by {value:.2g}" for name, value in excessive.items())
        raise WeightsError(
            f"the exported {spec.name} differs from torch ({listed or 'no logits'}; "
            f"{different_bins} bins): nothing was written"
        )
    return difference, different_bins


def _keypoint_difference(spec: ModelSpec, keypoints: np.ndarray, bins: np.ndarray) -> float:
    """The largest difference of keypoints (N, K, A), px and m, from those of their bins."""
    assert isinstance(spec, PoseSpec)
    locations, depth_m = keypoints_from_bins(bins, spec.codec)
    expected = locations if depth_m is None else np.dstack([locations, depth_m])
    return float(np.abs(keypoints - expected).max(initial=0.0))


def _different_bins(ours: np.ndarray, theirs: np.ndarray, simcc: list[np.ndarray]) -> int:
    """Counts bins that differ where torch's peak exceeds its runner-up by over the tolerance."""
    top_two = [np.partition(axis, -2, axis=2)[:, :, -2:] for axis in simcc]
    sure = np.stack([pair[..., 1] - pair[..., 0] > LOGIT_TOLERANCE for pair in top_two], axis=2)
    return int(((ours != theirs) & sure).sum())


def _run_both(
    spec: ModelSpec, weights: Mapping[str, np.ndarray], content: bytes, layout: Layout
) -> tuple[list[str], list[np.ndarray], list[np.ndarray]]:
    """The names of the outputs, ONNX Runtime's outputs, torch's outputs."""
    import torch

    from rtmpose3d.models import build_network, load_arrays
    from rtmpose3d.runtime.backends.onnxruntime import (
        OnnxRuntimeNetwork,
        open_session,
        session_options,
    )

    network = build_network(spec)
    load_arrays(network, weights)
    graph = build_layout(spec, layout, network)
    pixels = _proof_images(spec)
    exported = OnnxRuntimeNetwork(
        open_session(content, session_options(), Device(kind="cpu"), name=spec.name), spec.name
    )
    with torch.inference_mode():
        x = torch.from_numpy(pixels)
        if layout == "mmdeploy":
            x = graph.normalise(x)
            expected = graph.network(x)
        else:
            expected = graph(x)
    names = list(exported.output_names)
    got = list(exported.run(x.numpy(), names))
    return names, got, [output.numpy() for output in expected]


def _proof_images(spec: ModelSpec) -> np.ndarray:
    """Smooth random images from a fixed seed: more like photographs than noise is."""
    import cv2

    rng = np.random.default_rng(0)
    width, height = spec.input_size_wh
    coarse = rng.integers(0, 256, (PROOF_INPUTS, 12, 9, 3), dtype=np.uint8)
    return np.stack(
        [cv2.resize(one, (width, height), interpolation=cv2.INTER_CUBIC) for one in coarse]
    )
