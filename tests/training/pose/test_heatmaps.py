from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rtmpose3d.training.pose.heatmaps import (
    DEPTH_SCALE_M,
    HeatmapHead,
    heatmap_depth_loss,
    heatmap_loss,
)

STRIDE, HEIGHT, WIDTH = 16, 5, 3  # cells


def _logits_peaking_at(cells: list[tuple[int, int, float]]) -> torch.Tensor:
    """One keypoint whose map holds these shares at (x, y)."""
    shares = torch.full((1, 1, HEIGHT, WIDTH), 1e-12)
    for x, y, share in cells:
        shares[0, 0, y, x] = share
    return shares.log()


def _middle(x: float, y: float) -> torch.Tensor:
    return torch.tensor([[[x, y]]]) * STRIDE + (STRIDE - 1) / 2


def test_a_sure_map_at_the_right_cell_costs_nothing_and_at_a_wrong_one_much() -> None:
    weights = torch.ones(1, 1)
    logits = _logits_peaking_at([(2, 3, 1.0)])
    assert heatmap_loss(logits, _middle(2, 3), weights, STRIDE).item() == pytest.approx(0, abs=1e-4)
    assert heatmap_loss(logits, _middle(1, 3), weights, STRIDE).item() > 20


@given(x=st.floats(0, WIDTH - 1), y=st.floats(0, HEIGHT - 1))
def test_the_best_map_has_its_mean_at_the_keypoint(x: float, y: float) -> None:
    logits = torch.zeros(1, 1, HEIGHT, WIDTH, requires_grad=True)
    heatmap_loss(logits, _middle(x, y), torch.ones(1, 1), STRIDE).backward()
    assert logits.grad is not None
    label = 1 / (HEIGHT * WIDTH) - logits.grad[0, 0]  # gradient of a cross entropy: p - label
    rows, columns = torch.meshgrid(torch.arange(HEIGHT), torch.arange(WIDTH), indexing="ij")
    assert label.sum().item() == pytest.approx(1, abs=1e-5)
    assert (label * columns).sum().item() == pytest.approx(x, abs=1e-4)
    assert (label * rows).sum().item() == pytest.approx(y, abs=1e-4)
    assert label.min() > -1e-6


@pytest.mark.parametrize("location", [(-0.6, 1.0), (1.0, HEIGHT - 0.4), (WIDTH + 3.0, 2.0)])
def test_keypoints_outside_the_image_and_without_weight_count_nothing(
    location: tuple[float, float],
) -> None:
    logits = torch.randn(1, 1, HEIGHT, WIDTH)
    assert heatmap_loss(logits, _middle(*location), torch.ones(1, 1), STRIDE).item() == 0
    assert heatmap_loss(logits, _middle(1, 1), torch.zeros(1, 1), STRIDE).item() == 0


def test_the_loss_is_summed_over_people_and_divided_by_keypoints() -> None:
    logits = torch.randn(2, 3, HEIGHT, WIDTH)
    points = torch.rand(2, 3, 2) * 30 + 5
    total = heatmap_loss(logits, points, torch.ones(2, 3), STRIDE)
    single = [
        heatmap_loss(
            logits[i : i + 1, k : k + 1], points[i : i + 1, k : k + 1], torch.ones(1, 1), 16
        )
        for i in range(2)
        for k in range(3)
    ]
    assert total.item() == pytest.approx(sum(s.item() for s in single) / 3, rel=1e-5)


def test_depths_are_compared_where_the_keypoint_is_and_where_they_are_known() -> None:
    columns = torch.arange(WIDTH).expand(HEIGHT, WIDTH) * 0.3
    depths = torch.stack([columns, columns])[None]  # two keypoints, 0.3 m deeper from cell to cell
    points = torch.cat([_middle(0.5, 2), _middle(1.25, 0)], dim=1)
    known = torch.tensor([[0.15, 0.375]])
    weights = torch.ones(1, 2)
    loss = heatmap_depth_loss(depths, known, points, weights, STRIDE)
    assert loss.item() == pytest.approx(0, abs=1e-5)
    wrong = known + torch.tensor([[0.0, 0.2]])
    loss = heatmap_depth_loss(depths, wrong, points, weights, STRIDE)
    assert loss.item() == pytest.approx(0.2 / DEPTH_SCALE_M / 2, rel=1e-4)
    unknown = torch.tensor([[0.15, float("nan")]])
    assert heatmap_depth_loss(depths, unknown, points, weights, STRIDE).item() < 1e-5


def test_the_head_gives_maps_for_each_keypoint_and_depths_only_in_3d() -> None:
    features = torch.zeros(2, 8, 16, 12)
    in_3d = HeatmapHead(8, 133, depth=True)(features)
    assert in_3d.logits.shape == in_3d.depth_m.shape == (2, 133, 16, 12)
    assert HeatmapHead(8, 133, depth=False)(features).depth_m is None
