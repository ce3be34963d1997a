"""Reader of DNA-Rendering, and extraction of its images.

Written from the published format (the reader on its GitHub page, scripts/3DGS/SMCReader.py, and
issue 2 there on the keypoints); not tested on a real file. A sequence is two HDF5 files:
NAME.smc with the images of 60 cameras, NAME_annots.smc with cameras and keypoints. Images are
read from `images/NAME/CAMERA/FRAME.jpg`, where `unpack_images` writes them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType

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
from rtmpose3d.errors import InputError, import_extra
from rtmpose3d.geometry import Camera
from rtmpose3d.structures import FloatArray
from rtmpose3d.structures.atomic import atomic_write, output_errors

ANNOTATIONS_ENDING = "_annots.smc"
CAMERA_GROUPS = ("Camera_5mp", "Camera_12mp")
SIZES_WH = {"Camera_5mp": (2448, 2048), "Camera_12mp": (4096, 3000)}  # the download page
FIRST_12MP = 48  # cameras 0 to 47 have 5 megapixels, 48 to 59 have 12
BOX_MARGIN = 1.2  # no box is annotated: the keypoints' box is enlarged to hold the body
MAX_DISTANCE_M = 30.0  # the stage is some metres wide; more indicates other units


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
    h5py = _h5py()
    try:
        with h5py.File(file.path, "r") as smc:
            points = np.asarray(smc["Keypoints_3D"]["keypoints3d"], np.float64)
            views = [_view(smc, name) for name in sorted(smc["Camera_Parameter"])]
    except (OSError, KeyError, ValueError, TypeError, np.linalg.LinAlgError) as error:
        raise InputError(f"{file.path} is no annotation file of DNA-Rendering: {error}") from error
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


def _h5py() -> ModuleType:
    return import_extra("h5py", "data", "reading DNA-Rendering")


def _view(smc: object, name: str) -> _View:
    entry = smc["Camera_Parameter"][name]  # pyright: ignore[reportIndexIssue]
    group = CAMERA_GROUPS[int(name) >= FIRST_12MP]
    world_from_camera = np.asarray(entry["RT"], np.float64).reshape(4, 4)
    return _View(
        name=name,
        matrix=np.asarray(entry["K"], np.float64).reshape(3, 3),
        distortion=np.asarray(entry["D"], np.float64).ravel(),
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


def unpack_images(smc_file: Path, images: Path, *, every: int = 1) -> int:
    """Writes a sequence's images as the files that its records name.

    Existing images are kept. The JPEG data is copied, not re-encoded.

    Args:
        smc_file: NAME.smc.
        images: the folder `images` of the dataset.
        every: take every n-th frame, as in `ReadOptions`.

    Returns:
        Number of images written.

    Raises:
        InputError: the file is of another format.
        OutputError: an image cannot be written.
        MissingDependencyError: h5py is not installed.
    """
    h5py = _h5py()
    try:
        smc = h5py.File(smc_file, "r")
    except OSError as error:
        raise InputError(f"{smc_file} is no file of DNA-Rendering: {error}") from error
    written = 0
    with smc:
        for group in (name for name in CAMERA_GROUPS if name in smc):
            for camera in smc[group]:
                folder = images / smc_file.stem / f"{int(camera):02d}"
                written += _unpack_camera(smc_file, smc[group][camera], folder, every)
    return written


def _unpack_camera(smc_file: Path, camera: object, folder: Path, every: int) -> int:
    try:
        frames = camera["color"]  # pyright: ignore[reportIndexIssue]
        names = sorted(int(name) for name in frames)
    except (KeyError, ValueError) as error:
        raise InputError(f"{smc_file} is no file of DNA-Rendering: {error}") from error
    with output_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    written = 0
    for frame in names:
        path = folder / f"{frame:06d}.jpg"
        if frame % every or path.is_file():
            continue
        data = np.asarray(frames[str(frame)], np.uint8).tobytes()
        with atomic_write(path, "wb") as handle:
            handle.write(data)
        written += 1
    return written
