"""Self-collision: capsules along the bones, and how deep they overlap.

Radii scale with stature and weight. Soft tissue gives way, so a few centimetres are allowed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rtmpose3d.structures import FloatArray, IntArray
from rtmpose3d.synth.body import RiggedBody

# Capsules of one side: name, start bone, end bone, start and end of the capsule as fractions of the
# line between them, radius as a fraction of the stature (average adults; scaled by weight).
_LIMBS: tuple[tuple[str, str, str, float, float, float], ...] = (
    ("upper_arm", "upperarm01", "lowerarm01", 0.15, 1.0, 0.027),
    ("forearm", "lowerarm01", "wrist", 0.05, 1.0, 0.021),
    ("hand", "wrist", "finger3-2", 0.2, 1.15, 0.017),
    ("thigh", "upperleg01", "lowerleg01", 0.3, 1.0, 0.044),
    ("shank", "lowerleg01", "foot", 0.0, 1.0, 0.030),
    ("foot", "foot", "toe3-1", 0.1, 1.1, 0.022),
)
# Capsules of the trunk, one on each side of the midline: name, start bone, end bone, lateral
# offsets of both ends as fractions of the distance from midline to shoulder, radius.
_TRUNK: tuple[tuple[str, str, str, float, float, float], ...] = (
    ("chest", "spine03", "spine01", 0.42, 0.5, 0.062),
    ("belly", "spine05", "spine03", 0.45, 0.42, 0.061),
    ("pelvis", "root", "spine05", 0.5, 0.45, 0.066),
)
_HEAD_RADIUS, _NECK_RADIUS = 0.052, 0.034
# Tested pairs with the allowed depth in metres (soft tissue and cloth).
_PAIRS: tuple[tuple[str, str, float], ...] = (
    ("hand", "head", 0.022),
    ("hand", "neck", 0.03),
    ("hand", "chest", 0.028),
    ("hand", "belly", 0.03),
    ("hand", "pelvis", 0.03),
    ("hand", "thigh", 0.025),
    ("hand", "shank", 0.02),
    ("forearm", "head", 0.02),
    ("forearm", "neck", 0.025),
    ("forearm", "chest", 0.03),
    ("forearm", "belly", 0.03),
    ("forearm", "pelvis", 0.03),
    ("forearm", "thigh", 0.03),
    ("upper_arm", "head", 0.03),
    ("upper_arm", "belly", 0.05),
    ("upper_arm", "thigh", 0.04),
    ("thigh", "chest", 0.055),
    ("thigh", "belly", 0.085),
    ("shank", "pelvis", 0.06),
    ("foot", "pelvis", 0.04),
    ("shank", "chest", 0.03),
)
_ACROSS: tuple[tuple[str, str, float], ...] = (  # of the left with the right
    ("hand", "hand", 0.022),
    ("hand", "forearm", 0.022),
    ("hand", "upper_arm", 0.022),
    ("forearm", "forearm", 0.024),
    ("forearm", "upper_arm", 0.03),
    ("thigh", "thigh", 0.06),
    ("thigh", "shank", 0.035),
    ("shank", "shank", 0.025),
    ("foot", "shank", 0.02),
    ("foot", "foot", 0.02),
    ("foot", "thigh", 0.03),
)


@dataclass(frozen=True, kw_only=True, eq=False)
class BodyVolume:
    """The capsules of a body.

    Attributes:
        names: of the C capsules.
        starts, ends: (C,) bones that carry the two ends.
        start_points, end_points: (C, 3) of the ends from those bones' heads, in the zero pose.
        radius_m: (C,).
        pairs: (P, 2) capsules that are compared.
        allowed_m: (P,) depth that they may overlap.
    """

    names: tuple[str, ...]
    starts: IntArray
    ends: IntArray
    start_points: FloatArray
    end_points: FloatArray
    radius_m: FloatArray
    pairs: IntArray
    allowed_m: FloatArray


def build_volume(body: RiggedBody) -> BodyVolume:
    """Builds the capsules of a body."""
    zero_heads = np.zeros_like(body.offsets)
    for i, parent in enumerate(body.rig.parents):
        zero_heads[i] = body.offsets[i] + (zero_heads[parent] if parent >= 0 else 0.0)
    rows: dict[str, tuple[int, int, FloatArray, FloatArray, float]] = {}
    weight = body.traits.weight
    limb_scale = body.stature_m * (0.82 + 0.36 * weight)
    trunk_scale = body.stature_m * (0.78 + 0.44 * weight)
    for side, sign in (("L", 1.0), ("R", -1.0)):
        for name, start, end, fraction_a, fraction_b, radius in _LIMBS:
            a, b = body.bone(f"{start}.{side}"), body.bone(f"{end}.{side}")
            line = zero_heads[b] - zero_heads[a]
            ends = fraction_a * line, fraction_b * line
            rows[f"{name}.{side}"] = (a, a, *ends, radius * limb_scale)
        width = abs(zero_heads[body.bone(f"upperarm01.{side}")][0])
        for name, start, end, out_a, out_b, radius in _TRUNK:
            a, b = body.bone(start), body.bone(end)
            rows[f"{name}.{side}"] = (
                a,
                b,
                np.array([sign * out_a * width, 0.0, 0.02 * body.stature_m]),
                np.array([sign * out_b * width, 0.0, 0.02 * body.stature_m]),
                radius * trunk_scale,
            )
    head, neck = body.bone("head"), body.bone("neck01")
    up = body.zero[head] @ (body.tails[head] - body.heads[head])
    ahead = np.array([0.0, 0.0, 0.02 * body.stature_m])
    size = _HEAD_RADIUS * body.stature_m
    rows["head."] = (head, head, up * 0.12 + ahead * 1.1, up * 0.62 + ahead * 0.7, size)
    rows["neck."] = (neck, head, ahead * 0, ahead * 0, _NECK_RADIUS * body.stature_m)
    names = tuple(rows)
    pairs, allowed = _pairs(names)
    return BodyVolume(
        names=names,
        starts=np.array([row[0] for row in rows.values()]),
        ends=np.array([row[1] for row in rows.values()]),
        start_points=np.array([row[2] for row in rows.values()]),
        end_points=np.array([row[3] for row in rows.values()]),
        radius_m=np.array([row[4] for row in rows.values()]),
        pairs=pairs,
        allowed_m=allowed,
    )


def _pairs(names: tuple[str, ...]) -> tuple[IntArray, FloatArray]:
    index = {name: i for i, name in enumerate(names)}
    found: dict[tuple[int, int], float] = {}

    def add(first: str, second: str, allowed: float) -> None:
        a, b = index[first], index[second]
        found[min(a, b), max(a, b)] = allowed

    for limb, other, allowed in _PAIRS:
        for side in "LR":
            for sides in ("", "L", "R"):
                if f"{other}.{sides}" in index:
                    add(f"{limb}.{side}", f"{other}.{sides}", allowed)
    for limb, other, allowed in _ACROSS:
        add(f"{limb}.L", f"{other}.R", allowed)
        add(f"{limb}.R", f"{other}.L", allowed)
    return np.array(list(found)), np.array(list(found.values()))


def capsule_ends(
    volume: BodyVolume, rotations: FloatArray, heads: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Ends of the capsules in a pose: two (C, 3) arrays."""
    start = (
        heads[volume.starts] + (rotations[volume.starts] @ volume.start_points[:, :, None])[..., 0]
    )
    end = heads[volume.ends] + (rotations[volume.ends] @ volume.end_points[:, :, None])[..., 0]
    return start, end


