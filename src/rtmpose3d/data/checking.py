"""Checking a download: `check_dataset` reads a whole split and lists everything that is wrong."""

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

OUTSIDE_PX = 2.0  # a labelled keypoint may lie so far outside its image: rounding, lens distortion

Tell = Callable[[str, int, int | None], None]
"""Told of the step ("labels", "images"), how much of it is done, and of how much if known."""


@dataclass(kw_only=True, eq=False)
class DatasetCheck:
    """What a check found.

    Attributes:
        spec: of the dataset.
        split: that was checked.
        files: its annotation files.
        people: records that can be used.
        images: images with at least one such record.
        opened: images that were opened.
        keypoints: labelled keypoints of each part.
        people_with_3d: records with depth.
        left_out: labels that are in order and give no record, by reason.
        problems: everything that is wrong, each naming its file and index.
        notes: what is worth knowing and not wrong.
        kept: records for a preview, if asked for.
    """

    spec: DatasetSpec
    split: str
    files: tuple[Path, ...] = ()
    people: int = 0
    images: int = 0
    opened: int = 0
    keypoints: Counter[str] = field(default_factory=Counter)
    people_with_3d: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    kept: list[PoseRecord] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
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
    tell: Tell | None = None,
    keep: int = 0,
) -> DatasetCheck:
    """Read a split, look at its labels and at some images, and count.

    Args:
        name: of the dataset.
        folder: where it lies.
        split: to check.
        open_images: how many images to open, spread evenly; None: all.
        options: how it is read.
        annotations: another place of the annotation file, from the folder.
        images: another folder of the images, from the dataset's folder.
        tell: told how far it is.
        keep: how many records with readable images to keep, spread evenly, for a preview.

    Raises:
        UnknownNameError: there is no such dataset or split.
        InputError: the annotation file is missing, broken or empty, or no label can be used.
    """
    reading = read_dataset(
        name, folder, split, on_bad="skip", options=options, annotations=annotations, images=images
    )
    tell = tell or (lambda step, done, total: None)
    check = DatasetCheck(
        spec=reading.spec, split=split, files=tuple(file.path for file in reading.files)
    )
    first_of_image = _go_through(reading, check, tell)
    check.images = len(first_of_image)
    check.left_out = Counter(reading.left_out)
    check.problems += [bad.text for bad in reading.bad]
    if annotations is None:
        _count(reading, check)
    else:
        check.notes.append("another annotation file: numbers are not compared")
    readable = _open(list(first_of_image.values()), check, open_images, tell)
    check.kept = spread(readable, keep)
    return check


def _go_through(reading: Reading, check: DatasetCheck, tell: Tell) -> dict[Path, PoseRecord]:
    """Count the records; the first of each image."""
    expected = reading.spec.split(check.split).people if reading.options.every == 1 else None
    first: dict[Path, PoseRecord] = {}
    outside: list[str] = []
    for record in reading:
        check.people += 1
        check.people_with_3d += record.has_3d
        for part, where in WHOLEBODY.parts.items():
            check.keypoints[part] += int((record.visible[where] > 0).sum())
        if isinstance(record.image, Path):
            first.setdefault(record.image, record)
        _check_inside(record, check, outside)
        if check.people % 500 == 0:
            tell("labels", check.people, expected)
    if outside:
        check.notes.append(
            f"{len(outside)} people have labelled keypoints outside their image, the first: "
            f"{outside[0]}"
        )
    return first


def _check_inside(record: PoseRecord, check: DatasetCheck, outside: list[str]) -> None:
    """Note a box that misses its image, and keypoints that lie outside of it."""
    if record.image_size_wh is None:
        return
    size = np.asarray(record.image_size_wh, np.float32)
    if (record.box_xyxy[:2] > size - 1).any() or (record.box_xyxy[2:] < 0).any():
        corners = [round(float(value)) for value in record.box_xyxy]
        width, height = record.image_size_wh
        check.problems.append(
            f"{record.source}: box {corners} lies outside its image of {width} x {height} px"
        )
    points = record.keypoints_px[record.visible > 0]
    if ((points < -OUTSIDE_PX) | (points > size - 1 + OUTSIDE_PX)).any():
        outside.append(record.source)


def _count(reading: Reading, check: DatasetCheck) -> None:
    """Hold the numbers against the published ones."""
    split = reading.spec.split(check.split)
    if reading.options.every > 1:
        check.notes.append(f"every {reading.options.every}th image: numbers are not compared")
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
    """How many images a file in COCO's format lists, with people or without.

    Raises:
        InputError: it cannot be read.
    """
    document = read_json(file.path)
    return len(document["images"]) if isinstance(document, dict) else 0


def _open(
    records: list[PoseRecord], check: DatasetCheck, open_images: int | None, tell: Tell
) -> list[PoseRecord]:
    """Open images; a broken one, or one of another size, is a problem. Gives the others."""
    chosen = spread(records, open_images)
    readable: list[PoseRecord] = []
    for number, record in enumerate(chosen, 1):
        try:
            load_record_image(record)
            readable.append(record)
        except InputError as error:
            check.problems.append(str(error))
        check.opened = number
        tell("images", number, len(chosen))
    return readable


def spread(records: list[PoseRecord], count: int | None) -> list[PoseRecord]:
    """`count` of the records, spread evenly over them; None: all."""
    if count == 0:
        return []
    if count is None or count >= len(records):
        return records
    places: Iterable[int] = np.linspace(0, len(records) - 1, count).round().astype(int).tolist()
    return [records[place] for place in places]
