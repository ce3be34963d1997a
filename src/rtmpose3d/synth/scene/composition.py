"""Puts scenes together: people, light, what stands behind, around and before them.

In: people at their places and a random generator. Out: a `Scene`. The same generator state and
the same files give the same scene.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np

from rtmpose3d.errors import InputError
from rtmpose3d.structures.arrays import FloatArray, Image
from rtmpose3d.synth.scene.backdrops import Backdrops
from rtmpose3d.synth.scene.cameras import eye_of
from rtmpose3d.synth.scene.props import PropKit
from rtmpose3d.synth.scene.types import CameraView, Light, Person, Prop, Scene

_BODY_RADIUS_M = 0.45  # objects keep this far from every keypoint's place on the ground

_OUTLINE = [0, 5, 6, 9, 10, 11, 12, 13, 14, 15, 16]  # keypoints that stand for a body
_ALONG = np.linspace(0.0, 0.95, 40)  # places on the way from the camera to a keypoint
_MOST_HIDDEN = 0.5
_LOWEST_SEAT_M = 0.2
_NEAR_EYE_M = 0.45
_HORIZON = 0.46  # of a photograph, from the top, in parts of its height
_LARGEST_STRETCH = 2.2  # of a photograph, beyond what covers the image
_SITTING = (
    *("sit", "sit_wide", "sit_forward", "sit_legs_crossed"),
    *("sit_ankle_on_knee", "sit_stretched", "cycle"),
)


@dataclass(frozen=True, kw_only=True)
class SceneSettings:
    """How scenes are composed; probabilities are 0 to 1.

    Attributes:
        photo: a photograph behind; otherwise walls, sky or a painted image.
        room: without a photograph: walls around.
        floor: with a photograph: a floor is drawn, too, instead of shadows on the photograph.
        clutter: mean number of things around.
        occluder: a thing stands or floats before a person.
        shadows: the light throws shadows.
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
            raise InputError(f"clutter must be 0 to 20 things, got {self.clutter!r}")


def compose_scene(
    rng: np.random.Generator,
    people: tuple[Person, ...],
    backdrops: Backdrops,
    kit: PropKit,
    settings: SceneSettings,
) -> Scene:
    """A scene around people.

    Args:
        rng: chooses everything.
        people: at their places, the ground at z = 0.
        backdrops: photographs.
        kit: things.
        settings: how often what.
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
        props += _thing(rng, people, kit)
    return Scene(
        people=people,
        props=tuple(props),
        light=random_light(rng, backdrop, shadows=rng.random() < settings.shadows),
        backdrop=backdrop,
        floor=floor,
        floor_material=material,
    )


def random_light(rng: np.random.Generator, backdrop: Image | None, *, shadows: bool) -> Light:
    """Sun, lamp or cloudy sky, in the mood of the backdrop."""
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
        mood = _mood(backdrop)
        sky, ground = sky * mood, ground * mood
        sun = sun * (0.5 + 0.5 * mood)
    return Light(
        direction_world=direction,
        colour_rgb=_rgb(sun),
        sky_rgb=_rgb(sky),
        ground_rgb=_rgb(ground),
        shadows=shadows,
    )


def backdrop_place(view: CameraView, backdrop: Image | None) -> FloatArray | None:
    """(3, 3) backdrop from image: fitted so that people stand on the photograph's ground.

    Photographs are mostly taken level: their horizon is laid on the view's, as far as the
    photograph then still covers the image and is not stretched too much.

    Returns:
        The matrix for `RenderJob.backdrop_from_image`; None for the middle of the backdrop, where
        the view looks too far up or down.
    """
    if backdrop is None:
        return None
    camera, (height, width) = view.camera, backdrop.shape[:2]
    down = -view.camera_from_world[2, 2]  # sine of the angle by which the camera looks down
    horizon = camera.cy - camera.fy * down / math.sqrt(max(1 - down * down, 1e-6))
    above, below = horizon / camera.height, 1 - horizon / camera.height
    stretch = max(above / _HORIZON, below / (1 - _HORIZON))  # of heights, in image heights
    image_px_a_texel = max(camera.width / width, camera.height / height * max(stretch, 1.0))
    least = max(camera.width / width, camera.height / height)
    if not 0 < horizon < camera.height or image_px_a_texel > _LARGEST_STRETCH * least:
        return None
    scale = 1 / image_px_a_texel
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
    """The scene with a thing between a view's camera and a part of a person."""
    eye = eye_of(view)
    low, high = person.keypoints_world.min(axis=0), person.keypoints_world.max(axis=0)
    aim = rng.uniform(low, high)
    part = rng.uniform(0.35, 0.85)
    place = eye + (aim - eye) * part
    if rng.random() < 0.5:  # something that stands there
        extra = kit.object_at(rng, place[:2])
    else:
        size = np.exp(rng.uniform(math.log(0.1), math.log(0.55), 3)) * part
        extra = (kit.shape_at(rng, place, size_m=size),)
    return replace(scene, props=(*scene.props, *extra))