def overlap_m(volume: BodyVolume, rotations: FloatArray, heads: FloatArray) -> FloatArray:
    """(P,) depth by which each pair overlaps beyond the allowed depth, metres; 0 if it does not."""
    start, end = capsule_ends(volume, rotations, heads)
    first, second = volume.pairs[:, 0], volume.pairs[:, 1]
    gap = segment_distance(start[first], end[first], start[second], end[second])
    depth = volume.radius_m[first] + volume.radius_m[second] - gap
    return np.maximum(depth - volume.allowed_m, 0.0)


def segment_distance(p1: FloatArray, q1: FloatArray, p2: FloatArray, q2: FloatArray) -> FloatArray:
    """Minimum distances (N,) between segments p1-q1 and p2-q2, (N, 3) each."""
    d1, d2, r = q1 - p1, q2 - p2, p1 - p2
    a = np.maximum(np.einsum("ni,ni->n", d1, d1), 1e-12)
    e = np.maximum(np.einsum("ni,ni->n", d2, d2), 1e-12)
    b = np.einsum("ni,ni->n", d1, d2)
    c = np.einsum("ni,ni->n", d1, r)
    f = np.einsum("ni,ni->n", d2, r)
    denominator = np.maximum(a * e - b * b, 1e-12)
    s = np.clip((b * f - c * e) / denominator, 0.0, 1.0)
    t = np.clip((b * s + f) / e, 0.0, 1.0)
    s = np.clip((b * t - c) / a, 0.0, 1.0)
    away = r + s[:, None] * d1 - t[:, None] * d2
    return np.sqrt(np.einsum("ni,ni->n", away, away))
