"""Renders the image of `rtmpose3d demo`: three people on a meadow.

    python docs/make_demo_image.py makehuman/ --photo photos/polyhaven_141.jpg

Writes src/rtmpose3d/bundled/people.jpg and its ground truth, tests/fixtures/demo/people.json. The
people come from seeds that training never uses (`split="val"`). The camera is the one that
`predict` assumes (55 degrees), so that estimated distances can be correct. Needs the extra `synth`
and OpenGL; repeated runs on one machine give the same bytes.
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

GROUND_TRUTH = Path(__file__).parents[1] / "tests" / "fixtures" / "demo" / "people.json"
SEED = 44
SIZE_WH = (960, 640)
JPEG_QUALITY = 90
CAST = 60
# Leg pose, arm pose, position in m (right of the centre, behind it), facing direction in degrees.
PEOPLE = (
    ("step", "wave", (-1.05, 0.1), 16.0),
    ("stand_one_leg_loose", "hands_on_hips", (0.05, 0.5), -4.0),
    ("walk", "thumb_up", (1.1, 0.0), -26.0),
)
# Weights of MakeHuman's pose units: a smile, scaled for each person.
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


def make_people(cast: Cast, seed: int) -> tuple[Person, ...]:
    """Poses the people and positions them in the world."""
    rng = np.random.default_rng(seed)
    people = []
    actors = rng.choice(cast.size, len(PEOPLE), replace=False)
    for identity, (legs, arms, (x_m, y_m), facing_deg) in enumerate(PEOPLE):
        actor = cast.actor(int(actors[identity]))
        pose = sample_pose(rng, actor.body, actor.volume, cast.posing, legs=legs, arms=arms)
        smile = {unit: weight * SMILES[identity] for unit, weight in SMILE.items()}
        target = replace(pose.target, face=smile)
        pose = pose_body(actor.body, actor.volume, cast.posing, target)
        position = world_from_person(x_m, y_m, facing_deg)
        people.append(pose_person(actor, pose, position, identity=identity))
    return tuple(people)


def demo_view() -> CameraView:
    """The camera and its position."""
    camera = Camera.from_fov(width=SIZE_WH[0], height=SIZE_WH[1])
    return looking_at(np.array(EYE_M), np.array(AIM_M), camera)


def render(
    cast: Cast, renderer: Renderer, photo: Image, seed: int
) -> tuple[Image, list[PersonLabels]]:
    """Returns the (640, 960, 3) uint8 BGR image and the labels of its people."""
    view = demo_view()
    scene = Scene(people=make_people(cast, seed), props=(), light=SUN, backdrop=photo)
    job = RenderJob(scene=scene, view=view, backdrop_from_image=fit_backdrop(view, photo))
    image = renderer.render_jobs([job])[0]
    return image.image, label_people(scene.people, view, image)


def ground_truth_json(labels: list[PersonLabels]) -> str:
    """JSON with the box, keypoints in px and in camera-space m, and visibility of each person."""
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
    """Renders and writes the image."""
    parser = argparse.ArgumentParser(description="Render the image of `rtmpose3d demo`")
    parser.add_argument(
        "assets", type=Path, help="folder of MakeHuman's data, as for `rtmpose3d synth`"
    )
    parser.add_argument("--photo", type=Path, required=True, help="photograph behind the people")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--out", type=Path, default=DEMO_IMAGE)
    parser.add_argument("--ground-truth", type=Path, default=GROUND_TRUTH)
    options = parser.parse_args()
    cast = Cast.open(options.assets, size=CAST, split="val")
    with Renderer() as renderer:
        image, labels = render(cast, renderer, read_image(options.photo), options.seed)
    with atomic_path(options.out) as path:
        if not cv2.imwrite(str(path), image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]):
            raise OSError(f"cannot write {options.out}")
    with atomic_write(options.ground_truth, "w") as file:
        file.write(ground_truth_json(labels))
    print(f"{options.out}: {image.shape[1]} x {image.shape[0]}")


if __name__ == "__main__":
    main()
