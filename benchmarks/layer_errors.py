"""Relative error of half precision, layer by layer: where it grows on the way to the logits.

    python benchmarks/layer_errors.py rtmw3d-l rtmw-m-256x192 [--image photo.jpg]

Runs each network in torch on the CPU in fp32 and in half precision on the same crop of people. In
"bf16" and "fp16" the convolutions are in half precision and everything after the keypoint maps in
fp32, as in the package; in "bf16 everywhere" all layers are in bf16. The error of a layer is
|half - fp32| / |fp32| with Euclidean norms over all of its values. Where a model's weights are not
on this disk, synthetic ones are used, which the table says.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from rtmpose3d.benchmark.measuring import find_weights
from rtmpose3d.models import build_network, load_arrays, lower_precision
from rtmpose3d.models.graph import Normalise
from rtmpose3d.models.pose import PoseNetwork
from rtmpose3d.pipeline.pose import crop_images
from rtmpose3d.runtime import load_weights
from rtmpose3d.sources import load_image
from rtmpose3d.zoo import DEMO_IMAGE, PoseSpec, resolve_pose

LAYERS = (
    "backbone.stem",
    "backbone.stage1",
    "backbone.stage2",
    "backbone.stage3",
    "backbone.stage4",
    "neck",
    "head.conv_dec",
    "head.final_layer",
    "head.final_layer2",
    "head.mlp",
    "head.mlp2",
    "head.gau",
    "head.cls_x",
    "head.cls_y",
    "head.cls_z",
)
PRECISIONS = ("bf16", "fp16", "bf16 everywhere")


def build(spec: PoseSpec, weights: Mapping[str, np.ndarray]) -> PoseNetwork:
    """The network in fp32."""
    network = build_network(spec).eval()
    assert isinstance(network, PoseNetwork)
    load_arrays(network, weights)
    return network


def layer_outputs(
    network: PoseNetwork, run: nn.Module, pixels: Tensor, keypoints: int
) -> dict[str, Tensor]:
    """The outputs of the layers in fp32, those with several tensors as one vector.

    Args:
        network: holds the layers.
        run: takes the pixels: the network, or one that contains it.
        pixels: (1, 3, H, W) normalised.
        keypoints: number of channels of keypoint maps that are used; further ones are padding.
    """
    outputs: dict[str, Tensor] = {}

    def keep(name: str, output: Tensor | tuple[Tensor, ...]) -> None:
        tensors = output if isinstance(output, tuple) else (output,)
        if name.startswith("head.final_layer"):
            tensors = tuple(tensor[:, :keypoints] for tensor in tensors)
        outputs[name] = torch.cat([tensor.float().flatten() for tensor in tensors])

    handles = [
        module.register_forward_hook(lambda _, __, output, name=name: keep(name, output))
        for name, module in network.named_modules()
        if name in LAYERS
    ]
    try:
        with torch.inference_mode():
            run(pixels)
    finally:
        for handle in handles:
            handle.remove()
    return outputs


def half_outputs(
    spec: PoseSpec, weights: Mapping[str, np.ndarray], precision: str, pixels: Tensor
) -> dict[str, Tensor]:
    """The outputs of the layers in half precision."""
    network = build(spec, weights)
    dtype = torch.float16 if precision == "fp16" else torch.bfloat16
    if precision.endswith("everywhere"):
        network = network.to(dtype)
        return layer_outputs(network, network, pixels.to(dtype), spec.keypoints)
    mixed = lower_precision(network, dtype)
    return layer_outputs(network, mixed, pixels, spec.keypoints)


def relative_error(value: Tensor, exact: Tensor) -> float:
    """|value - exact| / |exact|."""
    return float(torch.linalg.vector_norm(value - exact) / torch.linalg.vector_norm(exact))


def tied_share(outputs: Mapping[str, Tensor], keypoints: int) -> float:
    """Share of the keypoints and axes whose highest logit is that of several bins."""
    ties = [
        (logits == logits.amax(dim=1, keepdim=True)).sum(dim=1) > 1
        for logits in (
            outputs[name].reshape(keypoints, -1) for name in outputs if name.startswith("head.cls")
        )
    ]
    return float(torch.cat(ties).float().mean())


def print_model(name: str, image: Path) -> None:
    """Print the table of a model."""
    spec = resolve_pose(name)
    found = find_weights(spec, None)
    weights = load_weights(spec, found)
    boxes = np.array([[281, 45, 499, 391]], np.float32)  # of the rendered image in the package
    if image != DEMO_IMAGE:
        height, width = load_image(image).shape[:2]
        boxes = np.array([[0, 0, width, height]], np.float32)
    crops = crop_images([load_image(image)], [boxes], spec.input_size_wh).pixels
    exact_network = build(spec, weights)
    pixels = Normalise(spec)(torch.from_numpy(crops))
    exact = layer_outputs(exact_network, exact_network, pixels, spec.keypoints)
    columns = [half_outputs(spec, weights, precision, pixels) for precision in PRECISIONS]
    kind = "weights of the model" if isinstance(found, Path) else "synthetic weights"
    print(f"\n{name}, {kind}\n\n| layer | {' | '.join(PRECISIONS)} |\n|---|{'---:|' * 3}")
    for layer in LAYERS:
        if layer in exact:
            cells = (f"{relative_error(column[layer], exact[layer]):.1e}" for column in columns)
            print(f"| {layer} | {' | '.join(cells)} |")
    shares = (f"{100 * tied_share(column, spec.keypoints):.1f} %" for column in columns)
    print(f"| highest logit in several bins | {' | '.join(shares)} |")


def main() -> None:
    """Prints a table for each model."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("models", nargs="+")
    parser.add_argument("--image", type=Path, default=DEMO_IMAGE, help="a photo of one person")
    options = parser.parse_args()
    for name in options.models:
        print_model(name, options.image)


if __name__ == "__main__":
    main()
