"""Random views of people as in photographs: full body, cropped, close-ups of face or hand, far.

A view is sampled for one person: which part of the body fills which fraction of the image, from
which direction and height, with which focal length. Other people may or may not be in it.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from rtmpose3d.geometry import Camera
from rtmpose3d.skeletons import WHOLEBODY
from rtmpose3d.structures.arrays import FloatArray
from rtmpose3d.synth.scene.cameras import looking_at
from rtmpose3d.synth.scene.types import CameraView, Person

Framing = Literal["full", "far", "upper", "head", "face", "hand", "lower"]
FRAMINGS: dict[Framing, float] = {
    "full": 0.56,
    "far": 0.06,
    "upper": 0.17,
    "head": 0.07,
    "face": 0.04,
    "hand": 0.06,
    "lower": 0.04,
}
"""Probability of each framing."""

_FOV_DEG = (25.0, 48.0, 90.0)  # minimum, mode and maximum over the longer side
_MIN_DISTANCE_M = 0.35  # from the camera to the target's centre
_MIN_HEIGHT_M = 0.12  # of the camera above the ground
_MIN_CLEARANCE_M = 0.3  # between the camera and any keypoint
_FILLED: dict[Framing, tuple[float, float]] = {  # fraction of the image that the target fills
    "full": (0.45, 1.05),
    "far": (0.12, 0.45),
    "upper": (0.55, 1.15),
    "head": (0.45, 1.1),
    "face": (0.3, 0.9),
    "hand": (0.25, 0.9),
    "lower": (0.5, 1.0),
}
_HEAD = [*range(5), *range(23, 91)]


def choose_framing(rng: np.random.Generator) -> Framing:
    """Samples one of FRAMINGS."""
    names = list(FRAMINGS)
    return names[rng.choice(len(names), p=np.array(list(FRAMINGS.values())))]


def frame_person(
    rng: np.random.Generator,
    person: Person,
    others: tuple[Person, ...],
    size_wh: tuple[int, int],
    framing: Framing,
) -> CameraView:
    """Samples a view of a person.

    Args:
        rng: source of all randomness.
        person: the person to show.
        others: other people; the camera keeps clear of their bodies.
        size_wh: width and height of the image, px.
        framing: part of the person that fills the image.
    """
    camera = Camera.from_fov(
        width=size_wh[0], height=size_wh[1], fov_deg=float(rng.triangular(*_FOV_DEG))
    )
    obstacles = np.concatenate([p.keypoints_world for p in (person, *others)])
    view = None
    for _ in range(6):
        target = person.keypoints_world[_sample_target(rng, framing)]
        away = _sample_direction(rng, person, framing)
        view, eye = _place_camera(rng, camera, target, away, framing)
        if np.linalg.norm(obstacles - eye, axis=1).min() > _MIN_CLEARANCE_M:
            break
    assert view is not None
    return view


def frame_group(
    rng: np.random.Generator, people: tuple[Person, ...], size_wh: tuple[int, int]
) -> CameraView:
    """Samples a view of several people together, or of one of them."""
    if len(people) == 1 or rng.random() < 0.4:
        one = int(rng.integers(len(people)))
        others = tuple(p for i, p in enumerate(people) if i != one)
        return frame_person(rng, people[one], others, size_wh, choose_framing(rng))
    camera = Camera.from_fov(
        width=size_wh[0], height=size_wh[1], fov_deg=float(rng.triangular(*_FOV_DEG))
    )
    some = rng.permutation(len(people))[: rng.integers(2, len(people) + 1)]
    target = np.concatenate([people[i].keypoints_world for i in some])
    obstacles = np.concatenate([p.keypoints_world for p in people])
    view = None
    for _ in range(6):
        away = _sample_direction(rng, people[some[0]], "full")
        view, eye = _place_camera(rng, camera, target, away, "full")
        if np.linalg.norm(obstacles - eye, axis=1).min() > _MIN_CLEARANCE_M:
            break
    assert view is not None
    return view


def facing(person: Person, *, head: bool = False) -> FloatArray:
    """(3,) unit vector in which a person's trunk, or head, faces."""
    points = person.keypoints_world
    if head:
        front = points[0] - (points[3] + points[4]) / 2
    else:
        left_right = points[[5, 11]].mean(axis=0) - points[[6, 12]].mean(axis=0)
        up = points[[5, 6]].mean(axis=0) - points[[11, 12]].mean(axis=0)
        front = np.cross(left_right, up)
    return front / max(float(np.linalg.norm(front)), 1e-9)


def _sample_target(rng: np.random.Generator, framing: Framing) -> list[int]:
    """Keypoints that fill the image."""
    if framing == "upper":
        return [*_HEAD, 5, 6, 7, 8, 11, 12]
    if framing == "head":
        return [*_HEAD, 5, 6]
    if framing == "face":
        return list(range(23, 91))
    if framing == "lower":
        return [*range(11, 23)]
    if framing == "hand":
        left = rng.random() < 0.5
        hand = range(91, 112) if left else range(112, 133)
        arm = [7 if left else 8] if rng.random() < 0.6 else []
        return [*hand, *arm, *(_HEAD if rng.random() < 0.25 else [])]
    return list(range(len(WHOLEBODY)))


def _sample_direction(rng: np.random.Generator, person: Person, framing: Framing) -> FloatArray:
    """(3,) unit vector from the target to the camera."""
    front = facing(person, head=framing in ("head", "face"))
    around = math.atan2(front[1], front[0])
    if framing == "face":
        around += rng.normal(0, math.radians(40))
    elif rng.random() < 0.6:
        around += rng.normal(0, math.radians(45))
    else:
        around += rng.uniform(-math.pi, math.pi)
    height = rng.random()
    if height < 0.72:
        up = rng.normal(4, 8)
    elif height < 0.83:
        up = rng.uniform(-30, 0)
    elif height < 0.96:
        up = rng.uniform(10, 45)
    else:
        up = rng.uniform(45, 85)
    up = math.radians(up)
    return np.array(
        [math.cos(up) * math.cos(around), math.cos(up) * math.sin(around), math.sin(up)]
    )


def _place_camera(
    rng: np.random.Generator,
    camera: Camera,
    target: FloatArray,
    away: FloatArray,
    framing: Framing,
) -> tuple[CameraView, FloatArray]:
    """A view in which the target (K, 3) fills part of the image, and the camera's position."""
    low, high = _FILLED[framing]
    fraction = math.exp(rng.uniform(math.log(low), math.log(high)))
    middle = (target.min(axis=0) + target.max(axis=0)) / 2
    roll = rng.normal(0, 3) if rng.random() < 0.93 else rng.uniform(-35, 35)
    level = looking_at(middle + away, middle, camera, roll_deg=float(roll))
    spread = (target - middle) @ level.camera_from_world[:, :3].T
    half = np.abs(spread).max(axis=0) + 0.03
    slopes = np.array([camera.width / 2 / camera.fx, camera.height / 2 / camera.fy])
    distance = float((half[:2] / (slopes * fraction)).max()) + float(half[2])
    distance = max(distance, _MIN_DISTANCE_M)
    eye = middle + away * distance
    eye[2] = max(eye[2], _MIN_HEIGHT_M)
    # aim off the centre, so that the target is anywhere in the image
    margin = np.maximum(slopes * (distance - half[2]) - half[:2], 0.12 * half[:2])
    right, down = level.camera_from_world[0, :3], level.camera_from_world[1, :3]
    offset = margin * rng.uniform(-0.9, 0.9, 2)
    aim = middle + right * offset[0] + down * offset[1]
    return looking_at(eye, aim, camera, roll_deg=float(roll)), eye
