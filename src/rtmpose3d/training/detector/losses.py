"""RTMDet's training losses: quality focal loss for scores, GIoU for boxes (RTMDet, section 3.3).

In: the network's outputs and the true boxes of a batch. Out: `DetectorLosses`.
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
class People:
    """True boxes of the B images of a batch, padded to the same number M.

    Attributes:
        boxes_xyxy: (B, M, 4) float32, pixels of the network's input.
        is_person: (B, M) bool; False for padding and for what is ignored.
        ignored: (B, M) bool; boxes that are neither person nor background.
    """

    boxes_xyxy: Tensor
    is_person: Tensor
    ignored: Tensor

    def to(self, device: str | torch.device) -> People:
        """The same on another device."""
        return People(
            boxes_xyxy=self.boxes_xyxy.to(device),
            is_person=self.is_person.to(device),
            ignored=self.ignored.to(device),
        )


@dataclass(frozen=True, kw_only=True)
class DetectorLosses:
    """Losses of a batch, each a scalar.

    Attributes:
        score: quality focal loss of all cells.
        box: GIoU loss of the cells that answer for a person, times its weight.
        positives: number of those cells.
        mean_iou: of their boxes, for the log.
    """

    score: Tensor
    box: Tensor
    positives: Tensor
    mean_iou: Tensor

    @property
    def total(self) -> Tensor:
        """What is minimised."""
        return self.score + self.box


def pad_people(boxes_xyxy: Sequence[Tensor], ignored: Sequence[Tensor] | None = None) -> People:
    """Put each image's boxes into one array.

    Args:
        boxes_xyxy: for each of B images (m, 4) px; m may be 0.
        ignored: for each image (m,) bool; None for none.
    """
    most = max((len(boxes) for boxes in boxes_xyxy), default=0)
    padded = torch.zeros(len(boxes_xyxy), most, 4)
    real = torch.zeros(len(boxes_xyxy), most, dtype=torch.bool)
    leave = torch.zeros(len(boxes_xyxy), most, dtype=torch.bool)
    for i, boxes in enumerate(boxes_xyxy):
        padded[i, : len(boxes)] = boxes
        real[i, : len(boxes)] = True
        if ignored is not None:
            leave[i, : len(boxes)] = ignored[i]
    return People(boxes_xyxy=padded, is_person=real & ~leave, ignored=leave)


def _own(numbers: Tensor) -> Tensor:
    return numbers


def detector_losses(
    logits: tuple[Tensor, ...],
    distances: tuple[Tensor, ...],
    people: People,
    mean: Callable[[Tensor], Tensor] = _own,
) -> DetectorLosses:
    """RTMDet's losses of a batch.

    Args:
        logits: three of (B, 1, H_i, W_i), as `RTMDet` gives them.
        distances: three of (B, 4, H_i, W_i), px.
        people: true boxes, on the same device.
        mean: over the processes that share a batch (`Engine.mean`): losses are per cell of all.
    """
    scores = torch.cat([level.flatten(1) for level in logits], dim=1).float()  # (B, P)
    boxes = boxes_from_distances(tuple(level.float() for level in distances))  # (B, P, 4)
    cells = cell_points([(level.shape[2], level.shape[3]) for level in logits]).to(boxes.device)
    found = assign(scores, boxes, cells, people.boxes_xyxy, people.is_person, people.ignored)
    # The published code's average factor, likewise a mean over processes
    normaliser = mean(found.iou.sum()).clamp(min=1)
    score = (quality_focal_loss(scores, found.iou) * found.counts).sum() / normaliser
    positives = found.positive
    box = BOX_WEIGHT * _box_loss(boxes, people.boxes_xyxy, found) / normaliser
    count = positives.sum()
    return DetectorLosses(
        score=score, box=box, positives=count, mean_iou=found.iou.sum() / count.clamp(min=1)
    )


def quality_focal_loss(logits: Tensor, quality: Tensor) -> Tensor:
    """Cross entropy to a soft label, weighted by how far off the score is.

    (Li et al., Generalized Focal Loss, NeurIPS 2020, eq. 2.)

    Args:
        logits: any shape.
        quality: the same shape, in [0, 1]: the IoU that a cell's box has with its person, 0 for
            background.

    Returns:
        The same shape.
    """
    entropy = functional.binary_cross_entropy_with_logits(logits, quality, reduction="none")
    return entropy * (quality - logits.sigmoid()).abs().pow(FOCUS)


def _box_loss(boxes: Tensor, people: Tensor, found: Assignment) -> Tensor:
    """Sum of 1 - GIoU over the positive cells, each weighted by its IoU."""
    positive = found.positive
    if not bool(positive.any()):
        return boxes.sum() * 0  # keeps the box branch in the graph
    image = positive.nonzero()[:, 0]
    truth = people[image, found.person[positive]]
    return (found.iou[positive] * (1 - generalised_iou(boxes[positive], truth))).sum()
