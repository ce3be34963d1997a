"""Batches of crops with labels, and where they come from.

A `BatchSource` gives batch number i, always the same one, so that a resumed training continues
with the very next batch and two workers need not agree on anything. `AugmentedSource` varies crops
that are already cut, `FixedSource` repeats a few; `training.data.mixture` cuts crops out of the
images of records. `training.data.loading` runs a source ahead of the training step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rtmpose3d.data import PoseRecord
from rtmpose3d.errors import InputError
from rtmpose3d.geometry.crop import PADDING
from rtmpose3d.skeletons import HIPS
from rtmpose3d.structures import FloatArray, Image, UInt8Array
from rtmpose3d.training.data.augment import Augmentation, Sample, augment_crop
from rtmpose3d.training.loop.task import BatchSource


@dataclass(frozen=True, kw_only=True, eq=False)
class PoseBatch:
    """B crops with their labels.

    Attributes:
        crops: (B, h, w, 3) uint8 BGR.
        keypoints_px: (B, 133, 2) float32, pixels of the crop; finite where visible.
        visible: (B, 133) float32 in [0, 1], the weight of each keypoint.
        keypoints_camera_m: (B, 133, 3) float32, metres in camera space; nan where unknown.
        box_side_px: (B,) float32, longer side of the person's box in pixels of the crop.
        skipped: what is wrong with samples that others took the place of.
    """

    crops: UInt8Array
    keypoints_px: FloatArray
    visible: FloatArray
    keypoints_camera_m: FloatArray
    box_side_px: FloatArray
    skipped: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        batch = len(self.crops)
        shapes = {
            "keypoints_px": (self.keypoints_px.shape, (batch, 133, 2)),
            "visible": (self.visible.shape, (batch, 133)),
            "keypoints_camera_m": (self.keypoints_camera_m.shape, (batch, 133, 3)),
            "box_side_px": (self.box_side_px.shape, (batch,)),
        }
        for name, (got, expected) in shapes.items():
            if got != expected:
                raise InputError(f"a batch's {name} must be {expected}, got shape {got}")
        lost = (self.visible > 0) & ~np.isfinite(self.keypoints_px).all(axis=2)
        if lost.any():
            person, keypoint = np.argwhere(lost)[0]
            raise InputError(
                f"crop {person} of a batch has keypoint {keypoint} visible but not finite; "
                "set its visibility to 0"
            )

    def __len__(self) -> int:
        return len(self.crops)

    def part(self, rows: range) -> PoseBatch:
        """Some of its crops; views."""
        chosen = slice(rows.start, rows.stop, rows.step)
        return PoseBatch(
            crops=self.crops[chosen],
            keypoints_px=self.keypoints_px[chosen],
            visible=self.visible[chosen],
            keypoints_camera_m=self.keypoints_camera_m[chosen],
            box_side_px=self.box_side_px[chosen],
        )

    def arrays(self) -> dict[str, np.ndarray]:
        """All of it, to be looked at in a file."""
        return {
            "crops": self.crops,
            "keypoints_px": self.keypoints_px,
            "visible": self.visible,
            "keypoints_camera_m": self.keypoints_camera_m,
        }

    def samples(self) -> list[Sample]:
        """The crops one by one; views of the batch's arrays."""
        return [
            Sample(
                crop=self.crops[i],
                keypoints_px=self.keypoints_px[i],
                visible=self.visible[i],
                keypoints_camera_m=self.keypoints_camera_m[i],
            )
            for i in range(len(self))
        ]

    def relative_depth_m(self) -> FloatArray:
        """(B, 133) metres behind the middle of the hips; nan where unknown."""
        depth = self.keypoints_camera_m[..., 2]
        return depth - depth[:, list(HIPS)].mean(axis=1, keepdims=True)

    def metres_per_px(self) -> FloatArray:
        """(B,) size of a crop's pixel at the person's depth; nan without 3D.

        From how far the keypoints spread in metres and in pixels, which no turn changes.
        """
        use = (self.visible > 0) & np.isfinite(self.keypoints_camera_m).all(axis=2)
        metres = _spread(np.nan_to_num(self.keypoints_camera_m[..., :2]), use)
        pixels = _spread(np.nan_to_num(self.keypoints_px), use)
        known = (use.sum(axis=1) >= 2) & (pixels > 1)
        return np.where(known, metres / np.maximum(pixels, 1), np.nan).astype(np.float32)


