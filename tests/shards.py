"""Annotated samples without a renderer, to be written by the product's own `write_shard`.

    samples = [annotated_sample(image, camera, keypoints_camera_m, boxes_xyxy)]
    write_shard(tmp_path / "shard-00000", samples)

Then `tmp_path` is a dataset as `rtmpose3d synth` writes it, for tests of every reader.
"""

from __future__ import annotations

import numpy as np

from rtmpose3d.geometry import Camera
from rtmpose3d.synth import CameraView, Person, SynthSample
from rtmpose3d.synth.output import PersonLabels


def annotated_sample(
    image: np.ndarray,
    camera: Camera,
    keypoints_camera_m: np.ndarray,
    boxes_xyxy: np.ndarray,
    *,
    visibility: np.ndarray | None = None,
    time_s: float = 0.0,
) -> SynthSample:
    """A sample of N people from given labels.

    Args:
        image: (H, W, 3) uint8 BGR.
        camera: intrinsics; its size is that of the image.
        keypoints_camera_m: (N, 133, 3) metres, camera space; pixels are their projections.
        boxes_xyxy: (N, 4) pixels, outer borders: the image's own border is at -0.5.
        visibility: (N, 133) 0 outside, 1 occluded, 2 visible; by default 2 inside the image and 0
            elsewhere.
        time_s: time of the frame.

    Returns:
        The sample. Masks are filled boxes; where boxes overlap the later person is in front.
    """
    owner = np.zeros(image.shape[:2], np.uint8)
    for index, (x1, y1, x2, y2) in enumerate(np.round(boxes_xyxy + 0.5).astype(int)):
        owner[max(y1, 0) : y2, max(x1, 0) : x2] = index + 1
    labels = []
    for index, (points, box) in enumerate(zip(keypoints_camera_m, boxes_xyxy, strict=True)):
        pixels = camera.project(points)
        size = np.array([camera.width, camera.height])
        inside = ((pixels >= -0.5) & (pixels < size - 0.5)).all(axis=1)
        labels.append(
            PersonLabels(
                person_index=index,
                keypoints_px=pixels,
                keypoints_camera_m=points,
                visibility=(
                    np.where(inside, 2, 0) if visibility is None else visibility[index]
                ).astype(np.uint8),
                box_xyxy=np.asarray(box, np.float64),
                full_box_xyxy=np.asarray(box, np.float64),
                visible_box_xyxy=np.asarray(box, np.float64),
                visible_area_px=int((owner == index + 1).sum()),
            )
        )
    people = tuple(
        Person(
            meshes=(),
            bone_matrices=np.zeros((0, 3, 4), np.float32),
            keypoints_world=points,
            keypoint_radius_m=np.zeros(133),
            identity=index,
        )
        for index, points in enumerate(keypoints_camera_m)
    )
    return SynthSample(
        image=image,
        owner=owner,
        labels=tuple(labels),
        people=people,
        view=CameraView(camera=camera, camera_from_world=np.eye(3, 4)),
        shot=0,
        view_index=0,
        frame_index=0,
        time_s=time_s,
    )
