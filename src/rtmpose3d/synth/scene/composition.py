"""Composes scenes: people, light, backdrop, floor, walls, props and occluders.

In: posed people and a random generator. Out: a `Scene`. The same generator state and the same
files give the same scene.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np

from rtmpose3d.errors import InputError
from rtmpose3d.structures.arrays import FloatArray, Image
from rtmpose3d.synth.scene.backdrops import Backdrops
from rtmpose3d.synth.scene.cameras import camera_position
from rtmpose3d.synth.scene.props import PropKit
from rtmpose3d.synth.scene.types import CameraView, Light, Person, Prop, Scene

_BODY_RADIUS_M = 0.45  # clearance between objects and keypoints, on the ground

_OUTLINE = [0, 5, 6, 9, 10, 11, 12, 13, 14, 15, 16]  # keypoints that represent a body
_RAY_SAMPLES = np.linspace(0.0, 0.95, 40)  # from the camera to a keypoint
_MAX_HIDDEN_FRACTION = 0.5
_MIN_SEAT_HEIGHT_M = 0.2
_MIN_EYE_DISTANCE_M = 0.45
_HORIZON = 0.46  # of a photograph, from the top, as a fraction of its height
_MAX_STRETCH = 2.2  # of a photograph, relative to just covering the image
_SITTING = (
    *("sit", "sit_wide", "sit_forward", "sit_legs_crossed"),
    *("sit_ankle_on_knee", "sit_stretched", "cycle"),
)


@dataclass(frozen=True, kw_only=True)
class SceneSettings:
    """Probabilities, 0 to 1, of what a scene contains.

    Attributes:
        photo: a photograph as backdrop; otherwise walls, sky or a painted image.
        room: walls, in scenes without a photograph.
        floor: a drawn floor instead of shadows on the photograph, in scenes with one.
        clutter: mean number of objects around the people (not a probability).
        occluder: an object in front of a person.
        shadows: the light casts shadows.
    """

    photo: float = 0.72
    room: float = 0.6
    floor: float = 0.15
    clutter: float = 2.5
    occluder: float = 0.22
    shadows: float = 0.85

    def __post_init__(self) -> None:
        for name in ("photo", "room", "floor", "occluder", "shadows"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"{name} is a probability, 0 to 1, got {getattr(self, name)!r}")
        if not 0 <= self.clutter <= 20:
            raise InputError(f"clutter must be 0 to 20 objects, got {self.clutter!r}")


def compose_scene(
    rng: np.random.Generator,
    people: tuple[Person, ...],
    backdrops: Backdrops,
    kit: PropKit,
    settings: SceneSettings,
) -> Scene:
    """Composes a scene around people.

    Args:
        rng: source of all randomness.
        people: posed in the world, the ground at z = 0.
        backdrops: photographs.
        kit: props.
        settings: probabilities.
    """
    props: list[Prop] = []
    floor, material = True, None
    backdrop = None
    if rng.random() < settings.photo:
        backdrop = backdrops.photo(rng)
        if rng.random() < settings.floor:
            material = kit.floor_material(rng)
    else:
        material = kit.floor_material(rng)
        if rng.random() < settings.room:
            props += _room(rng, people, kit)
        elif rng.random() < 0.5:
            backdrop = backdrops.photo(rng)
    props += _seats(rng, people, kit)
    for _ in range(rng.poisson(settings.clutter)):
        props += _clutter(rng, people, kit)
    return Scene(
        people=people,
        props=tuple(props),
        light=random_light(rng, backdrop, shadows=rng.random() < settings.shadows),
        backdrop=backdrop,
        floor=floor,
        floor_material=material,
    )


def random_light(rng: np.random.Generator, backdrop: Image | None, *, shadows: bool) -> Light:
    """Sun, lamp or cloudy sky, tinted like the backdrop."""
    around, up = rng.uniform(0, 2 * math.pi), math.radians(rng.uniform(15, 80))
    direction = np.array(
        [math.cos(up) * math.cos(around), math.cos(up) * math.sin(around), math.sin(up)]
    )
    warmth = rng.normal(0, 0.08)
    sun = np.array([1 + warmth, 1.0, 1 - warmth]) * rng.uniform(0.15, 1.15)
    sky = np.array([1 - 0.6 * warmth, 1.0, 1 + 0.6 * warmth]) * rng.uniform(0.25, 0.7)
    if not shadows:
        sun, sky = sun * 0.5, sky + 0.15
    ground = sky * rng.uniform(0.35, 0.8)
    if backdrop is not None and rng.random() < 0.8:
        tint = _backdrop_tint(backdrop)
        sky, ground = sky * tint, ground * tint
        sun = sun * (0.5 + 0.5 * tint)
    return Light(
        direction_world=direction,
        colour_rgb=_rgb(sun),
        sky_rgb=_rgb(sky),
        ground_rgb=_rgb(ground),
        shadows=shadows,
    )


def fit_backdrop(view: CameraView, backdrop: Image | None) -> FloatArray | None:
    """Fits a backdrop to a view so that people stand on the photograph's ground.

    Most photographs are taken level, so their horizon is aligned with the view's, provided that
    the photograph then covers the image and is not stretched too much.

    Returns:
        (3, 3) backdrop from image, for `RenderJob.backdrop_from_image`; None, which centres the
        backdrop, if there is none or if the view looks too far up or down.
    """
    if backdrop is None:
        return None
    camera, (height, width) = view.camera, backdrop.shape[:2]
    down = -view.camera_from_world[2, 2]  # sine of the angle by which the camera looks down
    horizon = camera.cy - camera.fy * down / math.sqrt(max(1 - down * down, 1e-6))
    above, below = horizon / camera.height, 1 - horizon / camera.height
    stretch = max(above / _HORIZON, below / (1 - _HORIZON))  # of heights, in image heights
    px_per_texel = max(camera.width / width, camera.height / height * max(stretch, 1.0))
    min_px_per_texel = max(camera.width / width, camera.height / height)
    if not 0 < horizon < camera.height or px_per_texel > _MAX_STRETCH * min_px_per_texel:
        return None
    scale = 1 / px_per_texel
    return np.array(
        [
            [scale, 0.0, (width - 1) / 2 - scale * (camera.width - 1) / 2],
            [0.0, scale, _HORIZON * height - scale * horizon],
            [0.0, 0.0, 1.0],
        ]
    )


def with_occluder(
    rng: np.random.Generator, scene: Scene, view: CameraView, person: Person, kit: PropKit
) -> Scene:
    """The scene with an added object between a view's camera and a part of a person."""
    eye = camera_position(view)
    low, high = person.keypoints_world.min(axis=0), person.keypoints_world.max(axis=0)
    aim = rng.uniform(low, high)
    part = rng.uniform(0.35, 0.85)
    position = eye + (aim - eye) * part
    if rng.random() < 0.5:  # standing on the ground
        extra = kit.object_at(rng, position[:2])
    else:
        size = np.exp(rng.uniform(math.log(0.1), math.log(0.55), 3)) * part
        extra = (kit.shape_at(rng, position, size_m=size),)
    return replace(scene, props=(*scene.props, *extra))


