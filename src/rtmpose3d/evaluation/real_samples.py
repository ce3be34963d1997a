"""Readers of the annotation samples of public datasets: `read_real_people`.

In: a folder with one folder a dataset (their annotation files as published, some images). Out:
every annotated person whose image is there. For evaluation only, never for training. Sets that
one can train on are read by `rtmpose3d.data`; here are those that nobody trains on.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from rtmpose3d.data import ReadOptions, read_dataset
from rtmpose3d.errors import InputError
from rtmpose3d.evaluation.array_pickle import read_pickled_arrays
from rtmpose3d.evaluation.real_people import RealPerson, person_from_points, person_of_record
from rtmpose3d.geometry import Camera
from rtmpose3d.structures import FloatArray

MPI_INF_3DHP_SIZE_PX = 2048  # width and height; the training cameras' file has a height of 204
JOINTS_BOX = 1.2  # motion capture: the joints' box, enlarged about its middle to hold the body


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A sample of a dataset of `rtmpose3d.data`.

    Attributes:
        dataset: its name there.
        annotations: file, from the sample's folder; images lie as the file names them.
        split: whose layout the file has.
    """

    dataset: str
    annotations: str
    split: str = "train"


SAMPLES: Mapping[str, Sample] = {
    "coco": Sample(dataset="coco-wholebody", annotations="test_coco_wholebody.json"),
    "aic": Sample(dataset="aic", annotations="test_aic.json"),
    "crowdpose": Sample(dataset="crowdpose", annotations="test_crowdpose.json"),
    "jhmdb": Sample(dataset="sub-jhmdb", annotations="test_jhmdb_sub1.json", split="train1"),
    "posetrack18": Sample(
        dataset="posetrack18", annotations="annotations/test_posetrack18_val.json"
    ),
    "humanart": Sample(dataset="human-art", annotations="test_humanart.json"),
    "mpii": Sample(dataset="mpii", annotations="test_mpii.json"),
    "300w": Sample(dataset="300w", annotations="test_300w.json"),
    "wflw": Sample(dataset="wflw", annotations="test_wflw.json"),
    "lapa": Sample(dataset="lapa", annotations="test_lapa.json"),
    "cofw": Sample(dataset="cofw", annotations="test_cofw.json"),
    "interhand2.6m": Sample(dataset="interhand2.6m", annotations="test_interhand2.6m_data.json"),
}
"""Folder of the sample -> how it is read."""


def _limbs(theirs: Sequence[int]) -> Mapping[int, int]:
    """From shoulders, elbows, wrists, hips, knees, ankles, left before right in each pair."""
    return dict(zip(theirs, range(5, 17), strict=True))


# Hips and shoulders of these are joints of a motion capture skeleton, which sit elsewhere than
# COCO's (Human3.6M: narrower shoulders, wider hips).
H36M = _limbs((11, 14, 12, 15, 13, 16, 4, 1, 5, 2, 6, 3))
MPI_INF_3DHP = _limbs((5, 2, 6, 3, 7, 4, 11, 8, 12, 9, 13, 10))


def read_real_people(
    samples: Path, datasets: Sequence[str] | None = None, *, missing: bool = False
) -> list[RealPerson]:
    """Every annotated person whose image is there.

    Args:
        samples: the folder with one folder a dataset; datasets that are absent are left out.
        datasets: names of `READERS`; None for all.
        missing: also give people whose image is not there.

    Raises:
        InputError: there is no such folder, no known dataset in it, or a file that is broken.
    """
    if not samples.is_dir():
        raise InputError(f"{samples} is no folder of annotated samples")
    people: list[RealPerson] = []
    for name in READERS if datasets is None else datasets:
        folder = samples / name
        if not folder.is_dir():
            continue
        try:
            people += [p for p in READERS[name](folder) if missing or p.image_path.is_file()]
        except InputError:
            raise
        except (KeyError, TypeError, IndexError, ValueError, OSError) as error:
            raise InputError(f"the annotations in {folder} are broken: {error!r}") from error
    if not people:
        raise InputError(f"{samples} holds no annotated image of {', '.join(READERS)}")
    return people


def _sample(name: str, folder: Path) -> Iterator[RealPerson]:
    sample = SAMPLES[name]
    reading = read_dataset(
        sample.dataset,
        folder,
        sample.split,
        annotations=sample.annotations,
        images=".",
        options=ReadOptions(keep_ignored=True, check_images=False),
    )
    for record in reading:
        yield replace(person_of_record(record), dataset=name)


def _ochuman(folder: Path) -> Iterator[RealPerson]:
    """OCHuman, in COCO's format, body only: made to evaluate, not to train."""
    document = json.loads((folder / "test_ochuman.json").read_text(encoding="utf-8"))
    images = {image["id"]: image["file_name"] for image in document["images"]}
    for a in document["annotations"]:
        points = np.asarray(a["keypoints"], np.float64).reshape(-1, 3)
        x, y, width, height = a["bbox"]
        yield person_from_points(
            "ochuman",
            folder / images[a["image_id"]],
            points[:, :2],
            points[:, 2] > 0,
            {i: i for i in range(17)},
            np.array([x, y, x + width, y + height], np.float64),
            area_px2=a.get("area"),
            crowd=bool(a.get("iscrowd", 0)),
        )


def _h36m(folder: Path) -> Iterator[RealPerson]:
    cameras = read_pickled_arrays(folder / "cameras.pkl")
    with np.load(folder / "test_h36m_body3d.npz", allow_pickle=False) as data:
        for i, name in enumerate(data["imgname"].tolist()):
            subject, _, file = name.split("/")[-1].partition("_")
            camera = cameras[subject, file.split(".")[1].split("_")[0]]
            size = int(camera["w"]), int(camera["h"])
            row = {key: data[key][i] for key in ("part", "S")}
            yield _motion_capture("h36m", folder / name, row, camera, size, H36M)


def _mpi_inf_3dhp(folder: Path) -> Iterator[RealPerson]:
    size = MPI_INF_3DHP_SIZE_PX, MPI_INF_3DHP_SIZE_PX
    for split, parts in (("train", 3), ("test", 1)):
        cameras = read_pickled_arrays(folder / f"cameras_{split}.pkl")
        with np.load(folder / f"test_3dhp_{split}.npz", allow_pickle=False) as data:
            for i, name in enumerate(data["imgname"].tolist()):
                camera = cameras["_".join(name.split("_")[:parts])]
                row = {key: data[key][i] for key in ("part", "S")}
                path = folder / name
                yield _motion_capture("mpi_inf_3dhp", path, row, camera, size, MPI_INF_3DHP)


def _motion_capture(
    dataset: str,
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
        dataset,
        image_path,
        row["part"][:, :2],
        row["part"][:, 2] > 0,
        ours,
        np.concatenate([middle - half, middle + half]),
        points_camera=row["S"][:, :3],
        camera=Camera(fx=fx, fy=fy, cx=cx, cy=cy, width=size_wh[0], height=size_wh[1]),
    )


READERS: Mapping[str, Callable[[Path], Iterator[RealPerson]]] = {
    **{name: partial(_sample, name) for name in SAMPLES},
    "ochuman": _ochuman,
    "h36m": _h36m,
    "mpi_inf_3dhp": _mpi_inf_3dhp,
}
"""Name, which is also the folder of the sample, -> reader of that folder."""
