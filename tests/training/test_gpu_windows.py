"""Crops cut on the GPU (benchmarks/gpu_training) follow the rules of inference's crops."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch")
sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks" / "gpu_training"))

import windows as module  # noqa: E402

from rtmpose3d.geometry.crop import center_scale_from_boxes, crop_from_image, warp_crop  # noqa: E402
from rtmpose3d.training.recipes.augmentation import GeometricAugmentation  # noqa: E402

SIZE_WH = (48, 64)
PLAIN = GeometricAugmentation(
    flip_prob=0, half_body_prob=0, scale=(1, 1), rotation_prob=0, shift_prob=0
)


def people(count=3, *, box=(30.0, 25.0, 80.0, 110.0)):
    rng = np.random.default_rng(5)
    smooth = [cv2.GaussianBlur(rng.uniform(0, 255, (140, 120, 3)), (0, 0), 4) for _ in range(count)]
    low, high = torch.tensor(box[:2]), torch.tensor(box[2:])
    return module.People(
        canvases=torch.from_numpy(np.stack(smooth).round().astype(np.uint8)),
        keypoints_px=low + torch.rand(count, 133, 2) * (high - low),
        visible=torch.ones(count, 133),
        label_weight=torch.ones(count, 133),
        relative_depth_m=torch.rand(count, 133),
        metres_per_px=torch.ones(count),
        boxes_xyxy=torch.tensor([box] * count),
        image_xyxy=torch.tensor([[0.0, 0, 119, 139]] * count),
        box_scale=torch.ones(count, 2),
    )


def test_a_window_without_augmentation_is_the_crop_of_inference():
    group = people(1)
    window = module.inference_windows(group, SIZE_WH)
    ours = module.cut_crops(group, window, SIZE_WH)[0].permute(1, 2, 0).numpy()
    centre, scale = center_scale_from_boxes(group.boxes_xyxy.numpy(), SIZE_WH)
    matrix = crop_from_image(centre, scale, SIZE_WH, 0.0)
    theirs = warp_crop(group.canvases[0].numpy(), matrix[0], SIZE_WH).astype(np.float32)
    inner = slice(2, -2)
    assert np.abs(ours - theirs)[inner, inner].max() < 4  # OpenCV interpolates in steps of 1/32 px


def test_points_return_to_the_canvas_from_any_window():
    group = people(40)
    settings = GeometricAugmentation(rotation_prob=1.0, shift_prob=1.0, cut_prob=0.5)
    window, _ = module.draw_windows(group, settings, SIZE_WH)
    there = module.to_crop(group.keypoints_px, window, SIZE_WH)
    back = module.to_canvas(there, window, SIZE_WH)
    assert window.flipped.any()
    torch.testing.assert_close(back, group.keypoints_px, atol=1e-3, rtol=0)


def test_a_keypoint_shows_the_same_colour_in_crop_and_canvas():
    group = people(20)
    settings = GeometricAugmentation(half_body_prob=0, rotation_prob=1.0, scale=(0.9, 1.1))
    window, _ = module.draw_windows(group, settings, SIZE_WH)
    crops = module.cut_crops(group, window, SIZE_WH)
    at = module.to_crop(group.keypoints_px, window, SIZE_WH).round().long()
    for row in range(20):
        x, y = at[row].unbind(dim=1)
        inside = (x >= 0) & (y >= 0) & (x < SIZE_WH[0]) & (y < SIZE_WH[1])
        seen = crops[row][:, y[inside], x[inside]]
        u, v = group.keypoints_px[row][inside].round().long().unbind(dim=1)
        expected = group.canvases[row][v, u].T.float()
        assert (seen - expected).abs().mean() < 12


def test_cuts_hide_what_is_beyond_them_and_shorten_the_box():
    group = people(64)
    window, visible = module.draw_windows(group, replace(PLAIN, cut_prob=1.0), SIZE_WH)
    assert window.border.isfinite().all()
    along = group.keypoints_px.gather(2, window.axis[:, None, None].expand(-1, 133, 1))[..., 0]
    beyond = (along - window.border[:, None]) * window.beyond[:, None] > 0
    torch.testing.assert_close(visible == 0, beyond)
    crops = module.cut_crops(group, window, SIZE_WH)
    whole = module.cut_crops(group, replace(window, border=window.beyond * np.inf), SIZE_WH)
    assert (crops == 0).sum() > (whole == 0).sum()


def test_without_a_cut_nothing_is_hidden():
    group = people(64)
    window, visible = module.draw_windows(group, PLAIN, SIZE_WH)
    assert visible.all()
    assert (module.cut_crops(group, window, SIZE_WH).mean(dim=(1, 2, 3)) > 40).all()


def test_sides_are_exchanged_in_flipped_people_only():
    group = people(30)
    window, _ = module.draw_windows(group, GeometricAugmentation(), SIZE_WH)
    swapped = module.exchange_sides(group, window)
    kept = ~window.flipped
    assert torch.equal(swapped.relative_depth_m[kept], group.relative_depth_m[kept])
    left_eye, right_eye = 1, 2
    assert torch.equal(
        swapped.relative_depth_m[window.flipped, left_eye],
        group.relative_depth_m[window.flipped, right_eye],
    )
