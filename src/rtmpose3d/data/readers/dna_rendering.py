"""Reader of DNA-Rendering, and extraction of its images.

Written from the published format (the reader on its GitHub page, scripts/3DGS/SMCReader.py, and
issue 2 there on the keypoints); not tested on a real file. A sequence is two HDF5 files:
NAME.smc with the images of 60 cameras, NAME_annots.smc with cameras and keypoints. Images are
read from `images/NAME/CAMERA/FRAME.jpg`, where `unpack_images` writes them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from rtmpose3d.data.candidates import (
    NO_KEYPOINTS,
    AnnotationFile,
    AnnotationRef,
    BuildResult,
    Candidate,
    Labels,
    ReadOptions,
    Skipped,
    make_record,
)
from rtmpose3d.data.readers.hdf5_files import get_group, open_hdf5, read_numbers
from rtmpose3d.errors import InputError
from rtmpose3d.geometry import Camera
from rtmpose3d.structures import FloatArray
from rtmpose3d.structures.atomic import atomic_write, make_directory
from rtmpose3d.untrusted import brief, reading

if TYPE_CHECKING:
    import h5py

ANNOTATIONS_ENDING = "_annots.smc"
CAMERA_GROUPS = ("Camera_5mp", "Camera_12mp")
SIZES_WH = {"Camera_5mp": (2448, 2048), "Camera_12mp": (4096, 3000)}  # the download page
FIRST_12MP = 48  # cameras 0 to 47 have 5 megapixels, 48 to 59 have 12
BOX_MARGIN = 1.2  # no box is annotated: the keypoints' box is enlarged to hold the body
DISTORTION_LENGTHS = (4, 5, 8, 12, 14)  # of OpenCV's models
MAX_DISTANCE_M = 30.0  # the stage is some metres wide; more indicates other units
_ADVICE = "download it again"
_MAX_DIGITS = 9  # of the number of a camera or frame
_JPEG_START = b"\xff\xd8\xff"


@dataclass(frozen=True, kw_only=True, eq=False)
class _View:
    """One camera of a sequence."""

    name: str
    matrix: FloatArray  # (3, 3) px
    distortion: FloatArray  # (5,) k1, k2, p1, p2, k3
    camera_from_world: FloatArray  # (4, 4)
    size_wh: tuple[int, int]


def read_dna_rendering(file: AnnotationFile, options: ReadOptions) -> Iterator[Candidate]:
    """Reads every frame of a sequence by every camera; 133 of its 190 keypoints, in 3D.

    The 2D points are the 3D points projected through the camera with its distortion; the record's
    camera has none. `options.every` counts frames.

    Raises:
        InputError: the file is broken or lacks an entry.
        MissingDependencyError: h5py is not installed.
    """
    what = "annotation file of DNA-Rendering"
    with reading(file.path, what, advice=_ADVICE), open_hdf5(file.path, what) as smc:
        points = read_numbers(smc, "Keypoints_3D/keypoints3d").astype(np.float64)
        cameras = get_group(smc, "Camera_Parameter")
        views = [_view(cameras, name) for name in sorted(cameras)]
    if points.ndim != 3 or points.shape[1] != len(file.keypoint_map) or points.shape[2] < 3:
        raise InputError(
            f"{file.path}: keypoints3d must be (frames, {len(file.keypoint_map)}, 3), got shape "
            f"{points.shape}"
        )
    if not len(points) or not views:
        raise InputError(f"{file.path} is empty: it has no frame or no camera")
    for frame in range(0, len(points), options.every):
        for number, view in enumerate(views):
            ref = AnnotationRef(file=file, index=frame * len(views) + number)
            yield Candidate(ref=ref, build=partial(_build, ref, view, frame, points[frame]))


def _view(cameras: h5py.Group, name: str) -> _View:
    entry = get_group(cameras, name)
    group = CAMERA_GROUPS[int(name) >= FIRST_12MP]
    world_from_camera = read_numbers(entry, "RT").astype(np.float64).reshape(4, 4)
    matrix = read_numbers(entry, "K").astype(np.float64).reshape(3, 3)
    distortion = read_numbers(entry, "D").astype(np.float64).ravel()
    if len(distortion) not in DISTORTION_LENGTHS:
        raise InputError(
            f"camera {brief(name)} has {len(distortion)} distortion coefficients; OpenCV's models "
            f"have {', '.join(map(str, DISTORTION_LENGTHS))}"
        )
    if not all(np.isfinite(values).all() for values in (world_from_camera, matrix, distortion)):
        raise InputError(f"camera {brief(name)} has values that are not finite")
    return _View(
        name=name,
        matrix=matrix,
        distortion=distortion,
        camera_from_world=np.linalg.inv(world_from_camera),
        size_wh=SIZES_WH[group],
    )


def _build(ref: AnnotationRef, view: _View, frame: int, world: FloatArray) -> BuildResult:
    known = np.isfinite(world[:, :3]).all(axis=1) & (world[:, :3] != 0).any(axis=1)
    if not known.any():
        return Skipped(reason=NO_KEYPOINTS)
    points_m = world[:, :3] @ view.camera_from_world[:3, :3].T + view.camera_from_world[:3, 3]
    if float(np.median(points_m[known, 2])) > MAX_DISTANCE_M:
        raise InputError(
            f"{ref}: the person is {np.median(points_m[known, 2]):.0f} m away; the keypoints are "
            "not in metres"
        )
    known &= points_m[:, 2] > 0
    pixels = np.zeros((len(world), 2))
    projected, _ = cv2.projectPoints(
        points_m[known], np.zeros(3), np.zeros(3), view.matrix, view.distortion
    )
    pixels[known] = projected.reshape(-1, 2)
    inside = known & ((pixels >= 0) & (pixels <= np.subtract(view.size_wh, 1))).all(axis=1)
    if not inside.any():
        return Skipped(reason=NO_KEYPOINTS)
    width, height = view.size_wh
    camera = Camera(
        fx=view.matrix[0, 0],
        fy=view.matrix[1, 1],
        cx=view.matrix[0, 2],
        cy=view.matrix[1, 2],
        width=width,
        height=height,
    )
    labels = Labels(
        box_xyxy=_box_around(pixels[inside]),
        points=pixels,
        visible=inside.astype(np.float64),
        points_camera_m=np.where(known[:, None], points_m, np.nan),
    )
    sequence = ref.file.path.name.removesuffix(ANNOTATIONS_ENDING)
    image = ref.file.images / sequence / view.name / f"{frame:06d}.jpg"
    return make_record(ref, labels, image, image_size_wh=view.size_wh, camera=camera)


def _box_around(pixels: FloatArray) -> FloatArray:
    low, high = pixels.min(axis=0), pixels.max(axis=0)
    middle, half = (low + high) / 2, np.maximum(high - low, 1) * BOX_MARGIN / 2
    return np.concatenate([middle - half, middle + half])


@dataclass(frozen=True, kw_only=True)
class UnpackedImages:
    """Result of unpacking one file.

    Attributes:
        written: number of images written.
        problems: reason for each image that was not.
    """

    written: int
    problems: Sequence[str]


def unpack_images(smc_file: Path, images: Path, *, every: int = 1) -> UnpackedImages:
    """Writes a sequence's images as the files that its records name.

    Existing images are kept. The JPEG data is copied, not re-encoded; what is no JPEG, or not in
    the file itself, is a problem and not written.

    Args:
        smc_file: NAME.smc.
        images: the folder `images` of the dataset.
        every: take every n-th frame, as in `ReadOptions`.

    Returns:
        Number of images written, and the problems.

    Raises:
        InputError: the file is of another format.
        OutputError: an image cannot be written.
        MissingDependencyError: h5py is not installed.
    """
    what = "file of DNA-Rendering"
    written, problems = 0, []
    with reading(smc_file, what, advice=_ADVICE), open_hdf5(smc_file, what) as smc:
        for group in (name for name in CAMERA_GROUPS if name in smc):
            cameras = get_group(smc, group)
            for camera in map(str, cameras):
                frames = get_group(cameras, f"{camera}/color")
                folder = make_directory(images / smc_file.stem / f"{_number(camera):02d}")
                for number, name in sorted((_number(name), name) for name in map(str, frames)):
                    path = folder / f"{number:06d}.jpg"
                    if number % every or path.is_file():
                        continue
                    try:
                        data = _read_jpeg(frames, name)
                    except InputError as error:
                        problems.append(f"{smc_file}: {error}")
                        continue
                    with atomic_write(path, "wb") as handle:
                        handle.write(data)
                    written += 1
    return UnpackedImages(written=written, problems=problems)


def _number(name: str) -> int:
    """The number of a camera or frame."""
    if not (name.isascii() and name.isdigit() and len(name) <= _MAX_DIGITS):
        raise InputError(f"{brief(name)} is no number of a camera or frame")
    return int(name)


def _read_jpeg(frames: h5py.Group, name: str) -> bytes:
    """The bytes of a frame.

    Raises:
        InputError: it cannot be read, or is no JPEG.
    """
    with reading(f"{frames.name}/{name}", "frame", advice=_ADVICE):
        values = read_numbers(frames, name)
        data = values.tobytes()
        if values.dtype.itemsize != 1 or not data.startswith(_JPEG_START):
            raise InputError(f"frame {frames.name}/{name} is no JPEG")
        return data
