"""Renders the image of `rtmpose3d demo`: three people on a meadow.

    python docs/make_demo_image.py makehuman/ --photo photos/polyhaven_141.jpg

Writes src/rtmpose3d/bundled/people.jpg, and what is true of it to tests/fixtures/demo/people.json.
The people are of the seeds that training never uses (`split="val"`), the camera is the one that
`predict` assumes (55 degrees), so that distances can be right. Needs the extra `synth` and OpenGL;
the same bytes each time on one machine.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from rtmpose3d.geometry import Camera
from rtmpose3d.structures import Image
from rtmpose3d.structures.atomic import atomic_path, atomic_write
from rtmpose3d.synth import CameraView, Light, Person, Renderer, RenderJob, Scene
from rtmpose3d.synth.output import PersonLabels, label_people
from rtmpose3d.synth.people import Cast, pose_person
from rtmpose3d.synth.pose import pose_body, sample_pose, world_from_person
from rtmpose3d.synth.scene import fit_backdrop, looking_at, read_image
from rtmpose3d.zoo import DEMO_IMAGE

TRUTH = Path(__file__).parents[1] / "tests" / "fixtures" / "demo" / "people.json"
SEED = 44
SIZE_WH = (960, 640)
JPEG_QUALITY = 90
CAST = 60
# Attitude of legs, of arms, place right of and behind the middle in m, direction in degrees.
PEOPLE = (
    ("step", "wave", (-1.05, 0.1), 16.0),
    ("stand_one_leg_loose", "hands_on_hips", (0.05, 0.5), -4.0),
    ("walk", "thumb_up", (1.1, 0.0), -26.0),
)
# Weights of MakeHuman's pose units: a smile, more or less of it for each.
SMILE = {
    "MouthLeftPullUp": 0.5,
    "MouthRightPullUp": 0.5,
    "LeftCheekUp": 0.3,
    "RightCheekUp": 0.3,
    "LeftUpperLidClosed": 0.1,
    "RightUpperLidClosed": 0.1,
}
SMILES = (1.0, 0.7, 1.3)
EYE_M, AIM_M = (0.1, -3.55, 1.5), (0.05, 0.3, 0.92)
SUN = Light(
    direction_world=np.array([-0.42, -0.58, 0.70]),
    colour_rgb=(0.88, 0.84, 0.76),
    sky_rgb=(0.40, 0.44, 0.50),
    ground_rgb=(0.30, 0.28, 0.25),
)


def people_of(cast: Cast, seed: int) -> tuple[Person, ...]:
    """The people of a seed at their places."""
    rng = np.random.default_rng(seed)
    people = []
    actors = rng.choice(cast.size, len(PEOPLE), replace=False)
    for identity, (legs, arms, (x_m, y_m), facing_deg) in enumerate(PEOPLE):
        actor = cast.actor(int(actors[identity]))
        pose = sample_pose(rng, actor.body, actor.volume, cast.posing, legs=legs, arms=arms)
        smile = {unit: weight * SMILES[identity] for unit, weight in SMILE.items()}
        target = replace(pose.target, face=smile)
        pose = pose_body(actor.body, actor.volume, cast.posing, target)
        place = world_from_person(x_m, y_m, facing_deg)
        people.append(pose_person(actor, pose, place, identity=identity))
    return tuple(people)


def view_of() -> CameraView:
    """The camera."""
    camera = Camera.from_fov(width=SIZE_WH[0], height=SIZE_WH[1])
    return looking_at(np.array(EYE_M), np.array(AIM_M), camera)


def render(
    cast: Cast, renderer: Renderer, photo: Image, seed: int
) -> tuple[Image, list[PersonLabels]]:
    """(640, 960, 3) uint8 BGR, and the labels of its people."""
    view = view_of()
    scene = Scene(people=people_of(cast, seed), props=(), light=SUN, backdrop=photo)
    job = RenderJob(scene=scene, view=view, backdrop_from_image=fit_backdrop(view, photo))
    image = renderer.render_jobs([job])[0]
    return image.image, label_people(scene.people, view, image)


def truth_of(labels: list[PersonLabels]) -> str:
    """As JSON: for each person the box, keypoints in px and in camera-space m, visibility."""
    people = [
        {
            "box": one.box_xyxy.round(1).tolist(),
            "keypoints_2d": one.keypoints_px.round(1).tolist(),
            "keypoints_camera": one.keypoints_camera_m.round(3).tolist(),
            "visibility": one.visibility.tolist(),
        }
        for one in labels
    ]
    return json.dumps({"people": people}, separators=(",", ":")) + "\n"


def main() -> None:
    """Render and write the image."""
    parser = argparse.ArgumentParser(description="Render the image of `rtmpose3d demo`")
    parser.add_argument("assets", type=Path, help="MakeHuman's folder, as for `rtmpose3d synth`")
    parser.add_argument("--photo", type=Path, required=True, help="what stands behind the people")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--out", type=Path, default=DEMO_IMAGE)
    parser.add_argument("--truth", type=Path, default=TRUTH)
    options = parser.parse_args()
    cast = Cast.open(options.assets, size=CAST, split="val")
    with Renderer() as renderer:
        image, labels = render(cast, renderer, read_image(options.photo), options.seed)
    with atomic_path(options.out) as path:
        if not cv2.imwrite(str(path), image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]):
            raise OSError(f"cannot write {options.out}")
    with atomic_write(options.truth, "w") as file:
        file.write(truth_of(labels))
    print(f"{options.out}: {image.shape[1]} x {image.shape[0]}")


if __name__ == "__main__":
    main()
