"""Distance of each person from the camera, from the lengths of their bones.

In: image points, depths relative to the root, confidences, a camera. Out: each root's depth Z and
its standard deviation. A bone's length follows from Z alone; the posterior of Z weighs how well
all lengths match adult proportions, over an unknown stature with a prior, with Student's t so that
single wrong keypoints do not count. Nothing random, no iteration limits to fail: a grid over
log Z, twice. How large the errors of the keypoints are, and where on the body a model puts them,
is measured per model (`KeypointAccuracy`), and so is the size of people's boxes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rtmpose3d.errors import InputError
from rtmpose3d.geometry.box_extents import LOWEST_JOINTS, BoxExtents, visible_boxes
from rtmpose3d.geometry.camera import MIN_DEPTH_M, Camera
from rtmpose3d.geometry.proportions import BONES, MEAN_STATURE_M, STATURE_STD
from rtmpose3d.geometry.stature import check_height_m
from rtmpose3d.skeletons import NUM_KEYPOINTS

DEFAULT_ROOT_DEPTH_M = 5.14388  # RTMPose3D puts every root there (mean of Human3.6M)
_STUDENT_NU = 4.0  # tails of the residuals: a bone four deviations off counts a fifth
_KNOWN_STATURE_STD = 0.01  # shoes, posture, rounding
_VAGUE_STD = 0.6  # of log length: errors so large mostly lengthen a bone, so it is unused
_MODEL_STD = 0.03  # of log Z: proportions shared by all bones of a person, table, keypoints
_ASSUMED_STD = 0.35  # of log Z: above it the bones count as uninformative
_ESTIMATED_BONES = 3  # different bones of which some must be reliable: a hand alone has one
_WRONG_DEPTHS = 2  # tolerated number of reliable points behind the camera, whose depths are wrong
_SMALLEST_BOX = 0.5  # of the reliable keypoints' extent: a smaller box is not this person's
_LARGEST_PX, _LARGEST_M = 1e6, 100.0  # larger coordinates are invalid
_COARSE, _FINE, _STATURE_STEPS = 48, 41, 4

# Extent of the reliable keypoints in metres and the deviation of its log, by the lowest joints
# among them: rendered people in random poses, the deviations widened.
_EXTENTS = np.array([[0.45, 0.80], [0.65, 0.55], [0.70, 0.50], [0.80, 0.50], [1.45, 0.50]])
_JOINTS = ((), (5, 6), (11, 12), (13, 14), (15, 16))  # of LOWEST_JOINTS

_PAIRS = np.array([pair for bone in BONES for pair in bone.keypoints])
_PER_PAIR = [bone for bone in BONES for _ in bone.keypoints]
_FIRST_PAIR = np.cumsum([0, *(len(bone.keypoints) for bone in BONES[:-1])])  # of each bone
_LENGTH_M = np.array([bone.length_m for bone in _PER_PAIR])
# Left and right are equally long, so a pair is one measurement of proportions, not two.
_STD = np.array([bone.std * len(bone.keypoints) ** 0.5 for bone in _PER_PAIR])
_EXPONENT = np.array([bone.stature_exponent for bone in _PER_PAIR])
_DEPTH_NOISE_M = np.array([bone.depth_noise_m for bone in _PER_PAIR])


@dataclass(frozen=True, kw_only=True)
class KeypointAccuracy:
    """Errors and placement of a model's keypoints, from people whose positions are known.

    The defaults are for models as accurate as the published ones (about 5 cm on H3WB).

    Attributes:
        point_std: error of an image point of full confidence, over the person's extent.
        depth_factor: errors of relative depths, as a multiple of `Bone.depth_noise_m`.
        full_confidence: confidence from which a keypoint is fully reliable.
        outlier_std: of the log of a bone's length, where a keypoint has no confidence.
        bone_ratio: length of a bone between the model's keypoints over that of the table, by the
            bone's name; 1 where there is none.
        box_extents: sizes of people's boxes; None: not measured, so boxes are not used.
    """

    point_std: float = 0.006  # 2 px of 384
    depth_factor: float = 1.0
    full_confidence: float = 0.7  # a head that reproduces its labels has 0.68 within 1 sigma
    outlier_std: float = 0.2
    bone_ratio: Mapping[str, float] = field(default_factory=dict, hash=False)
    box_extents: BoxExtents | None = None

    @cached_property
    def log_lengths(self) -> NDArray[np.float64]:
        """(B,) log of the length of each pair of keypoints in metres, between the model's."""
        ratio = [self.bone_ratio.get(bone.name, 1.0) for bone in _PER_PAIR]
        return np.log(_LENGTH_M * ratio)


PUBLISHED_ACCURACY = KeypointAccuracy()