def without_blockers(scene: Scene, view: CameraView) -> Scene:
    """The scene without the things that hide most of what a view would show of its people.

    A wall between camera and people teaches nothing; neither does a thing around the camera.
    """
    eye = eye_of(view)
    people = np.concatenate([p.keypoints_world[_OUTLINE] for p in scene.people])
    rays = eye + (people - eye)[:, None] * _ALONG[:, None]  # (P, S, 3)
    kept = tuple(p for p in scene.props if _hidden_share(p, rays) < _MOST_HIDDEN)
    return scene if len(kept) == len(scene.props) else replace(scene, props=kept)


def _hidden_share(prop: Prop, rays: FloatArray) -> float:
    """Part of the rays (P, S, 3) that pass through the box around a prop; 1 if the eye is in it."""
    if _distance_to_box(prop, rays[0, 0]) < _NEAR_EYE_M:
        return 1.0
    low, high = prop.mesh.positions.min(axis=0), prop.mesh.positions.max(axis=0)
    turn, shift = prop.world_from_rest[:, :3], prop.world_from_rest[:, 3]
    places = (rays - shift) @ np.linalg.inv(turn).T
    return float(((places > low) & (places < high)).all(axis=2).any(axis=1).mean())


def _distance_to_box(prop: Prop, point: FloatArray) -> float:
    """From a world point to the box around a prop, metres; 0 inside."""
    low, high = prop.mesh.positions.min(axis=0), prop.mesh.positions.max(axis=0)
    turn, shift = prop.world_from_rest[:, :3], prop.world_from_rest[:, 3]
    inside = np.linalg.solve(turn, point - shift)
    return float(np.linalg.norm(turn @ (inside - np.clip(inside, low, high))))


def _thing(rng: np.random.Generator, people: tuple[Person, ...], kit: PropKit) -> list[Prop]:
    """Something around the people, or nothing where there was no room."""
    places = np.concatenate([p.keypoints_world[:, :2] for p in people])
    middle, spread = places.mean(axis=0), float(np.ptp(places, axis=0).max())
    for _ in range(5):
        angle, far = rng.uniform(0, 2 * math.pi), rng.uniform(0.5, 3.5) + spread / 2
        place = middle + far * np.array([math.cos(angle), math.sin(angle)])
        if np.linalg.norm(places - place, axis=1).min() > _BODY_RADIUS_M + 0.25:
            if rng.random() < 0.15:  # hanging or thrown
                return [kit.shape_at(rng, np.array([*place, rng.uniform(0.3, 2.4)]))]
            return list(kit.object_at(rng, place))
    return []


def _seats(rng: np.random.Generator, people: tuple[Person, ...], kit: PropKit) -> list[Prop]:
    """Something under most of those who sit above the ground."""
    seats: list[Prop] = []
    for person in people:
        height = person.attributes.get("seat_height_m")
        if person.attributes.get("legs") not in _SITTING or not isinstance(height, float):
            continue
        if height < _LOWEST_SEAT_M or rng.random() < 0.1:
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
    """Two to four walls, none through a person."""
    places = np.concatenate([p.keypoints_world[:, :2] for p in people])
    middle = (places.min(axis=0) + places.max(axis=0)) / 2
    reach = float(np.linalg.norm(places - middle, axis=1).max())
    first = rng.uniform(0, 2 * math.pi)
    walls: list[Prop] = []
    for side in range(rng.integers(2, 5)):
        out = first + side * math.pi / 2
        far = reach + rng.uniform(0.5, 4.0)
        place = middle + far * np.array([math.cos(out), math.sin(out)])
        walls += kit.wall(rng, place, out + math.pi)
    return walls


def _mood(backdrop: Image) -> FloatArray:
    """(3,) RGB factors on the light, from the mean colour of an image."""
    small = cv2.resize(backdrop, (8, 8), interpolation=cv2.INTER_AREA).astype(np.float64) / 255
    mean = np.square(small).mean(axis=(0, 1))[::-1]
    factor = np.sqrt(np.maximum(mean, 0.02) / 0.22)  # as bright as a middling photograph: 1
    return np.clip(factor, 0.35, 1.6)


def _rgb(colour: FloatArray) -> tuple[float, float, float]:
    red, green, blue = np.maximum(colour, 0.0).tolist()
    return red, green, blue