def without_blockers(scene: Scene, view: CameraView) -> Scene:
    """The scene without the objects that hide most of its people from a view.

    Nothing can be learnt from a wall between camera and people, or an object around the camera.
    """
    eye = camera_position(view)
    people = np.concatenate([p.keypoints_world[_OUTLINE] for p in scene.people])
    rays = eye + (people - eye)[:, None] * _RAY_SAMPLES[:, None]  # (P, S, 3)
    kept = tuple(p for p in scene.props if _hidden_fraction(p, rays) < _MAX_HIDDEN_FRACTION)
    return scene if len(kept) == len(scene.props) else replace(scene, props=kept)


def _hidden_fraction(prop: Prop, rays: FloatArray) -> float:
    """Fraction of rays (P, S, 3) through the bounding box of a prop; 1 close to the camera."""
    if _distance_to_box(prop, rays[0, 0]) < _MIN_EYE_DISTANCE_M:
        return 1.0
    low, high = prop.mesh.positions.min(axis=0), prop.mesh.positions.max(axis=0)
    linear, shift = prop.world_from_rest[:, :3], prop.world_from_rest[:, 3]
    points_rest = (rays - shift) @ np.linalg.inv(linear).T
    return float(((points_rest > low) & (points_rest < high)).all(axis=2).any(axis=1).mean())


