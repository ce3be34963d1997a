"""Full images with all labels: single images or clips, from one camera or several.

A shot is one scene: the same people, objects and light. It yields views x frames images.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from rtmpose3d.errors import InputError
from rtmpose3d.structures.arrays import FloatArray, Image, UInt8Array
from rtmpose3d.synth.output.labels import PersonLabels, label_people
from rtmpose3d.synth.render import RenderJob, centre_backdrop, degrade
from rtmpose3d.synth.scene import (
    CameraView,
    Person,
    Scene,
    camera_position,
    compose_scene,
    fit_backdrop,
    frame_group,
    looking_at,
    with_occluder,
    without_blockers,
)
from rtmpose3d.synth.world import World

MAX_VIEWS, MAX_FRAMES = 8, 600
IMAGES_AT_ONCE = 8
_CAMERA_SPEED_M_S = 0.5  # typical speed of a moving camera
_SHAKE_M = 0.015


@dataclass(frozen=True, kw_only=True)
class ShotSettings:
    """Size and number of a shot's images.

    Attributes:
        size_wh: width and height, px.
        views: simultaneous cameras.
        frames: frames of each camera; 1 for single images.
        fps: frames per second of a clip.
    """

    size_wh: tuple[int, int] = (640, 480)
    views: int = 1
    frames: int = 1
    fps: float = 25.0

    def __post_init__(self) -> None:
        if min(self.size_wh) < 32 or max(self.size_wh) > 4096:
            raise InputError(f"an image's sides must be 32 to 4096 px, got {self.size_wh}")
        if not 1 <= self.views <= MAX_VIEWS:
            raise InputError(f"views must be 1 to {MAX_VIEWS}, got {self.views}")
        if not 1 <= self.frames <= MAX_FRAMES:
            raise InputError(f"frames must be 1 to {MAX_FRAMES}, got {self.frames}")
        if not 1 <= self.fps <= 240:
            raise InputError(f"fps must be 1 to 240, got {self.fps}")

    @property
    def images(self) -> int:
        """Number of images in a shot."""
        return self.views * self.frames


@dataclass(frozen=True, kw_only=True, eq=False)
class SynthSample:
    """A rendered image with its labels.

    Attributes:
        image: (H, W, 3) uint8 BGR, with camera effects.
        owner: (H, W) uint8, 0 background, 255 props, i + 1 for `people[i]`.
        labels: labels of the people whose silhouette touches the image.
        people: all people of the scene in their poses; `PersonLabels.person_index` points here.
        view: the camera.
        shot, view_index, frame_index: number of the shot, camera and frame within it.
        time_s: time since the shot's first frame.
    """

    image: Image
    owner: UInt8Array
    labels: tuple[PersonLabels, ...]
    people: tuple[Person, ...]
    view: CameraView
    shot: int
    view_index: int
    frame_index: int
    time_s: float


@dataclass(frozen=True, kw_only=True, eq=False)
class PlannedImage:
    """An image to be rendered.

    Attributes:
        shot, view_index, frame_index: number of the shot, camera and frame within it.
        job: scene and view.
        time_s: time since the shot's first frame.
        degrade_seed: seed of the camera effects, the same for the frames of a camera.
    """

    shot: int
    job: RenderJob
    view_index: int
    frame_index: int
    time_s: float
    degrade_seed: int


def make_shot(world: World, shot: int, settings: ShotSettings) -> list[SynthSample]:
    """Renders a shot.

    Args:
        world: open.
        shot: number of the shot; decides everything together with the world's seed and split.
        settings: size, cameras, frames.

    Returns:
        Images ordered by frame, then by view.
    """
    return make_shots(world, [(shot, settings)])


def make_shots(world: World, shots: Sequence[tuple[int, ShotSettings]]) -> list[SynthSample]:
    """Renders several shots, given as number and settings, several images at once."""
    planned = [image for shot, settings in shots for image in _plan_shot(world, shot, settings)]
    samples: list[SynthSample] = []
    for start in range(0, len(planned), IMAGES_AT_ONCE):
        samples += render_planned(world, planned[start : start + IMAGES_AT_ONCE])
    return samples


def _plan_shot(world: World, shot: int, settings: ShotSettings) -> list[PlannedImage]:
    rng = world.settings.rng("image", shot)
    count = world.sample_people_count(rng)
    if settings.frames == 1:
        moments = [world.source.people(rng, count)]
    else:
        times = tuple(i / settings.fps for i in range(settings.frames))
        moments = list(world.source.clip(rng, count, times))
    scene = compose_scene(rng, moments[0], world.backdrops, world.kit, world.settings.scene)
    first_views = [frame_group(rng, moments[0], settings.size_wh) for _ in range(settings.views)]
    if rng.random() < world.settings.scene.occluder:
        hidden = moments[0][rng.integers(len(moments[0]))]
        scene = with_occluder(rng, scene, first_views[0], hidden, world.kit)
    for first in first_views:
        scene = without_blockers(scene, first)
    by_view: list[list[PlannedImage]] = []
    for view_index, first in enumerate(first_views):
        if view_index > 0 and scene.backdrop is not None:  # another camera sees another background
            scene = replace(scene, backdrop=world.backdrops.photo(rng))
        views = _camera_path(rng, first, moments, settings)
        seed = int(rng.integers(1 << 62))
        by_view.append(
            [
                PlannedImage(
                    shot=shot,
                    job=render_job(replace(scene, people=people), view, first),
                    view_index=view_index,
                    frame_index=frame,
                    time_s=frame / settings.fps,
                    degrade_seed=seed,
                )
                for frame, (people, view) in enumerate(zip(moments, views, strict=True))
            ]
        )
    return [planned for frame in zip(*by_view, strict=True) for planned in frame]


def render_job(scene: Scene, view: CameraView, first: CameraView) -> RenderJob:
    """The job of one frame. Backdrops are infinitely far: they move with camera rotation only."""
    if scene.backdrop is None:
        return RenderJob(scene=scene, view=view)
    placed = fit_backdrop(first, scene.backdrop)
    if placed is None:
        placed = centre_backdrop(first.camera, scene.backdrop)
    if view is first:
        return RenderJob(scene=scene, view=view, backdrop_from_image=placed)
    rotation = first.camera_from_world[:, :3] @ view.camera_from_world[:, :3].T
    camera = first.camera
    homography = camera.matrix @ rotation @ np.linalg.inv(view.camera.matrix)
    return RenderJob(scene=scene, view=view, backdrop_from_image=placed @ homography)


def _camera_path(
    rng: np.random.Generator,
    first: CameraView,
    moments: Sequence[tuple[Person, ...]],
    settings: ShotSettings,
) -> list[CameraView]:
    """Views of a camera that moves slowly, follows the people and shakes as if held by hand."""
    if len(moments) == 1:
        return [first]
    eye = camera_position(first)
    forward, right = first.camera_from_world[2, :3], first.camera_from_world[0, :3]
    start = _centre(moments[0])
    distance = max(float((start - eye) @ forward), 0.3)
    aim = eye + forward * distance
    roll_deg = math.degrees(math.asin(float(np.clip(right[2], -1, 1))))
    still = rng.random() < 0.35
    walk = rng.normal(0, 0 if still else _CAMERA_SPEED_M_S, 3) * (1.0, 1.0, 0.3)
    follow = 1.0 if rng.random() < 0.7 else 0.0
    waves = rng.uniform(0.3, 1.6, (3, 3)), rng.uniform(0, 2 * math.pi, (3, 3))
    shake = 0.0 if still and rng.random() < 0.5 else _SHAKE_M
    views = [first]
    for frame, people in enumerate(moments[1:], 1):
        time = frame / settings.fps
        sway = np.sin(2 * math.pi * waves[0] * time + waves[1]) - np.sin(waves[1])
        position = eye + walk * time * 0.5 + shake * sway.sum(axis=0)
        position[2] = max(position[2], 0.12)
        moved = (_centre(people) - start) * follow * (1 - math.exp(-2 * time))
        if np.linalg.norm(aim + moved - position) < 0.3:
            position = views[-1].camera_from_world[:, :3].T @ -views[-1].camera_from_world[:, 3]
        views.append(looking_at(position, aim + moved, first.camera, roll_deg=-roll_deg))
    return views


def _centre(people: Sequence[Person]) -> FloatArray:
    """(3,) mean of the people's hips."""
    return np.mean([p.keypoints_world[[11, 12]].mean(axis=0) for p in people], axis=0)


def render_planned(world: World, planned: Sequence[PlannedImage]) -> list[SynthSample]:
    """Renders and labels images, all at once: `IMAGES_AT_ONCE` at most.

    Args:
        world: open.
        planned: the images.
    """
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