@dataclass(frozen=True, kw_only=True, eq=False)
class RootDepth:
    """Depths of the roots of N people.

    Attributes:
        depth_m: (N,) float64, depth of the root (middle of the hips) along the optical axis.
        std_m: (N,) float64, its standard deviation, the camera taken as exact.
        source: per person "estimated" from bones, or "assumed" where the bones are uninformative.
    """

    depth_m: NDArray[np.float64]
    std_m: NDArray[np.float64]
    source: tuple[Literal["estimated", "assumed"], ...]


def solve_root_depth(
    keypoints_2d: NDArray[np.floating],
    depth_m: NDArray[np.floating],
    confidence: NDArray[np.floating],
    camera: Camera,
    *,
    height_m: ArrayLike | None = None,
    accuracy: KeypointAccuracy = PUBLISHED_ACCURACY,
    boxes_xyxy: NDArray[np.floating] | None = None,
) -> RootDepth:
    """Solve each person's root depth.

    Args:
        keypoints_2d: (N, 133, 2) pixels of the image.
        depth_m: (N, 133) metres, relative to the root.
        confidence: (N, 133) in [0, 1], as `rtmpose3d.codec` defines it. From
            `accuracy.full_confidence` a keypoint is fully reliable; below about a quarter of it, or
            where a number is not finite, it is unused.
        camera: of the image. An error of its focal length becomes the same error of the depths.
        height_m: standing stature without shoes, metres: one for all people or (N,), NaN where
            unknown. Without it statures are taken to be 1.70 m -/+ 7 %, which bounds the accuracy;
            children come out too far (at 1.2 m by a third).
        accuracy: of the keypoints.
        boxes_xyxy: (N, 4) px, of the visible part of each person; used if `accuracy` has
            `box_extents`.

    Returns:
        Depth, standard deviation and source per person. Never NaN: without usable bones the depth
        is assumed from the size in the image, and without that it is DEFAULT_ROOT_DEPTH_M.
        With boxes it is the estimate whose expected relative error is smallest.

    Raises:
        InputError: shapes that do not fit, or an impossible height.
    """
    people = _people(keypoints_2d, depth_m, confidence, camera, accuracy, boxes_xyxy)
    log_stature, stature_std = _stature_prior(height_m, len(people.prior_log_z))
    coarse = np.linspace(-3.5, 3.5, _COARSE) * people.prior_std[:, None]
    log_z = np.maximum(people.prior_log_z, people.min_log_z)[:, None] + coarse
    mean, std = _moments(log_z, _log_posterior(log_z, people, log_stature, stature_std))
    # The second grid spans what the first leaves open, or its spacing if that is wider.
    half = np.maximum(3.5 * std, 1.5 * (coarse[:, 1] - coarse[:, 0]))
    log_z = mean[:, None] + half[:, None] * np.linspace(-1, 1, _FINE)
    mean, std = _moments(log_z, _log_posterior(log_z, people, log_stature, stature_std))
    std = np.hypot(std, _MODEL_STD)
    if boxes_xyxy is not None and accuracy.box_extents is not None:
        # E|x / Z - 1| of a log-normal Z is smallest for the median under the weight 1 / Z.
        mean = np.maximum(mean - std**2, people.min_log_z)
    return RootDepth(
        depth_m=np.exp(mean),
        std_m=np.exp(mean) * std,
        source=tuple(
            "estimated" if known else "assumed"
            for known in ((std < _ASSUMED_STD) & (people.bones >= _ESTIMATED_BONES)).tolist()
        ),
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class _People:
    """N people's B bones: the squared length at root depth Z is a Z^2 + 2 b Z + c.

    `precision` is 1 / variance of the log length, 0 for bones that cannot be used. `prior_log_z`
    is the depth that the size in the image suggests; `min_log_z` keeps all before the camera.
    `bones` counts the different bones with a reliable pair.
    """

    a: NDArray[np.float64]  # (N, B)
    b: NDArray[np.float64]  # (N, B)
    c: NDArray[np.float64]  # (N, B)
    precision: NDArray[np.float64]  # (N, B)
    log_length: NDArray[np.float64]  # (B,)
    prior_log_z: NDArray[np.float64]  # (N,)
    prior_std: NDArray[np.float64]  # (N,)
    bones: NDArray[np.int64]  # (N,)
    min_log_z: NDArray[np.float64]  # (N,)


def _people(
    keypoints_2d: NDArray[np.floating],
    depth_m: NDArray[np.floating],
    confidence: NDArray[np.floating],
    camera: Camera,
    accuracy: KeypointAccuracy,
    boxes_xyxy: NDArray[np.floating] | None,
) -> _People:
    uv, z, sure = _checked(keypoints_2d, depth_m, confidence, accuracy.full_confidence)
    rays = camera.unproject(uv, 1.0).astype(np.float64, copy=False)  # (N, 133, 3)
    extent = _extent(rays, sure)  # (N,)
    first, second = _PAIRS.T
    slope = (rays[:, first] - rays[:, second])[..., :2]  # (N, B, 2), metres per metre of Z
    offset = rays[:, first] * z[:, first, None] - rays[:, second] * z[:, second, None]
    a = (slope**2).sum(axis=-1)
    noise = accuracy.point_std * extent[:, None]
    # A bone shorter than the noise of its ends carries no information.
    pair_sure = np.minimum(sure[:, first], sure[:, second])
    pair_sure = np.where(a > noise**2, pair_sure, 0.0)
    reliable = (sure > 0) & (sure >= 0.5 * sure.max(axis=1, keepdims=True, initial=0.0))
    nearest = np.partition(np.where(reliable, np.minimum(z, 0.0), 0.0), _WRONG_DEPTHS, axis=1)
    lowest = lowest_joints(sure)
    prior_log_z, prior_std = _extent_prior(extent, lowest, camera)
    if boxes_xyxy is not None and accuracy.box_extents is not None:
        side, cut = visible_boxes(boxes_xyxy, camera)
        fits = side >= _SMALLEST_BOX * extent
        by_box = accuracy.box_extents.log_depth(side, cut, lowest)
        prior_log_z, prior_std = np.where(fits, by_box, (prior_log_z, prior_std))
    reliable_pairs = _reliable(pair_sure)
    return _People(
        a=a,
        b=(slope * offset[..., :2]).sum(axis=-1),
        c=(offset**2).sum(axis=-1),
        precision=_precision(np.abs(offset[..., 2]), a, noise, pair_sure, accuracy),
        log_length=accuracy.log_lengths,
        prior_log_z=prior_log_z,
        prior_std=prior_std,
        bones=np.logical_or.reduceat(reliable_pairs, _FIRST_PAIR, axis=1).sum(axis=1),
        min_log_z=np.log(MIN_DEPTH_M - nearest[:, _WRONG_DEPTHS]),
    )


def _checked(
    keypoints_2d: NDArray[np.floating],
    depth_m: NDArray[np.floating],
    confidence: NDArray[np.floating],
    full_confidence: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Points, depths and reliability in [0, 1]; 0 where a number is unusable, and replaced."""
    uv, z, c = (np.asarray(array, np.float64) for array in (keypoints_2d, depth_m, confidence))
    shape = (len(uv) if uv.ndim else 0, NUM_KEYPOINTS)
    if uv.shape != (*shape, 2) or z.shape != shape or c.shape != shape:
        raise InputError(
            f"expected keypoints_2d (N, {NUM_KEYPOINTS}, 2), "
            f"depth_m and confidence (N, {NUM_KEYPOINTS}), got {uv.shape}, {z.shape} and {c.shape}"
        )
    usable = (np.abs(uv) < _LARGEST_PX).all(axis=-1) & (np.abs(z) < _LARGEST_M) & (c > 0)
    sure = np.where(usable, np.minimum(c / full_confidence, 1.0), 0.0)
    return np.where(usable[..., None], uv, 0.0), np.where(usable, z, 0.0), sure


def _extent(rays: NDArray[np.float64], sure: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N,) longer side of the reliable keypoints' extent, at depth 1; 0 if there are none."""
    used = ((sure > 0) & (sure >= 0.3 * sure.max(axis=1, keepdims=True, initial=0.0)))[..., None]
    xy = rays[..., :2]
    low = np.where(used, xy, np.inf).min(axis=1, initial=np.inf)
    high = np.where(used, xy, -np.inf).max(axis=1, initial=-np.inf)
    return np.where(used.any(axis=(1, 2)), (high - low).max(axis=1), 0.0)


def _reliable(sure: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(N, K) whether a reliability is high, as itself and among the person's."""
    return (sure >= 0.25) & (sure >= 0.5 * sure.max(axis=1, keepdims=True, initial=0.0))


def lowest_joints(sure: NDArray[np.float64]) -> NDArray[np.int64]:
    """The lowest reliable joint of each person.

    Args:
        sure: (N, 133) reliability in [0, 1]: confidence over that of full reliability, at most 1.

    Returns:
        (N,) index in `LOWEST_JOINTS`.
    """
    reliable = _reliable(sure)
    lowest = np.zeros(len(sure), np.int64)
    for kind in range(1, len(LOWEST_JOINTS)):
        lowest[reliable[:, _JOINTS[kind]].any(axis=1)] = kind
    return lowest


def _extent_prior(
    extent: NDArray[np.float64], lowest: NDArray[np.int64], camera: Camera
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(N,) log Z and its std that the extent of the reliable keypoints suggests."""
    known = extent > 2 / min(camera.fx, camera.fy)  # 2 px: less is one point
    extent_m, std = _EXTENTS[lowest].T
    depth_m = np.where(known, extent_m / np.where(known, extent, 1.0), DEFAULT_ROOT_DEPTH_M)
    return np.log(depth_m), np.where(known, std, 1.0)


def _precision(
    along_m: NDArray[np.float64],
    a: NDArray[np.float64],
    noise: NDArray[np.float64],
    sure: NDArray[np.float64],
    accuracy: KeypointAccuracy,
) -> NDArray[np.float64]:
    """(N, B) 1 / variance of a bone's log length: proportions, noise of its ends, mistakes.

    Args:
        along_m: (N, B) its depth difference, metres.
        a: (N, B) its squared length in the image, at depth 1.
        noise: (N, 1) error of an image point, at depth 1.
        sure: (N, B) reliability in [0, 1], of its less reliable end.
        accuracy: of the keypoints.
    """
    cos2 = np.minimum(along_m / _LENGTH_M, 1.0) ** 2
    depth_noise = cos2 * 2 * (accuracy.depth_factor * _DEPTH_NOISE_M / _LENGTH_M) ** 2
    used = sure > 0
    point_noise = (1 - cos2) * 2 * noise**2 / np.where(used, a, 1.0)
    mistakes = (accuracy.outlier_std * (1 - sure)) ** 2
    variance = _STD**2 + (depth_noise + point_noise + mistakes) / np.where(used, sure, 1.0) ** 2
    return np.where(used & (variance < _VAGUE_STD**2), 1 / variance, 0.0)


def _stature_prior(
    height_m: ArrayLike | None, people: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(N,) mean and standard deviation of log(stature / MEAN_STATURE_M)."""
    height = np.asarray(np.nan if height_m is None else height_m, np.float64)
    if height.shape not in ((), (people,)):
        raise InputError(
            f"height_m must be one number or one per person, got shape {height.shape} "
            f"for {people} people"
        )
    given = np.broadcast_to(height, (people,))
    known = ~np.isnan(given)
    check_height_m(given)
    mean = np.log(np.where(known, given, MEAN_STATURE_M) / MEAN_STATURE_M)
    return mean, np.where(known, _KNOWN_STATURE_STD, STATURE_STD)


def _log_posterior(
    log_z: NDArray[np.float64],
    people: _People,
    log_stature: NDArray[np.float64],
    stature_std: NDArray[np.float64],
) -> NDArray[np.float64]:
    """(N, G) log density (up to a constant) of N people's root depths on a grid of G.

    At each depth the stature is the one that fits best (iteratively reweighted least squares),
    and its uncertainty is integrated out around that (Laplace).
    """
    z = np.exp(log_z)[..., None]
    squared = (people.a[:, None] * z + 2 * people.b[:, None]) * z + people.c[:, None]
    excess = 0.5 * np.log(np.maximum(squared, 1e-8)) - people.log_length  # (N, G, B)
    precision = people.precision[:, None]
    prior = (1 / stature_std**2)[:, None]
    mean = log_stature[:, None]
    stature, curvature = np.broadcast_to(mean, log_z.shape), prior
    for _ in range(_STATURE_STEPS):
        residual = excess - _EXPONENT * stature[..., None]
        weight = precision * (_STUDENT_NU + 1) / (_STUDENT_NU + residual**2 * precision)
        curvature = weight @ _EXPONENT**2 + prior
        stature = ((weight * excess) @ _EXPONENT + prior * mean) / curvature
    residual = excess - _EXPONENT * stature[..., None]
    misfit = np.log1p(residual**2 * precision / _STUDENT_NU).sum(axis=-1) * (_STUDENT_NU + 1) / 2
    off_prior = (stature - mean) ** 2 * prior
    off_extent = ((log_z - people.prior_log_z[:, None]) / people.prior_std[:, None]) ** 2
    density = -misfit - 0.5 * (off_prior + off_extent + np.log(curvature))
    return np.where(log_z >= people.min_log_z[:, None], density, -np.inf)


def _moments(
    log_z: NDArray[np.float64], log_density: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(N,) mean and standard deviation of log Z."""
    weight = np.exp(log_density - log_density.max(axis=1, keepdims=True, initial=-1e300))
    weight /= weight.sum(axis=1, keepdims=True)
    mean = (weight * log_z).sum(axis=1)
    variance = (weight * (log_z - mean[:, None]) ** 2).sum(axis=1)
    return mean, np.sqrt(variance)
