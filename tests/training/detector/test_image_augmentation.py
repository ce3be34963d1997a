"""Images with boxes: placing, mirroring, mosaics, pools; the same index gives the same batch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from synthetic_images import made_image

from rtmpose3d.errors import InputError
from rtmpose3d.geometry.letterbox import letterbox
from rtmpose3d.training.detector.augment import AugmentedImages, augment, flip_image
from rtmpose3d.training.detector.images import (
    BackgroundImages,
    FixedImages,
    ImagePool,
    LabelledImage,
    clip_boxes,
)
from rtmpose3d.training.recipes.detector import AS_INFERENCE, DETECTOR_STAGE1

SIZE_WH = (160, 128)
PLAIN = replace(DETECTOR_STAGE1, mosaic_prob=0.0, background_prob=0.0, photometric=None)


def bright_box(image: np.ndarray) -> list[float]:
    rows, columns = np.nonzero(image.min(axis=2) > 140)
    return [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]


def test_without_variation_an_image_is_as_inference_fits_it() -> None:
    image = made_image(2)
    made = augment([image], SIZE_WH, AS_INFERENCE, np.random.default_rng(0))
    expected, scale_wh = letterbox(image.image, SIZE_WH)
    np.testing.assert_array_equal(made.image, expected)
    np.testing.assert_allclose(made.boxes_xyxy, image.boxes_xyxy * np.tile(scale_wh, 2), rtol=1e-6)


@pytest.mark.parametrize("seed", range(12))
def test_boxes_stay_on_their_people_however_the_image_is_placed(seed: int) -> None:
    image = made_image(4)  # one person
    made = augment([image], SIZE_WH, PLAIN, np.random.default_rng(seed))
    assert made.image.shape == (128, 160, 3)
    assert len(made.boxes_xyxy) == 1
    np.testing.assert_allclose(made.boxes_xyxy[0], bright_box(made.image), atol=2)


@pytest.mark.parametrize("seed", range(4))
def test_in_a_mosaic_every_person_is_boxed(seed: int) -> None:
    images = [made_image(i) for i in (0, 2, 4, 6)]
    rng = np.random.default_rng(seed)
    made = augment(images, SIZE_WH, replace(PLAIN, scale=(0.9, 1.0), mosaic_zoom=1.0), rng)
    assert len(made.boxes_xyxy) == 4
    bright = made.image.min(axis=2) > 140
    for x1, y1, x2, y2 in np.round(made.boxes_xyxy).astype(int):
        assert bright[y1 + 2 : y2 - 2, x1 + 2 : x2 - 2].mean() > 0.9
        bright[max(y1 - 1, 0) : y2 + 1, max(x1 - 1, 0) : x2 + 1] = False
    assert bright.sum() == 0


def test_mirroring_twice_is_the_same() -> None:
    image = made_image(3)
    once, twice = flip_image(image), flip_image(flip_image(image))
    np.testing.assert_allclose(once.boxes_xyxy[:, 0], 150 - image.boxes_xyxy[:, 2])
    np.testing.assert_array_equal(twice.image, image.image)
    np.testing.assert_allclose(twice.boxes_xyxy, image.boxes_xyxy)


def test_remains_of_a_person_are_ignored_and_those_outside_dropped() -> None:
    boxes = np.array(
        [[10, 10, 50, 90], [95, 10, 195, 90], [120, 0, 160, 50], [30, 20, 34, 60]], np.float32
    )
    kept, ignored = clip_boxes(boxes, np.array([False] * 4), (0, 0, 100, 80))
    np.testing.assert_allclose(kept, [[10, 10, 50, 80], [95, 10, 100, 80], [30, 20, 34, 60]])
    assert ignored.tolist() == [False, True, True]  # whole; a twentieth shows; too narrow


def test_the_same_index_gives_the_same_batch_and_another_index_another() -> None:
    source = AugmentedImages(
        source=FixedImages(images=[made_image(i) for i in range(5)]),
        size_wh=SIZE_WH,
        batch_size=3,
        augmentation=DETECTOR_STAGE1,
        seed=7,
    )
    first, again, other = source.batch(4), source.batch(4), source.batch(5)
    np.testing.assert_array_equal(first.images, again.images)
    for a, b in zip(first.boxes_xyxy, again.boxes_xyxy, strict=True):
        np.testing.assert_array_equal(a, b)
    assert (first.images != other.images).any()
    assert len(first) == 3


def test_images_without_people_join_as_background(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "background.png"), np.full((40, 60, 3), (10, 200, 30), np.uint8))
    source = AugmentedImages(
        source=FixedImages(images=[made_image(0)]),
        backgrounds=BackgroundImages(paths=[tmp_path / "background.png"]),
        size_wh=SIZE_WH,
        batch_size=40,
        augmentation=replace(PLAIN, background_prob=0.5, scale=(1.0, 1.0)),
        seed=0,
    )
    batch = source.batch(0)
    empty = [len(boxes) == 0 for boxes in batch.boxes_xyxy]
    assert 8 < sum(empty) < 32
    for image, is_empty in zip(batch.images, empty, strict=True):
        assert (abs(image.astype(int) - (10, 200, 30)).sum(2) < 3).any() == is_empty


def test_a_pool_renders_each_image_once_and_a_resumed_one_draws_the_same() -> None:
    made: list[int] = []

    def stream(first: int) -> Iterator[LabelledImage]:
        for number in range(first, 10_000):
            made.append(number)
            yield made_image(number)

    def pooled() -> ImagePool:
        return ImagePool(stream, size=6, initial_size=3, reuse=4, seed=1)

    pool = pooled()
    drawn = [pool.draw(i, 2) for i in range(60)]
    assert made == list(range(3 + 59 // 4))
    made.clear()
    resumed = pooled().draw(59, 2)
    assert made == list(range(3 + 59 // 4 - 6, 3 + 59 // 4))
    for a, b in zip(drawn[59], resumed, strict=True):
        np.testing.assert_array_equal(a.image, b.image)


def test_wrong_arguments_are_errors() -> None:
    with pytest.raises(InputError, match="no labelled image"):
        FixedImages(images=[])
    with pytest.raises(InputError, match="initial_size must be"):
        ImagePool(lambda _: iter([]), size=2, initial_size=3)
    with pytest.raises(InputError, match="boxes_xyxy must be"):
        LabelledImage(
            image=np.zeros((4, 4, 3), np.uint8),
            boxes_xyxy=np.zeros((2, 4), np.float32),
            ignored=np.zeros(1, bool),
        )