def _distance_to_box(prop: Prop, point: FloatArray) -> float:
    """Distance from a world point to the bounding box of a prop, metres; 0 inside."""
    low, high = prop.mesh.positions.min(axis=0), prop.mesh.positions.max(axis=0)
    linear, shift = prop.world_from_rest[:, :3], prop.world_from_rest[:, 3]
    point_rest = np.linalg.solve(linear, point - shift)
    return float(np.linalg.norm(linear @ (point_rest - np.clip(point_rest, low, high))))


def _clutter(rng: np.random.Generator, people: tuple[Person, ...], kit: PropKit) -> list[Prop]:
    """An object near the people; none if no free spot was found."""
    occupied = np.concatenate([p.keypoints_world[:, :2] for p in people])
    middle, spread = occupied.mean(axis=0), float(np.ptp(occupied, axis=0).max())
    for _ in range(5):
        angle, far = rng.uniform(0, 2 * math.pi), rng.uniform(0.5, 3.5) + spread / 2
        spot = middle + far * np.array([math.cos(angle), math.sin(angle)])
        if np.linalg.norm(occupied - spot, axis=1).min() > _BODY_RADIUS_M + 0.25:
            if rng.random() < 0.15:  # hanging or thrown
                return [kit.shape_at(rng, np.array([*spot, rng.uniform(0.3, 2.4)]))]
            return list(kit.object_at(rng, spot))
    return []


def _seats(rng: np.random.Generator, people: tuple[Person, ...], kit: PropKit) -> list[Prop]:
    """Seats under most people who sit above the ground."""
    seats: list[Prop] = []
    for person in people:
        height = person.attributes.get("seat_height_m")
        if person.attributes.get("legs") not in _SITTING or not isinstance(height, float):
            continue
        if height < _MIN_SEAT_HEIGHT_M or rng.random() < 0.1:
            continue
        hips, knees = (person.keypoints_world[pair].mean(axis=0) for pair in ([11, 12], [13, 14]))
        forward = knees[:2] - hips[:2]
        if np.linalg.norm(forward) < 0.15:
            continue
        forward = forward / np.linalg.norm(forward)
        top = np.array([*(hips[:2] - 0.02 * forward), height])
        seats += kit.seat(rng, top, math.atan2(forward[1], forward[0]))
    return seats


def _room(rng: np.random.Generator, people: tuple[Person, ...], kit: PropKit) -> list[Prop]:
    """Two to four walls around the people."""
    occupied = np.concatenate([p.keypoints_world[:, :2] for p in people])
    middle = (occupied.min(axis=0) + occupied.max(axis=0)) / 2
    reach = float(np.linalg.norm(occupied - middle, axis=1).max())
    first = rng.uniform(0, 2 * math.pi)
    walls: list[Prop] = []
    for side in range(rng.integers(2, 5)):
        out = first + side * math.pi / 2
        far = reach + rng.uniform(0.5, 4.0)
        position = middle + far * np.array([math.cos(out), math.sin(out)])
        walls += kit.wall(rng, position, out + math.pi)
    return walls


def _backdrop_tint(backdrop: Image) -> FloatArray:
    """(3,) RGB factors on the light, from the mean colour of an image."""
    small = cv2.resize(backdrop, (8, 8), interpolation=cv2.INTER_AREA).astype(np.float64) / 255
    mean = np.square(small).mean(axis=(0, 1))[::-1]
    factor = np.sqrt(np.maximum(mean, 0.02) / 0.22)  # 1 for a photograph of average brightness
    return np.clip(factor, 0.35, 1.6)


def _rgb(colour: FloatArray) -> tuple[float, float, float]:
    red, green, blue = np.maximum(colour, 0.0).tolist()
    return red, green, blue
