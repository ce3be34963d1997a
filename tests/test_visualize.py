"""Draws a model's poses on an image: `python tests/test_visualize.py IMAGE OUT [--model NAME]`.

Under pytest, the drawing is tested with a synthetic person instead of a model.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rtmpose3d.structures import PoseResult
from rtmpose3d.viz import standing_person
from rtmpose3d.viz.palette import KEYPOINT_RGB


def main(arguments: Sequence[str] | None = None) -> None:
    """Estimates the poses in an image and saves the drawing."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("image", type=Path, help="image with people")
    parser.add_argument("out", type=Path, help="image to write: .png or .jpg")
    parser.add_argument("--model", default="rbarac/rtmpose3d", help="name of the model, or folder")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps")
    options = parser.parse_args(arguments)

    from rtmpose3d import RTMPose3D

    model = RTMPose3D.from_pretrained(options.model, device=options.device)
    result = model(options.image)
    result.plot().save(options.out)
    print(f"{result!r}\nwritten: {options.out}")


def synthetic_result(width: int, height: int) -> PoseResult:
    """A person right of the centre, 3.4 m away, as a perfect 3D model would predict it."""
    world = standing_person() + np.array([0.35, 3.4, -1.1])
    camera = np.stack([world[:, 0], -world[:, 2], world[:, 1]], axis=-1)[None]
    xy = camera[..., :2] / camera[..., 2:] * 0.8 * width + [width / 2, height / 2]
    return PoseResult(
        keypoints_2d=xy.astype(np.float32),
        scores=np.full((1, 133), 6.0, np.float32),
        confidence=np.full((1, 133), 0.95, np.float32),
        bboxes=np.concatenate([xy.min(axis=1) - 8, xy.max(axis=1) + 8], axis=1).astype(np.float32),
        bbox_scores=np.array([0.9], np.float32),
        keypoints_camera=camera.astype(np.float32),
        root_depth_m=np.array([3.4], np.float32),
        root_depth_std_m=np.array([0.1], np.float32),
        root_depth_source=("estimated",),
        model="synthetic",
        image=np.full((height, width, 3), (70, 95, 60), np.uint8),
        image_size_wh=(width, height),
    )


def test_a_plot_shows_the_image_with_its_skeleton_next_to_the_person_in_3d(tmp_path):
    result = synthetic_result(960, 720)
    figure = result.plot()
    figure.save(tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 10_000
    pixels = np.asarray(figure).astype(int)
    assert pixels.shape[0] == 720
    left, right = pixels[:, :960], pixels[:, 960:]

    corner = left[-40:, :40]  # far from the person: the image itself, as RGB
    assert (corner == [60, 95, 70]).all()
    for keypoint in (5, 6, 7, 8, 13, 14):  # shoulders, elbows, knees
        x, y = np.rint(result.keypoints_2d[0, keypoint]).astype(int)
        expected = 0.7 * KEYPOINT_RGB[keypoint] + 0.3 * 255
        np.testing.assert_allclose(left[y, x], expected, atol=16)
    for keypoint in (7, 8):  # both sides show in the 3D view
        assert (np.abs(right - KEYPOINT_RGB[keypoint].astype(int)).max(axis=-1) < 16).sum() > 200


def test_the_person_s_left_is_on_the_right_of_an_image_that_they_face():
    pixels = np.asarray(synthetic_result(960, 720).plot(view="2d")).astype(int)
    columns = [
        np.nonzero(np.abs(pixels - KEYPOINT_RGB[elbow].astype(int)).max(axis=-1) < 20)[1].mean()
        for elbow in (7, 8)
    ]
    assert columns[0] > columns[1]


if __name__ == "__main__":
    main()
