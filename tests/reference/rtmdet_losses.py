"""RTMDet's assignment and losses in loops and numpy, straight from their definitions.

Written from the paper (RTMDet, section 3.3; Generalized Focal Loss, eq. 2; GIoU, algorithm 1) and
from what the published code does where the paper is silent. One image, one class.
"""

from __future__ import annotations

import numpy as np


def overlap(a, b) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    common = max(width, 0) * max(height, 0)
    union = area(a) + area(b) - common
    return common / max(union, 1e-6)


def area(box) -> float:
    return max(box[2] - box[0], 0) * max(box[3] - box[1], 0)


def giou(a, b) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    common = max(width, 0) * max(height, 0)
    union = max(area(a) + area(b) - common, 1e-6)
    hull = (min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3]))
    enclosing = max(area(hull), 1e-6)
    return common / union - (enclosing - union) / enclosing


def cross_entropy(logit: float, label: float) -> float:
    p = 1 / (1 + np.exp(-logit))
    return -(label * np.log(p) + (1 - label) * np.log(1 - p))


def sigmoid(x: float) -> float:
    return 1 / (1 + np.exp(-x))


def assignment(logits, boxes, cells, people) -> tuple[list[int], list[float]]:
    """Per cell the row of its person or -1, and its IoU."""
    owner, quality = [-1] * len(cells), [0.0] * len(cells)

    def holds(cell, box) -> bool:
        return box[0] < cell[0] < box[2] and box[1] < cell[1] < box[3]

    valid = [i for i, cell in enumerate(cells) if any(holds(cell, box) for box in people)]
    if not valid:
        return owner, quality
    cost, ious = {}, {}
    for i in valid:
        for j, box in enumerate(people):
            iou = overlap(boxes[i], box)
            centre = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
            apart = np.hypot(cells[i][0] - centre[0], cells[i][1] - centre[1]) / cells[i][2]
            soft = cross_entropy(logits[i], iou) * (iou - sigmoid(logits[i])) ** 2
            cost[i, j] = soft + 3 * -np.log(iou + 1e-7) + 10 ** (apart - 3)
            ious[i, j] = iou
    wanted_by: dict[int, list[int]] = {i: [] for i in valid}
    for j in range(len(people)):
        best = sorted((ious[i, j] for i in valid), reverse=True)[:13]
        k = max(int(sum(best)), 1)
        for i in sorted(valid, key=lambda i: cost[i, j])[:k]:
            wanted_by[i].append(j)
    for i, who in wanted_by.items():
        if len(who) == 1:
            owner[i] = who[0]
        elif who:
            owner[i] = min(range(len(people)), key=lambda j: cost[i, j])
        if owner[i] >= 0:
            quality[i] = ious[i, owner[i]]
    return owner, quality


def losses(batch) -> tuple[float, float]:
    """(score loss, box loss) of a batch of (logits, boxes, cells, people)."""
    score, box, total_iou = 0.0, 0.0, 0.0
    for logits, boxes, cells, people in batch:
        owner, quality = assignment(logits, boxes, cells, people)
        for i in range(len(cells)):
            error = abs(quality[i] - sigmoid(logits[i]))
            score += cross_entropy(logits[i], quality[i]) * error**2
            if owner[i] >= 0:
                box += quality[i] * (1 - giou(boxes[i], people[owner[i]]))
                total_iou += quality[i]
    scale = max(total_iou, 1.0)
    return score / scale, 2 * box / scale
