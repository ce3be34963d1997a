"""RTMDet's losses, against a slow implementation and by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from test_detector_assignment import CASES

from reference import rtmdet_losses
from rtmpose3d.models import RTMDet
from rtmpose3d.models.rtmdet import boxes_from_distances
from rtmpose3d.training.detector.boxes import cell_points, pairwise_iou
from rtmpose3d.training.detector.losses import detector_losses, pad_boxes, quality_focal_loss
from rtmpose3d.zoo import resolve_detector

SIZES_HW = [(6, 10), (3, 5), (2, 3)]


def random_outputs(seed: int, images: int) -> tuple[tuple[torch.Tensor, ...], ...]:
    """Logits and distances of a network for images of 80 x 48 px."""
    rng = torch.Generator().manual_seed(seed)
    logits = tuple(torch.randn(images, 1, *size, generator=rng) - 1 for size in SIZES_HW)
    distances = tuple(torch.rand(images, 4, *size, generator=rng) * 30 + 1 for size in SIZES_HW)
    return logits, distances


@pytest.mark.parametrize("seed", range(3))
def test_losses_of_a_batch_are_those_of_the_definition(seed: int) -> None:
    logits, distances = random_outputs(seed, len(CASES))
    truth = [np.array(people, np.float64).reshape(-1, 4) for people in CASES.values()]
    flat = torch.cat([level.flatten(1) for level in logits], 1).double().numpy()
    boxes = boxes_from_distances(distances).double().numpy()
    cells = cell_points(SIZES_HW).double().numpy()
    images = [(flat[i], boxes[i], cells, truth[i]) for i in range(len(truth))]
    expected = rtmdet_losses.losses(images)
    got = detector_losses(logits, distances, pad_boxes([torch.tensor(t).float() for t in truth]))
    assert float(got.score) == pytest.approx(expected[0], rel=1e-5)
    assert float(got.box) == pytest.approx(expected[1], rel=1e-5)
    assert float(got.total) == pytest.approx(sum(expected), rel=1e-5)


def test_quality_focal_loss_known_by_hand() -> None:
    # logit 0: score .5; to quality .5 no loss, to 0 ln 2 / 4, to 1 the same
    quality = torch.tensor([0.5, 0.0, 1.0])
    expected = [0.0, np.log(2) / 4, np.log(2) / 4]
    assert quality_focal_loss(torch.zeros(3), quality).tolist() == pytest.approx(expected)


def test_background_alone_teaches_scores_and_leaves_boxes_be() -> None:
    logits, distances = random_outputs(0, 2)
    logits = tuple(level.requires_grad_() for level in logits)
    distances = tuple(level.requires_grad_() for level in distances)
    losses = detector_losses(logits, distances, pad_boxes([torch.zeros(0, 4)] * 2))
    losses.total.backward()
    assert float(losses.box.detach()) == 0
    assert int(losses.positives) == 0
    for level in logits:
        assert level.grad is not None
        assert bool((level.grad > 0).all())  # every score is to sink
    for level in distances:
        assert level.grad is not None
        assert float(level.grad.abs().sum()) == 0


def test_ignored_regions_teach_nothing() -> None:
    logits, distances = random_outputs(0, 1)
    logits = tuple(level.requires_grad_() for level in logits)
    everything = torch.tensor([[-1.0, -1.0, 90.0, 90.0]])
    people = pad_boxes([everything], [torch.tensor([True])])
    losses = detector_losses(logits, distances, people)
    losses.total.backward()
    assert float(losses.total.detach()) == 0
    assert all(level.grad is not None and not bool(level.grad.any()) for level in logits)


@pytest.mark.slow
def test_a_small_network_overfits_two_images() -> None:
    torch.manual_seed(0)
    spec = replace(
        resolve_detector("rtmdet-nano"),
        width=0.125,
        depth=0.167,
        head_channels=16,
        separable=False,
        exp_on_reg=True,
    )
    network = RTMDet(spec).train()
    images = torch.randn(2, 3, 64, 96) * 0.1
    boxes = [torch.tensor([[12.0, 6.0, 42.0, 58.0]]), torch.tensor([[50.0, 20.0, 90.0, 52.0]])]
    for image, box in zip(images, boxes, strict=True):
        x1, y1, x2, y2 = box[0].int().tolist()
        image[:, y1:y2, x1:x2] += 1.5
    people = pad_boxes(boxes)
    optimizer = torch.optim.AdamW(network.parameters(), lr=4e-3)
    totals = []
    for _ in range(70):
        logits, distances = network(images)
        losses = detector_losses(logits, distances, people)
        totals.append(float(losses.total.detach()))
        optimizer.zero_grad()
        losses.total.backward()
        optimizer.step()
    logits, distances = (
        tuple(level.detach() for level in levels) for levels in (logits, distances)
    )
    scores = torch.cat([level.flatten(1) for level in logits], 1)
    found = boxes_from_distances(distances)[torch.arange(2), scores.argmax(1)]
    assert np.mean(totals[-5:]) < 0.6 * np.mean(totals[:5])
    for i in range(2):  # a box of half the size has 0.5
        assert float(pairwise_iou(found[i, None, None], boxes[i][None])) > 0.5
