"""Images with people's boxes from datasets, for the training of a detector."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from rtmpose3d.data import DATASETS, ReadOptions, group_by_image, read_dataset
from rtmpose3d.data.box_labels import BoxLabels, read_box_labels
from rtmpose3d.errors import InputError
from rtmpose3d.sources import load_image
from rtmpose3d.training.data.batches import TrainingData
from rtmpose3d.training.data.datasets import LoadedDataset
from rtmpose3d.training.detector.augment import AugmentedImages
from rtmpose3d.training.detector.images import (
    DetectorBatch,
    LabelledImage,
    LabelledImageSource,
    clip_boxes,
)
from rtmpose3d.training.recipes.detector import DetectorRecipe


def dataset_boxes(dataset: LoadedDataset) -> list[BoxLabels]:
    """Images of a dataset with the boxes of all people in them.

    Args:
        dataset: a dataset that is not missing.

    Raises:
        InputError: its images have people without a box.
    """
    entry = dataset.entry
    spec = DATASETS[entry.dataset]
    if spec.teacher_boxes:
        images = spec.split(entry.split).images
        return read_box_labels(dataset.folder if images is None else dataset.folder / images)
    if not spec.all_annotated:
        raise InputError(
            f"{spec.name}: not all people of its images are annotated, so a detector would learn "
            "them as background; choose other datasets"
        )
    options = ReadOptions(every=entry.sample_interval, keep_ignored=True)
    people = read_dataset(spec.name, dataset.folder, entry.split, on_bad="skip", options=options)
    return [
        BoxLabels(
            path=image.path,
            boxes_xyxy=np.stack([person.box_xyxy for person in image.people]),
            ignored=np.array([person.crowd or person.ignored for person in image.people]),
        )
        for image in group_by_image(people)
    ]


@dataclass(frozen=True, kw_only=True, eq=False)
class BoxImages:
    """Image files with boxes, in another random order each epoch.

    Attributes:
        labels: the image files, at least one.
        seed: random seed of the order.
    """

    labels: Sequence[BoxLabels]
    seed: int

    def draw(self, index: int, count: int = 1) -> list[LabelledImage]:
        """Images of draw `index`: the first one in the order, the others randomly."""
        epoch, within = divmod(index, len(self.labels))
        order = np.random.default_rng([self.seed, epoch]).permutation(len(self.labels))
        rng = np.random.default_rng([self.seed, index, 1])
        others = rng.integers(len(self.labels), size=count - 1).tolist()
        return [self._load(self.labels[i]) for i in (int(order[within]), *others)]

    def _load(self, labels: BoxLabels) -> LabelledImage:
        image = load_image(labels.path)
        window = (0.0, 0.0, float(image.shape[1]), float(image.shape[0]))
        boxes, ignored = clip_boxes(labels.boxes_xyxy, labels.ignored, window)
        return LabelledImage(image=image, boxes_xyxy=boxes, ignored=ignored)


def dataset_images(
    recipe: DetectorRecipe, labels: Sequence[BoxLabels], *, workers: int = 0
) -> TrainingData[DetectorBatch]:
    """Training data of image files with boxes.

    Args:
        recipe: recipe of the training.
        labels: image files with the boxes of all people; images without people are backgrounds.
        workers: number of processes that make batches; 0: a thread.

    Raises:
        InputError: there is no image.
    """
    if not labels:
        raise InputError(f"{recipe.model.name}: there is no image with boxes to train on")
    return TrainingData(
        open_stage=partial(_open_stage, recipe, tuple(labels)), validation=(), workers=workers
    )


def _open_stage(recipe: DetectorRecipe, labels: Sequence[BoxLabels], stage: int) -> AugmentedImages:
    return AugmentedImages(
        source=BoxImages(labels=labels, seed=recipe.seed),
        size_wh=recipe.model.input_size_wh,
        batch_size=recipe.batch_size,
        augmentation=recipe.augmentation(stage),
        seed=recipe.seed + stage,
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class MixedImages:
    """Images of two sources, mixed within mosaics too.

    Attributes:
        first, second: the sources.
        second_fraction: fraction of the images that the second one gives.
        seed: random seed of the choice.
    """

    first: LabelledImageSource
    second: LabelledImageSource
    second_fraction: float
    seed: int

    def draw(self, index: int, count: int = 1) -> list[LabelledImage]:
        """Images of draw `index`, in random order."""
        rng = np.random.default_rng([self.seed, index, 2])
        seconds = int((rng.random(count) < self.second_fraction).sum())
        chosen: list[LabelledImage] = []
        if seconds < count:
            chosen += self.first.draw(index, count - seconds)
        if seconds:
            chosen += self.second.draw(index, seconds)
        return [chosen[i] for i in rng.permutation(count)]
