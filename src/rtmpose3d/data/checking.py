"""Checking a download: `check_dataset` reads a full split and lists every problem."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from rtmpose3d.data.candidates import AnnotationFile, ReadOptions, read_json
from rtmpose3d.data.reading import Reading, read_dataset
from rtmpose3d.data.records import PoseRecord, load_record_image
from rtmpose3d.data.specs import DatasetSpec
from rtmpose3d.errors import InputError
from rtmpose3d.skeletons import WHOLEBODY

OUTSIDE_PX = 2.0  # tolerance outside the image for keypoints: rounding, lens distortion

Progress = Callable[[str, int, int | None], None]
"""Called with the step ("labels", "images"), the number done, and the total if known."""


@dataclass(kw_only=True, eq=False)
class DatasetCheck:
    """Result of a check.

    Attributes:
        spec: row of the dataset.
        split: name of the split.
        files: its annotation files.
        people: number of usable records.
        images: number of images with at least one usable record.
        opened: number of images opened.
        keypoints: number of labelled keypoints per part.
        people_with_3d: number of records with depth.
        skipped: number of annotations skipped by rule, by reason.
        problems: error messages, each with file and index.
        notes: remarks that are no problems.
        kept: records for a preview, if requested.
    """

    spec: DatasetSpec
    split: str
    files: tuple[Path, ...] = ()
    people: int = 0
    images: int = 0
    opened: int = 0
    keypoints: Counter[str] = field(default_factory=Counter)
    people_with_3d: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    kept: list[PoseRecord] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether there are no problems."""
        return not self.problems


def check_dataset(
    name: str,
    folder: Path,
    split: str,
    *,
    open_images: int | None = 200,
    options: ReadOptions | None = None,
    annotations: str | None = None,
    images: str | None = None,
    progress: Progress | None = None,
    keep: int = 0,
) -> DatasetCheck:
    """Reads a split, checks its annotations and some images, and compares the counts.

    Args:
        name: name of the dataset.
        folder: folder of the dataset.
        split: name of the split.
        open_images: number of images to open, evenly spaced; None: all.
        options: how to read.
        annotations: annotation file to use instead, relative to the folder.
        images: image folder to use instead, relative to the folder.
        progress: progress callback.
        keep: number of records with readable images to keep for a preview, evenly spaced.

    Raises:
        UnknownNameError: there is no such dataset or split.
        InputError: the annotation file is missing, broken or empty, or no annotation is usable.
    """
    reading = read_dataset(
        name, folder, split, on_bad="skip", options=options, annotations=annotations, images=images
    )
    progress = progress or (lambda step, done, total: None)
    check = DatasetCheck(
        spec=reading.spec, split=split, files=tuple(file.path for file in reading.files)
    )
    first_of_image = _check_records(reading, check, progress)
    check.images = len(first_of_image)
    check.skipped = Counter(reading.skipped)
    check.problems += [bad.text for bad in reading.bad]
    if annotations is None:
        _compare_counts(reading, check)
    elif reading.spec.counted_by:
        check.notes.append("other annotation file: counts are not compared")
    readable = _open_images(list(first_of_image.values()), check, open_images, progress)
    check.kept = spread(readable, keep)
    return check


def _check_records(
    reading: Reading, check: DatasetCheck, progress: Progress
) -> dict[Path, PoseRecord]:
    """Counts the records; returns the first of each image."""
    expected = reading.spec.split(check.split).people if reading.options.every == 1 else None
    first: dict[Path, PoseRecord] = {}
    outside: list[str] = []
    for record in reading:
        check.people += 1
        check.people_with_3d += record.has_3d
        for part, indices in WHOLEBODY.parts.items():
            check.keypoints[part] += int((record.visible[indices] > 0).sum())
        if isinstance(record.image, Path):
            first.setdefault(record.image, record)
        _check_inside(record, check, outside)
        if check.people % 500 == 0:
            progress("labels", check.people, expected)
    if outside:
        check.notes.append(
            f"{len(outside)} people have labelled keypoints outside their image, the first: "
            f"{outside[0]}"
        )
    return first


def _check_inside(record: PoseRecord, check: DatasetCheck, outside: list[str]) -> None:
    """Records a box outside its image, and keypoints outside it."""
    if record.image_size_wh is None:
        return
    size = np.asarray(record.image_size_wh, np.float32)
    if (record.box_xyxy[:2] > size - 1).any() or (record.box_xyxy[2:] < 0).any():
        corners = [round(float(value)) for value in record.box_xyxy]
        width, height = record.image_size_wh
        check.problems.append(
            f"{record.source}: box {corners} is outside its image of {width} x {height} px"
        )
    points = record.keypoints_px[record.visible > 0]
    if ((points < -OUTSIDE_PX) | (points > size - 1 + OUTSIDE_PX)).any():
        outside.append(record.source)


def _compare_counts(reading: Reading, check: DatasetCheck) -> None:
    """Compares the counts with the published ones."""
    split = reading.spec.split(check.split)
    if reading.options.every > 1:
        check.notes.append(f"every {reading.options.every}th image: counts are not compared")
        return
    by = f"(counted by: {reading.spec.counted_by})"
    if split.people is not None and split.people != check.people:
        check.problems.append(
            f"{reading.spec.name}: {check.people} people with labels, expected {split.people} {by}"
        )
    if split.image_count is not None:
        listed = sum(listed_images(file) for file in reading.files)
        if listed != split.image_count:
            check.problems.append(
                f"{reading.spec.name}: the files list {listed} images, expected "
                f"{split.image_count} {by}"
            )


def listed_images(file: AnnotationFile) -> int:
    """Number of images that a file in COCO's format lists, with people or without.

    Raises:
        InputError: it cannot be read.
    """
    document = read_json(file.path)
    return len(document["images"]) if isinstance(document, dict) else 0


def _open_images(
    records: list[PoseRecord], check: DatasetCheck, open_images: int | None, progress: Progress
) -> list[PoseRecord]:
    """Opens images; returns the records of those that are readable and of the annotated size."""
    chosen = spread(records, open_images)
    readable: list[PoseRecord] = []
    for number, record in enumerate(chosen, 1):
        try:
            load_record_image(record)
            readable.append(record)
        except InputError as error:
            check.problems.append(str(error))
        check.opened = number
        progress("images", number, len(chosen))
    return readable


def spread(records: list[PoseRecord], count: int | None) -> list[PoseRecord]:
    """`count` evenly spaced records; None: all."""
    if count == 0:
        return []
    if count is None or count >= len(records):
        return records
    indices: Iterable[int] = np.linspace(0, len(records) - 1, count).round().astype(int).tolist()
    return [records[index] for index in indices]
