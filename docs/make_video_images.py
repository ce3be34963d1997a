"""Renders the clip of README.md and the frames of docs/video.md: people who cross on a meadow.

    python docs/make_video_images.py makehuman/ --photo photos/polyhaven_141.jpg

Renders walking people, estimates their poses with the bundled model as in a video, and draws
them with ids and in 3D: docs/images/video.webp, and three of its frames, docs/images/frames.jpg.
The people come from seeds that training never uses (`split="val"`). Needs the extra `synth` and
OpenGL.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import PIL.Image
from make_demo_image import SMILE, SUN

from rtmpose3d import RTMPose3D
from rtmpose3d.geometry import Camera
from rtmpose3d.structures import Frame, Image, PoseResult
from rtmpose3d.structures.atomic import atomic_write
from rtmpose3d.synth import CameraView, Renderer, RenderJob, Scene
from rtmpose3d.synth.people import Cast, pose_person
from rtmpose3d.synth.people.cast import Actor
from rtmpose3d.synth.pose import Pose, PoseSequence, pose_body, sample_pose, world_from_person
from rtmpose3d.synth.pose.motion import Keyframe
from rtmpose3d.synth.rotations import to_quaternion
from rtmpose3d.synth.scene import fit_backdrop, looking_at, read_image
from rtmpose3d.viz.video import VideoFigure

IMAGES = Path(__file__).parent / "images"
SEED = 45
CAST = 60
SIZE_WH = (960, 540)
FPS, SECONDS = 30, 3.8
CLIP_EVERY = 2  # frames of the video
EYE_M, AIM_M = (0.1, -5.0, 1.5), (0.1, 0.4, 0.95)
CLIP_WIDTH, CLIP_QUALITY = 900, 55
STILLS_S, STILL_WIDTH, STILL_QUALITY = (0.9, 1.9, 2.9), 560, 88
JOBS_AT_ONCE = 8


@dataclass(frozen=True, kw_only=True)
class Role:
    """The part that one person plays.

    Attributes:
        actor: number of the actor.
        arms: poses of the arms that follow each other while standing; empty for a walk.
        start_m: position, right of the centre and behind it.
        facing_deg: 0 faces the camera, 90 the right of the image.
        smile: strength.
        stride: of a walk, 1 is normal.
    """

    actor: int
    start_m: tuple[float, float]
    facing_deg: float
    arms: tuple[str, ...] = ()
    smile: float = 1.0
    stride: float = 1.0


ROLES = (
    Role(actor=7, start_m=(-2.2, -0.45), facing_deg=84.0, stride=0.95),
    Role(actor=20, start_m=(2.5, 0.9), facing_deg=-82.0, stride=1.0, smile=0.6),
    Role(
        actor=33,
        start_m=(-1.15, 2.0),
        facing_deg=10.0,
        arms=("wave", "one_up", "wave", "arms_open", "hands_on_hips"),
        smile=1.2,
    ),
)


def make_sequence(cast: Cast, role: Role, seed: int) -> PoseSequence:
    """The motion of a person: a walk, or standing with arms that move from pose to pose."""
    actor, rng = cast.actor(role.actor), np.random.default_rng([seed, role.actor])
    if not role.arms:
        pose = smiling(cast, actor, sample_pose(*posing(cast, actor, rng), "walk", "hang"), role)
        target = replace(pose.target, angles=0 * pose.target.angles, goals=(), feet=())
        pose = pose_body(actor.body, actor.volume, cast.posing, target)
        return PoseSequence(
            actor.body,
            cast.posing,
            [Keyframe(time_s=0.0, pose=pose, quaternions=to_quaternion(pose.joints))],
            gait="walk",
            cycle_s=1.08,
            strength=role.stride,
        )
    legs = "stand"
    poses = [sample_pose(*posing(cast, actor, rng), legs, arms) for arms in role.arms]
    keyframes = [
        Keyframe(time_s=i * 1.1, pose=pose, quaternions=to_quaternion(pose.joints))
        for i, pose in enumerate(smiling(cast, actor, pose, role) for pose in poses)
    ]
    return PoseSequence(actor.body, cast.posing, keyframes)


def posing(cast: Cast, actor: Actor, rng: np.random.Generator) -> tuple:
    """The arguments of `sample_pose` that are the same for all poses of an actor."""
    return rng, actor.body, actor.volume, cast.posing


def smiling(cast: Cast, actor: Actor, pose: Pose, role: Role) -> Pose:
    """The pose with a smile."""
    face = {unit: weight * role.smile for unit, weight in SMILE.items()}
    return pose_body(actor.body, actor.volume, cast.posing, replace(pose.target, face=face))


def scenes(cast: Cast, seed: int, backdrop: Image) -> Iterator[Scene]:
    """The scene of each frame."""
    sequences = [make_sequence(cast, role, seed) for role in ROLES]
    for frame in range(round(FPS * SECONDS)):
        people = tuple(
            pose_person(
                cast.actor(role.actor),
                sequence.at(frame / FPS),
                world_from_person(*role.start_m, role.facing_deg),
                identity=identity,
            )
            for identity, (role, sequence) in enumerate(zip(ROLES, sequences, strict=True))
        )
        yield Scene(people=people, props=(), light=SUN, backdrop=backdrop)


def camera_view() -> CameraView:
    """The camera, which does not move."""
    camera = Camera.from_fov(width=SIZE_WH[0], height=SIZE_WH[1])
    return looking_at(np.array(EYE_M), np.array(AIM_M), camera)


def render_frames(cast: Cast, seed: int, photo: Image) -> list[Frame]:
    """All frames of the clip."""
    view = camera_view()
    placed = fit_backdrop(view, photo)
    jobs = [
        RenderJob(scene=scene, view=view, backdrop_from_image=placed)
        for scene in scenes(cast, seed, photo)
    ]
    frames: list[Frame] = []
    with Renderer() as renderer:
        for start in range(0, len(jobs), JOBS_AT_ONCE):
            for rendered in renderer.render_jobs(jobs[start : start + JOBS_AT_ONCE]):
                index = len(frames)
                frames.append(Frame(image=rendered.image, index=index, time_s=index / FPS))
    return frames


def resized(image: Image, width: int) -> Image:
    """The image at another width, in proportion."""
    size = width, round(image.shape[0] * width / image.shape[1])
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def clip_bytes(images: Sequence[Image]) -> bytes:
    """An animated WebP that repeats without end."""
    pillow = [PIL.Image.fromarray(image[..., ::-1]) for image in images]
    buffer = io.BytesIO()
    pillow[0].save(
        buffer,
        format="WEBP",
        save_all=True,
        append_images=pillow[1:],
        duration=round(1000 * CLIP_EVERY / FPS),
        loop=0,
        quality=CLIP_QUALITY,
        method=6,
    )
    return buffer.getvalue()


def stills(results: Sequence[PoseResult]) -> Image:
    """Three frames with skeletons and ids, side by side."""
    figure = VideoFigure("2d")
    chosen = [results[round(FPS * seconds)] for seconds in STILLS_S]
    drawn = [resized(figure.draw(result), STILL_WIDTH) for result in chosen]
    gap = np.full((drawn[0].shape[0], 8, 3), 255, np.uint8)
    return np.hstack([drawn[0], gap, drawn[1], gap, drawn[2]])


def main() -> None:
    """Renders, estimates and writes the images."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("assets", type=Path, help="folder of MakeHuman's data")
    parser.add_argument("--photo", type=Path, required=True, help="photograph behind the people")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--model", default="rtmw3d-n")
    parser.add_argument("--out", type=Path, default=IMAGES)
    options = parser.parse_args()
    cast = Cast.open(options.assets, size=CAST, split="val")
    frames = render_frames(cast, options.seed, read_image(options.photo))
    model = RTMPose3D.from_pretrained(options.model)
    with model.stream(frames, smooth="offline", flip_test=True) as stream:
        results = [replace(r, image=f.image) for r, f in zip(stream, frames, strict=True)]
    figure = VideoFigure("both")
    drawn = [resized(figure.draw(result), CLIP_WIDTH) for result in results]
    clip = clip_bytes(drawn[::CLIP_EVERY])
    with atomic_write(options.out / "video.webp") as file:
        file.write(clip)
    _, still = cv2.imencode(".jpg", stills(results), [cv2.IMWRITE_JPEG_QUALITY, STILL_QUALITY])
    with atomic_write(options.out / "frames.jpg") as file:
        file.write(still.tobytes())
    ids = sorted(
        {int(one) for r in results for one in (r.track_ids if r.track_ids is not None else ())}
    )
    print(f"{len(frames)} frames, ids {ids}; video.webp has {len(clip) / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
