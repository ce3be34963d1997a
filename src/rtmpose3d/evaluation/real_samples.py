"""Readers of the annotation samples of public data sets: `read_real_people`.

In: a folder with one folder a data set (their annotation files as published, some pictures). Out:
every annotated person whose picture is there. For evaluation only, never for training. Nothing
pickled is run.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypedDict

import numpy as np

from rtmpose3d.errors import InputError
from rtmpose3d.evaluation import correspondence
from rtmpose3d.evaluation.array_pickle import read_pickled_arrays
from rtmpose3d.evaluation.real_people import RealPerson, person_from_points
from rtmpose3d.geometry import Camera
from rtmpose3d.structures import FloatArray

BODY_FILES = {  # annotations like COCO's: file, folder of the pictures, prefix of their names
    "aic": ("aic/test_aic.json", "aic", ""),
    "crowdpose": ("crowdpose/test_crowdpose.json", "crowdpose", ""),
    "jhmdb": ("jhmdb/test_jhmdb_sub1.json", "jhmdb", ""),
    "posetrack18": ("posetrack18/annotations/test_posetrack18_val.json", "posetrack18", ""),
    "humanart": ("humanart/test_humanart.json", "humanart", "HumanArt/images/"),
    "ochuman": ("ochuman/test_ochuman.json", "ochuman", ""),
}
MPII_HEIGHT_PX = 200.0  # MPII's scale is the person's height in units of this
MPI_INF_3DHP_SIZE_PX = 2048  # width and height; the training cameras' file has a height of 204
MPII_SHIFT_PX = 15.0  # downwards, so that the box keeps the feet (mmpose's reader of MPII)
JOINTS_BOX = 1.2  # motion capture: the joints' box, enlarged about its middle to hold the body
MM = 1e-3


class _Required(TypedDict):
    image_id: int
    bbox: list[float]
    keypoints: list[float]


class _Annotation(_Required, total=False):
    """What the readers use of an annotation in COCO's format."""

    area: float
    iscrowd: int
    center: list[float]
    scale: float


def read_real_people(
    samples: Path, data_sets: Sequence[str] | None = None, *, missing: bool = False
) -> list[RealPerson]:
    """Every annotated person whose picture is there.

    Args:
        samples: the folder with one folder a data set; data sets that are absent are left out.
        data_sets: names of `READERS`; None for all.
        missing: also give people whose picture is not there.

    Raises:
        InputError: there is no such folder, no known data set in it, or a file that is broken.
    """
    if not samples.is_dir():
        raise InputError(f"{samples} is no folder of annotated samples")
    people: list[RealPerson] = []
    for name in READERS if data_sets is None else data_sets:
        if not (samples / name).is_dir():
            continue
        try:
            people += [p for p in READERS[name](samples) if missing or p.image_path.is_file()]
        except (KeyError, TypeError, IndexError, ValueError, OSError) as error:
            raise InputError(
                f"the annotations in {samples / name} are broken: {error!r}"
            ) from error
    if not people:
        raise InputError(f"{samples} holds no annotated picture of {', '.join(READERS)}")
    return people


def _read_coco(path: Path) -> tuple[dict[int, str], list[_Annotation], list[str]]:
    """File names by image id, annotations, names of the keypoints."""
    document = json.loads(path.read_text(encoding="utf-8"))
    images = {image["id"]: image["file_name"] for image in document["images"]}
    names = document.get("categories", [{}])[0].get("keypoints", [])
    return images, document["annotations"], names


def _corners(xywh: Sequence[float]) -> FloatArray:
    x, y, width, height = xywh
    return np.array([x, y, x + width, y + height], np.float64)


def _points(flat: Sequence[float]) -> tuple[FloatArray, np.ndarray]:
    """(K, 2) px and (K,) whether annotated, from x, y, visibility in a row."""
    points = np.asarray(flat, np.float64).reshape(-1, 3)
    return points[:, :2], points[:, 2] > 0


