"""RTMDet's training losses: quality focal loss for scores, GIoU for boxes (RTMDet, section 3.3).

In: the network's outputs and the ground-truth boxes of a batch. Out: `DetectorLosses`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from rtmpose3d.models.rtmdet import boxes_from_distances
from rtmpose3d.training.detector.assign import Assignment, assign
from rtmpose3d.training.detector.boxes import cell_points, generalised_iou

FOCUS = 2.0  # RTMDet configurations, QualityFocalLoss.beta
BOX_WEIGHT = 2.0  # RTMDet configurations, GIoULoss.loss_weight


@dataclass(frozen=True, kw_only=True)
class PaddedBoxes:
    """Ground-truth boxes of the B images of a batch, padded to the same number M.

    Attributes:
        boxes_xyxy: (B, M, 4) float32, pixels of the network's input.
        is_person: (B, M) bool; False for padding and for what is ignored.
        ignored: (B, M) bool; boxes that are neither person nor background.
    """

    boxes_xyxy: Tensor
    is_person: Tensor
    ignored: Tensor

    def to(self, device: str | torch.device) -> PaddedBoxes:
        """Copy to a device."""
        return PaddedBoxes(
            boxes_xyxy=self.boxes_xyxy.to(device),
            is_person=self.is_person.to(device),
            ignored=self.ignored.to(device),
        )


@dataclass(frozen=True, kw_only=True)
class DetectorLosses:
    """Losses of a batch, each a scalar.

    Attributes:
        score: quality focal loss of all cells.
        box: weighted GIoU loss of the positive cells (those assigned to a person).
        positives: number of positive cells.
        mean_iou: mean IoU of their boxes, for the log.
    """

    score: Tensor
    box: Tensor
    positives: Tensor
    mean_iou: Tensor

    @property
    def total(self) -> Tensor:
        """Sum of both losses, which is minimised."""
        return self.score + self.box


def pad_boxes(boxes_xyxy: Sequence[Tensor], ignored: Sequence[Tensor] | None = None) -> PaddedBoxes:
    """Pad the boxes of images to one array.

    Args:
        boxes_xyxy: (m, 4) px for each of B images; m may be 0.
        ignored: (m,) bool for each image; None: none.
    """
    rows = max((len(boxes) for boxes in boxes_xyxy), default=0)
    padded = torch.zeros(len(boxes_xyxy), rows, 4)
    real = torch.zeros(len(boxes_xyxy), rows, dtype=torch.bool)
    to_ignore = torch.zeros(len(boxes_xyxy), rows, dtype=torch.bool)
    for i, boxes in enumerate(boxes_xyxy):
        padded[i, : len(boxes)] = boxes
        real[i, : len(boxes)] = True
        if ignored is not None:
            to_ignore[i, : len(boxes)] = ignored[i]
    return PaddedBoxes(boxes_xyxy=padded, is_person=real & ~to_ignore, ignored=to_ignore)


def _identity(numbers: Tensor) -> Tensor:
    return numbers


def detector_losses(
    logits: tuple[Tensor, ...],
    distances: tuple[Tensor, ...],
    people: PaddedBoxes,
    mean: Callable[[Tensor], Tensor] = _identity,
) -> DetectorLosses:
    """Compute RTMDet's losses of a batch.

    Args:
        logits: three of (B, 1, H_i, W_i), from `RTMDet`.
        distances: three of (B, 4, H_i, W_i), px.
        people: ground-truth boxes, on the same device.
        mean: mean over the processes that share a batch (`Engine.all_reduce_mean`), for a
            normalisation over all cells.
    """
    scores = torch.cat([level.flatten(1) for level in logits], dim=1).float()  # (B, P)
    boxes = boxes_from_distances(tuple(level.float() for level in distances))  # (B, P, 4)
    cells = cell_points([(level.shape[2], level.shape[3]) for level in logits]).to(boxes.device)
    assignment = assign(scores, boxes, cells, people.boxes_xyxy, people.is_person, people.ignored)
    # avg_factor of the published code, which is a mean over processes too
    normaliser = mean(assignment.iou.sum()).clamp(min=1)
    score = (quality_focal_loss(scores, assignment.iou) * assignment.valid).sum() / normaliser
    positives = assignment.positive
    box = BOX_WEIGHT * _box_loss(boxes, people.boxes_xyxy, assignment) / normaliser
    count = positives.sum()
    return DetectorLosses(
        score=score, box=box, positives=count, mean_iou=assignment.iou.sum() / count.clamp(min=1)
    )


def quality_focal_loss(logits: Tensor, quality: Tensor) -> Tensor:
    """Cross entropy to a soft label, weighted by the error of the score.

    (Li et al., Generalized Focal Loss, NeurIPS 2020, eq. 2.)

    Args:
        logits: any shape.
        quality: the same shape, in [0, 1]: IoU of a cell's box with its person, 0 for background.

    Returns:
        The same shape.
    """
    entropy = functional.binary_cross_entropy_with_logits(logits, quality, reduction="none")
    return entropy * (quality - logits.sigmoid()).abs().pow(FOCUS)


def _box_loss(boxes: Tensor, people: Tensor, assignment: Assignment) -> Tensor:
    """Sum of 1 - GIoU over the positive cells, each weighted by its IoU."""
    positive = assignment.positive
    if not bool(positive.any()):
        return boxes.sum() * 0  # keeps the box branch in the graph
    image = positive.nonzero()[:, 0]
    truth = people[image, assignment.person[positive]]
    return (assignment.iou[positive] * (1 - generalised_iou(boxes[positive], truth))).sum()
