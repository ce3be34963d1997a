"""Makes of UBody as it is downloaded, videos and labels by scenes, what its reader reads.

The download holds `videos/SCENE/VIDEO.mp4`, `annotations/SCENE/keypoint_annotation.json`, whose
images are frames of the videos at 30 a second, and `splits/*.npy` with the names of the videos
to test on. The reader wants `images/SCENE/VIDEO/000001.png` and one label file for each split
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
from rtmpose3d.data.checking import Tell
from rtmpose3d.errors import InputError, import_extra
from rtmpose3d.structures.atomic import atomic_write, output_errors

LABELS = "keypoint_annotation.json"
FPS = 30
SplitBy = Literal["intra", "inter"]
_CATEGORIES = [{"supercategory": "person", "id": 1, "name": "person"}]


@dataclass(frozen=True, kw_only=True)
class UnpackedVideos:
    """What became of a download.

    Attributes:
        images: frames that were written now.
        people: labels in each split's file.
        without_image: labels that were left out, as their frame is not there.
        problems: videos that could not be cut, with the reason.
    """

    images: int
    people: Mapping[str, int]
    without_image: int
    problems: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class _Scene:
    """Labels of one scene, their images named as seen from the folder `images`."""

    images: Mapping[int, dict]
    annotations: list[dict]

    @classmethod
    def read(cls, path: Path, every: int) -> _Scene:
        """Every n-th frame of it.

        Raises:
            InputError: it is no such file.
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
    folder: Path, *, every: int = 1, split_by: SplitBy = "intra", tell: Tell | None = None
) -> UnpackedVideos:
    """Cut the videos and join the labels.

    Only frames with labels are kept. Videos that have been cut are left alone. A video that
    cannot be cut is told of, and its labels are left out.

    Args:
        folder: of UBody.
        every: take every n-th frame.
        split_by: test on videos of all scenes ("intra", as published trainings do) or on whole
            scenes ("inter").
        tell: is called with "videos", the number of videos that are done, and of all.

    Raises:
        InputError: a part of the download is not there, or is no such file.
        MissingDependencyError: there is no ffmpeg.
        OutputError: a file cannot be written.
    """
    files = sorted((folder / "annotations").glob(f"*/{LABELS}"))
    if not files:
        raise InputError(
            f"{folder / 'annotations'} holds no SCENE/{LABELS}; put UBody's download there as "
            "docs/datasets.md shows"
        )
    tested = _names_of_tested(folder / "splits" / f"{split_by}_scene_test_list.npy")
    frames: dict[Path, set[str]] = defaultdict(set)
    for file in files:  # all, before hours of cutting; kept are the names, as labels take gigabytes
        for image in _Scene.read(file, every).images.values():
            name = Path(image["file_name"])
            frames[name.parent].add(name.name)
    images, problems = _cut_all(folder, frames, tell or (lambda step, done, total: None))
    people, missing = _join(folder, files, every, tested)
    return UnpackedVideos(
        images=images, people=people, without_image=missing, problems=tuple(problems)
    )


def _names_of_tested(path: Path) -> frozenset[str]:
    try:
        names = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{path} is no list of videos ({error}); download UBody's splits") from (
            error
        )
    if names.dtype.kind != "U":
        raise InputError(f"{path} holds {names.dtype}; expected names of videos")
    return frozenset(names.reshape(-1).tolist())


def _cut_all(folder: Path, frames: Mapping[Path, set[str]], tell: Tell) -> tuple[int, list[str]]:
    """Number of frames written, and what went wrong."""
    videos = {
        path.parent.relative_to(folder / "videos") / path.name.split(".")[0]: path
        for path in sorted((folder / "videos").rglob("*"))
        if path.is_file()
    }
    written, problems = 0, []
    for done, (place, names) in enumerate(sorted(frames.items())):
        tell("videos", done, len(frames))
        images = folder / "images" / place
        if all((images / name).is_file() for name in names):
            continue
        if place not in videos:
            problems.append(f"{folder / 'videos' / place}.mp4 is not there")
            continue
        try:
            written += _cut(videos[place], images, names)
        except InputError as error:
            problems.append(str(error))
    tell("videos", len(frames), len(frames))
    return written, problems


def _cut(video: Path, images: Path, names: set[str]) -> int:
    """Write the frames with these names; a frame that the video does not have is left out."""
    with output_errors(images):
        images.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=images, prefix=".frames") as temporary:
            pattern = str(Path(temporary, "%06d.png"))
            settings = ["-f", "image2", "-r", str(FPS), "-b:v", "5626k"]
            command = [_ffmpeg(), "-nostdin", "-v", "error", "-i", str(video), *settings, pattern]
            done = subprocess.run(command, capture_output=True, text=True, errors="replace")
            if done.returncode:
                said = done.stderr.strip().splitlines()
                raise InputError(f"{video}: {said[-1] if said else 'ffmpeg failed'}")
            there = [name for name in names if Path(temporary, name).is_file()]
            for name in there:
                Path(temporary, name).replace(images / name)
    return len(there)


def _ffmpeg() -> str:
    found = shutil.which("ffmpeg")
    if found:
        return found
    return import_extra("imageio_ffmpeg", "data", "cutting videos without ffmpeg").get_ffmpeg_exe()


def _join(
    folder: Path, files: list[Path], every: int, tested: frozenset[str]
) -> tuple[dict[str, int], int]:
    """Write the label file of each split: how many labels each has, and how many were left out."""
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
            there = {
                key: image
                for key, image in scene.images.items()
                if (folder / "images" / image["file_name"]).is_file()
            }
            for annotation in scene.annotations:
                image = there.get(annotation["image_id"])
                if image is None:
                    missing += 1
                    continue
                video = PurePosixPath(image["file_name"]).parent.name.split("_Trim")[0]
                split = "val" if video in tested else "train"
                out[split].add(image, annotation)
                people[split] += 1
        for writer in out.values():
            writer.close()
    return people, missing


class _LabelWriter:
    """Writes a COCO file label by label, numbered anew: all of UBody would not fit the memory."""

    def __init__(self, handle: TextIO) -> None:
        self._handle = handle
        self._images: dict[str, dict] = {}
        self._count = 0
        handle.write('{"annotations": [')

    def add(self, image: dict, annotation: dict) -> None:
        """One more label, and its image if that is new."""
        name = image["file_name"]
        if name not in self._images:
            self._images[name] = {**image, "id": len(self._images)}
        numbers = {"id": self._count, "image_id": self._images[name]["id"]}
        self._handle.write(",\n" if self._count else "\n")
        self._handle.write(json.dumps({**annotation, **numbers}))
        self._count += 1

    def close(self) -> None:
        """Write the rest."""
        rest = {"images": list(self._images.values()), "categories": _CATEGORIES}
        self._handle.write("],\n" + json.dumps(rest)[1:])
