"""Converts a download of UBody (videos, labels by scene) into what its reader reads.

The download holds `videos/SCENE/VIDEO.mp4`, `annotations/SCENE/keypoint_annotation.json`, whose
images are frames of the videos at 30 a second, and `splits/*.npy` with the names of the test
videos. The reader expects `images/SCENE/VIDEO/000001.png` and one label file for each split
(mmpose: tools/dataset_converters/ubody_kpts_to_coco.py). Frames are cut by ffmpeg with the
dataset's own settings, so that their numbers are those of the labels.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal, TextIO

import numpy as np

from rtmpose3d.data.candidates import read_json
from rtmpose3d.data.checking import Progress
from rtmpose3d.errors import InputError, import_extra
from rtmpose3d.structures.atomic import atomic_write, output_errors
from rtmpose3d.untrusted import check_size, reading

LABELS = "keypoint_annotation.json"
FPS = 30
_LIST_BYTES = 2**26  # names of test videos
SplitBy = Literal["intra", "inter"]
_CATEGORIES = [{"supercategory": "person", "id": 1, "name": "person"}]


@dataclass(frozen=True, kw_only=True)
class UnpackedVideos:
    """Result of converting a download.

    Attributes:
        images: number of frames written.
        people: number of labels in each split's file.
        without_image: number of labels skipped because their frame does not exist.
        problems: error messages of videos that could not be cut.
    """

    images: int
    people: Mapping[str, int]
    without_image: int
    problems: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class _Scene:
    """Labels of one scene, with image names relative to the folder `images`."""

    images: Mapping[int, dict]
    annotations: list[dict]

    @classmethod
    def read(cls, path: Path, every: int) -> _Scene:
        """Reads the labels of every n-th frame.

        Raises:
            InputError: the file is of another format.
        """
        document = read_json(path)
        images: dict[int, dict] = {}
        try:
            if not isinstance(document, dict):
                raise TypeError("no object of JSON")
            for image in document["images"]:
                name = PurePosixPath(path.parent.name, str(image["file_name"]).lstrip("/"))
                if ".." in name.parts or len(name.parts) < 3:
                    raise ValueError(f"{image['file_name']!r} is no frame of a video")
                if int(name.stem) % every == 0:
                    images[image["id"]] = {**image, "file_name": name.as_posix()}
            kept = [a for a in document["annotations"] if a["image_id"] in images]
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"{path} holds no labels of UBody: {error!r}") from error
        return cls(images=images, annotations=kept)


def unpack_videos(
    folder: Path, *, every: int = 1, split_by: SplitBy = "intra", progress: Progress | None = None
) -> UnpackedVideos:
    """Cuts the videos into frames and joins the labels.

    Only frames with labels are kept. Videos already cut are skipped. A video that cannot be cut is
    reported, and its labels are skipped.

    Args:
        folder: folder of UBody.
        every: take every n-th frame.
        split_by: test on videos of all scenes ("intra", as published trainings do) or on whole
            scenes ("inter").
        progress: called with "videos", the number of videos done, and the total.

    Raises:
        InputError: a part of the download is missing or of another format.
        MissingDependencyError: ffmpeg is not installed.
        OutputError: a file cannot be written.
    """
    files = sorted((folder / "annotations").glob(f"*/{LABELS}"))
    if not files:
        raise InputError(
            f"{folder / 'annotations'} holds no SCENE/{LABELS}; put UBody's download there as "
            "docs/datasets.md shows"
        )
    test_videos = _read_test_videos(folder / "splits" / f"{split_by}_scene_test_list.npy")
    frames: dict[Path, set[str]] = defaultdict(set)
    for file in files:  # all before hours of cutting; only names are kept, labels take gigabytes
        for image in _Scene.read(file, every).images.values():
            name = Path(image["file_name"])
            frames[name.parent].add(name.name)
    images, problems = _cut_all(folder, frames, progress or (lambda step, done, total: None))
    people, missing = _join(folder, files, every, test_videos)
    return UnpackedVideos(
        images=images, people=people, without_image=missing, problems=tuple(problems)
    )


def _read_test_videos(path: Path) -> frozenset[str]:
    check_size(path, _LIST_BYTES, "list of videos")
    with reading(path, "list of videos", advice="download UBody's splits"):
        names = np.load(path, allow_pickle=False)
    if names.dtype.kind != "U":
        raise InputError(f"{path} holds {names.dtype}; expected names of videos")
    return frozenset(names.reshape(-1).tolist())


def _cut_all(
    folder: Path, frames: Mapping[Path, set[str]], progress: Progress
) -> tuple[int, list[str]]:
    """Number of frames written, and error messages."""
    videos = {
        path.parent.relative_to(folder / "videos") / path.name.split(".")[0]: path
        for path in sorted((folder / "videos").rglob("*"))
        if path.is_file()
    }
    written, problems = 0, []
    for done, (video, names) in enumerate(sorted(frames.items())):
        progress("videos", done, len(frames))
        images = folder / "images" / video
        if all((images / name).is_file() for name in names):
            continue
        if video not in videos:
            problems.append(f"{folder / 'videos' / video}.mp4 does not exist")
            continue
        try:
            written += _cut(videos[video], images, names)
        except InputError as error:
            problems.append(str(error))
    progress("videos", len(frames), len(frames))
    return written, problems


def _cut(video: Path, images: Path, names: set[str]) -> int:
    """Writes the frames with these names; frames that the video does not have are skipped."""
    with output_errors(images):
        images.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=images, prefix=".frames") as temporary:
            pattern = str(Path(temporary, "%06d.png"))
            settings = ["-f", "image2", "-r", str(FPS), "-b:v", "5626k"]
            command = [_ffmpeg(), "-nostdin", "-v", "error", "-i", str(video), *settings, pattern]
            done = subprocess.run(command, capture_output=True, text=True, errors="replace")
            if done.returncode:
                lines = done.stderr.strip().splitlines()
                raise InputError(f"{video}: {lines[-1] if lines else 'ffmpeg failed'}")
            written = [name for name in names if Path(temporary, name).is_file()]
            for name in written:
                Path(temporary, name).replace(images / name)
    return len(written)


def _ffmpeg() -> str:
    found = shutil.which("ffmpeg")
    if found:
        return found
    return import_extra("imageio_ffmpeg", "data", "cutting videos without ffmpeg").get_ffmpeg_exe()


def _join(
    folder: Path, files: list[Path], every: int, test_videos: frozenset[str]
) -> tuple[dict[str, int], int]:
    """Writes the label file of each split; returns labels per split, and number skipped."""
    people, missing = {"train": 0, "val": 0}, 0
    with ExitStack() as stack:
        out = {
            split: _LabelWriter(
                stack.enter_context(
                    atomic_write(folder / "annotations" / f"{split}_annotations.json", "w")
                )
            )
            for split in people
        }
        for file in files:
            scene = _Scene.read(file, every)
            images = {
                key: image
                for key, image in scene.images.items()
                if (folder / "images" / image["file_name"]).is_file()
            }
            for annotation in scene.annotations:
                image = images.get(annotation["image_id"])
                if image is None:
                    missing += 1
                    continue
                video = PurePosixPath(image["file_name"]).parent.name.split("_Trim")[0]
                split = "val" if video in test_videos else "train"
                out[split].add(image, annotation)
                people[split] += 1
        for writer in out.values():
            writer.close()
    return people, missing


class _LabelWriter:
    """Writes a COCO file label by label with new ids: all of UBody would not fit into memory."""

    def __init__(self, handle: TextIO) -> None:
        self._handle = handle
        self._images: dict[str, dict] = {}
        self._count = 0
        handle.write('{"annotations": [')

    def add(self, image: dict, annotation: dict) -> None:
        """Appends a label, and its image if that is new."""
        name = image["file_name"]
        if name not in self._images:
            self._images[name] = {**image, "id": len(self._images)}
        numbers = {"id": self._count, "image_id": self._images[name]["id"]}
        self._handle.write(",\n" if self._count else "\n")
        self._handle.write(json.dumps({**annotation, **numbers}))
        self._count += 1

    def close(self) -> None:
        """Writes the images and categories."""
        rest = {"images": list(self._images.values()), "categories": _CATEGORIES}
        self._handle.write("],\n" + json.dumps(rest)[1:])