def _spread(points: FloatArray, use: np.ndarray) -> FloatArray:
    """(B,) root of the mean squared distance from the mean, over the keypoints in use."""
    weight = use[..., None] / np.maximum(use.sum(axis=1), 1)[:, None, None]
    middle = (points * weight).sum(axis=1, keepdims=True)
    return np.sqrt((np.square(points - middle) * weight).sum(axis=(1, 2)))


def batch_of_samples(
    samples: Sequence[Sample],
    box_side_px: FloatArray | None = None,
    skipped: tuple[str, ...] = (),
) -> PoseBatch:
    """Stack samples.

    Args:
        samples: of one size.
        box_side_px: (B,); None: crops' longer side without the padding that inference adds.
        skipped: see `PoseBatch`.
    """
    crops = np.stack([sample.crop for sample in samples])
    if box_side_px is None:
        box_side_px = np.full(len(samples), max(crops.shape[1:3]) / PADDING)
    return PoseBatch(
        crops=crops,
        keypoints_px=np.stack([s.keypoints_px for s in samples]).astype(np.float32, copy=False),
        visible=np.stack([s.visible for s in samples]).astype(np.float32, copy=False),
        keypoints_camera_m=np.stack([s.keypoints_camera_m for s in samples]).astype(
            np.float32, copy=False
        ),
        box_side_px=box_side_px.astype(np.float32, copy=False),
        skipped=skipped,
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class FixedSource:
    """The same batches over and over: validation, and tests that overfit.

    Attributes:
        batches: at least one.
    """

    batches: Sequence[PoseBatch]

    def batch(self, index: int) -> PoseBatch:
        """See `BatchSource`."""
        return self.batches[index % len(self.batches)]


@dataclass(frozen=True, kw_only=True, eq=False)
class AugmentedSource:
    """A source of crops that are already cut, varied anew at every index.

    Attributes:
        source: gives the crops.
        augmentation: mirroring, jitter and look.
        seed: of the chance in it.
        rejitter: whether crops are also cut anew; off where the source varies them itself.
    """

    source: BatchSource[PoseBatch]
    augmentation: Augmentation
    seed: int
    rejitter: bool = True

    def batch(self, index: int) -> PoseBatch:
        """See `BatchSource`."""
        batch = self.source.batch(index)
        rng = np.random.default_rng([self.seed, index])
        samples = [
            augment_crop(sample, self.augmentation, rng, rejitter=self.rejitter)
            for sample in batch.samples()
        ]
        return batch_of_samples(samples, batch.box_side_px)


def replace_crop(sample: Sample, crop: Image) -> Sample:
    """The sample with another image of the same keypoints."""
    return Sample(
        crop=crop,
        keypoints_px=sample.keypoints_px,
        visible=sample.visible,
        keypoints_camera_m=sample.keypoints_camera_m,
        turned=sample.turned,
    )


def box_side_px(record: PoseRecord, sample: Sample) -> float:
    """The box's longer side in pixels of the crop, by how the keypoints were scaled."""
    use = (record.visible > 0)[None]
    before = float(_spread(np.nan_to_num(record.keypoints_px)[None], use)[0])
    after = float(_spread(np.nan_to_num(sample.keypoints_px)[None], use)[0])
    side = float(np.max(record.box_xyxy[2:] - record.box_xyxy[:2]))
    longest = max(sample.crop.shape[:2]) / PADDING
    return side * after / before if before > 0 else longest
