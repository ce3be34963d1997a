"""Images with boxes from datasets, alone and mixed with rendered ones."""

from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

from rtmpose3d.data.box_labels import BoxLabels
from rtmpose3d.errors import InputError
from rtmpose3d.training.data.datasets import LoadedDataset
from rtmpose3d.training.detector.datasets import BoxImages, MixedImages, dataset_boxes
from rtmpose3d.training.detector.images import FixedImages, LabelledImage
from rtmpose3d.training.recipes.mixtures import DatasetEntry


def labels(folder, count):
    made = []
    for i in range(count):
        path = folder / f"{i}.png"
        assert cv2.imwrite(str(path), np.full((40, 30, 3), i, np.uint8))
        boxes = np.array([[2, 3, 20, 60]], np.float32)  # reaches out of the image
        made.append(BoxLabels(path=path, boxes_xyxy=boxes, ignored=np.array([False])))
    return made


def grey(images):
    return [int(image.image[0, 0, 0]) for image in images]


def test_an_epoch_has_every_image_once_and_boxes_end_at_the_border(tmp_path):
    source = BoxImages(labels=labels(tmp_path, 7), seed=3)
    first, second = ([grey(source.draw(e * 7 + i))[0] for i in range(7)] for e in (0, 1))
    assert sorted(first) == sorted(second) == list(range(7))
    assert first != second
    assert grey(source.draw(4, 4)) == grey(source.draw(4, 4))
    np.testing.assert_array_equal(source.draw(0)[0].boxes_xyxy, [[2, 3, 20, 40]])


@pytest.mark.parametrize("count", [1, 4])
def test_images_are_mixed_in_the_given_proportion(tmp_path, count):
    white = LabelledImage(
        image=np.full((40, 30, 3), 255, np.uint8),
        boxes_xyxy=np.zeros((0, 4), np.float32),
        ignored=np.zeros(0, bool),
    )
    mixed = MixedImages(
        first=FixedImages(images=[white]),
        second=BoxImages(labels=labels(tmp_path, 5), seed=1),
        second_fraction=0.7,
        seed=2,
    )
    drawn = [grey(mixed.draw(i, count)) for i in range(200)]
    assert all(len(one) == count for one in drawn)
    kinds = Counter(value < 255 for one in drawn for value in one)
    assert kinds[True] / (200 * count) == pytest.approx(0.7, abs=0.1)


def test_a_dataset_with_people_who_are_not_annotated_is_refused():
    aic = LoadedDataset(entry=DatasetEntry(dataset="aic"), folder=Path("aic"), records=None)
    with pytest.raises(InputError, match="not all people"):
        dataset_boxes(aic)


def test_the_boxes_of_a_teacher_are_those_of_the_split(tmp_path):
    folder = tmp_path / "lspet"
    (folder / "test").mkdir(parents=True)
    np.savez(
        folder / "test" / "labels.npz",
        names=np.array(["a.jpg"]),
        detector_boxes=np.ones((1, 4), np.float32),
        detector_scores=np.array([0.3]),
        detector_counts=np.array([1]),
    )
    entry = DatasetEntry(dataset="lspet", split="test")
    (found,) = dataset_boxes(LoadedDataset(entry=entry, folder=folder, records=None))
    assert found.path == folder / "test" / "a.jpg"
    assert found.ignored.tolist() == [True]