def _coco(samples: Path) -> Iterator[RealPerson]:
    path = samples / "coco" / "test_coco_wholebody.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    images = {image["id"]: image["file_name"] for image in document["images"]}
    same = {i: i for i in range(133)}
    for a in document["annotations"]:
        parts = [np.asarray(a["keypoints"], np.float64).reshape(-1, 3)]
        for part in ("foot", "face", "lefthand", "righthand"):
            points = np.asarray(a[f"{part}_kpts"], np.float64).reshape(-1, 3)
            parts.append(points * [1, 1, bool(a[f"{part}_valid"])])
        xy, known = _points(np.concatenate(parts).ravel().tolist())
        yield person_from_points(
            "coco",
            samples / "coco" / images[a["image_id"]],
            xy,
            known,
            same,
            _corners(a["bbox"]),
            area_px2=a["area"],
            crowd=bool(a["iscrowd"]),
        )


def _body(data_set: str) -> Callable[[Path], Iterator[RealPerson]]:
    file, folder, prefix = BODY_FILES[data_set]

    def read(samples: Path) -> Iterator[RealPerson]:
        images, annotations, names = _read_coco(samples / file)
        for a in annotations:
            xy, known = _points(a["keypoints"])
            # Human-Art's names go on with four points that its "keypoints" leave out.
            ours = correspondence.by_name(names[: len(xy)])
            yield person_from_points(
                data_set,
                samples / folder / images[a["image_id"]].removeprefix(prefix),
                xy,
                known,
                ours,
                _corners(a["bbox"]),
                area_px2=a.get("area"),
                crowd=bool(a.get("iscrowd", 0)),
            )

    return read


def _mpii(samples: Path) -> Iterator[RealPerson]:
    for a in json.loads((samples / "mpii" / "test_mpii.json").read_text(encoding="utf-8")):
        points = np.asarray(a["joints"], np.float64)
        center = np.add(a["center"], [0, MPII_SHIFT_PX * a["scale"]])
        yield person_from_points(
            "mpii",
            samples / "mpii" / a["image"],
            points,
            (np.asarray(a["joints_vis"]) > 0) & (points > 0).all(axis=1),
            correspondence.MPII,
            _square(center, a["scale"]),
        )


def _faces(data_set: str) -> Callable[[Path], Iterator[RealPerson]]:
    def read(samples: Path) -> Iterator[RealPerson]:
        images, annotations, _ = _read_coco(samples / data_set / f"test_{data_set}.json")
        for a in annotations:
            xy, known = _points(a["keypoints"])
            yield person_from_points(
                data_set,
                samples / data_set / images[a["image_id"]],
                xy,
                known,
                correspondence.FACES[data_set],
                _face_box(a),
                shown="face",
            )

    return read


def _face_box(a: _Annotation) -> FloatArray:
    """The square about the face where there is one: some boxes of the sample of WFLW are wrong."""
    if "center" not in a or "scale" not in a:
        return _corners(a["bbox"])
    return _square(np.asarray(a["center"], np.float64), a["scale"])


def _square(center: FloatArray, scale: float) -> FloatArray:
    """The square that MPII and its followers give as centre and scale."""
    half = scale * MPII_HEIGHT_PX / 2
    return np.concatenate([center - half, center + half])


def _interhand(samples: Path) -> Iterator[RealPerson]:
    folder = samples / "interhand2.6m"
    read = {
        kind: json.loads((folder / f"test_interhand2.6m_{kind}.json").read_text(encoding="utf-8"))
        for kind in ("data", "camera", "joint_3d")
    }
    images = {image["id"]: image for image in read["data"]["images"]}
    for a in read["data"]["annotations"]:
        image = images[a["image_id"]]
        capture, frame = str(image["capture"]), str(image["frame_idx"])
        camera, camera_from_world = _interhand_camera(read["camera"][capture], image)
        joints = read["joint_3d"][capture][frame]
        known = np.asarray(joints["joint_valid"], bool).ravel()
        known &= np.asarray(a["joint_valid"], bool).ravel()
        points = camera_from_world(np.asarray(joints["world_coord"], np.float64)) * MM
        in_front = np.where(known, points[:, 2], 1.0)
        xy = points[:, :2] / in_front[:, None] * [camera.fx, camera.fy] + [camera.cx, camera.cy]
        yield person_from_points(
            "interhand2.6m",
            folder / image["file_name"],
            xy,
            known,
            correspondence.INTERHAND,
            _corners(a["bbox"]),
            shown="hand",
            points_camera=points,
            camera=camera,
        )


