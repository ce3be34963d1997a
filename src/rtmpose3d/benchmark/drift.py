"""Drift: how far a backend and precision move keypoints and boxes, compared with fp32.

Both networks run on the same crops of real people, so that nothing but the arithmetic differs.
Distances are pixels of the network's input.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rtmpose3d.benchmark.measuring import BenchmarkPlan, find_weights
from rtmpose3d.codec import Decoded, decode_simcc, keypoints_from_bins
from rtmpose3d.errors import InputError, WeightsError
from rtmpose3d.geometry.letterbox import letterbox
from rtmpose3d.pipeline import PoseEstimator
from rtmpose3d.pipeline.pose import crop_images
from rtmpose3d.runtime import (
    DetectorSession,
    PoseSession,
    RuntimeOptions,
    open_detector,
    open_pose,
)
from rtmpose3d.skeletons import PART_INDICES
from rtmpose3d.structures import BoolArray, FloatArray, Frame, Image, Runtime, UInt8Array
from rtmpose3d.zoo import (
    DetectorSpec,
    ModelSpec,
    PoseSpec,
    default_confidence_thr,
    resolve_detector,
)

CROPS_PER_PERSON = 4
SHIFT, SCALE = 0.06, 0.12  # of the further crops: shares of the box's sides
CROPS_PER_RUN = 16
SCORE_THR = 0.3  # boxes that a detector is judged by
ALL = "wholebody"
PARTS = (ALL, "body", "feet", "face", "left_hand", "right_hand")


@dataclass(frozen=True, kw_only=True)
class PartDrift:
    """Drift of the keypoints of a part of the body in which fp32 is confident.

    Attributes:
        part: one of `PARTS`.
        count: number of keypoints, over all crops.
        signed_px: mean over x and y of keypoint minus keypoint in fp32; the larger of the two.
        mean_px, p99_px: mean and 99th percentile of the distances.
        depth_mm: mean absolute difference of the relative depths; nan without depth.
        confidence: mean absolute difference of the confidences.
    """

    part: str
    count: int
    signed_px: float
    mean_px: float
    p99_px: float
    depth_mm: float
    confidence: float


@dataclass(frozen=True, kw_only=True)
class BoxDrift:
    """Drift of the boxes that a detector scores above `SCORE_THR` in fp32.

    Attributes:
        count: number of boxes before suppression, over all images.
        mean_px, p99_px, max_px: mean, 99th percentile and maximum of the distances of their sides.
        max_score: largest difference of scores.
    """

    count: int
    mean_px: float
    p99_px: float
    max_px: float
    max_score: float


@dataclass(frozen=True, kw_only=True)
class Drift:
    """Drift of a model in one backend and precision.

    Attributes:
        model: name of the model.
        runtime: of the network that is compared.
        reference: of the network in fp32.
        parts: of a pose model, in the order of `PARTS`; empty for a detector.
        boxes: of a detector; None for a pose model.
    """

    model: str
    runtime: Runtime
    reference: Runtime
    parts: tuple[PartDrift, ...] = ()
    boxes: BoxDrift | None = None


def measure_drift(spec: ModelSpec, plan: BenchmarkPlan, images: Sequence[Image]) -> list[Drift]:
    """Drift of a model in the backends and the precision of a plan.

    Args:
        spec: a pose model, whose own detector crops the people, or a detector.
        plan: backends, device, precision, threads and folder of weights.
        images: photographs of people.

    Raises:
        WeightsError: the model's weights are not on this disk: synthetic ones do not drift as
            trained ones do.
        InputError: there are no people in the images.
        BackendError: a device or precision is not available.
    """
    weights = require_weights(spec, plan.cache_dir)
    exact = RuntimeOptions(device="cpu", precision="fp32", threads=plan.threads)
    if isinstance(spec, DetectorSpec):
        reference = open_detector(spec, weights, exact)
        detectors = [open_detector(spec, weights, plan.runtime(name)) for name in plan.backends]
        return [
            Drift(
                model=spec.name,
                runtime=session.runtime,
                reference=reference.runtime,
                boxes=box_drift(session, reference, images),
            )
            for session in detectors
        ]
    if not isinstance(spec, PoseSpec):
        raise InputError(f"{spec.name} is neither a pose model nor a detector")
    of_people = resolve_detector(spec.detector)
    detector = open_detector(of_people, require_weights(of_people, plan.cache_dir), exact)
    exact_pose = open_pose(spec, weights, exact)
    crops = crop_everyone(images, detector, exact_pose)
    drifts = []
    for name in plan.backends:
        session = open_pose(spec, weights, plan.runtime(name))
        parts = tuple(pose_drift(session, exact_pose, crops))
        drifts.append(
            Drift(
                model=spec.name,
                runtime=session.runtime,
                reference=exact_pose.runtime,
                parts=parts,
            )
        )
    return drifts


def require_weights(spec: ModelSpec, cache_dir: Path | None) -> Path:
    """The file of a model's weights.

    Raises:
        WeightsError: it is not on this disk.
    """
    weights = find_weights(spec, cache_dir)
    if not isinstance(weights, Path):
        raise WeightsError(
            f"the weights of {spec.name} are not on this disk, and synthetic ones do not drift as "
            f"trained ones do; run: rtmpose3d download {spec.name}"
        )
    return weights


def crop_everyone(
    images: Sequence[Image], detector: DetectorSession, session: PoseSession
) -> UInt8Array:
    """Crops of all people in images, each also with its box shifted and scaled a little.

    Args:
        images: photographs of people.
        detector: finds them.
        session: of the pose model; its input size is that of the crops.

    Raises:
        InputError: there are no people in the images.
    """
    estimator = PoseEstimator(pose=session, detector=detector)
    people = estimator.detect([Frame(image=image) for image in images])
    rng = np.random.default_rng(0)
    boxes = [
        np.concatenate([_vary(detected.boxes_xyxy, rng, i) for i in range(CROPS_PER_PERSON)])
        for detected in people
    ]
    if not sum(map(len, boxes)):
        raise InputError("drift is measured on people, and none was detected in the images")
    return crop_images(images, boxes, session.spec.input_size_wh).pixels


def pose_drift(session: PoseSession, reference: PoseSession, crops: UInt8Array) -> list[PartDrift]:
    """Drift of a pose network, of all keypoints and by part.

    Args:
        session: the network that is compared.
        reference: the same model in fp32.
        crops: (N, h, w, 3) uint8, as `crop_everyone` makes them.
    """
    ours, theirs = _decode(session, crops), _decode(reference, crops)
    (points, depth_m), (expected, expected_m) = (
        keypoints_from_bins(np.asarray(decoded.bins), session.spec.codec)
        for decoded in (ours, theirs)
    )
    offsets = points - expected  # (N, K, 2)
    depth = np.full(offsets.shape[:2], np.nan)
    if depth_m is not None and expected_m is not None:
        depth = 1e3 * np.abs(depth_m - expected_m)
    confidence = np.abs(ours.confidence - theirs.confidence)
    judged = theirs.confidence >= default_confidence_thr(session.spec.name)
    drifts = []
    for name in PARTS:
        part = np.zeros_like(judged)
        part[:, PART_INDICES[name]] = True
        drifts.append(_part_drift(name, offsets, depth, confidence, judged & part))
    return drifts


def box_drift(
    session: DetectorSession, reference: DetectorSession, images: Sequence[Image]
) -> BoxDrift:
    """Drift of a detector's boxes and scores.

    Args:
        session: the network that is compared.
        reference: the same model in fp32.
        images: of any sizes.

    Raises:
        InputError: there are no people in the images.
    """
    distances: list[FloatArray] = []
    scores: list[FloatArray] = []
    for image in images:
        pixels = letterbox(image, session.input_size_wh)[0][None]
        ((ours,), (theirs,)) = session.run(pixels), reference.run(pixels)
        found = theirs.scores > SCORE_THR
        distances.append(np.abs(ours.boxes_xyxy[found] - theirs.boxes_xyxy[found]))
        scores.append(np.abs(ours.scores - theirs.scores))
    sides = np.concatenate(distances)
    if not len(sides):
        raise InputError("drift is measured on people, and none was detected in the images")
    return BoxDrift(
        count=len(sides),
        mean_px=float(sides.mean()),
        p99_px=float(np.percentile(sides, 99)),
        max_px=float(sides.max()),
        max_score=float(np.concatenate(scores).max()),
    )


def _vary(boxes_xyxy: FloatArray, rng: np.random.Generator, variant: int) -> FloatArray:
    """Boxes shifted and scaled at random; those of variant 0 as they are."""
    if variant == 0:
        return boxes_xyxy
    centers = (boxes_xyxy[:, :2] + boxes_xyxy[:, 2:]) / 2
    sides = boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]
    centers = centers + rng.uniform(-SHIFT, SHIFT, centers.shape) * sides
    halves = sides * rng.uniform(1 - SCALE, 1 + SCALE, (len(sides), 1)) / 2
    return np.concatenate([centers - halves, centers + halves], axis=1).astype(np.float32)


def _decode(session: PoseSession, crops: UInt8Array) -> Decoded:
    parts = [
        decode_simcc(session.run_simcc(crops[i : i + CROPS_PER_RUN]), session.spec.codec)
        for i in range(0, len(crops), CROPS_PER_RUN)
    ]
    return Decoded(
        bins=np.concatenate([np.asarray(part.bins) for part in parts]),
        scores=np.concatenate([part.scores for part in parts]),
        confidence=np.concatenate([part.confidence for part in parts]),
    )


def offset_statistics(offsets: FloatArray) -> tuple[float, float, float]:
    """Signed mean, the larger of x and y; mean and 99th percentile of the lengths.

    Args:
        offsets: (P, 2), at least one.
    """
    lengths = np.linalg.norm(offsets, axis=1)
    signed = offsets.mean(axis=0)
    return (
        float(signed[np.abs(signed).argmax()]),
        float(lengths.mean()),
        float(np.percentile(lengths, 99)),
    )


def _part_drift(
    name: str,
    offsets: FloatArray,
    depth_mm: FloatArray,
    confidence: FloatArray,
    judged: BoolArray,
) -> PartDrift:
    if not judged.any():
        nan = float("nan")
        return PartDrift(
            part=name, count=0, signed_px=nan, mean_px=nan, p99_px=nan, depth_mm=nan, confidence=nan
        )
    moved = offsets[judged]  # (P, 2)
    signed_px, mean_px, p99_px = offset_statistics(moved)
    return PartDrift(
        part=name,
        count=len(moved),
        signed_px=signed_px,
        mean_px=mean_px,
        p99_px=p99_px,
        depth_mm=float(depth_mm[judged].mean()),
        confidence=float(confidence[judged].mean()),
    )
