"""Whole images with all labels: one moment or a clip of it, from one camera or several.

A shot is what happens: the same people, things and light. It gives views x frames images.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from rtmpose3d.errors import InputError
from rtmpose3d.structures.arrays import FloatArray, Image, UInt8Array
from rtmpose3d.synth.output.labels import PersonLabels, label_people
from rtmpose3d.synth.render import RenderJob, cover, degrade
from rtmpose3d.synth.scene import (
    Person,
    Scene,
    View,
    backdrop_place,
    compose_scene,
    eye_of,
    frame_group,
    looking_at,
    with_occluder,
    without_blockers,
)
from rtmpose3d.synth.world import World

MOST_VIEWS, MOST_FRAMES = 8, 600
IMAGES_AT_ONCE = 8
_WALK_M = 0.5  # the camera of a clip moves about this far a second
_SHAKE_M = 0.015


@dataclass(frozen=True, kw_only=True)
class ShotSettings:
    """What images a shot gives.

    Attributes:
        size_wh: width and height, px.
        views: cameras that see it at the same time.
        frames: moments; 1 for single images.
        fps: frames a second of a clip.
    """

    size_wh: tuple[int, int] = (640, 480)
    views: int = 1
    frames: int = 1
    fps: float = 25.0

    def __post_init__(self) -> None:
        if min(self.size_wh) < 32 or max(self.size_wh) > 4096:
            raise InputError(f"an image's sides must be 32 to 4096 px, got {self.size_wh}")
        if not 1 <= self.views <= MOST_VIEWS:
            raise InputError(f"views must be 1 to {MOST_VIEWS}, got {self.views}")
        if not 1 <= self.frames <= MOST_FRAMES:
            raise InputError(f"frames must be 1 to {MOST_FRAMES}, got {self.frames}")
        if not 1 <= self.fps <= 240:
            raise InputError(f"fps must be 1 to 240, got {self.fps}")

    @property
    def images(self) -> int:
        """Of a shot."""
        return self.views * self.frames


@dataclass(frozen=True, kw_only=True, eq=False)
class SynthSample:
    """A rendered image with its labels.

    Attributes:
        image: (H, W, 3) uint8 BGR, degraded as cameras do.
        owner: (H, W) uint8, 0 nobody, 255 props, i + 1 for `people[i]`.
        labels: of those whose silhouette touches the image; `person_index` into `people`.
        people: of the scene, in their poses.
        view: the camera.
        shot, view_index, frame_index: which image of which shot.
        time_s: since the shot's first frame.
    """

    image: Image
    owner: UInt8Array
    labels: tuple[PersonLabels, ...]
    people: tuple[Person, ...]
    view: View
    shot: int
    view_index: int
    frame_index: int
    time_s: float


@dataclass(frozen=True, kw_only=True, eq=False)
class _Planned:
    shot: int
    job: RenderJob
    view_index: int
    frame_index: int
    time_s: float
    degrade_seed: int


def make_shot(world: World, shot: int, settings: ShotSettings) -> list[SynthSample]:
    """Render a shot.

    Args:
        world: opened.
        shot: its number; with the world's seed and split it decides everything.
        settings: size, cameras, frames.

    Returns:
        Images ordered by frame, then by view.
    """
    return make_shots(world, [(shot, settings)])


def make_shots(world: World, shots: Sequence[tuple[int, ShotSettings]]) -> list[SynthSample]:
    """Render several shots, drawing some images at once; arguments as for `make_shot`."""
    planned = [image for shot, settings in shots for image in _plan(world, shot, settings)]
    samples: list[SynthSample] = []
    for start in range(0, len(planned), IMAGES_AT_ONCE):
        samples += _render(world, planned[start : start + IMAGES_AT_ONCE])
    return samples


def _plan(world: World, shot: int, settings: ShotSettings) -> list[_Planned]:
    rng = world.settings.rng("image", shot)
    count = world.how_many(rng)
    if settings.frames == 1:
        moments = [world.source.people(rng, count)]
    else:
        times = tuple(i / settings.fps for i in range(settings.frames))
        moments = list(world.source.clip(rng, count, times))
    scene = compose_scene(rng, moments[0], world.backdrops, world.kit, world.settings.scene)
    firsts = [frame_group(rng, moments[0], settings.size_wh) for _ in range(settings.views)]
    if rng.random() < world.settings.scene.occluder:
        hidden = moments[0][rng.integers(len(moments[0]))]
        scene = with_occluder(rng, scene, firsts[0], hidden, world.kit)
    for first in firsts:
        scene = without_blockers(scene, first)
    by_view: list[list[_Planned]] = []
    for view_index, first in enumerate(firsts):
        if view_index > 0 and scene.backdrop is not None:  # another side of the place
            scene = replace(scene, backdrop=world.backdrops.photo(rng))
        views = _camera_path(rng, first, moments, settings)
        seed = int(rng.integers(1 << 62))
        by_view.append(
            [
                _Planned(
                    shot=shot,
                    job=_job(replace(scene, people=people), view, first),
                    view_index=view_index,
                    frame_index=frame,
                    time_s=frame / settings.fps,
                    degrade_seed=seed,
                )
                for frame, (people, view) in enumerate(zip(moments, views, strict=True))
            ]
        )
    return [planned for frame in zip(*by_view, strict=True) for planned in frame]


def _job(scene: Scene, view: View, first: View) -> RenderJob:
    """A backdrop is as good as infinitely far: it moves only as the camera turns."""
    if scene.backdrop is None:
        return RenderJob(scene=scene, view=view)
    placed = backdrop_place(first, scene.backdrop)
    if placed is None:
        placed = cover(first.camera, scene.backdrop)
    if view is first:
        return RenderJob(scene=scene, view=view, backdrop_from_image=placed)
    turn = first.camera_from_world[:, :3] @ view.camera_from_world[:, :3].T
    camera = first.camera
    homography = camera.matrix @ turn @ np.linalg.inv(view.camera.matrix)
    return RenderJob(scene=scene, view=view, backdrop_from_image=placed @ homography)


def _camera_path(
    rng: np.random.Generator,
    first: View,
    moments: Sequence[tuple[Person, ...]],
    settings: ShotSettings,
) -> list[View]:
    """The camera walks slowly, follows the people and shakes a little as a hand does."""
    if len(moments) == 1:
        return [first]
    eye = eye_of(first)
    forward, right = first.camera_from_world[2, :3], first.camera_from_world[0, :3]
    start = _middle(moments[0])
    distance = max(float((start - eye) @ forward), 0.3)
    aim = eye + forward * distance
    roll_deg = math.degrees(math.asin(float(np.clip(right[2], -1, 1))))
    still = rng.random() < 0.35
    walk = rng.normal(0, 0 if still else _WALK_M, 3) * (1.0, 1.0, 0.3)
    follow = 1.0 if rng.random() < 0.7 else 0.0
    waves = rng.uniform(0.3, 1.6, (3, 3)), rng.uniform(0, 2 * math.pi, (3, 3))
    shake = 0.0 if still and rng.random() < 0.5 else _SHAKE_M
    views = [first]
    for frame, people in enumerate(moments[1:], 1):
        time = frame / settings.fps
        sway = np.sin(2 * math.pi * waves[0] * time + waves[1]) - np.sin(waves[1])
        place = eye + walk * time * 0.5 + shake * sway.sum(axis=0)
        place[2] = max(place[2], 0.12)
        moved = (_middle(people) - start) * follow * (1 - math.exp(-2 * time))
        if np.linalg.norm(aim + moved - place) < 0.3:
            place = views[-1].camera_from_world[:, :3].T @ -views[-1].camera_from_world[:, 3]
        views.append(looking_at(place, aim + moved, first.camera, roll_deg=-roll_deg))
    return views


def _middle(people: Sequence[Person]) -> FloatArray:
    return np.mean([p.keypoints_world[[11, 12]].mean(axis=0) for p in people], axis=0)


def _render(world: World, planned: Sequence[_Planned]) -> list[SynthSample]:
    renders = world.renderer.render_jobs([p.job for p in planned])
    samples: list[SynthSample] = []
    for plan, rendered in zip(planned, renders, strict=True):
        scene, view = plan.job.scene, plan.job.view
        image = degrade(
            rendered.image,
            np.random.default_rng(plan.degrade_seed),
            world.settings.degradation,
            np.random.default_rng([plan.degrade_seed, plan.frame_index]),
        )
        samples.append(
            SynthSample(
                image=image,
                owner=rendered.owner,
                labels=tuple(label_people(scene.people, view, rendered)),
                people=scene.people,
                view=view,
                shot=plan.shot,
                view_index=plan.view_index,
                frame_index=plan.frame_index,
                time_s=plan.time_s,
            )
        )
    return samples