def _interhand_camera(
    cameras: Mapping[str, Mapping[str, list[float]]], image: Mapping[str, int | str]
) -> tuple[Camera, Callable[[FloatArray], FloatArray]]:
    """Intrinsics, and what brings world points (K, 3) into the camera's frame."""
    number = str(image["camera"])
    (fx, fy), (cx, cy) = cameras["focal"][number], cameras["princpt"][number]
    turn, place = np.asarray(cameras["camrot"][number]), np.asarray(cameras["campos"][number])
    size = int(image["width"]), int(image["height"])
    camera = Camera(fx=fx, fy=fy, cx=cx, cy=cy, width=size[0], height=size[1])
    return camera, lambda world: (world - place) @ turn.T


def _h36m(samples: Path) -> Iterator[RealPerson]:
    folder = samples / "h36m"
    cameras = read_pickled_arrays(folder / "cameras.pkl")
    with np.load(folder / "test_h36m_body3d.npz", allow_pickle=False) as data:
        for i, name in enumerate(data["imgname"].tolist()):
            subject, _, file = name.split("/")[-1].partition("_")
            camera = cameras[subject, file.split(".")[1].split("_")[0]]
            size = int(camera["w"]), int(camera["h"])
            row = {key: data[key][i] for key in ("part", "S")}
            yield _motion_capture("h36m", folder / name, row, camera, size, correspondence.H36M)


def _mpi_inf_3dhp(samples: Path) -> Iterator[RealPerson]:
    folder = samples / "mpi_inf_3dhp"
    size = MPI_INF_3DHP_SIZE_PX, MPI_INF_3DHP_SIZE_PX
    for split, parts in (("train", 3), ("test", 1)):
        cameras = read_pickled_arrays(folder / f"cameras_{split}.pkl")
        with np.load(folder / f"test_3dhp_{split}.npz", allow_pickle=False) as data:
            for i, name in enumerate(data["imgname"].tolist()):
                camera = cameras["_".join(name.split("_")[:parts])]
                row = {key: data[key][i] for key in ("part", "S")}
                ours = correspondence.MPI_INF_3DHP
                yield _motion_capture("mpi_inf_3dhp", folder / name, row, camera, size, ours)


def _motion_capture(
    data_set: str,
    image_path: Path,
    row: Mapping[str, FloatArray],
    camera: Mapping[str, FloatArray],
    size_wh: tuple[int, int],
    ours: Mapping[int, int],
) -> RealPerson:
    """One person of an .npz file as mmpose makes them: `part` px, `S` m; no box is annotated."""
    (fx, fy), (cx, cy) = camera["f"].ravel().tolist(), camera["c"].ravel().tolist()
    low, high = row["part"][:, :2].min(axis=0), row["part"][:, :2].max(axis=0)
    middle, half = (low + high) / 2, JOINTS_BOX * (high - low) / 2
    return person_from_points(
        data_set,
        image_path,
        row["part"][:, :2],
        row["part"][:, 2] > 0,
        ours,
        np.concatenate([middle - half, middle + half]),
        points_camera=row["S"][:, :3],
        camera=Camera(fx=fx, fy=fy, cx=cx, cy=cy, width=size_wh[0], height=size_wh[1]),
    )


READERS: Mapping[str, Callable[[Path], Iterator[RealPerson]]] = {
    "coco": _coco,
    **{name: _body(name) for name in BODY_FILES},
    "mpii": _mpii,
    **{name: _faces(name) for name in correspondence.FACES},
    "interhand2.6m": _interhand,
    "h36m": _h36m,
    "mpi_inf_3dhp": _mpi_inf_3dhp,
}
