"""Losses of SimCC networks, as functions of tensors.

`simcc_divergence` is the reference's KLDiscretLoss, per keypoint; `weighted_sum` sums it as
RTMPose, RTMW and RTMW3D do. `bone_length_errors` is a differentiable bone loss of our own.
`distribution_distillation` and `feature_distillation` are DWPose's. Equal to the reference's
recordings to 1e-5.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from rtmpose3d.codec import SimCCSpec
from rtmpose3d.skeletons import WHOLEBODY, Part
from rtmpose3d.training.recipes.distillation import FEATURE_WEIGHT


class _Divergence(torch.autograd.Function):
    """sum_b p (log p - log softmax(beta x)); the gradient is beta (softmax sum(p) - p).

    Written by hand because it needs half the memory passes of autograd's log_softmax and kl_div,
    which saves a tenth of a training step on a CPU.
    """

    @staticmethod
    def forward(  # type: ignore[override]
        ctx: torch.autograd.function.FunctionCtx,
        logits: Tensor,
        labels: Tensor,
        negative_entropy: Tensor,
        beta: float,
    ) -> Tensor:
        log_q = torch.log_softmax(logits * beta, dim=-1)  # (..., bins)
        cross = torch.linalg.vecdot(labels, log_q, dim=-1)  # (...)
        ctx.save_for_backward(log_q, labels)
        ctx.beta = beta  # type: ignore[attr-defined]
        return negative_entropy - cross

    @staticmethod
    def backward(  # type: ignore[override]
        ctx: torch.autograd.function.FunctionCtx, *grads: Tensor
    ) -> tuple[Tensor, None, None, None]:
        log_q, labels = ctx.saved_tensors  # type: ignore[attr-defined]
        mass = labels.sum(dim=-1, keepdim=True)
        gradient = log_q.exp().mul_(mass).sub_(labels)
        return gradient.mul_(grads[0].unsqueeze(-1) * ctx.beta), None, None, None  # type: ignore[attr-defined]


def label_distribution(labels: Tensor, label_beta: float) -> tuple[Tensor, Tensor]:
    """Distributions of labels, and the sum of p log p of each.

    Args:
        labels: (..., bins) Gaussians with peak 1; all 0 without a label.
        label_beta: factor before the softmax; 0: no softmax.

    Returns:
        (..., bins) and (...).
    """
    p = torch.softmax(labels * label_beta, dim=-1) if label_beta else labels
    return p, torch.xlogy(p, p).sum(dim=-1)


def simcc_divergence(
    logits: Tensor, distribution: Tensor, negative_entropy: Tensor, *, beta: float
) -> Tensor:
    """Kullback-Leibler divergence of each keypoint on one axis, mean over bins.

    Args:
        logits: (N, K, bins) of any float type; computed in float32.
        distribution: (N, K, bins) from `label_distribution`.
        negative_entropy: (N, K) from `label_distribution`.
        beta: factor on the logits before their softmax.

    Returns:
        (N, K) float32.
    """
    total = _Divergence.apply(logits.float(), distribution, negative_entropy, beta)
    assert isinstance(total, Tensor)
    return total / logits.shape[-1]


def weighted_sum(loss: Tensor, weight: Tensor, keypoint_factors: Tensor | None = None) -> Tensor:
    """Sum over people and keypoints, divided by the number of keypoints: (N, K) -> ()."""
    weight = weight if keypoint_factors is None else weight * keypoint_factors
    return (loss * weight).sum() / loss.shape[1]


def part_factors(weights: Mapping[Part, float]) -> Tensor:
    """(K,) loss weights of the whole-body keypoints; 1 for parts that are not named."""
    factors = torch.ones(len(WHOLEBODY))
    for part, weight in weights.items():
        factors[WHOLEBODY.parts[part]] = weight
    return factors


def expected_bins(logits: Tensor, beta: float) -> Tensor:
    """Mean of the distribution, in bins, with gradient: (N, K, bins) -> (N, K)."""
    p = torch.softmax(logits.float() * beta, dim=-1)
    return p @ torch.arange(p.shape[-1], dtype=p.dtype, device=p.device)


def expected_keypoints(logits: Sequence[Tensor], spec: SimCCSpec) -> Tensor:
    """Means of the distributions: per axis (N, K, bins) -> (N, K, A), x, y in px, z in metres."""
    coordinates = [expected_bins(x, spec.beta) / spec.split_ratio for x in logits]
    if spec.depth_size is not None:
        coordinates[2] = (coordinates[2] / (spec.depth_size / 2) - 1) * spec.depth_range_m
    return torch.stack(coordinates, dim=-1)


def bone_length_errors(
    predicted: Tensor,
    target: Tensor,
    weight: Tensor,
    metres_per_px: Tensor,
    bones: Tensor,
) -> tuple[Tensor, Tensor]:
    """Differences of bone lengths in metres, of people with 3D labels.

    A crop's pixels become metres by one factor per person (weak perspective), the same for
    prediction and ground truth, so a rotation of the crop changes nothing. Unlike the published
    bone loss it compares single bones, not means over a batch, and expected positions, not peaks,
    so that it has a gradient. A bone with an unlabelled end has no weight.

    Args:
        predicted: (N, K, 3) from `expected_keypoints`.
        target: (N, K, 3) of the same form; nan where unknown.
        weight: (N, K), 0 for keypoints without a label or without 3D.
        metres_per_px: (N,) at the root's depth; nan for people without 3D labels.
        bones: (B, 2) int64 pairs of keypoints.

    Returns:
        Sum of the weighted differences, and sum of the weights: (), ().
    """
    use = weight[:, bones].amin(dim=2) * metres_per_px.isfinite()[:, None]  # (N, B)
    scale = torch.nan_to_num(metres_per_px)[:, None, None] * predicted.new_tensor([1.0, 1.0, 0.0])
    scale = scale + predicted.new_tensor([0.0, 0.0, 1.0])  # (N, 1, 3)

    def lengths(points: Tensor) -> Tensor:
        vectors = (points[:, bones[:, 0]] - points[:, bones[:, 1]]) * scale  # (N, B, 3)
        return (vectors.square().sum(dim=-1) + 1e-8).sqrt()

    difference = lengths(predicted) - lengths(torch.nan_to_num(target))
    return (difference.abs() * use).sum(), use.sum()


def distribution_distillation(
    student: Sequence[Tensor], teacher: Sequence[Tensor], beta: float
) -> Tensor:
    """DWPose's KDLoss before its weight: per axis (N, K, bins) -> ().

    Summed over bins and axes, mean over people and keypoints. As in the reference, keypoints
    without a label count, as the teacher predicts them too.

    Args:
        student: logits.
        teacher: distributions over the same bins; without gradient.
        beta: factor on the student's logits before their softmax.
    """
    total = student[0].new_zeros((), dtype=torch.float32)
    for own, p in zip(student, teacher, strict=True):
        negative_entropy = torch.xlogy(p, p).sum(dim=-1)
        divergence = _Divergence.apply(own.float(), p, negative_entropy, beta)
        assert isinstance(divergence, Tensor)
        total = total + divergence.sum() / len(own)
    return total / student[0].shape[1]


def feature_distillation(
    student: Tensor, teacher: Tensor, weight: float = FEATURE_WEIGHT
) -> Tensor:
    """DWPose's FeaLoss: squared error of features (N, C, H, W), summed, per image, weighted."""
    return functional.mse_loss(student, teacher, reduction="sum") / len(teacher) * weight
