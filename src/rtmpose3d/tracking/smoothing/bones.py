"""Bones of constant length over a track: one length for each, and the poses that have it.

The lengths of a person do not change; where they seem to, the depth of the root, the pixels or the
relative depths are wrong. First the root's depth of each frame is refined so that the bones are as
long as in the whole track; then the keypoints move as little as possible, more along the view than
across it, until every bone has its length.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rtmpose3d.geometry import Camera
from rtmpose3d.skeletons import WHOLEBODY
from rtmpose3d.structures import FloatArray, IntArray

_LIMBS = ((15, 13), (13, 11), (16, 14), (14, 12), (11, 12), (5, 6), (5, 7), (6, 8), (7, 9), (8, 10))
_WRISTS = ((9, 91), (10, 112))
RIGID_BONES: IntArray = np.array(
    [
        *_LIMBS,
        *WHOLEBODY.part_bones("feet").tolist(),
        *_WRISTS,
        *WHOLEBODY.part_bones("left_hand").tolist(),
        *WHOLEBODY.part_bones("right_hand").tolist(),
    ],
    np.int64,
)
"""(B, 2) pairs of keypoints with a constant distance; the trunk bends, and the face moves."""
_MIN_WEIGHT = 0.6  # reliability of both ends from which a frame counts for a length
_MIN_FRAMES = 5
_SCALE_STEPS = 3
_LENGTH_STD = 0.06  # of the log length of a bone in one frame
_STUDENT_NU = 4.0
_SWEEPS = 30  # over all bones; afterwards lengths agree within a millimetre
_ACROSS, _ALONG = 1.0, 6.0  # how far keypoints move across the view and along it, relatively


@dataclass(frozen=True, kw_only=True, eq=False)
class BoneLengths:
    """Lengths of the bones of one person.

    Attributes:
        pairs: (B, 2) keypoints.
        length_m: (B,) metres.
    """

    pairs: IntArray
    length_m: FloatArray


def measured_lengths(space: FloatArray, weight: FloatArray) -> BoneLengths:
    """Lengths of the bones that are reliable in enough frames: medians, the same for both sides.

    Args:
        space: (F, K, 3) metres, camera space.
        weight: (F, K) reliability of the keypoints.
    """
    first, second = RIGID_BONES.T
    lengths = np.linalg.norm(space[:, first] - space[:, second], axis=2)  # (F, B)
    sure = np.minimum(weight[:, first], weight[:, second]) >= _MIN_WEIGHT
    other = _other_side(RIGID_BONES)
    lengths = np.concatenate([lengths, lengths[:, other]])
    sure = np.concatenate([sure, sure[:, other]]) & np.isfinite(lengths)
    usable = sure.sum(axis=0) >= _MIN_FRAMES
    median = np.nanmedian(np.where(sure, lengths, np.nan)[:, usable], axis=0)
    return BoneLengths(pairs=RIGID_BONES[usable], length_m=median)


def _other_side(pairs: IntArray) -> IntArray:
    """Index of the bone on the other side of the body; its own for bones across the body."""
    index = {frozenset(pair): i for i, pair in enumerate(pairs.tolist())}
    flipped = WHOLEBODY.flip_index[pairs].tolist()
    return np.array([index[frozenset(pair)] for pair in flipped])


def refined_root_depths(
    points: FloatArray,
    relative_m: FloatArray,
    weight: FloatArray,
    root_depth_m: FloatArray,
    lengths: BoneLengths,
    camera: Camera,
) -> tuple[FloatArray, FloatArray]:
    """Root depths for which the limbs are as long as in the whole track.

    Args:
        points: (F, K, 2) px.
        relative_m: (F, K) metres relative to the root.
        weight: (F, K) reliability.
        root_depth_m: (F,) to start from.
        lengths: of the person.
        camera: of the images.

    Returns:
        Depths (F,) in metres and standard deviations of their logs (F,), given the lengths;
        infinite without a usable bone.
    """
    limbs = np.isin(lengths.pairs, np.arange(17)).all(axis=1)
    first, second = lengths.pairs[limbs].T
    rays = camera.unproject(points, 1.0)
    slope = (rays[:, first] - rays[:, second])[..., :2]
    offset = rays[:, first] * relative_m[:, first, None] - (
        rays[:, second] * relative_m[:, second, None]
    )
    a = np.square(slope).sum(axis=-1)
    b = (slope * offset[..., :2]).sum(axis=-1)
    c = np.square(offset).sum(axis=-1)
    sure = np.minimum(weight[:, first], weight[:, second])
    log_z = np.log(np.maximum(root_depth_m, 1e-3))
    information = np.zeros(len(log_z))
    for _ in range(_SCALE_STEPS):  # Gauss-Newton on log Z, reweighted for Student's t
        z = np.exp(log_z)[:, None]
        squared = np.maximum((a * z + 2 * b) * z + c, 1e-8)
        residual = 0.5 * np.log(squared) - np.log(lengths.length_m[limbs])
        slope_z = z * (a * z + b) / squared  # d log length / d log Z
        t = np.square(residual) / _LENGTH_STD**2
        precision = sure**2 / _LENGTH_STD**2 * (_STUDENT_NU + 1) / (_STUDENT_NU + t)
        information = (precision * slope_z**2).sum(axis=1)
        step = (precision * slope_z * residual).sum(axis=1) / np.maximum(information, 1e-9)
        log_z = log_z - np.clip(step, -0.2, 0.2)
    std = np.where(information > 0, 1 / np.sqrt(np.maximum(information, 1e-9)), np.inf)
    return np.exp(log_z), std


def constrained(space: FloatArray, weight: FloatArray, lengths: BoneLengths) -> FloatArray:
    """Poses with bones of these lengths, near the given ones.

    Each bone in turn is brought to its length by moving both ends, the less reliable one farther
    and both mostly along the view (the projection of extended position-based dynamics, Macklin
    et al. 2016, with anisotropic masses); all frames at once.

    Args:
        space: (F, K, 3) metres, camera space.
        weight: (F, K) reliability.
        lengths: of the person.
    """
    space = space.copy()
    view = space / np.maximum(np.linalg.norm(space, axis=2, keepdims=True), 1e-9)
    mobility = 1 / np.maximum(weight, 0.05) ** 2
    for _ in range(_SWEEPS):
        for (i, j), length in zip(lengths.pairs.tolist(), lengths.length_m.tolist(), strict=True):
            bone = space[:, i] - space[:, j]
            current = np.maximum(np.linalg.norm(bone, axis=1, keepdims=True), 1e-9)
            direction = bone / current
            towards_i = mobility[:, i, None] * _compliant(direction, view[:, i])
            towards_j = mobility[:, j, None] * _compliant(direction, view[:, j])
            total = ((towards_i + towards_j) * direction).sum(axis=1, keepdims=True)
            step = (length - current) / total
            space[:, i] += step * towards_i
            space[:, j] -= step * towards_j
    return space


def _compliant(direction: FloatArray, view: FloatArray) -> FloatArray:
    """(F, 3) direction, longer along the view: keypoints are less certain in depth."""
    along = (direction * view).sum(axis=1, keepdims=True) * view
    return _ACROSS * (direction - along) + _ALONG * along
