"""Samples and batches of pose models: crops with their labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rtmpose3d.data import PoseRecord
from rtmpose3d.errors import InputError
from rtmpose3d.geometry.crop import PADDING
from rtmpose3d.skeletons import HIPS
from rtmpose3d.structures import FloatArray, Image, UInt8Array

VALIDATION_CROPS = 512  # default number of crops to validate on
VALIDATION_BATCH = 32  # crops per batch of validation


@dataclass(frozen=True, kw_only=True, eq=False)
class PoseSample:
    """One crop with its labels.

    Attributes:
        crop: (h, w, 3) uint8 BGR.
        keypoints_px: (K, 2) float32, pixels of the crop.
        visible: (K,) float32.
        keypoints_camera_m: (K, 3) float32, metres, nan where unknown. Flipped with the crop, left
            and right exchanged; not rotated with it.
        label_weight: (K,) float32 in [0, 1], factor on the loss; None: 1 for all.
        rotated: whether crop and camera space differ by a rotation.
    """

    crop: Image
    keypoints_px: FloatArray
    visible: FloatArray
    keypoints_camera_m: FloatArray
    label_weight: FloatArray | None = None
    rotated: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class PoseBatch:
    """B crops with their labels.

    Attributes:
        crops: (B, h, w, 3) uint8 BGR.
        keypoints_px: (B, 133, 2) float32, pixels of the crop; finite where visible.
        visible: (B, 133) float32 in [0, 1]; a keypoint below 0.5 has no label.
        keypoints_camera_m: (B, 133, 3) float32, metres in camera space; nan where unknown.
        box_side_px: (B,) float32, longer side of the person's box in pixels of the crop.
        label_weight: (B, 133) float32 in [0, 1], factor on the loss of each keypoint, for labels of
            less trust; None: 1 for all.
        skipped: error messages of the samples that were replaced by others.

    Raises:
        InputError: wrong shapes, or a visible keypoint that is not finite.
    """

    crops: UInt8Array
    keypoints_px: FloatArray
    visible: FloatArray
    keypoints_camera_m: FloatArray
    box_side_px: FloatArray
    label_weight: FloatArray | None = None
    skipped: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        batch = len(self.crops)
        shapes = {
            "keypoints_px": (self.keypoints_px.shape, (batch, 133, 2)),
            "visible": (self.visible.shape, (batch, 133)),
            "keypoints_camera_m": (self.keypoints_camera_m.shape, (batch, 133, 3)),
            "box_side_px": (self.box_side_px.shape, (batch,)),
        }
        if self.label_weight is not None:
            shapes["label_weight"] = (self.label_weight.shape, (batch, 133))
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
        """Batch of some of the crops, as views."""
        chosen = slice(rows.start, rows.stop, rows.step)
        return PoseBatch(
            crops=self.crops[chosen],
            keypoints_px=self.keypoints_px[chosen],
            visible=self.visible[chosen],
            keypoints_camera_m=self.keypoints_camera_m[chosen],
            box_side_px=self.box_side_px[chosen],
            label_weight=None if self.label_weight is None else self.label_weight[chosen],
        )

    def weights(self) -> FloatArray:
        """(B, 133) factors on the loss of each keypoint."""
        if self.label_weight is None:
            return np.ones(self.visible.shape, np.float32)
        return self.label_weight

    def arrays(self) -> dict[str, np.ndarray]:
        """All arrays, to be saved for inspection."""
        return {
            "crops": self.crops,
            "keypoints_px": self.keypoints_px,
            "visible": self.visible,
            "keypoints_camera_m": self.keypoints_camera_m,
            "label_weight": self.weights(),
        }

    def samples(self) -> list[PoseSample]:
        """Single crops, as views."""
        return [
            PoseSample(
                crop=self.crops[i],
                keypoints_px=self.keypoints_px[i],
                visible=self.visible[i],
                keypoints_camera_m=self.keypoints_camera_m[i],
                label_weight=None if self.label_weight is None else self.label_weight[i],
            )
            for i in range(len(self))
        ]

    def relative_depth_m(self) -> FloatArray:
        """(B, 133) metres behind the midpoint of the hips; nan where unknown."""
        depth = self.keypoints_camera_m[..., 2]
        return depth - depth[:, list(HIPS)].mean(axis=1, keepdims=True)

    def metres_per_px(self) -> FloatArray:
        """(B,) size of a crop's pixel at the person's depth; nan without 3D labels.

        The ratio of the keypoints' spread in metres and in pixels, which rotations do not change.
        """
        use = (self.visible > 0) & np.isfinite(self.keypoints_camera_m).all(axis=2)
        metres = _spread(np.nan_to_num(self.keypoints_camera_m[..., :2]), use)
        pixels = _spread(np.nan_to_num(self.keypoints_px), use)
        known = (use.sum(axis=1) >= 2) & (pixels > 1)
        return np.where(known, metres / np.maximum(pixels, 1), np.nan).astype(np.float32)


def _spread(points: FloatArray, use: np.ndarray) -> FloatArray:
    """(B,) root mean square distance from the mean, over the keypoints in use."""
    weight = use[..., None] / np.maximum(use.sum(axis=1), 1)[:, None, None]
    middle = (points * weight).sum(axis=1, keepdims=True)
    return np.sqrt((np.square(points - middle) * weight).sum(axis=(1, 2)))


def stack_samples(
    samples: Sequence[PoseSample],
    box_side_px: FloatArray | None = None,
    skipped: tuple[str, ...] = (),
) -> PoseBatch:
    """Stack samples to a batch.

    Args:
        samples: crops of one size.
        box_side_px: (B,); None: the crops' longer side without the padding that inference adds.
        skipped: error messages of the samples that were replaced by others.
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
        label_weight=_stack_weights(samples),
        skipped=skipped,
    )


def _stack_weights(samples: Sequence[PoseSample]) -> FloatArray | None:
    if all(sample.label_weight is None for sample in samples):
        return None
    rows = [np.ones(len(s.visible)) if s.label_weight is None else s.label_weight for s in samples]
    return np.stack(rows).astype(np.float32)


def join_batches(batches: Sequence[PoseBatch]) -> PoseBatch:
    """Concatenate batches."""
    return PoseBatch(
        crops=np.concatenate([b.crops for b in batches]),
        keypoints_px=np.concatenate([b.keypoints_px for b in batches]),
        visible=np.concatenate([b.visible for b in batches]),
        keypoints_camera_m=np.concatenate([b.keypoints_camera_m for b in batches]),
        box_side_px=np.concatenate([b.box_side_px for b in batches]),
        label_weight=(
            None
            if all(b.label_weight is None for b in batches)
            else np.concatenate([b.weights() for b in batches])
        ),
        skipped=tuple(text for b in batches for text in b.skipped),
    )


def split_batch(batch: PoseBatch, size: int) -> list[PoseBatch]:
    """Split a batch into batches of at most `size` crops."""
    return [batch.part(range(i, min(i + size, len(batch)))) for i in range(0, len(batch), size)]


def crop_box_side_px(record: PoseRecord, sample: PoseSample) -> float:
    """Longer side of a record's box in pixels of the crop, from the scale of the keypoints."""
    use = (record.visible > 0)[None]
    before = float(_spread(np.nan_to_num(record.keypoints_px)[None], use)[0])
    after = float(_spread(np.nan_to_num(sample.keypoints_px)[None], use)[0])
    side = float(np.max(record.box_xyxy[2:] - record.box_xyxy[:2]))
    longest = max(sample.crop.shape[:2]) / PADDING
    return side * after / before if before > 0 else longest
