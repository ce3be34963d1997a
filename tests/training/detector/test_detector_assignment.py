"""Assignment of cells to people, compared with a slow implementation and by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from reference import rtmdet_losses
from rtmpose3d.training.detector.assign import Assignment, assign
from rtmpose3d.training.detector.boxes import cell_points, generalised_iou, pairwise_iou
from rtmpose3d.training.detector.losses import pad_boxes

SIZES_HW = [(6, 10), (3, 5), (2, 3)]  # of an input 80 px wide and 48 px high


def random_image(rng: np.random.Generator, people: list[list[float]], spread: float = 6.0):
    """Logits, proposed boxes near the people, cells, people; in float64."""
    cells = cell_points(SIZES_HW).double().numpy()
    logits = rng.normal(-1, 1.5, len(cells))
    boxes = np.concatenate(
        [
            cells[:, :2] - rng.uniform(2, 20, (len(cells), 2)),
            cells[:, :2] + rng.uniform(2, 20, (len(cells), 2)),
        ],
        axis=1,
    )
    if people:
        truth = np.array(people)[rng.integers(0, len(people), len(cells))]
        near = rng.random(len(cells)) < 0.6
        boxes[near] = truth[near] + rng.normal(0, spread, (near.sum(), 4))
    return logits, boxes, cells, np.array(people, np.float64).reshape(-1, 4)


def run(images, ignored=None) -> Assignment:
    """The fast assignment of a batch of such images."""
    people = pad_boxes(
        [torch.tensor(p[3]).float() for p in images],
        None if ignored is None else [torch.tensor(i) for i in ignored],
    )
    return assign(
        torch.tensor(np.stack([p[0] for p in images])).float(),
        torch.tensor(np.stack([p[1] for p in images])).float(),
        torch.tensor(images[0][2]).float(),
        people.boxes_xyxy,
        people.is_person,
        people.ignored,
    )


CASES = {
    "no people": [],
    "one person": [[11.5, 7.0, 42.0, 46.0]],
    "two who overlap": [[10.0, 4.0, 40.0, 44.0], [22.0, 6.0, 55.0, 47.0]],
    "the same box twice": [[10.0, 4.0, 40.0, 44.0], [10.0, 4.0, 40.0, 44.0]],
    "tiny, between the cells": [[17.0, 17.0, 22.0, 22.0]],
    "tiny next to a large one": [[17.0, 17.0, 22.0, 22.0], [5.0, 3.0, 60.0, 45.0]],
    "a crowd": [[4.0 + 9 * i, 3.0 + 2 * (i % 3), 22.0 + 9 * i, 40.0 + i] for i in range(6)],
    "partly outside": [[-20.0, -5.0, 15.0, 70.0], [70.0, 30.0, 95.0, 60.0]],
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("seed", range(4))
def test_every_cell_gets_the_person_that_the_definition_gives_it(name: str, seed: int) -> None:
    image = random_image(np.random.default_rng(seed), CASES[name])
    owner, quality = rtmdet_losses.assignment(*image)
    found = run([image])
    if name != "the same box twice":  # equal costs: either is right
        assert found.person[0].tolist() == owner
    assert (found.person[0] >= 0).tolist() == [who >= 0 for who in owner]
    np.testing.assert_allclose(found.iou[0].numpy(), quality, atol=2e-6)
    assert bool(found.valid.all())


def test_a_batch_is_assigned_as_its_images_are_alone() -> None:
    rng = np.random.default_rng(5)
    images = [random_image(rng, people) for people in CASES.values()]
    together = run(images)
    for i, image in enumerate(images):
        alone = run([image])
        assert together.person[i].tolist() == alone.person[0].tolist()
        np.testing.assert_array_equal(together.iou[i].numpy(), alone.iou[0].numpy())


def test_without_people_everything_is_background() -> None:
    found = run([random_image(np.random.default_rng(0), [])])
    assert found.person.unique().tolist() == [-1]
    assert float(found.iou.sum()) == 0


def test_a_single_perfect_cell_takes_its_person_alone() -> None:
    logits, boxes, cells, people = random_image(np.random.default_rng(0), [[9.0, 9.0, 31.0, 39.0]])
    boxes[:] = [70.0, 0.0, 79.0, 3.0]  # far from the person ...
    best = int(np.flatnonzero((cells == [16, 24, 8]).all(1))[0])
    boxes[best] = people[0]  # ... but for one
    found = run([(logits, boxes, cells, people)])
    assert torch.nonzero(found.person[0] == 0).flatten().tolist() == [best]
    assert float(found.iou[0, best]) == pytest.approx(1)


def test_as_many_cells_as_the_best_ious_add_up_to() -> None:
    logits, boxes, cells, people = random_image(np.random.default_rng(0), [[1.0, 1.0, 79.0, 47.0]])
    boxes[:] = [1.0, 1.0, 40.0, 47.0]  # every IoU is a half: thirteen halves make six cells
    found = run([(logits, boxes, cells, people)])
    assert int(found.positive.sum()) == 6


def test_an_ignored_region_is_neither_person_nor_background() -> None:
    image = random_image(
        np.random.default_rng(1), [[3.0, 3.0, 38.0, 44.0], [44.0, 3.0, 77.0, 45.0]]
    )
    found = run([image], ignored=[[False, True]])
    x, y = torch.tensor(image[2][:, :2]).unbind(1)
    inside = (x > 44) & (x < 77) & (y > 3) & (y < 45)
    assert not bool(found.valid[0][inside].any())
    assert bool(found.valid[0][~inside].all())
    assert found.person.unique().tolist() == [-1, 0]


def test_cells_lie_at_their_upper_left_corners_finest_scale_first() -> None:
    cells = cell_points(SIZES_HW)
    assert cells[:3].tolist() == [[0, 0, 8], [8, 0, 8], [16, 0, 8]]
    assert cells[60:62].tolist() == [[0, 0, 16], [16, 0, 16]]
    assert cells[-1].tolist() == [64, 32, 32]


def test_overlaps_of_boxes_known_by_hand() -> None:
    a = torch.tensor([[0.0, 0.0, 4.0, 2.0]])
    others = torch.tensor([[2.0, 0.0, 6.0, 2.0], [6.0, 0.0, 8.0, 2.0], [0.0, 0.0, 4.0, 2.0]])
    assert pairwise_iou(a[None], others[None]).flatten().tolist() == pytest.approx([1 / 3, 0, 1])
    # next to each other: enclosing 8 x 2, of which 4 of 16 are in neither
    assert generalised_iou(a.expand(3, 4), others).tolist() == pytest.approx([1 / 3, -0.25, 1])
