"""The published losses in full, to compare the training's losses with."""

from collections.abc import Sequence

import torch
from torch import Tensor

from rtmpose3d.training.pose.losses import (
    bone_length_errors,
    distribution_distillation,
    label_distribution,
    simcc_divergence,
    weighted_sum,
)


def keypoint_loss(
    logits: Sequence[Tensor],
    labels: Sequence[Tensor],
    weights: Sequence[Tensor],
    *,
    beta: float,
    label_beta: float = 10.0,
    keypoint_factors: Tensor | None = None,
) -> Tensor:
    """The divergence summed over axes, people and keypoints, divided by the number of keypoints.

    Args:
        logits: per axis (N, K, bins).
        labels: per axis (N, K, bins), Gaussians with peak 1.
        weights: per axis (N, K); those of z are 0 for people without 3D.
        beta: factor on the logits: 10 for RTMPose and RTMW3D, 1 for RTMW.
        label_beta: factor on the labels before their softmax.
        keypoint_factors: (K,) on top of the weights, e.g. of `part_factors`.
    """
    total = logits[0].new_zeros((), dtype=torch.float32)
    for x, label, weight in zip(logits, labels, weights, strict=True):
        p, negative_entropy = label_distribution(label, label_beta)
        loss = simcc_divergence(x, p, negative_entropy, beta=beta)
        total = total + weighted_sum(loss, weight, keypoint_factors)
    return total


def bone_length_loss(
    predicted: Tensor,
    target: Tensor,
    weight: Tensor,
    metres_per_px: Tensor,
    bones: Tensor,
) -> Tensor:
    """Mean difference of bone lengths in metres, of people with 3D.

    A crop's pixels become metres by one factor per person (weak perspective), the same for
    prediction and target, so a rotated crop changes nothing. Unlike the published bone loss it is
    taken bone by bone, not over the means of a batch, and of expected positions, not of peaks, so
    that it has a gradient.

    Args:
        predicted: (N, K, 3) from `expected_keypoints`.
        target: (N, K, 3) in the same units; nan where unknown.
        weight: (N, K), 0 for keypoints without a label or without 3D.
        metres_per_px: (N,) at the root's depth; nan for people without 3D.
        bones: (B, 2) int64 pairs of keypoints.

    Returns:
        () metres; 0 if there is no bone to compare.
    """
    total, count = bone_length_errors(predicted, target, weight, metres_per_px, bones)
    return total / count.clamp(min=1.0)


def reference_bone_loss(
    predicted: Tensor, target: Tensor, weight: Tensor, parents: Sequence[int]
) -> Tensor:
    """The published BoneLoss, on positions of any unit: (N, K, D), weight (N, K) -> ().

    RTMW3D feeds it argmax positions in bins, multiplied by 2, so it steers nothing there; it is
    here to be compared with.
    """
    parent = torch.as_tensor(list(parents), device=predicted.device)
    own = torch.nonzero(parent != torch.arange(len(parent), device=parent.device))[:, 0]

    def means(points: Tensor) -> Tensor:
        lengths = (points - points[:, parent]).norm(dim=-1)[:, own]  # (N, B)
        return (lengths * weight[:, own]).mean(dim=0)

    return (means(predicted) - means(target)).abs().mean()


def logit_distillation(student: Sequence[Tensor], teacher: Sequence[Tensor], beta: float) -> Tensor:
    """DWPose's KDLoss before its weight: per axis (N, K, bins) -> ().

    Summed over bins and axes, mean over people and keypoints. As in the reference, keypoints
    without a label count: the teacher says something about them, too.
    """
    distributions = [torch.softmax(x.detach().float() * beta, dim=-1) for x in teacher]
    return distribution_distillation(student, distributions, beta)
