"""Batches of several sources at once: `JointSource`, such as rendered people and datasets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from rtmpose3d.structures import UInt8Array
from rtmpose3d.training.data.batches import BatchSource, TrainingData
from rtmpose3d.training.data.pose_batches import PoseBatch, join_batches
from rtmpose3d.training.recipes.augmentation import PhotometricAugmentation
from rtmpose3d.training.recipes.pose import PoseRecipe


@dataclass(frozen=True, kw_only=True, eq=False)
class JointSource:
    """A `BatchSource` that joins the batches of others, shuffled, with patches as occlusions.

    Attributes:
        sources: sources of parts of each batch.
        photometric: `patch_prob` and `dropout_size` are used; None: no patches.
        seed: random seed of order and patches.
    """

    sources: Sequence[BatchSource[PoseBatch]]
    photometric: PhotometricAugmentation | None
    seed: int

    def batch(self, index: int) -> PoseBatch:
        """Batch number `index`, from 0."""
        joined = join_batches([source.batch(index) for source in self.sources])
        rng = np.random.default_rng([self.seed, index, 2])
        order = rng.permutation(len(joined))
        crops = joined.crops[order]
        if self.photometric is not None:
            crops = paste_patches(crops, self.photometric, rng)
        return PoseBatch(
            crops=crops,
            keypoints_px=joined.keypoints_px[order],
            visible=joined.visible[order],
            keypoints_camera_m=joined.keypoints_camera_m[order],
            box_side_px=joined.box_side_px[order],
            label_weight=joined.weights()[order],
            skipped=joined.skipped,
        )

    def close(self) -> None:
        """Close the sources that can be closed."""
        for source in self.sources:
            close = getattr(source, "close", None)
            if close is not None:
                close()


def joint_data(
    recipe: PoseRecipe, parts: Sequence[TrainingData[PoseBatch]]
) -> TrainingData[PoseBatch]:
    """Data whose batches join those of one or several, with patches; validated on all of them.

    Args:
        recipe: recipe of the training.
        parts: data of parts of each batch, whose batch sizes sum to the recipe's.
    """
    return TrainingData(
        open_stage=partial(_open_stage, recipe, parts),
        validation=[batch for part in parts for batch in part.validation],
        workers=max(part.workers for part in parts),
        skipped=[text for part in parts for text in part.skipped],
    )


def _open_stage(
    recipe: PoseRecipe, parts: Sequence[TrainingData[PoseBatch]], stage: int
) -> JointSource:
    return JointSource(
        sources=[part.open_stage(stage) for part in parts],
        photometric=recipe.augmentation(stage).photometric,
        seed=recipe.seed,
    )


def paste_patches(
    crops: UInt8Array, settings: PhotometricAugmentation, rng: np.random.Generator
) -> UInt8Array:
    """Occlude crops by patches of other crops of the batch: (B, h, w, 3) -> a new array."""
    pasted = crops.copy()
    height, width = crops.shape[1:3]
    for i in np.flatnonzero(rng.random(len(crops)) < settings.patch_prob):
        other = crops[int(rng.integers(len(crops)))]
        h, w = (int(s * rng.uniform(*settings.dropout_size)) for s in (height, width))
        (y, to_y), (x, to_x) = rng.integers(0, height - h + 1, 2), rng.integers(0, width - w + 1, 2)
        pasted[i, to_y : to_y + h, to_x : to_x + w] = other[y : y + h, x : x + w]
    return pasted
