"""Synthetic people of sticks: random statures, proportions and poses, before random cameras."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rtmpose3d.geometry import Camera
from rtmpose3d.geometry.proportions import BONES, MEAN_STATURE_M

LENGTH = {bone.name: bone.length_m for bone in BONES}
STD = {bone.name: bone.std for bone in BONES}
EXPONENT = {bone.name: bone.stature_exponent for bone in BONES}
BODY = range(17)
HEAD = (0, 1, 2, 3, 4, *range(23, 91))
DOWN, FORWARD = np.array([0.0, 1.0, 0.0]), np.array([0.0, 0.0, 1.0])


@dataclass
class People:
    """N people: true camera-space points, what a network would report of them, and the truth."""

    points: np.ndarray  # (N, 133, 3)
    keypoints_2d: np.ndarray  # (N, 133, 2)
    depth_m: np.ndarray  # (N, 133)
    confidence: np.ndarray  # (N, 133)
    camera: Camera
    root_depth_m: np.ndarray  # (N,)
    stature_m: np.ndarray  # (N,)


def make_people(
    count,
    rng,
    *,
    distance_m=(2.0, 12.0),
    stature_m=None,
    proportions=1.0,
    noise_px=0.0,
    noise_m=0.0,
    outliers=0.0,
    visible=range(133),
    camera=None,
):
    """`proportions` scales how much single bones scatter; `outliers` is a share of keypoints."""
    camera = camera or Camera(fx=1480.0, fy=1440.0, cx=990.0, cy=500.0, width=1920, height=1080)
    statures = (
        np.exp(rng.normal(np.log(MEAN_STATURE_M), 0.07, count))
        if stature_m is None
        else np.full(count, stature_m)
    )
    points = np.stack([_person(s, proportions, rng) for s in statures])
    points -= points[:, [11, 12]].mean(axis=1, keepdims=True)
    depth = np.exp(rng.uniform(*np.log(distance_m), count))
    middle = camera.unproject(rng.uniform([500, 350], [1400, 750], (count, 2)), depth)
    points += middle[:, None]
    uv = camera.project(points)
    relative = points[..., 2] - depth[:, None]
    confidence = np.zeros((count, 133))
    confidence[:, list(visible)] = rng.uniform(0.5, 0.9, (count, len(visible)))
    uv = uv + rng.normal(0, 1, uv.shape) * noise_px
    relative = relative + rng.normal(0, 1, relative.shape) * noise_m
    wrong = (rng.random(confidence.shape) < outliers) & (confidence > 0)
    uv[wrong] += rng.normal(0, 150, (wrong.sum(), 2))
    relative[wrong] += rng.normal(0, 0.5, wrong.sum())
    confidence[wrong] = rng.uniform(0.02, 0.2, wrong.sum())
    return People(points, uv, relative, confidence, camera, depth, statures)


def _person(stature, proportions, rng):
    """(133, 3) one person, x right, y down, rotated to any side, seen from somewhat above."""
    size = {
        name: length
        * (stature / MEAN_STATURE_M) ** EXPONENT[name]
        * np.exp(rng.normal(0, STD[name] * proportions))
        for name, length in LENGTH.items()
    }
    p = np.zeros((133, 3))
    sitting = rng.random() < 0.3
    lean = _rotation(*rng.normal(0, [0.2, 0.3, 0.1]))
    half_hips = np.array([size["hips"] / 2, 0, 0])
    p[11], p[12] = half_hips, -half_hips
    half_shoulders = np.array([size["shoulders"] / 2, 0, 0])
    side = half_shoulders - half_hips
    up = np.sqrt(max(size["side of the trunk"] ** 2 - side @ side, 0.01))
    p[5], p[6] = (lean @ (half - up * DOWN) for half in (half_shoulders, -half_shoulders))
    _head(p, lean @ np.array([0, -up - 0.25 * stature / 1.7, 0.05]), size, rng)
    for shoulder, sign in ((5, 1), (6, -1)):
        upper = _direction(rng, spread=0.8)
        p[shoulder + 2] = p[shoulder] + size["upper arm"] * upper
        fore = _unit(upper + rng.normal(0, 0.7, 3) + 0.4 * FORWARD)
        p[shoulder + 4] = p[shoulder + 2] + size["forearm"] * fore
        hand = 91 if sign == 1 else 112
        p[hand : hand + 21] = p[shoulder + 4]
        p[hand + 9] += size["palm"] * _unit(fore + rng.normal(0, 0.3, 3))
    for hip, foot in ((11, 17), (12, 20)):
        thigh = _unit((DOWN + 4 * FORWARD if sitting else DOWN) + rng.normal(0, 0.3, 3))
        p[hip + 2] = p[hip] + size["thigh"] * thigh
        shank = _unit(DOWN + rng.normal(0, 0.25, 3))
        p[hip + 4] = p[hip + 2] + size["shank"] * shank
        forward = size["foot"] * _unit(np.array([0, 0.1, 1]) + rng.normal(0, 0.2, 3))
        p[foot + 2] = p[hip + 4] + 0.06 * DOWN - 0.25 * forward
        p[foot] = p[foot + 2] + forward
        p[foot + 1] = p[foot]
    view = _rotation(rng.normal(0.15, 0.15), rng.uniform(-np.pi, np.pi), 0)
    return p @ view.T


def _head(p, middle, size, rng):
    look = _rotation(*rng.normal(0, [0.3, 0.5, 0.1]))
    p[HEAD, :] = middle
    at = {0: (0, 0.02, 0.11)}
    for (right, left), name, y, z in (
        ((2, 1), "pupils", -0.02, 0.08),
        ((4, 3), "ears", 0.0, 0.0),
        ((23, 39), "width of the face", 0.01, 0.02),
        ((59, 68), "outer corners of the eyes", -0.02, 0.07),
    ):
        at[right], at[left] = (-size[name] / 2, y, z), (size[name] / 2, y, z)
    at[50] = (0, -0.03, 0.1)
    at[31] = (0, -0.03 + size["height of the face"], 0.1)
    for keypoint, xyz in at.items():
        p[keypoint] = middle + look @ np.array(xyz)


def _direction(rng, spread):
    return _unit(DOWN + rng.normal(0, spread, 3))


def _unit(v):
    return v / np.linalg.norm(v)


def _rotation(pitch, yaw, roll):
    c, s = np.cos([pitch, yaw, roll]), np.sin([pitch, yaw, roll])
    x = np.array([[1, 0, 0], [0, c[0], -s[0]], [0, s[0], c[0]]])
    y = np.array([[c[1], 0, s[1]], [0, 1, 0], [-s[1], 0, c[1]]])
    z = np.array([[c[2], -s[2], 0], [s[2], c[2], 0], [0, 0, 1]])
    return y @ x @ z
