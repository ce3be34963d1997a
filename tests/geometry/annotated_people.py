"""Annotated people of Human3.6M and MPI-INF-3DHP from the folder of samples."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rtmpose3d.data.readers.array_files import read_pickle
from rtmpose3d.geometry import Camera
from rtmpose3d.skeletons import HIPS, WHOLEBODY

# COCO keypoint -> joint of the dataset. Joints of motion capture, not COCO's surface points.
H36M = {5: 11, 7: 12, 9: 13, 6: 14, 8: 15, 10: 16, 11: 4, 13: 5, 15: 6, 12: 1, 14: 2, 16: 3}
MPI_INF_3DHP = {6: 2, 8: 3, 10: 4, 5: 5, 7: 6, 9: 7, 12: 8, 14: 9, 16: 10, 11: 11, 13: 12, 15: 13}
MPI_INF_3DHP_SIZE_PX = 2048  # width and height; the training cameras' file has a height of 204


@dataclass(frozen=True, kw_only=True)
class AnnotatedPerson:
    """Camera, (1, 133, 2) px, (1, 133) m relative to the root, (1, 133) 0 or 1, root depth m."""

    camera: Camera
    keypoints_2d: np.ndarray
    depth_m: np.ndarray
    confidence: np.ndarray
    root_depth_m: float


def annotated_people(samples: Path) -> Iterator[AnnotatedPerson]:
    """The people of a folder that holds h36m and mpi_inf_3dhp."""
    cameras = read_pickle(samples / "h36m" / "cameras.pkl")
    for name, joints, pixels in _annotations(samples / "h36m" / "test_h36m_body3d.npz"):
        subject, _, file = name.split("/")[-1].partition("_")
        camera = cameras[subject, file.split(".")[1].split("_")[0]]
        yield _person(joints, pixels, camera, (int(camera["w"]), int(camera["h"])), H36M)
    folder = samples / "mpi_inf_3dhp"
    for split, parts in (("train", 3), ("test", 1)):
        cameras = read_pickle(folder / f"cameras_{split}.pkl")
        for name, joints, pixels in _annotations(folder / f"test_3dhp_{split}.npz"):
            camera = cameras["_".join(name.split("_")[:parts])]
            size = MPI_INF_3DHP_SIZE_PX, MPI_INF_3DHP_SIZE_PX
            yield _person(joints, pixels, camera, size, MPI_INF_3DHP)


def _annotations(path: Path) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    with np.load(path, allow_pickle=False) as data:
        yield from zip(data["imgname"].tolist(), data["S"], data["part"], strict=True)


def _person(joints, pixels, camera, size_wh, keypoints) -> AnnotatedPerson:
    coco, theirs = list(keypoints), list(keypoints.values())
    root = float(joints[[keypoints[hip] for hip in HIPS], 2].mean())
    count = len(WHOLEBODY)
    uv, depth, confidence = np.zeros((count, 2)), np.zeros(count), np.zeros(count)
    uv[coco], depth[coco], confidence[coco] = pixels[theirs, :2], joints[theirs, 2] - root, 1.0
    (fx, fy), (cx, cy) = camera["f"].ravel().tolist(), camera["c"].ravel().tolist()
    return AnnotatedPerson(
        camera=Camera(fx=fx, fy=fy, cx=cx, cy=cy, width=size_wh[0], height=size_wh[1]),
        keypoints_2d=uv[None],
        depth_m=depth[None],
        confidence=confidence[None],
        root_depth_m=root,
    )
