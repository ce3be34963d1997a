"""Complete graphs of sessions and exports: uint8 images in, decoded bins or boxes out.

Normalisation and channel order are inside, so that training, torch and ONNX cannot drift apart.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from rtmpose3d.codec.smoothing import gaussian_kernel
from rtmpose3d.models.mixed_precision import MixedPoseNetwork, MixedRTMDet
from rtmpose3d.models.pose import PoseNetwork
from rtmpose3d.models.rtmdet import RTMDet, boxes_from_distances
from rtmpose3d.zoo import DetectorSpec, PoseSpec

POSE_INPUT, DETECTOR_INPUT = "crops", "images"


class Normalise(nn.Module):
    """(B, H, W, 3) uint8 BGR -> (B, 3, H, W) float32, in the network's channel order."""

    mean: Tensor
    std: Tensor

    def __init__(self, spec: PoseSpec | DetectorSpec) -> None:
        super().__init__()
        self.to_rgb = spec.channel_order == "rgb"
        shape = (1, 3, 1, 1)
        self.register_buffer("mean", torch.tensor(spec.mean).view(shape), persistent=False)
        self.register_buffer("std", torch.tensor(spec.std).view(shape), persistent=False)

    def forward(self, pixels: Tensor) -> Tensor:
        """(B, H, W, 3) uint8 BGR -> (B, 3, H, W) float32."""
        x = pixels.permute(0, 3, 1, 2).float()
        if self.to_rgb:
            x = x.flip(1)
        return (x - self.mean) / self.std


class PoseGraph(nn.Module):
    """Crops to decoded bins, scores and confidences; the raw SimCC logits follow.

    The rules of decoding are those of `rtmpose3d.codec`, where they are documented.
    """

    kernel: Tensor | None

    def __init__(self, network: PoseNetwork | MixedPoseNetwork, spec: PoseSpec) -> None:
        super().__init__()
        self.network = network
        self.normalise = Normalise(spec)
        self.codec = spec.codec
        sigma = spec.codec.decode_sigma
        kernel = None if sigma is None else torch.from_numpy(gaussian_kernel(sigma))[None, None]
        self.register_buffer("kernel", kernel, persistent=False)  # (1, 1, taps)

    def forward(self, crops: Tensor) -> tuple[Tensor, ...]:
        """(N, h, w, 3) uint8 BGR -> bins (N, K, A) int64, scores, confidence (N, K), logits ..."""
        return self.decode(self.simcc(crops))

    def simcc(self, crops: Tensor) -> tuple[Tensor, ...]:
        """(N, h, w, 3) uint8 BGR -> logits (N, K, bins) of each axis."""
        return self.network(self.normalise(crops))

    def decode(self, simcc: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Logits (N, K, bins) of each axis -> the outputs of `forward`."""
        highest = [logits.max(dim=2) for logits in simcc]
        scores = torch.minimum(highest[0].values, highest[1].values)  # (N, K)
        seen = scores > 0
        peaks = [
            self._peak(logits, axis.indices) for logits, axis in zip(simcc, highest, strict=True)
        ]
        bins = torch.stack(peaks, dim=2)  # (N, K, A)
        bins = torch.where(seen[:, :, None], bins, torch.full_like(bins, -1))
        masses = [
            self._mass_near(simcc[axis], peaks[axis], self.codec.confidence_bins[axis])
            for axis in (0, 1)
        ]
        confidence = torch.minimum(masses[0], masses[1]).clamp(0, 1)
        return bins, scores, torch.where(seen, confidence, torch.zeros_like(confidence)), *simcc

    def _peak(self, logits: Tensor, highest: Tensor) -> Tensor:
        if self.kernel is None:
            return highest
        probability = torch.softmax(logits * self.codec.beta, dim=2)  # (N, K, bins)
        rows = probability.flatten(0, 1)[:, None]  # (N * K, 1, bins)
        kernel = self.kernel.to(rows.dtype)
        rows = nn.functional.conv1d(rows, kernel, padding=kernel.shape[2] // 2)
        return rows.reshape(probability.shape).argmax(dim=2)

    def _mass_near(self, logits: Tensor, peak: Tensor, reach: int) -> Tensor:
        probability = torch.softmax(logits * self.codec.beta, dim=2)  # (N, K, bins)
        bins = torch.arange(logits.shape[2], device=logits.device)
        near = (bins - peak[:, :, None]).abs() <= reach
        return (probability * near.to(probability.dtype)).sum(dim=2)  # (N, K)


class KeypointGraph(PoseGraph):
    """A pose graph whose first output is the keypoints themselves, for programs without a codec."""

    def forward(self, crops: Tensor) -> tuple[Tensor, ...]:
        """(N, h, w, 3) uint8 BGR -> keypoints (N, K, A) float32, then the outputs of `PoseGraph`.

        Keypoints are x and y in pixels of the crop and, in 3D models, depth relative to the root in
        metres, as `rtmpose3d.codec.keypoints_from_bins` gives them.
        """
        bins, *others = super().forward(crops)
        locations = bins.float() / self.codec.split_ratio
        if self.codec.depth_size is not None:
            half = self.codec.depth_size / 2
            depth_m = (locations[:, :, 2:] / half - 1) * self.codec.depth_range_m
            locations = torch.cat([locations[:, :, :2], depth_m], dim=2)
        return locations, bins, *others


class DetectorGraph(nn.Module):
    """Letterboxed images to boxes and scores of every cell, before any selection."""

    def __init__(self, network: RTMDet | MixedRTMDet, spec: DetectorSpec) -> None:
        super().__init__()
        self.network = network
        self.normalise = Normalise(spec)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """(N, H, W, 3) uint8 BGR -> boxes (N, P, 4) in input pixels, scores (N, P) in [0, 1]."""
        logits, distances = self.network(self.normalise(images))
        scores = torch.cat([level.flatten(1) for level in logits], dim=1).sigmoid()
        return boxes_from_distances(distances), scores
