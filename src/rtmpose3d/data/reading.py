"""Reading a split of a dataset: `read_dataset` gives a `Reading` to iterate over.

Records come one by one, in the order of the files, without any image being opened. What is left
out on purpose is counted by reason; what is wrong is an error that names file and index, or, if
the caller wants it skipped, an entry of `Reading.bad`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from rtmpose3d.data.candidates import AnnotationFile, Candidate, LeftOut, Reader, ReadOptions
from rtmpose3d.data.records import PoseRecord
from rtmpose3d.data.specs import DatasetSpec
from rtmpose3d.data.table import DATASETS
from rtmpose3d.errors import InputError, UnknownNameError

OnBad: TypeAlias = Literal["raise", "skip"]


@dataclass(frozen=True, kw_only=True)
class BadLabel:
    """A label that cannot be used.

    Attributes:
        file: that holds it.
        index: in that file, from 0.
        text: what is wrong, with file and index.
    """

    file: Path
    index: int
    text: str


@dataclass(eq=False)
class Reading:
    """The records of a split. Iterating again begins anew.

    Attributes:
        spec: of the dataset.
        files: that are read.
        reader: that reads them.
        options: of reading.
        on_bad: "raise" for the first bad label, or "skip" to go on and list them.
        records: number of records given so far.
        left_out: how many labels were left out on purpose, by reason.
        bad: what was skipped because it is wrong.
    """

    spec: DatasetSpec
    files: Sequence[AnnotationFile]
    reader: Reader
    options: ReadOptions
    on_bad: OnBad
    records: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    bad: list[BadLabel] = field(default_factory=list)

    def __iter__(self) -> Iterator[PoseRecord]:
        """The records.

        Raises:
            InputError: a file is missing, broken or empty; a label is bad and `on_bad` is
                "raise"; no label could be used at all.
        """
        self.records = 0
        self.left_out.clear()
        self.bad.clear()
        there: dict[Path, bool] = {}
        for file in self.files:
            for candidate in self.reader(file, self.options):
                record = self._build(candidate, there)
                if record is not None:
                    self.records += 1
                    yield record
        if not self.records:
            raise InputError(self._why_nothing())

    def _build(self, candidate: Candidate, there: dict[Path, bool]) -> PoseRecord | None:
        """The record, or None if it is left out or skipped."""
        try:
            built = _built(candidate)
            if isinstance(built, LeftOut):
                self.left_out[built.reason] += 1
                return None
            if self.options.check_images:
                _check_image(built, there)
        except InputError as error:
            if self.on_bad == "raise":
                raise
            place = candidate.place
            self.bad.append(BadLabel(file=place.file.path, index=place.index, text=str(error)))
            return None
        return built

    def _why_nothing(self) -> str:
        reasons = [f"{count} x {reason}" for reason, count in self.left_out.items()]
        if self.bad:
            reasons.append(f"{len(self.bad)} bad, the first: {self.bad[0].text}")
        files = ", ".join(str(file.path) for file in self.files[:3])
        why = "; ".join(reasons) or "its files hold no labels"
        return f"{self.spec.name}: no usable label in {files}: {why}"


def _built(candidate: Candidate) -> PoseRecord | LeftOut:
    """What the candidate gives; whatever broken data leads to becomes an InputError."""
    try:
        return candidate.build()
    except InputError as error:
        place = str(candidate.place)
        if place in str(error):
            raise
        raise InputError(f"{place}: {error}") from error
    except KeyError as error:
        raise InputError(f"{candidate.place}: it has no {error}") from error
    except (TypeError, ValueError, IndexError, AttributeError, OverflowError) as error:
        raise InputError(f"{candidate.place}: broken label: {error}") from error


def _check_image(record: PoseRecord, there: dict[Path, bool]) -> None:
    if not isinstance(record.image, Path):
        return
    if record.image not in there:
        there.clear()  # people of one image follow each other
        there[record.image] = record.image.is_file()
    if not there[record.image]:
        raise InputError(f"{record.source}: its image {record.image} is not there")


def read_dataset(
    name: str,
    folder: Path | str,
    split: str = "train",
    *,
    on_bad: OnBad = "raise",
    options: ReadOptions | None = None,
    annotations: str | None = None,
    images: str | None = None,
) -> Reading:
    """The people of one split of a dataset.

    Args:
        name: of the dataset, a key of `DATASETS`.
        folder: where it lies.
        split: a key of the dataset's splits.
        on_bad: what happens at a label that is wrong: "raise", or "skip" and count it.
        options: how it is read; None: as it is meant for training.
        annotations: another place of the annotation file, from the folder.
        images: another folder of the images, from the dataset's folder.

    Returns:
        The reading; iterate over it for the records.

    Raises:
        UnknownNameError: there is no such dataset or split.
        InputError: its files are not there; `on_bad` is neither.

    Example:
        >>> reading = read_dataset("coco-wholebody", "data/coco", "val")
        >>> records = list(reading)
    """
    if name not in DATASETS:
        raise UnknownNameError("dataset", name, DATASETS)
    if on_bad not in ("raise", "skip"):
        raise InputError(f"on_bad must be 'raise' or 'skip', got {on_bad!r}")
    spec = DATASETS[name]
    return Reading(
        spec=spec,
        files=spec.files(Path(folder), split, annotations=annotations, images=images),
        reader=spec.split(split).reader or spec.reader,
        options=options or ReadOptions(),
        on_bad=on_bad,
    )
