"""RTMDet's dynamic soft label assignment: the ground-truth person of each cell of the network.

In: the network's current outputs and the ground-truth boxes. Out: for every cell its person and
the IoU of its box (`Assignment`). Cost and order of steps are those of the paper (RTMDet, section
3.3) and of its published code, for one class; all images of a batch at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from rtmpose3d.training.detector.boxes import pairwise_iou, points_in_boxes

CANDIDATES = 13  # RTMDet configurations, assigner.topk
CENTRE_RADIUS = 3.0  # cells; the cost of the centre is 10^(distance - this): RTMDet, eq. 4
IOU_WEIGHT = 3.0  # RTMDet, lambda_2 of eq. 1
IOU_FLOOR = 1e-7  # of the logarithm of an IoU


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """Assignment of P cells of B images.

    Attributes:
        person: (B, P) int64 row of the image's boxes, -1 for background.
        iou: (B, P) IoU of the cell's box with its person's, 0 for background.
        valid: (B, P) bool, False for background cells inside a region to be ignored.
    """

    person: Tensor
    iou: Tensor
    valid: Tensor

    @property
    def positive(self) -> Tensor:
        """(B, P) bool, cells that are assigned to a person."""
        return self.person >= 0


@torch.no_grad()
def assign(
    logits: Tensor,
    boxes: Tensor,
    cells: Tensor,
    people: Tensor,
    is_person: Tensor,
    ignored: Tensor | None = None,
) -> Assignment:
    """Assign cells to people.

    A person gets as many cells as the sum of its best 13 IoUs, at least one: those of the lowest
    cost among the cells inside any person's box. A cell that several people are assigned to keeps
    the one of the lowest cost.

    Args:
        logits: (B, P) person logit of each cell.
        boxes: (B, P, 4) x1, y1, x2, y2 predicted by the cells, px.
        cells: (P, 3) x and y of each cell's point and its stride, px.
        people: (B, M, 4) ground-truth boxes, px; rows of padding are arbitrary but finite.
        is_person: (B, M) bool, False for padding and for regions to be ignored.
        ignored: (B, M) bool, regions that are neither person nor background (crowds, people who
            are hardly visible); None: none.
    """
    size = logits.shape
    logits, boxes = logits.float(), boxes.float()
    if people.shape[1] == 0:
        background = torch.full(size, -1, dtype=torch.int64, device=logits.device)
        return Assignment(
            person=background,
            iou=torch.zeros_like(logits),
            valid=torch.ones(size, dtype=torch.bool, device=logits.device),
        )
    within = points_in_boxes(cells[:, :2], people)  # (B, P, M)
    usable = (within & is_person[:, None]).any(2)  # (B, P)
    iou = pairwise_iou(boxes, people)  # (B, P, M)
    allowed = usable[:, :, None] & is_person[:, None]
    cost = _cost(logits, iou, cells, people).masked_fill(~allowed, torch.inf)
    matched = _lowest_cost(cost, iou.masked_fill(~allowed, 0.0))
    person = torch.where(matched.any(2), cost.argmin(2), -1)
    one = matched.sum(2) == 1  # cells of a single person keep it
    person = torch.where(one, matched.int().argmax(2), person)
    own_iou = iou.gather(2, person.clamp(min=0)[:, :, None]).squeeze(2)
    valid = torch.ones(size, dtype=torch.bool, device=logits.device)
    if ignored is not None:
        valid = ~(within & ignored[:, None]).any(2) | (person >= 0)
    return Assignment(person=person, iou=own_iou * (person >= 0), valid=valid)


def _cost(logits: Tensor, iou: Tensor, cells: Tensor, people: Tensor) -> Tensor:
    """(B, P, M): soft classification + 3 box + centre (RTMDet, eq. 1 to 4)."""
    logit = logits[:, :, None].expand_as(iou)
    entropy = functional.binary_cross_entropy_with_logits(logit, iou, reduction="none")
    classification = entropy * (iou - logit.sigmoid()).square()
    centres = (people[..., :2] + people[..., 2:]) / 2  # (B, M, 2)
    distance = (cells[None, :, None, :2] - centres[:, None]).square().sum(3).sqrt()
    centre = torch.pow(10.0, distance / cells[None, :, None, 2] - CENTRE_RADIUS)
    return classification - IOU_WEIGHT * torch.log(iou + IOU_FLOOR) + centre


def _lowest_cost(cost: Tensor, iou: Tensor) -> Tensor:
    """(B, P, M) bool: each person's cells, as many as its best IoUs sum to, at least one."""
    candidates = min(CANDIDATES, cost.shape[1])
    wanted = iou.topk(candidates, dim=1).values.sum(1).int().clamp(min=1)  # (B, M)
    best, index = cost.topk(candidates, dim=1, largest=False, sorted=True)  # (B, C, M)
    rank = torch.arange(candidates, device=cost.device)[None, :, None]
    taken = (rank < wanted[:, None]) & best.isfinite()
    return torch.zeros_like(cost, dtype=torch.bool).scatter(1, index, taken)
