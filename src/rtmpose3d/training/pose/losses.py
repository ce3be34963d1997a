"""Losses of SimCC networks: logits and labels in, one number out.

`simcc_divergence` is the reference's KLDiscretLoss, per keypoint; `keypoint_loss` sums it over
axes as RTMPose, RTMW and RTMW3D do. `bone_length_loss` is a differentiable bone loss of our own;
`reference_bone_loss` is the published one, to check against. `logit_distillation` and
`feature_distillation` are DWPose's. Equal to the reference's recordings to 1e-5.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import torch
from torch import Tensor
from torch.nn import functional

from rtmpose3d.codec import SimCCSpec
from rtmpose3d.skeletons import WHOLEBODY, Part

FEATURE_WEIGHT = 7e-5  # DWPose, FeaLoss: alpha_fea
RTMW_PART_WEIGHTS: Mapping[Part, float] = MappingProxyType({"face": 0.5})  # RTMW: mask_weight


class _Divergence(torch.autograd.Function):
    """sum_b p (log p - log softmax(beta x)); the gradient is beta (softmax sum(p) - p).

    By hand because it is half the passes over memory of what autograd makes of log_softmax and
    kl_div, which is a tenth of a training step on a CPU.
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
    """Labels as the loss takes them, and the sum of p log p of each.

    Args:
        labels: (..., bins) Gaussians with peak 1, 0 everywhere without a label.
        label_beta: factor before the softmax; 0 for no softmax at all.

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
        negative_entropy: (N, K) from there.
        beta: factor on the logits before their softmax.

    Returns:
        (N, K) float32.
    """
    total = _Divergence.apply(logits.float(), distribution, negative_entropy, beta)
    assert isinstance(total, Tensor)
    return total / logits.shape[-1]


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


def weighted_sum(loss: Tensor, weight: Tensor, keypoint_factors: Tensor | None = None) -> Tensor:
    """Sum over people and keypoints, divided by the number of keypoints: (N, K) -> ()."""
    weight = weight if keypoint_factors is None else weight * keypoint_factors
    return (loss * weight).sum() / loss.shape[1]


def part_factors(weights: Mapping[Part, float]) -> Tensor:
    """(K,) factors of the whole-body keypoints, part by part; 1 for parts that are not named."""
    factors = torch.ones(len(WHOLEBODY))
    for part, weight in weights.items():
        factors[WHOLEBODY.parts[part]] = weight
    return factors


def expected_bins(logits: Tensor, beta: float) -> Tensor:
    """Mean of the distribution, in bins: (N, K, bins) -> (N, K); it has a gradient."""
    p = torch.softmax(logits.float() * beta, dim=-1)
    return p @ torch.arange(p.shape[-1], dtype=p.dtype, device=p.device)


def expected_keypoints(logits: Sequence[Tensor], spec: SimCCSpec) -> Tensor:
    """Means of the distributions: per axis (N, K, bins) -> (N, K, A), x, y in px, z in metres."""
    places = [expected_bins(x, spec.beta) / spec.split_ratio for x in logits]
    if spec.depth_size is not None:
        places[2] = (places[2] / (spec.depth_size / 2) - 1) * spec.depth_range_m
    return torch.stack(places, dim=-1)


def bone_length_loss(
    predicted: Tensor,
    target: Tensor,
    weight: Tensor,
    metres_per_px: Tensor,
    bones: Tensor,
) -> Tensor:
    """Mean difference of bone lengths in metres, of people with 3D.

    A crop's pixels become metres by one factor per person (weak perspective), the same for
    prediction and target, so a turned crop changes nothing. Unlike the published bone loss it is
    taken bone by bone, not over the means of a batch, and of expected positions, not of peaks, so
    that it has a gradient.

    Args:
        predicted: (N, K, 3) from `expected_keypoints`.
        target: (N, K, 3) likewise; nan where unknown.
        weight: (N, K), 0 for keypoints without a label or without 3D.
        metres_per_px: (N,) at the root's depth; nan for people without 3D.
        bones: (B, 2) int64 pairs of keypoints.

    Returns:
        () metres; 0 if there is no bone to compare.
    """
    total, count = bone_length_errors(predicted, target, weight, metres_per_px, bones)
    return total / count.clamp(min=1.0)


def bone_length_errors(
    predicted: Tensor,
    target: Tensor,
    weight: Tensor,
    metres_per_px: Tensor,
    bones: Tensor,
) -> tuple[Tensor, Tensor]:
    """Sum of the differences in `bone_length_loss`, and of the bones' weights: (), ()."""
    use = weight[:, bones].amin(dim=2) * metres_per_px.isfinite()[:, None]  # (N, B)
    scale = torch.nan_to_num(metres_per_px)[:, None, None] * predicted.new_tensor([1.0, 1.0, 0.0])
    scale = scale + predicted.new_tensor([0.0, 0.0, 1.0])  # (N, 1, 3)

    def lengths(points: Tensor) -> Tensor:
        vectors = (points[:, bones[:, 0]] - points[:, bones[:, 1]]) * scale  # (N, B, 3)
        return (vectors.square().sum(dim=-1) + 1e-8).sqrt()

    difference = lengths(predicted) - lengths(torch.nan_to_num(target))
    return (difference.abs() * use).sum(), use.sum()


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


def distribution_distillation(
    student: Sequence[Tensor], teacher: Sequence[Tensor], beta: float
) -> Tensor:
    """`logit_distillation` of a teacher's distributions: per axis (N, K, bins) -> ().

    Args:
        student: logits.
        teacher: distributions over the same bins; no gradient reaches them.
        beta: factor on the student's logits.
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
    """DWPose's FeaLoss: squared error of features (N, C, H, W), summed, per image, weighted.

    A student of other width passes through a 1x1 convolution of its own before.
    """
    return functional.mse_loss(student, teacher, reduction="sum") / len(teacher) * weight
