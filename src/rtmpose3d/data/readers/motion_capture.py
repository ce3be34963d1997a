"""Readers of motion capture datasets as mmpose prepares them: Human3.6M, MPI-INF-3DHP.

An .npz file holds image names, `part` (17 points, px) and `S` (17 points, metres in camera space);
pickled dictionaries hold the cameras, in the same folder or in the one above it. No box is
annotated: the box is that of the joints, enlarged. Hips and shoulders are joints of a motion
capture skeleton, which differ from COCO's (Human3.6M: narrower shoulders, wider hips).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np

from rtmpose3d.data.candidates import (
    AnnotationFile,
    AnnotationRef,
    BuildResult,
    Candidate,
    Labels,
    ReadOptions,
    make_record,
    parse_numbers,
)
from rtmpose3d.data.readers.array_files import read_pickle
from rtmpose3d.errors import InputError
from rtmpose3d.geometry import Camera
from rtmpose3d.structures import FloatArray
from rtmpose3d.untrusted import read_arrays

JOINTS_BOX = 1.2  # the joints' box is enlarged by this about its centre to hold the body
MPI_INF_3DHP_SIZE_PX = 2048  # width and height; the training cameras' file has a height of 204

_Cameras = Mapping[object, Mapping[str, FloatArray]]
_FindCamera = Callable[[str], Camera]


def read_h36m(file: AnnotationFile, options: ReadOptions) -> Iterator[Candidate]:
    """Reads Human3.6M: h36m_train.npz or h36m_test.npz, and cameras.pkl."""
    cameras = _read_cameras(file.path, "cameras.pkl")

    def find_camera(name: str) -> Camera:
        subject, _, frame = Path(name).name.partition("_")
        found = cameras[subject, frame.split(".")[1].split("_")[0]]
        return _camera(found, (int(found["w"]), int(found["h"])))

    return _candidates(file, options, find_camera)


def read_mpi_inf_3dhp(
    file: AnnotationFile, options: ReadOptions, *, split: str
) -> Iterator[Candidate]:
    """Reads MPI-INF-3DHP: one of its .npz files, and cameras_train.pkl or cameras_test.pkl."""
    cameras = _read_cameras(file.path, f"cameras_{split}.pkl")
    words = 3 if split == "train" else 1  # of the image name: S4_Seq2_Cam0 or TS1

    def find_camera(name: str) -> Camera:
        found = cameras["_".join(Path(name).name.split("_")[:words])]
        return _camera(found, (MPI_INF_3DHP_SIZE_PX, MPI_INF_3DHP_SIZE_PX))

    return _candidates(file, options, find_camera)


def _read_cameras(annotations: Path, name: str) -> _Cameras:
    paths = annotations.with_name(name), annotations.parent.with_name(name)
    path = next((path for path in paths if path.is_file()), paths[0])
    content = read_pickle(path)
    if not isinstance(content, dict):
        raise InputError(f"{path} must hold a dictionary, got a {type(content).__name__}")
    return cast("_Cameras", content)


def _candidates(
    file: AnnotationFile, options: ReadOptions, find_camera: _FindCamera
) -> Iterator[Candidate]:
    required = ("imgname", "part", "S")
    arrays = read_arrays(file.path, *required, what="annotation file", advice="download it again")
    names, points, metres = (arrays[key] for key in required)
    if names.ndim != 1 or names.dtype.kind != "U" or not len(names) == len(points) == len(metres):
        raise InputError(f"{file.path}: imgname, part and S must have one entry for each person")
    if not len(names):
        raise InputError(f"{file.path} is empty: it holds no images")
    images: dict[str, int] = {}
    for index, name in enumerate(names.tolist()):
        if images.setdefault(name, len(images)) % options.every:
            continue
        ref = AnnotationRef(file=file, index=index, annotation_id=index)
        build = partial(_build, ref, name, points[index], metres[index], find_camera)
        yield Candidate(ref=ref, build=build)


def _build(
    ref: AnnotationRef, name: str, part: FloatArray, joints: FloatArray, find_camera: _FindCamera
) -> BuildResult:
    count = len(ref.file.keypoint_map)
    points = parse_numbers(part, "part", count, 3)
    low, high = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
    center, half = (low + high) / 2, JOINTS_BOX * (high - low) / 2
    labels = Labels(
        box_xyxy=np.concatenate([center - half, center + half]),
        points=points[:, :2],
        visible=(points[:, 2] > 0).astype(np.float64),
        points_camera_m=parse_numbers(joints, "S", count, -1)[:, :3],
    )
    camera = find_camera(name)
    size_wh = camera.width, camera.height
    return make_record(ref, labels, ref.file.images / name, image_size_wh=size_wh, camera=camera)


def _camera(parameters: Mapping[str, FloatArray], size_wh: tuple[int, int]) -> Camera:
    (fx, fy), (cx, cy) = parameters["f"].ravel().tolist(), parameters["c"].ravel().tolist()
    return Camera(fx=fx, fy=fy, cx=cx, cy=cy, width=size_wh[0], height=size_wh[1])
