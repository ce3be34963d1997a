"""Rendered clips of people who walk past each other, with known poses and identities.

    python benchmarks/crossing_clips.py --assets makehuman/ --backdrops photos/ --out crossings
        --seed 41 --clips 8

The frames have the format of `rtmpose3d synth`, one clip per shard: see `rendered_clips.py`. Two to
four people of a clip cross in front of each other, before the middle of the image, at one to three
times and up to some metres apart in depth: most walk in opposite directions, some overtake another
slowly, some stand while others pass. Walkers enter and leave. The camera is still, pans or is
carried; frame rates are 10, 15, 25 and 30.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from rtmpose3d.geometry import Camera
from rtmpose3d.structures import FloatArray
from rtmpose3d.synth.output import SynthSample, write_shard
from rtmpose3d.synth.output.shots import (
    IMAGES_AT_ONCE,
    PlannedImage,
    render_job,
    render_planned,
)
from rtmpose3d.synth.people.cast import (
    Actor,
    Cast,
    pose_person,
)
from rtmpose3d.synth.pose import PoseSequence, pose_body, sample_pose, world_from_person
from rtmpose3d.synth.pose.motion import Keyframe
from rtmpose3d.synth.pose.target import sample_target_pose
from rtmpose3d.synth.rotations import to_quaternion
from rtmpose3d.synth.scene import (
    CameraView,
    Person,
    compose_scene,
    looking_at,
    without_blockers,
)
from rtmpose3d.synth.world import World, WorldSettings, makehuman_people

SIZE_WH = (960, 540)
_RATES = (10.0, 15.0, 25.0, 30.0)
_SECONDS = (4.0, 6.0)
_DEPTHS_M = (3.2, 7.5)  # of the lines on which people cross
_MIN_GAP_M = 0.7  # between two of these lines: people do not run into each other
_FOV_DEG = (45.0, 65.0)


@dataclass(frozen=True, kw_only=True, eq=False)
class Crosser:
    """One person of a clip: motion, and the position at time 0."""

    actor: Actor
    motion: PoseSequence
    world_from_person: FloatArray
    identity: int

    def person(self, time_s: float) -> Person:
        """The person at a time."""
        return pose_person(
            self.actor, self.motion.at(time_s), self.world_from_person, identity=self.identity
        )


def sample_crossers(rng: np.random.Generator, cast: Cast, seconds: float) -> list[Crosser]:
    """People who meet in front of each other; the camera looks along +y from the origin."""
    count = int(rng.integers(2, 5))
    actors = [cast.actor(int(number)) for number in rng.choice(cast.size, count, replace=False)]
    standing = count > 2 and rng.random() < 0.5
    depths = _sample_depths(rng, count)
    meetings = rng.uniform(0.3, 0.7, 3) * seconds  # up to three times at which people meet
    positions = rng.uniform(-0.12, 0.12, 3)  # across, as a fraction of the depth
    direction = rng.choice([-1.0, 1.0])
    crossers = []
    for identity, (actor, depth) in enumerate(zip(actors, depths, strict=True)):
        overtakes = identity > 1 and rng.random() < 0.4
        direction = direction if overtakes else -direction
        which = identity // 2
        aim = np.array([positions[which] * depth, depth])
        meeting = float(meetings[which] + rng.normal(0, 0.15))
        if standing and identity == count - 1:
            motion = _standing(rng, actor, cast, seconds)
            facing = world_from_person(float(aim[0]), float(aim[1]), float(rng.uniform(-180, 180)))
        else:
            motion = _walking(rng, actor, cast)
            facing = _passing(motion, aim, meeting, 90 * direction + rng.normal(0, 12))
        crossers.append(
            Crosser(actor=actor, motion=motion, world_from_person=facing, identity=identity)
        )
    return crossers


def _sample_depths(rng: np.random.Generator, count: int) -> FloatArray:
    """(count,) metres, at least a gap apart, in random order; neighbours are often close."""
    depths = [float(rng.uniform(*_DEPTHS_M))]
    while len(depths) < count:
        depth = float(rng.uniform(*_DEPTHS_M))
        if rng.random() < 0.5:  # people of about one size
            depth = depths[-1] + float(rng.choice([-1.0, 1.0])) * _MIN_GAP_M * 1.1
        inside = _DEPTHS_M[0] <= depth <= _DEPTHS_M[1]
        if inside and all(abs(depth - other) >= _MIN_GAP_M for other in depths):
            depths.append(depth)
    return rng.permutation(depths)


def _walking(rng: np.random.Generator, actor: Actor, cast: Cast) -> PoseSequence:
    style = sample_target_pose(rng, "walk", "hang")
    angles = rng.normal(0.0, 2.5, len(style.angles))
    angles[:3] = 0.0
    style = replace(style, angles=angles, goals=(), feet=())
    pose = pose_body(actor.body, actor.volume, cast.posing, style)
    return PoseSequence(
        actor.body,
        cast.posing,
        [Keyframe(time_s=0.0, pose=pose, quaternions=to_quaternion(pose.joints))],
        gait="walk",
        cycle_s=1.08 * float(rng.uniform(0.85, 1.35)),
        yaw_deg_s=float(rng.normal(0.0, 4.0)),
        strength=float(rng.uniform(0.65, 1.05)),
    )


def _standing(rng: np.random.Generator, actor: Actor, cast: Cast, seconds: float) -> PoseSequence:
    time, keyframes = 0.0, []
    while not keyframes or keyframes[-1].time_s < seconds:
        pose = sample_pose(rng, actor.body, actor.volume, cast.posing, legs="stand")
        keyframes.append(Keyframe(time_s=time, pose=pose, quaternions=to_quaternion(pose.joints)))
        time += float(rng.uniform(0.7, 1.6))
    return PoseSequence(actor.body, cast.posing, keyframes)


def _passing(
    motion: PoseSequence, aim: FloatArray, meeting_s: float, facing_deg: float
) -> FloatArray:
    """(3, 4) world_from_person with which a walker is at a point at a time."""
    transform = world_from_person(0.0, 0.0, facing_deg)
    walked = motion.at(max(meeting_s, 0.0)).heads[0] - motion.at(0.0).heads[0]
    start = aim - (transform[:, :3] @ walked)[:2]
    return world_from_person(float(start[0]), float(start[1]), facing_deg)


def sample_views(rng: np.random.Generator, times_s: FloatArray) -> list[CameraView]:
    """Views of a camera that is still, pans or is carried."""
    camera = Camera.from_fov(
        width=SIZE_WH[0], height=SIZE_WH[1], fov_deg=float(rng.uniform(*_FOV_DEG))
    )
    height = float(rng.uniform(1.0, 1.9))
    kind = rng.choice(["still", "pans", "carried"])
    pan = 0.0 if kind == "still" else math.radians(float(rng.uniform(4, 12)))
    walk = rng.normal(0, 0.25, 2) * (1, 0.5) if kind == "carried" else np.zeros(2)
    shake = 0.012 if kind == "carried" else 0.0
    phases, rates = rng.uniform(0, 2 * math.pi, 4), rng.uniform(0.4, 1.4, 4)
    tilt = math.radians(float(rng.uniform(2, 9)))
    views = []
    for time in times_s:
        sway = np.sin(2 * math.pi * rates * time + phases)
        yaw = pan * math.sin(0.5 * time + phases[0]) + shake * sway[1]
        pitch = -tilt + shake * sway[2]
        eye = np.array([*(walk * time), height + shake * sway[3]])
        ahead = np.array([math.sin(yaw), math.cos(yaw), math.tan(pitch)])
        views.append(looking_at(eye, eye + ahead, camera))
    return views


def render_clip(world: World, number: int) -> list[SynthSample]:
    """Frames of one clip."""
    rng = np.random.default_rng([world.settings.seed, number])
    world.source.select_block(number)
    assert isinstance(world.source, Cast)
    fps, seconds = _RATES[number % len(_RATES)], float(rng.uniform(*_SECONDS))
    times = np.arange(round(seconds * fps)) / fps
    crossers = sample_crossers(rng, world.source, seconds)
    moments = [tuple(one.person(float(time)) for one in crossers) for time in times]
    views = sample_views(rng, times)
    middle = moments[len(moments) // 2]
    scene = compose_scene(rng, middle, world.backdrops, world.kit, world.settings.scene)
    scene = without_blockers(scene, views[len(views) // 2])
    seed = int(rng.integers(1 << 62))
    planned = [
        PlannedImage(
            shot=number,
            job=render_job(replace(scene, people=people), view, views[0]),
            view_index=0,
            frame_index=frame,
            time_s=float(time),
            degrade_seed=seed,
        )
        for frame, (people, view, time) in enumerate(zip(moments, views, times, strict=True))
    ]
    samples: list[SynthSample] = []
    for start in range(0, len(planned), IMAGES_AT_ONCE):
        samples += render_planned(world, planned[start : start + IMAGES_AT_ONCE])
    return samples


def main() -> None:
    """Renders all clips that do not exist yet."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--assets", type=Path, required=True)
    parser.add_argument("--backdrops", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=41)
    parser.add_argument("--clips", type=int, default=8)
    options = parser.parse_args()
    settings = WorldSettings(
        assets=options.assets,
        make_people=makehuman_people,
        backdrops=options.backdrops,
        split="val",
        seed=options.seed,
    )
    options.out.mkdir(parents=True, exist_ok=True)
    with World(settings) as world:
        for number in range(options.clips):
            folder = options.out / f"shard-{number:05d}"
            if not folder.exists():
                samples = render_clip(world, number)
                write_shard(folder, samples, first_image_id=1000 * number)
                print(f"{folder.name}: {len(samples)} frames", flush=True)


if __name__ == "__main__":
    main()
