"""Checking a download: `check_data_set` reads a whole split and lists everything that is wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from rtmpose3d.data.candidates import AnnotationFile, ReadOptions, read_json
from rtmpose3d.data.reading import Reading, read_data_set
from rtmpose3d.data.records import PoseRecord, load_picture
from rtmpose3d.data.specs import DataSetSpec
from rtmpose3d.errors import InputError
from rtmpose3d.skeletons import WHOLEBODY

OUTSIDE_PX = (
    2.0  # a labelled keypoint may lie so far outside its picture: rounding, lens distortion
)

Tell = Callable[[str, int, int | None], None]
"""Told of the step ("labels", "pictures"), how much of it is done, and of how much if known."""


@dataclass(kw_only=True, eq=False)
class DataSetCheck:
    """What a check found.

    Attributes:
        spec: of the data set.
        split: that was checked.
        files: its annotation files.
        people: records that can be used.
        pictures: pictures with at least one such record.
        opened: pictures that were opened.
        keypoints: labelled keypoints of each part.
        people_with_3d: records with depth.
        left_out: labels that are in order and give no record, by reason.
        problems: everything that is wrong, each naming its file and index.
        notes: what is worth knowing and not wrong.
        kept: records for a preview, if asked for.
    """

    spec: DataSetSpec
    split: str
    files: tuple[Path, ...] = ()
    people: int = 0
    pictures: int = 0
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


def check_data_set(
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
) -> DataSetCheck:
    """Read a split, look at its labels and at some pictures, and count.

    Args:
        name: of the data set.
        folder: where it lies.
        split: to check.
        open_images: how many pictures to open, spread evenly; None: all.
        options: how it is read.
        annotations: another place of the annotation file, from the folder.
        images: another folder of the pictures, from the data set's folder.
        tell: told how far it is.
        keep: how many records with readable pictures to keep, spread evenly, for a preview.

    Raises:
        UnknownNameError: there is no such data set or split.
        InputError: the annotation file is missing, broken or empty, or no label can be used.
    """
    reading = read_data_set(
        name, folder, split, on_bad="skip", options=options, annotations=annotations, images=images
    )
    tell = tell or (lambda step, done, total: None)
    check = DataSetCheck(
        spec=reading.spec, split=split, files=tuple(file.path for file in reading.files)
    )
    first_of_picture = _go_through(reading, check, tell)
    check.pictures = len(first_of_picture)
    check.left_out = Counter(reading.left_out)
    check.problems += [bad.text for bad in reading.bad]
    if annotations is None:
        _count(reading, check)
    else:
        check.notes.append("another annotation file: numbers are not compared")
    readable = _open(list(first_of_picture.values()), check, open_images, tell)
    check.kept = spread(readable, keep)
    return check


def _go_through(reading: Reading, check: DataSetCheck, tell: Tell) -> dict[Path, PoseRecord]:
    """Count the records; the first of each picture."""
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
            f"{len(outside)} people have labelled keypoints outside their picture, the first: "
            f"{outside[0]}"
        )
    return first


def _check_inside(record: PoseRecord, check: DataSetCheck, outside: list[str]) -> None:
    """Note a box that misses its picture, and keypoints that lie outside of it."""
    if record.image_size_wh is None:
        return
    size = np.asarray(record.image_size_wh, np.float32)
    if (record.box_xyxy[:2] > size - 1).any() or (record.box_xyxy[2:] < 0).any():
        corners = [round(float(value)) for value in record.box_xyxy]
        width, height = record.image_size_wh
        check.problems.append(
            f"{record.source}: box {corners} lies outside its picture of {width} x {height} px"
        )
    points = record.keypoints_px[record.visible > 0]
    if ((points < -OUTSIDE_PX) | (points > size - 1 + OUTSIDE_PX)).any():
        outside.append(record.source)


def _count(reading: Reading, check: DataSetCheck) -> None:
    """Hold the numbers against the published ones."""
    split = reading.spec.split(check.split)
    if reading.options.every > 1:
        check.notes.append(f"every {reading.options.every}th picture: numbers are not compared")
        return
    by = f"(counted by: {reading.spec.counted_by})"
    if split.people is not None and split.people != check.people:
        check.problems.append(
            f"{reading.spec.name}: {check.people} people with labels, expected {split.people} {by}"
        )
    if split.pictures is not None:
        listed = sum(listed_pictures(file) for file in reading.files)
        if listed != split.pictures:
            check.problems.append(
                f"{reading.spec.name}: the files list {listed} pictures, expected "
                f"{split.pictures} {by}"
            )


def listed_pictures(file: AnnotationFile) -> int:
    """How many pictures a file in COCO's format lists, with people or without.

    Raises:
        InputError: it cannot be read.
    """
    document = read_json(file.path)
    return len(document["images"]) if isinstance(document, dict) else 0


def _open(
    records: list[PoseRecord], check: DataSetCheck, open_images: int | None, tell: Tell
) -> list[PoseRecord]:
    """Open pictures; a broken one, or one of another size, is a problem. Gives the others."""
    chosen = spread(records, open_images)
    readable: list[PoseRecord] = []
    for number, record in enumerate(chosen, 1):
        try:
            load_picture(record)
            readable.append(record)
        except InputError as error:
            check.problems.append(str(error))
        check.opened = number
        tell("pictures", number, len(chosen))
    return readable


def spread(records: list[PoseRecord], count: int | None) -> list[PoseRecord]:
    """`count` of the records, spread evenly over them; None: all."""
    if count == 0:
        return []
    if count is None or count >= len(records):
        return records
    places: Iterable[int] = np.linspace(0, len(records) - 1, count).round().astype(int).tolist()
    return [records[place] for place in places]
