"""SimCC labels of batches, made on the device: a label is a row of a small table.

The rules are those of SimCCLabel and SimCC3DLabel of the reference. The table has one Gaussian per
bin (and per position outside the axis that still reaches into it), and a last row of zeros for no
label. Its softmax is stored too, so the loss never computes the softmax of a label.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from rtmpose3d.codec import SimCCSpec
from rtmpose3d.training.pose.losses import label_distribution, simcc_divergence, weighted_sum

LABELLED = 0.5  # SimCCLabel: a keypoint of lower visibility gets no label
LABEL_REACH = 3  # sigmas around a keypoint that must touch the axis (SimCCLabel)
_UNKNOWN_DEPTH = 1.0  # SimCC3DLabel: z without a label, at weight 0


@dataclass(frozen=True, kw_only=True, eq=False)
class SimCCTargets:
    """Labels of N people with K keypoints.

    Attributes:
        rows: (N, K, A) int64, row of each axis' table.
        weights: (N, K, A) float32; z is 0 for people without 3D.
    """

    rows: Tensor
    weights: Tensor


class _AxisTable:
    """All possible labels of one axis.

    Attributes:
        labels: (R, bins) Gaussians with peak 1 (or sum 1, if the spec normalises); last row 0.
        distributions, negative_entropies: `label_distribution` of each row.
        margin: number of bins between the mean of the first row and the axis.
    """

    def __init__(self, bins: int, sigma: float, spec: SimCCSpec, device: torch.device) -> None:
        self.margin = math.ceil(LABEL_REACH * sigma) + 1
        means = torch.arange(-self.margin, bins + self.margin, dtype=torch.float64)
        distance = torch.arange(bins, dtype=torch.float64) - means[:, None]
        rows = torch.exp(-(distance**2) / (2 * sigma**2)).float()
        if spec.normalize:
            rows = rows / (sigma * math.sqrt(2 * math.pi))
        self.labels = torch.cat([rows, torch.zeros(1, bins)]).to(device)
        self.distributions, self.negative_entropies = label_distribution(
            self.labels, spec.label_beta
        )


class LabelTables:
    """Label tables of one codec.

    Args:
        spec: the model's codec.
        device: device of labels and losses.
    """

    def __init__(self, spec: SimCCSpec, device: torch.device | str = "cpu") -> None:
        self.spec = spec
        self.device = torch.device(device)
        axes = zip(spec.bins, spec.sigma, strict=True)
        self._tables = [_AxisTable(bins, sigma, spec, self.device) for bins, sigma in axes]

    def encode(
        self,
        keypoints_px: Tensor,
        visible: Tensor,
        relative_depth_m: Tensor | None = None,
        label_weight: Tensor | None = None,
    ) -> SimCCTargets:
        """Encode the labels of a batch.

        Args:
            keypoints_px: (N, K, 2) pixels of the crop; must be finite where visible.
            visible: (N, K) in [0, 1].
            relative_depth_m: (N, K) metres behind the root, nan where unknown; None for 2D.
                People and keypoints without it keep their x and y, and get no label in z.
            label_weight: (N, K) factors on the weights; None: 1.

        Returns:
            On the tables' device.
        """
        coordinates = [keypoints_px[..., 0], keypoints_px[..., 1]]
        known = torch.zeros_like(visible, dtype=torch.bool)
        if self.spec.depth_size is not None:
            depth = torch.full_like(visible, math.nan)
            depth = depth if relative_depth_m is None else relative_depth_m
            known = depth.isfinite()
            z = (depth / self.spec.depth_range_m + 1) * (self.spec.depth_size / 2)
            coordinates.append(torch.where(known, z, _UNKNOWN_DEPTH))
        labelled = visible >= LABELLED
        bins = self._nearest_bins(torch.stack(coordinates, dim=2), labelled)  # (N, K, A)
        in_range = torch.ones_like(labelled)
        for axis, (size, sigma) in enumerate(zip(self.spec.bins, self.spec.sigma, strict=True)):
            reach = LABEL_REACH * sigma
            near = (bins[..., axis] - reach < size) & (bins[..., axis] + reach + 1 >= 0)
            in_range &= near
        weight = torch.where(labelled & ~in_range, torch.zeros_like(visible), visible)
        weight = weight if label_weight is None else weight * label_weight
        return SimCCTargets(
            rows=self._rows(bins, labelled & in_range),
            weights=torch.stack([weight, weight, weight * known][: self.spec.axes], dim=2),
        )

    def labels(self, targets: SimCCTargets) -> list[Tensor]:
        """Labels in full, per axis (N, K, bins)."""
        return [table.labels[targets.rows[..., a]] for a, table in enumerate(self._tables)]

    def loss(
        self,
        logits: tuple[Tensor, ...],
        targets: SimCCTargets,
        keypoint_factors: Tensor | None = None,
    ) -> Tensor:
        """Keypoint loss, summed over axes, people and keypoints, over the number of keypoints."""
        total = logits[0].new_zeros((), dtype=torch.float32)
        for axis, (x, table) in enumerate(zip(logits, self._tables, strict=True)):
            rows = targets.rows[..., axis]
            loss = simcc_divergence(
                x, table.distributions[rows], table.negative_entropies[rows], beta=self.spec.beta
            )
            total = total + weighted_sum(loss, targets.weights[..., axis], keypoint_factors)
        return total

    def _nearest_bins(self, coordinates: Tensor, labelled: Tensor) -> Tensor:
        """Nearest bin, half to even; 0 without a label; clamped far outside the axis."""
        limit = 10.0 * max(self.spec.bins)
        scaled = torch.where(labelled[..., None], coordinates, 0.0) * self.spec.split_ratio
        return scaled.round().clamp(-limit, limit).long()

    def _rows(self, bins: Tensor, drawn: Tensor) -> Tensor:
        rows = [
            torch.where(drawn, bins[..., axis] + table.margin, len(table.labels) - 1)
            for axis, table in enumerate(self._tables)
        ]
        return torch.stack(rows, dim=2)
