"""Accuracy of two ways to decode: the position of maximum probability, and the flip test.

    python benchmarks/decoding.py runs/n/validation.npz --weights runs/n/rtmw3d-n.pth

Prints a Markdown table of metrics on the validation crops of a training run on rendered people, for
each width of `SimCCSpec.decode_sigma` (none: the highest bin), with and without the flip test.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from torch import Tensor

from rtmpose3d.models.graph import PoseGraph
from rtmpose3d.models.pose import PoseNetwork
from rtmpose3d.skeletons import WHOLEBODY
from rtmpose3d.training.data.crop_files import read_crops
from rtmpose3d.training.data.pose_batches import split_batch
from rtmpose3d.training.loop.checkpoint import load_network_weights
from rtmpose3d.training.pose.validation import validate_pose
from rtmpose3d.zoo import resolve_pose

METRICS = ("pck05_body", "pck10_body", "pck10_feet", "pck10_face", "pck10_hands")
BATCH_SIZE = 32


class FlippedPoseGraph(PoseGraph):
    """A graph that averages the logits of crops and of their horizontal flips."""

    def forward(self, crops: Tensor) -> tuple[Tensor, ...]:
        """Bins, scores and confidences of crops, as `PoseGraph.forward` gives them."""
        swapped = list(WHOLEBODY.flip_index)
        plain, flipped = (self.network(self.normalise(pixels)) for pixels in (crops, crops.flip(2)))
        x, *others = (axis[:, swapped] for axis in flipped)
        restored = (x.flip(2), *others)
        return self.decode([(a + b) / 2 for a, b in zip(plain, restored, strict=True)])


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("crops", type=Path, help="validation.npz of a training run")
    parser.add_argument(
        "--weights", type=Path, required=True, help="Weights: .pth or .safetensors."
    )
    parser.add_argument("--model", default="rtmw3d-n", help="Name of the model.")
    parser.add_argument(
        "--sigmas", type=float, nargs="+", default=[12.0, 24.0, 36.0], help="Widths, in bins."
    )
    options = parser.parse_args()
    spec = resolve_pose(options.model)
    batches = split_batch(read_crops(options.crops), BATCH_SIZE)
    network = PoseNetwork(spec)
    load_network_weights(network, spec.name, options.weights)
    print(
        "| decode_sigma | flip test | body .05 | body .1 | feet | face | hands | body MPJPE, mm |"
    )
    print("|---|---|" + "---:|" * 6)
    for flips in (False, True):
        for sigma in (None, *options.sigmas):
            variant = replace(spec, codec=replace(spec.codec, decode_sigma=sigma))
            graph = (FlippedPoseGraph if flips else PoseGraph)(network, variant).eval()
            metrics, _ = validate_pose(graph, variant, batches)
            shares = " | ".join(f"{metrics[name]:.3f}".removeprefix("0") for name in METRICS)
            print(
                f"| {sigma or 'none'} | {'yes' if flips else 'no'} | {shares} | "
                f"{metrics['mpjpe_body_mm']:.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
