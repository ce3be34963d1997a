"""Poses from boxes: crop, run the network on all people at once, decode, map to the image."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np

from rtmpose3d.codec import (
    Decoded,
    SimCCSpec,
    decode_simcc,
    keypoints_from_bins,
    std_from_bins,
)
from rtmpose3d.geometry.crop import apply_affine, crop_people
from rtmpose3d.runtime import PoseSession
from rtmpose3d.skeletons import WHOLEBODY
from rtmpose3d.structures import Crops, FloatArray, Image, IntArray, UInt8Array

CROPS_PER_CALL = 64  # bounds the memory; the people of an ordinary image fit in one call


@dataclass(frozen=True, kw_only=True)
class Poses:
    """Keypoints of N people of one image.

    Attributes:
        keypoints_2d: (N, K, 2) float32, pixels of the image.
        scores: (N, K) float32, raw.
        confidence: (N, K) float32 in [0, 1].
        depth_m: (N, K) float32, metres relative to the root; None for 2D models.
        std_px: (N, K, 2) float32, standard deviations in pixels of the image; None if unknown.
        depth_std_m: (N, K) float32, standard deviations of depth_m; None if unknown.
    """

    keypoints_2d: FloatArray
    scores: FloatArray
    confidence: FloatArray
    depth_m: FloatArray | None
    std_px: FloatArray | None = None
    depth_std_m: FloatArray | None = None

    def select(self, index: IntArray) -> Poses:
        """The selected people, in the order of the index.

        Without people there are no deviations, as of an image without people.
        """
        std_px, depth_std_m = (self.std_px, self.depth_std_m) if len(index) else (None, None)
        return Poses(
            keypoints_2d=self.keypoints_2d[index],
            scores=self.scores[index],
            confidence=self.confidence[index],
            depth_m=None if self.depth_m is None else self.depth_m[index],
            std_px=None if std_px is None else std_px[index],
            depth_std_m=None if depth_std_m is None else depth_std_m[index],
        )


def estimate_poses(
    session: PoseSession,
    images: Sequence[Image],
    boxes_xyxy: Sequence[FloatArray],
    *,
    flip_test: bool | None = None,
    with_std: bool = False,
    workers: int = 1,
) -> list[Poses]:
    """Estimate the poses of the people in each image, all people of all images together.

    Args:
        session: a pose network.
        images: (H, W, 3) uint8 BGR, of any sizes.
        boxes_xyxy: per image (N_i, 4), pixels; N_i may be 0.
        flip_test: also run every crop flipped, and average the logits; None for the
            default of the model.
        with_std: also compute standard deviations where the flip test, which gives them, is off.
        workers: number of calls of the network at once, among which the people are divided.

    Raises:
        InputError: an unusable box.
    """
    if not images:
        return []
    crops = crop_images(images, boxes_xyxy, session.spec.input_size_wh)
    poses = decode_crops(session, crops, flip_test=flip_test, with_std=with_std, workers=workers)
    ends = np.cumsum([len(boxes) for boxes in boxes_xyxy])
    starts = ends - [len(boxes) for boxes in boxes_xyxy]
    return [poses.select(np.arange(start, end)) for start, end in zip(starts, ends, strict=True)]


def crop_images(
    images: Sequence[Image], boxes_xyxy: Sequence[FloatArray], input_size_wh: tuple[int, int]
) -> Crops:
    """Crop all people of all images, in order."""
    cut = [
        crop_people(image, boxes, input_size_wh)
        for image, boxes in zip(images, boxes_xyxy, strict=True)
    ]
    if len(cut) == 1:
        return Crops(pixels=cut[0][0], image_from_crop=cut[0][1])
    return Crops(
        pixels=np.concatenate([pixels for pixels, _ in cut]),
        image_from_crop=np.concatenate([matrices for _, matrices in cut]),
    )


def decode_crops(
    session: PoseSession,
    crops: Crops,
    *,
    flip_test: bool | None = None,
    with_std: bool = False,
    workers: int = 1,
) -> Poses:
    """Run the network on crops and map the keypoints to their images."""
    spec = session.spec
    flip_test = spec.flip_test if flip_test is None else flip_test
    if len(crops) == 0:
        return _no_poses(spec.keypoints, has_depth=spec.codec.has_depth)
    run = partial(_run_flipped, session) if flip_test else partial(session.run, with_std=with_std)
    limit = CROPS_PER_CALL // (2 if flip_test else 1)
    chunks = _chunks(crops.pixels, min(limit, -(-len(crops) // workers)))
    if workers == 1 or len(chunks) == 1:
        decoded = [run(pixels) for pixels in chunks]
    else:
        with ThreadPoolExecutor(min(workers, len(chunks))) as pool:
            decoded = list(pool.map(run, chunks))
    bins = np.concatenate([np.asarray(part.bins) for part in decoded])
    points, depth_m = keypoints_from_bins(bins, spec.codec)
    std_px, depth_std_m = _standard_deviations(decoded, crops.image_from_crop, spec.codec)
    return Poses(
        keypoints_2d=apply_affine(crops.image_from_crop, points).astype(np.float32),
        scores=np.concatenate([part.scores for part in decoded]),
        confidence=np.concatenate([part.confidence for part in decoded]),
        depth_m=None if depth_m is None else depth_m.astype(np.float32),
        std_px=std_px,
        depth_std_m=depth_std_m,
    )


def _standard_deviations(
    decoded: Sequence[Decoded], image_from_crop: FloatArray, codec: SimCCSpec
) -> tuple[FloatArray | None, FloatArray | None]:
    """Those of image pixels (N, K, 2) and of relative depths (N, K); None where not computed."""
    parts = [part.std_bins for part in decoded if part.std_bins is not None]
    if len(parts) < len(decoded):
        return None, None
    std_crop, depth_std_m = std_from_bins(np.concatenate(parts), codec)
    scale = np.linalg.norm(image_from_crop[:, :, :2], axis=1)  # (N, 2), image px per crop px
    return (std_crop * scale[:, None]).astype(np.float32), depth_std_m


def _run_flipped(session: PoseSession, pixels: UInt8Array) -> Decoded:
    """Decode the mean of the logits of each crop and of its flipped image (mmpose, flip_test)."""
    people, flip_index = len(pixels), list(WHOLEBODY.flip_index)
    both = np.empty((2 * people, *pixels.shape[1:]), np.uint8)
    both[:people] = pixels
    for crop, flipped in zip(pixels, both[people:], strict=True):
        cv2.flip(crop, 1, dst=flipped)  # a twentieth of the time of NumPy's [:, ::-1]
    means = []
    for number, logits in enumerate(session.run_simcc(both)):
        mean = logits[people:].take(flip_index, axis=1)
        if number == 0:
            mean = np.ascontiguousarray(mean[:, :, ::-1])
        mean += logits[:people]
        mean *= np.float32(0.5)
        means.append(mean)
    return decode_simcc(means, session.spec.codec, with_std=True)


def _chunks(pixels: UInt8Array, size: int) -> list[UInt8Array]:
    return [pixels[i : i + size] for i in range(0, len(pixels), size)]


def _no_poses(keypoints: int, *, has_depth: bool) -> Poses:
    return Poses(
        keypoints_2d=np.zeros((0, keypoints, 2), np.float32),
        scores=np.zeros((0, keypoints), np.float32),
        confidence=np.zeros((0, keypoints), np.float32),
        depth_m=np.zeros((0, keypoints), np.float32) if has_depth else None,
    )
